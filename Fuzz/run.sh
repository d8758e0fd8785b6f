#!/usr/bin/env bash
# run.sh PROGRAM TARGET SECONDS: one fuzz target for so long, from its seeds and from what earlier runs found worth keeping.
set -euo pipefail
program=$1 target=$2 seconds=$3
folder=.build-fuzz/$target
mkdir -p "$folder/corpus" "$folder/findings"

# Swift's own backtrace would hold up the run. The sanitizer keeps 16 MiB of freed memory, so that 512 MiB are far above what any input costs.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16:allocator_may_return_null=1
"$program" "$target" seeds "$folder/seeds"
echo "== $target, $seconds s"
"$program" "$target" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=10 -print_final_stats=1 -verbosity="${VERBOSITY:-1}" \
    -artifact_prefix="$folder/findings/" "$folder/corpus" "$folder/seeds"
