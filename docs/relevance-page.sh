#!/usr/bin/env bash
# relevance-page.sh [--write] [SEARCH OPTION…]: asks `saccade search` for the queries of docs/queries/page.txt, and prints the table of
# docs/RELEVANCE.md or writes it there. The options say whom to ask: --socket FILE for a daemon, --state DIR for an index.
#
# SACCADE names the program.
set -euo pipefail
docs=$(cd "$(dirname "$0")" && pwd)
write=
if [ "${1:-}" = --write ]; then
    write=yes
    shift
fi

table=$(mktemp)
trap 'rm -f "$table" "$table.said"' EXIT
{
    echo '| in the library | query | the best result is likely | found | best result |'
    echo '|---|---|---|---|---|'
    while IFS=$'\t' read -r kind query; do
        # With a least probability the table has their column, whatever is found.
        best=$("${SACCADE:-saccade}" search "$query" --limit 1 --by-video --min-probability 0 "$@" 2>"$table.said" </dev/null |
            awk 'NR == 2 {
                likely = $3 " " $4
                for (field = 1; field <= 5; field++) sub(/^ *[^ ]+ +/, "")
                sub(/.*\//, "")
                sub(/ +[+][0-9]+ similar$/, "")
                print likely " | " $0
            }')
        said=yes
        if grep -q '^Nothing looks like that' "$table.said"; then said=no; fi
        echo "| $([ "$kind" = present ] && echo yes || echo no) | $query | ${best% | *} | $said | ${best#* | } |"
    done <"$docs/queries/page.txt"
} >"$table"

if [ -z "$write" ]; then
    cat "$table"
    exit
fi
awk -v table="$table" '
    /^\| in the library / { while ((getline line < table) > 0) print line; skipping = 1 }
    skipping && !/^\|/ { skipping = 0 }
    !skipping { print }' "$docs/RELEVANCE.md" >"$table.new"
cat "$table.new" >"$docs/RELEVANCE.md"
rm -f "$table.new"
