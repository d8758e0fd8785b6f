#!/usr/bin/env bash
# Makes a Debian package of what was built. From the environment: BIN and MODEL as for install.sh, OUT (folder for the package).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v dpkg-shlibdeps >/dev/null; then
    echo "The package dpkg-dev is missing: apt-get install dpkg-dev" >&2
    exit 69
fi

version=$("$BIN/saccade" --version)
architecture=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/debian/saccade

DESTDIR=$root PREFIX=/usr packaging/install.sh >/dev/null
mkdir -p "$root/DEBIAN" "$OUT"

# dpkg-shlibdeps wants a source package's control file, and an answer for each library that comes along.
printf 'Source: saccade\n\nPackage: saccade\nArchitecture: any\n' >"$stage/debian/control"
for library in "$root"/usr/lib/saccade/*.so; do
    printf '%s 0 saccade\n' "$(basename "$library" .so)"
done >"$stage/debian/shlibs.local"
# Its many warnings are about the names of those libraries.
depends=$(cd "$stage" && dpkg-shlibdeps -O -xsaccade -l"$root/usr/lib/saccade" debian/saccade/usr/bin/saccade \
    debian/saccade/usr/libexec/saccade/* debian/saccade/usr/lib/saccade/*.so 2>warnings) || {
    cat "$stage/warnings" >&2
    exit 70
}
depends=${depends#shlibs:Depends=}

# OpenBLAS is loaded by its name at run time, so that its kernels can be chosen first; dpkg-shlibdeps can't know of it.
cat >"$root/DEBIAN/control" <<TEXT
Package: saccade
Version: $version
Architecture: $architecture
Maintainer: The Saccade maintainers <maintainers@localhost>
Section: video
Priority: optional
Depends: $depends, libopenblas0
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Description: find moments in your own videos by describing them
 A daemon that watches folders, indexes every shot of every video in them,
 and answers queries in plain English over a local socket. A model comes along,
 and the commands to train, calibrate and evaluate one of your own.
TEXT
# Debian's names for what other systems have elsewhere.
mv "$root/usr/share/doc/saccade/LICENSE" "$root/usr/share/doc/saccade/copyright"
mv "$root/usr/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions"

cat >"$root/DEBIAN/postinst" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    # The user; a system that doesn't run now makes it when it starts.
    if command -v systemd-sysusers >/dev/null; then systemd-sysusers saccade.conf; fi
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        if [ -n "$2" ]; then systemctl try-restart saccade.service; fi
    fi
fi
TEXT
cat >"$root/DEBIAN/prerm" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now saccade.socket saccade.service
fi
TEXT
cat >"$root/DEBIAN/postrm" <<'TEXT'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
# The index stays in /var/lib/saccade until the package is purged.
if [ "$1" = purge ]; then rm -rf /var/lib/saccade; fi
TEXT
chmod 0755 "$root"/DEBIAN/{postinst,prerm,postrm}

package=$OUT/saccade_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package"
echo "Install it with: apt-get install $(realpath "$package")"
