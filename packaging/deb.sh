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
maintainer="The Saccade maintainers <maintainers@localhost>"
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
Maintainer: $maintainer
Section: video
Priority: optional
Depends: $depends, libopenblas0, init-system-helpers (>= 1.52)
Suggests: ffmpeg
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Description: find moments in your own videos by describing them
 A daemon that watches folders, indexes every shot of every video in them,
 and answers queries in plain English over a local socket. A model comes along,
 and the commands to train, calibrate and evaluate one of your own.
TEXT
# Debian's names and forms for what other systems have elsewhere.
rm "$root/usr/share/doc/saccade/LICENSE"
install -m 0644 packaging/debian/copyright "$root/usr/share/doc/saccade/copyright"
install -D -m 0644 packaging/debian/lintian-overrides "$root/usr/share/lintian/overrides/saccade"
gzip --best --no-name <CHANGELOG.md >"$stage/CHANGELOG.md.gz"
install -m 0644 "$stage/CHANGELOG.md.gz" "$root/usr/share/doc/saccade/CHANGELOG.md.gz"
date=$(date --utc --rfc-email ${SOURCE_DATE_EPOCH:+--date=@$SOURCE_DATE_EPOCH})
printf 'saccade (%s) unstable; urgency=medium\n\n  * What changed is in CHANGELOG.md.gz beside this file.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$date" | gzip --best --no-name >"$stage/changelog.gz"
install -m 0644 "$stage/changelog.gz" "$root/usr/share/doc/saccade/changelog.gz"
mkdir -p "$root/etc/saccade"
mv "$root/usr/share/saccade/config.yaml" "$root/etc/saccade/config.yaml"
echo /etc/saccade/config.yaml >"$root/DEBIAN/conffiles"
mv "$root/usr/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions"

# As dh_installsystemd writes it: units that a person has enabled, masked or stopped stay so.
cat >"$root/DEBIAN/postinst" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    # The user; a system that doesn't run now makes it when it starts.
    if command -v systemd-sysusers >/dev/null; then systemd-sysusers saccade.conf; fi
    for unit in saccade.socket saccade.service; do deb-systemd-helper update-state "$unit" >/dev/null || true; done
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        if [ -n "$2" ]; then deb-systemd-invoke try-restart saccade.socket saccade.service >/dev/null || true; fi
    fi
fi
TEXT
cat >"$root/DEBIAN/prerm" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop saccade.socket saccade.service >/dev/null || true
fi
TEXT
cat >"$root/DEBIAN/postrm" <<'TEXT'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
if [ "$1" = purge ]; then
    if command -v deb-systemd-helper >/dev/null; then
        deb-systemd-helper purge saccade.socket saccade.service >/dev/null || true
    fi
    # The index stays until here.
    rm -rf /var/lib/saccade
fi
TEXT
chmod 0755 "$root"/DEBIAN/{postinst,prerm,postrm}

package=$OUT/saccade_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package"
echo "Install it with: apt-get install $(realpath "$package")"
