#!/usr/bin/env bash
# Makes a Debian package of what was built. From the environment: BIN and MODEL as for install.sh, OUT (folder for the package).
set -euo pipefail
cd "$(dirname "$0")/.."

version=$("$BIN/saccade" --version)
architecture=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

DESTDIR=$stage/root PREFIX=/usr packaging/install.sh
mkdir -p "$stage/root/DEBIAN" "$stage/debian"

# dpkg-shlibdeps wants a source package's control file beside it.
printf 'Source: saccade\n\nPackage: saccade\nArchitecture: any\n' >"$stage/debian/control"
depends=$(cd "$stage" && dpkg-shlibdeps -O --ignore-missing-info root/usr/bin/saccade root/usr/libexec/saccade/saccade-decode 2>/dev/null |
    sed -n 's/^shlibs:Depends=//p')

cat >"$stage/root/DEBIAN/control" <<TEXT
Package: saccade
Version: $version
Architecture: $architecture
Maintainer: The Saccade maintainers <maintainers@localhost>
Section: video
Priority: optional
Depends: $depends, libopenblas0
Installed-Size: $(du -sk "$stage/root/usr" | cut -f1)
Description: find moments in your own videos by describing them
 A daemon that watches folders, looks at every shot of every video in them,
 and answers questions in plain words over a local socket.
TEXT
cat >"$stage/root/DEBIAN/postinst" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
    systemd-sysusers saccade.conf || true
    systemd-tmpfiles --create saccade.conf || true
    systemctl daemon-reload || true
fi
TEXT
chmod 0755 "$stage/root/DEBIAN/postinst"
package=$OUT/saccade_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$stage/root" "$package"
echo "Install it with: apt-get install ./$package"
