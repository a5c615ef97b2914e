#!/usr/bin/env bash
# Which lines and functions of src/ the tests execute: builds build/coverage, runs the tests, and prints a table by room, then the
# files of which less than 80% was executed. What runs in children that leave at once is counted too (src/base/leave.c); of a process that is
# killed nothing is. Needs gcc.
#
# usage: tests/coverage.sh [CTEST ARGUMENT]...        all tests but cluster/ and isa/ by default; for example: -R unit/
#   build/coverage/lines.tsv then holds every line that can be executed: FILE, line number, times
#
# Exit code: that of the tests.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../jobs/setup.sh"
# shellcheck source=tests/support/suite.sh
source "$root/tests/support/suite.sh"

install_packages "${build_packages[@]}" procps gnuplot-nox
folder=$root/build/coverage
mkdir -p "$folder"
find "$folder" -name '*.gcda' -delete
build_tests "$folder" all -DCMAKE_C_COMPILER=gcc -DLOCKSTEP_COVERAGE=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 '-DLOCKSTEP_MPI_TEST_SIZES=1;3'
find "$folder" -name '*.gcda' -delete # the program has written its manual pages

# Of a file of counts that a killed process left half written gcov's library would complain among a program's own messages.
export GCOV_ERROR_FILE=$folder/gcov.log
: >"$GCOV_ERROR_FILE"
if [ $# -eq 0 ]; then set -- -E '^(cluster|isa)/'; fi
code=0
run_tests "$folder" "$@" || code=$?

# A line or function counts when any of its objects executed it, for the vector kernels are compiled several times.
find "$folder/src" -name '*.gcno' -print0 | (cd "$folder" && xargs -0 gcov -b -t 2>>"$GCOV_ERROR_FILE") |
  awk -F : -v root="$root/" '
    / -: *0:Source:/ { file = $0; sub(/.*:Source:/, "", file); ours = sub("^" root, "", file) && file ~ /^src\//; next }
    !ours { next }
    /^function / { split($0, word, " "); name = file "\t" word[2]; functions[name] += word[4]; next }
    $2 ~ /^ *[0-9]+$/ && $1 !~ /-/ && $3 !~ /^[{}]$/ { times = $1; gsub(/[^0-9]/, "", times); lines[file "\t" ($2 + 0)] += times }
    END {
      for (name in functions) print "function\t" name "\t" functions[name]
      for (line in lines) print "line\t" line "\t" lines[line]
    }' >"$folder/counts.tsv"
awk -F '\t' '$1 == "line"' "$folder/counts.tsv" | cut -f2- | sort -t $'\t' -k1,1 -k2,2n >"$folder/lines.tsv"

echo
awk -F '\t' '
  { room = $2; sub(/\/[^\/]*$/, "", room) }
  function count(name) { all[$1, name]++; done[$1, name] += $4 > 0 }
  function share(kind, name) { return all[kind, name] ? 100 * done[kind, name] / all[kind, name] : 100 }
  function row(name) {
    return sprintf("%-28s %7d %6.1f%% %10d %6.1f%%", name, all["line", name], share("line", name), all["function", name], share("function", name))
  }
  { rooms[room]; files[$2]; count(room); count($2); count("all") }
  END {
    printf "%-28s %7s %7s %10s %7s\n", "room", "lines", "run", "functions", "run"
    fflush()
    for (room in rooms) print row(room) | "sort"
    close("sort")
    print row("all")
    for (file in files)
      if (share("line", file) < 80) low[file]
    for (file in low) { printf "\nfiles below 80%% of their lines:\n"; fflush(); break }
    for (file in low) print row(file) | "sort"
    close("sort")
  }' "$folder/counts.tsv"
exit "$code"
