#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Safe to repeat.
# usage: tests/run.sh [CTEST ARGUMENT]...        for example: tests/run.sh -R unit/
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../jobs/setup.sh"

install_packages "${build_packages[@]}" procps gnuplot-nox # the tests look at processes and at plots
build_into "$root/build" all

results=$root/build/tests.xml
rm -f "$results"
status=0
timeout -k 10 1500 ctest --test-dir "$root/build" --output-on-failure --no-tests=error \
  --parallel "$(nproc)" --output-junit "$results" "$@" || status=$?
[ -f "$results" ] || fail "ctest did not finish (exit code $status)"

# count_of ATTRIBUTE: of the element <testsuite>, the first that has it.
count_of() {
  sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$results" | head -n 1
}
failed=$(count_of failures)
skipped=$(($(count_of skipped) + $(count_of disabled)))
echo "$(($(count_of tests) - failed - skipped)) passed, $failed failed, $skipped skipped"
exit "$status"
