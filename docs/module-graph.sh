#!/usr/bin/env bash
# module-graph.sh [--write]: compares the module graph in ARCHITECTURE.md with Package.swift, or writes it there.
#
# An edge that others already imply is left out, so that the drawing shows the shape; tests, benchmarks and fuzzers are not in it.
set -euo pipefail
cd "$(dirname "$0")/.."

edges() {
    ${SWIFT:-swift} package describe --type text | awk '
        /^    Name: / { target = $2; type = ""; reading = 0 }
        /^    Type: / { type = $2 }
        /^    [A-Z]/ { reading = 0 }
        /^    Target dependencies:/ {
            reading = type != "test" && target !~ /^(APISamples|FolderFakes|CForbidden|TestSupport|confined-program|saccade-benchmarks|saccade-fuzz)$/
        }
        reading && /^        / { uses[target, $1] = 1; all[target] = all[$1] = 1 }
        function reaches(from, to,    next_) {
            if ((from, to) in known) return known[from, to]
            known[from, to] = 0
            for (next_ in all)
                if ((from, next_) in uses && (next_ == to || reaches(next_, to))) { known[from, to] = 1; break }
            return known[from, to]
        }
        function implied(from, to,    between) {
            for (between in all)
                if (between != to && (from, between) in uses && reaches(between, to)) return 1
            return 0
        }
        END {
            for (edge in uses) {
                split(edge, end, SUBSEP)
                if (!implied(end[1], end[2])) print "    " end[1] " --> " end[2]
            }
        }' | LC_ALL=C sort
}

graph=$(mktemp)
trap 'rm -f "$graph"' EXIT
{
    echo '```mermaid'
    echo 'flowchart TD'
    edges
    echo '```'
} >"$graph"

document() { awk '/^```mermaid$/ { found = 1 } found && !done { print } found && /^```$/ { done = 1 }' ARCHITECTURE.md; }

if [ "${1:-}" = --write ]; then
    awk -v graph="$graph" '
        /^```mermaid$/ { while ((getline line < graph) > 0) print line; skipping = 1; next }
        !skipping { print }
        skipping && /^```$/ { skipping = 0 }' ARCHITECTURE.md >"$graph.new"
    mv "$graph.new" ARCHITECTURE.md
elif ! diff <(document) "$graph"; then
    echo "ARCHITECTURE.md: the module graph is not Package.swift's; run docs/module-graph.sh --write" >&2
    exit 1
fi
