#!/usr/bin/env bash
# The Debian package on a fresh Debian, under its own systemd: `make test-deb`, as root.
#
#   package_test.sh PACKAGE.deb CACHE [PREVIOUS.deb]
#
# CACHE is a folder that keeps the fresh system for the next time. With PREVIOUS, an earlier package, it is installed first and upgraded with what
# it has indexed. Needs the Debian packages debootstrap, systemd-container, lintian and ffmpeg.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
package=$(realpath "$1")
mkdir -p "$2"
cache=$(realpath "$2")
previous=${3:+$(realpath "$3")}

for program in debootstrap systemd-nspawn lintian ffmpeg; do
    command -v "$program" >/dev/null || {
        echo "$program is missing: apt-get install debootstrap systemd-container lintian ffmpeg" >&2
        exit 69
    }
done
[[ $(id -u) -eq 0 ]] || {
    echo "A system in a container takes root: sudo make test-deb" >&2
    exit 77
}

lintian --fail-on error --suppress-tags initial-upload-closes-no-bugs "$package" 2>&1 | grep -v 'root privileges' || [[ ${PIPESTATUS[0]} -eq 0 ]]
echo "ok    lintian finds no error"

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
fresh=$cache/$codename
if [[ ! -e $fresh.done ]]; then
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates "$codename" "$fresh" >"$cache/log"
    # The same packages as this machine gets.
    rm -f "$fresh/etc/apt/sources.list"
    cp -a /etc/apt/sources.list* "$fresh/etc/apt/"
    touch "$fresh.done"
fi
system=$(mktemp -d --tmpdir="$cache" system.XXXXXX)
trap 'rm -rf --one-file-system "$system"' EXIT
cp -a "$fresh/." "$system"

mkdir -p "$system/root/test" "$system/srv/footage"
cp "$package" "$system/root/test/saccade.deb"
[[ -z $previous ]] || cp "$previous" "$system/root/test/previous.deb"
install -m 0755 "$here/inside.sh" "$system/root/test/"
for scene in testsrc2 smptehdbars mandelbrot; do
    ffmpeg -v error -nostdin -f lavfi -i "$scene=size=320x180:rate=10" -t 4 -c:v libx264 -preset ultrafast -pix_fmt yuv420p \
        "$system/srv/footage/$scene.mp4"
done
chmod -R a+rX "$system/srv/footage"

cat >"$system/etc/systemd/system/test.service" <<'TEXT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root
WorkingDirectory=/root/test
ExecStart=/bin/bash -c './inside.sh >result 2>&1; echo $? >status'
ExecStopPost=/bin/systemctl --no-block poweroff
TEXT
mkdir -p "$system/etc/systemd/system/default.target.wants"
ln -sf ../test.service "$system/etc/systemd/system/default.target.wants/test.service"

# Machines without a login manager of their own, such as containers, have nobody to register with.
timeout 600 systemd-nspawn --quiet --directory="$system" --boot --register=no --keep-unit --resolv-conf=copy-host >"$cache/boot" 2>&1 || true
cat "$system/root/test/result"
status=$(cat "$system/root/test/status" 2>/dev/null || echo "not run to its end: see $cache/boot")
[[ $status == 0 ]] || {
    echo "failed: $status" >&2
    exit 1
}
