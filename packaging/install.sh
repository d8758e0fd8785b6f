#!/usr/bin/env bash
# Installs what was built. From the environment: BIN (folder of the built programs), MODEL (folder of the model),
# PREFIX and DESTDIR as in every Makefile.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$DESTDIR$PREFIX
install -D -m 0755 --strip "$BIN/saccade" "$root/bin/saccade"
# What saccade starts by itself is in nobody's PATH.
started=(saccade-decode saccade-train)
for program in "${started[@]}"; do
    install -D -m 0755 --strip "$BIN/$program" "$root/libexec/saccade/$program"
done

# Swift's libraries come along: a toolchain's go when it goes, and those of another version don't fit. Linked into the programs
# they would be other programs than the tested ones: Swift finds the arguments beside the environment, which is elsewhere by
# then because COpenBLAS sets a variable first.
ldd "$BIN/saccade" "${started[@]/#/$BIN/}" | awk '$3 ~ /\/swift\/linux\// { print $3 }' | sort -u |
    while IFS= read -r library; do
        install -D -m 0644 --strip "$library" "$root/lib/saccade/$(basename "$library")"
        license=$(dirname "$library")/../../../share/swift/LICENSE.txt
        [[ ! -e $license ]] || install -D -m 0644 "$license" "$root/share/doc/saccade/LICENSE.swift"
    done
patchelf --set-rpath '$ORIGIN/../lib/saccade' "$root/bin/saccade"
patchelf --set-rpath '$ORIGIN/../../lib/saccade' "${started[@]/#/$root/libexec/saccade/}"

if [[ -d $MODEL ]]; then
    find "$MODEL" -type f -printf '%P\n' | while IFS= read -r file; do
        install -D -m 0644 "$MODEL/$file" "$root/share/saccade/models/$(basename "$MODEL")/$file"
    done
else
    echo "There is no model at $MODEL: installing without one. Name yours with \`model\` in the configuration." >&2
fi

install -D -m 0644 packaging/prometheus/saccade.rules.yml "$root/share/saccade/prometheus/saccade.rules.yml"
install -D -m 0644 packaging/grafana/saccade.json "$root/share/saccade/grafana/saccade.json"
for file in web/*; do
    install -D -m 0644 "$file" "$root/share/saccade/$file"
done

generated=$(mktemp -d)
trap 'rm -rf "$generated"' EXIT
for program in saccade saccade-train; do
    "$BIN/$program" manual | gzip --best --no-name >"$generated/$program.1.gz"
    install -D -m 0644 "$generated/$program.1.gz" "$root/share/man/man1/$program.1.gz"
done
# A page for each command beside the one of all, as with git.
for command in $("$BIN/saccade" manual --list); do
    "$BIN/saccade" manual "$command" | gzip --best --no-name >"$generated/saccade-$command.1.gz"
    install -D -m 0644 "$generated/saccade-$command.1.gz" "$root/share/man/man1/saccade-$command.1.gz"
done
for shell in bash zsh fish; do
    # Sourced, not run: bash's has a line for running it.
    "$BIN/saccade" --generate-completion-script "$shell" | sed '1{/^#!/d}' >"$generated/$shell"
done
install -D -m 0644 "$generated/bash" "$root/share/bash-completion/completions/saccade"
install -D -m 0644 "$generated/zsh" "$root/share/zsh/site-functions/_saccade"
install -D -m 0644 "$generated/fish" "$root/share/fish/vendor_completions.d/saccade.fish"

# The units name the program by its path; systemd reads /usr/local/lib only for what the administrator installed.
for unit in packaging/systemd/*.service packaging/systemd/*.socket; do
    [[ -e $unit ]] || continue
    sed "s|/usr/bin/saccade|$PREFIX/bin/saccade|g; s|@PREFIX@|$PREFIX|g" "$unit" >"$generated/unit"
    install -D -m 0644 "$generated/unit" "$root/lib/systemd/system/$(basename "$unit")"
done
for file in packaging/systemd/*.sysusers packaging/systemd/sysusers.d/*.conf; do
    [[ -e $file ]] && install -D -m 0644 "$file" "$root/lib/sysusers.d/saccade.conf"
done
for file in packaging/systemd/*.tmpfiles packaging/systemd/tmpfiles.d/*.conf; do
    [[ -e $file ]] && install -D -m 0644 "$file" "$root/lib/tmpfiles.d/saccade.conf"
done
install -D -m 0644 packaging/config.yaml "$root/share/saccade/config.yaml"
sed "s|@PREFIX@|$PREFIX|g" packaging/apparmor/saccade-daemon >"$generated/profile"
install -D -m 0644 "$generated/profile" "$root/share/saccade/apparmor/saccade-daemon"
install -D -m 0644 LICENSE "$root/share/doc/saccade/LICENSE"
[[ -f README.md ]] && install -m 0644 README.md "$root/share/doc/saccade/README.md"
echo "Installed into $root. Next: saccade doctor"
