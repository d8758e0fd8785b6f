#!/usr/bin/env bash
# Fails when systemd finds the unit more exposed than 1.1 of 10.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v systemd-analyze >/dev/null; then
    as_root=()
    [[ $(id -u) -eq 0 ]] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends systemd >/dev/null ||
        { "${as_root[@]}" apt-get update --quiet >/dev/null &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends systemd >/dev/null; }
fi
systemd-analyze security --offline=true --threshold=11 saccade.service | tail -n 1
