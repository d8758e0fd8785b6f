#!/usr/bin/env bash
# coverage.sh BUILD-FOLDER: lines that a test run with --enable-code-coverage reached, by module. Tests, what they share, benchmarks and
# generated tables don't count.
set -euo pipefail
build=$1
llvm-cov export -format=lcov -instr-profile "$build/codecov/default.profdata" "$build"/*PackageTests.xctest \
    -ignore-filename-regex='/\.build|/Tests/|/Benchmarks/|/Fuzz/|BERTCharacterTable' |
    awk -F: '
        /^SF:/ { n = split($2, part, "/Sources/"); if (n == 2) { split(part[2], name, "/"); module = name[1] } else module = "" }
        /^LF:/ && module { lines[module] += $2 }
        /^LH:/ && module { hit[module] += $2 }
        END {
            for (module in lines) { all += lines[module]; got += hit[module] }
            for (module in lines)
                printf "%-16s %6.1f %%  %6d of %6d lines\n", module, 100 * hit[module] / lines[module], hit[module], lines[module] | "sort"
            close("sort")
            printf "%-16s %6.1f %%  %6d of %6d lines\n", "in total", 100 * got / all, got, all
        }'
