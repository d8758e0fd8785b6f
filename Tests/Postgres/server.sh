#!/usr/bin/env bash
# server.sh FOLDER: a PostgreSQL server with pgvector for tests, on a Unix socket in a new folder. FOLDER is where the programs are or get.
#
# Prints the folder of the socket, and then obeys the lines of its standard input: `start`, `stop` (clients are cut off), `crash`; each is
# answered with `done`. At the end of the input it takes all away, so that no server outlives its tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$("$here/install.sh" "$1")
home=$(mktemp -d "${TMPDIR:-/tmp}/saccade-pg-XXXXXX")
as=()
# PostgreSQL refuses to run as root.
if [[ $(id -u) == 0 ]]; then
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chown 65534:65534 "$home"
    if ! "${as[@]}" test -x "$programs/postgres"; then
        # The build lies in a folder of root's own.
        chmod 755 "$home"
        cp -r "$(dirname "$(dirname "$programs")")" "$home/programs"
        cp -r "$1"/*.libs "$home/" 2>/dev/null || true
        programs=$home/programs/pginstall/bin
    fi
fi
server=
start() {
    "${as[@]}" "$programs/postgres" -D "$home/data" -k "$home" -c listen_addresses= -c fsync=off -c max_connections=200 \
        -c shared_buffers=32MB -c unix_socket_permissions=0777 >>"$home/log" 2>&1 </dev/null 3>&- 9>&- &
    server=$!
    until "$programs/pg_isready" -q -h "$home"; do
        kill -0 "$server" 2>/dev/null || { cat "$home/log" >&2; exit 70; }
        sleep 0.02
    done
}
stop() {
    [[ -n $server ]] || return 0
    kill "-$1" "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap 'stop QUIT; rm -rf "$home"' EXIT
"${as[@]}" "$programs/initdb" -D "$home/data" -U saccade -A trust --no-sync --locale=C -E UTF8 >/dev/null 9>&-
chmod 755 "$home"
start
echo "$home"
while read -r command; do
    case $command in
        start) start ;;
        stop) stop INT ;;
        crash) stop QUIT ;;
        *) exit 64 ;;
    esac
    echo "done"
done
