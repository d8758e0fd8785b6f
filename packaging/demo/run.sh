#!/usr/bin/env bash
# run.sh FOLDER: starts the daemon on a folder, waits until it is indexed, searches, and shows the results.
# From the environment: BIN (folder of the programs), STATE (folder of the databases), QUERY (optional).
set -euo pipefail

folder=${1:-watch-folders}
state=$(realpath -m "${STATE:-.saccade}")
saccade=$BIN/saccade
own_folder=$([[ $folder == watch-folders ]] || echo yes)

if [[ ! -d $folder ]]; then
    echo "There is no folder $folder. Name an existing one: make run DIR=~/Videos" >&2
    exit 66
fi
if [[ -z $own_folder && -z $(find "$folder" -type f ! -name README.md ! -name '.*' -print -quit) ]]; then
    "$(dirname "$0")/footage.sh" "$folder"
fi

mkdir -p "$state"
socket=$state/saccade.sock
scratch=
# A socket's path may have 107 bytes, and a checkout may lie deep.
if [[ ${#socket} -gt 100 ]]; then
    scratch=$(mktemp -d)
    socket=$scratch/saccade.sock
fi
places=(--state "$state" --socket "$socket")

daemon=
stop() {
    if [[ -n $daemon ]] && kill -0 "$daemon" 2>/dev/null; then
        kill -TERM "$daemon"
        wait "$daemon" || true
    fi
    [[ -z $scratch ]] || rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if "$saccade" status "${places[@]}" >/dev/null 2>&1; then
    echo "A daemon is already running on $state; using it."
else
    log=$state/saccade.log
    # Who runs it wants to see it, on battery too.
    SACCADE_INGEST_ON_BATTERY=true "$saccade" serve "${places[@]}" >"$log" 2>&1 &
    daemon=$!
    for _ in $(seq 300); do
        "$saccade" status "${places[@]}" >/dev/null 2>&1 && break
        if ! kill -0 "$daemon" 2>/dev/null; then
            echo "The daemon exited. The end of its log, $log:" >&2
            tail -n 5 "$log" >&2
            daemon=
            exit 69
        fi
        sleep 0.1
    done
fi

"$saccade" watch add "$folder" "${places[@]}"
"$saccade" status --wait "${places[@]}"

ask() {
    echo
    echo "\$ saccade search \"$1\""
    "$saccade" search "$1" --limit 3 "${places[@]}"
}

if [[ -n ${QUERY:-} ]]; then
    ask "$QUERY"
elif [[ -z $own_folder ]]; then
    ask "a man with a camera on a tripod"
    ask "a cup of coffee on a table"
fi

# Only for who can open it while the daemon runs.
page=
if [[ -z $daemon || (-t 0 && -t 1) ]]; then
    page=$("$saccade" open --print "${places[@]}") || page=
fi

# As a person would type it: the socket follows from the state except where its path was too long.
where="--state ${state/#$PWD\//}"
[[ -z $scratch ]] || where="--socket $socket"
program=${saccade/#$PWD\//}
cat <<TEXT

${page:+The search page:     $page
}Your own query:      $program search "a red flower" $where
Your own folder:     make run DIR=~/Videos QUERY="a dog on the beach"
What is in progress: $program status $where
TEXT

if [[ -z $daemon ]]; then
    exit 0
elif [[ -t 0 && -t 1 ]]; then
    echo "The daemon keeps watching $folder until you press Ctrl-C."
    wait "$daemon"
else
    echo "There is no terminal, so the daemon stops. \`$program serve $where\` starts it again."
fi
