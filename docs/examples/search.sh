#!/usr/bin/env bash
# search.sh SOCKET QUERY: the best moments for a query, one a line. Needs curl and jq.
set -euo pipefail

request=$(jq -n --arg query "$2" '{query: $query, limit: 5}')
curl --silent --show-error --fail-with-body --unix-socket "$1" http://saccade/v1/search --json "$request" |
    jq -r '.results[] | "\(.media.path)\t\(.start)\t\(.end)"'
