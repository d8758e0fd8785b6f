#!/usr/bin/env bash
# Makes sure that what the build requires is installed: Swift, and the Debian packages named below.
# Installs only what is missing, and only on systems with apt.
set -euo pipefail

advice='Install Swift 6.3 or newer from https://www.swift.org/install/linux/ (the Debian 12 toolchain), then run make again.'
if ! version=$(swift --version 2>/dev/null); then
    printf '%s\n' 'Saccade is built with Swift, and there is no `swift` on the PATH.' "$advice" >&2
    exit 69
fi
if [[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] && ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 6003)); then
    printf '%s\n' "This is Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]}, which is too old for Saccade." "$advice" >&2
    exit 69
fi

required=(
    build-essential pkg-config patchelf ffmpeg
    libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
    libopenblas-dev libpq-dev libsqlite3-dev libssl-dev
    python3 python3-pip
)

if ! command -v dpkg-query >/dev/null; then
    echo "This isn't a Debian system; install what these Debian packages have: ${required[*]}" >&2
    exit 0
fi

missing=()
for package in "${required[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "Installing: ${missing[*]}"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "These packages are missing and need root to install. Run as root: apt-get install ${missing[*]}" >&2
        exit 77
    fi
    as_root=(sudo)
fi

export DEBIAN_FRONTEND=noninteractive
install() { "${as_root[@]}" apt-get install --yes --quiet --no-install-recommends "${missing[@]}"; }
# The package lists of a fresh system are empty or old; they are only fetched when the first try needs them.
if ! install >/dev/null 2>&1; then
    "${as_root[@]}" apt-get update --quiet
    if ! install; then
        echo "apt could not install ${missing[*]}. Install them, then run make again." >&2
        exit 69
    fi
fi
