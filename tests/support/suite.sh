# shellcheck shell=bash
# Runs the tests of a build to their end. tests/run.sh and .ci/run source it, after jobs/setup.sh.

# shellcheck source=tests/support/time.sh
source "$(dirname "${BASH_SOURCE[0]}")/time.sh"

# ended_with_us HOW COMMAND...: runs the command as a process group of its own, out of reach of a terminal's Ctrl-C, and
# calls `HOW GROUP` for every signal that would end this script. Returns the command's code, or 130 when a signal came.
ended_with_us() {
  local how=$1 code=0 signalled='' group
  shift
  set -m
  "$@" </dev/null &
  group=$!
  set +m
  # shellcheck disable=SC2064 # of this call
  trap "signalled=yes; $how $group" INT TERM HUP
  while :; do
    code=0
    wait "$group" || code=$?
    kill -0 "$group" 2>/dev/null || break
  done
  trap - INT TERM HUP
  if [ -n "$signalled" ]; then
    echo "interrupted"
    code=130
  fi
  return "$code"
}

end_group() {
  kill -TERM -- "-$1" 2>/dev/null || true
}

# end_tests CTEST: the tests under way end now, and those to come at once, so that ctest reaches its end and its summary.
end_tests() {
  touch "$LOCKSTEP_TEST_STOP"
  pkill -TERM -P "$1" || true
}

# build_tests FOLDER TARGET [CMAKE OPTION]...
build_tests() {
  ended_with_us end_group build_into "$@"
}

# skipped_parts FILE: "WHAT, WHY: TESTS" of all that did not run, by ctest's JUnit file: what tests say in lines "skipped: WHAT, WHY"
# of themselves or of parts, what cmocka skipped, and tests that say nothing.
skipped_parts() {
  awk '
    function note(what) {
      if (seen[what, test]++) return
      if (!tests[what]++) { order[++whats] = what; names[what] = test } else if (tests[what] <= 3) names[what] = names[what] ", " test
      told = 1
    }
    /<testcase / { test = $0; sub(/.*<testcase name="/, "", test); sub(/".*/, "", test); told = 0; silent = /status="notrun"/ }
    { sub(/.*<system-out>/, ""); sub(/<\/system-out>.*/, "") }
    /^skipped: / { note(substr($0, 10)) }
    /^\[  SKIPPED \] [a-z_0-9]+$/ { note($4 ", this machine lacks what it is about") }
    /<\/testcase>/ && silent && !told { note("all of it, it did not run") }
    END {
      for (i = 1; i <= whats; i++) {
        n = tests[order[i]]
        print order[i] ": " names[order[i]] (n > 3 ? " and " n - 3 " more" : "")
      }
    }
  ' "$1" | sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&apos;/'\''/g; s/&amp;/\&/g'
}

# count_of ATTRIBUTE FILE: of the element <testsuite>, the first that has it.
count_of() {
  sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}

# summary_of FILE: what was skipped, and the numbers.
summary_of() {
  local skips failed skipped
  skips=$(skipped_parts "$1")
  if [ -n "$skips" ]; then
    printf '\nskipped:\n'
    printf '  %s\n' "${skips//$'\n'/$'\n'  }"
  fi
  failed=$(count_of failures "$1")
  skipped=$(($(count_of skipped "$1") + $(count_of disabled "$1")))
  printf '\n%s passed, %s failed, %s skipped\n' $(($(count_of tests "$1") - failed - skipped)) "$failed" "$skipped"
}

# run_tests FOLDER [CTEST ARGUMENT]...: runs the tests of that build. Always prints what passed, failed and was skipped.
run_tests() {
  local folder=$1 code=0
  shift
  know_slowness || return
  echo "time limits are $LOCKSTEP_TEST_SLOWNESS times those of two idle cores (LOCKSTEP_TEST_SLOWNESS)"
  local results=$folder/tests.xml
  local -x LOCKSTEP_TEST_STOP=$folder/tests.stop
  rm -f "$results" "$LOCKSTEP_TEST_STOP"
  # One more than processors, for there is nearly always a test that waits: for Slurm's clock, for a limit, for an end.
  ended_with_us end_tests ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel "${tests_at_a_time:-$(($(nproc) + 1))}" \
    --test-output-size-passed 100000 --output-junit "$results" "$@" || code=$?
  rm -f "$LOCKSTEP_TEST_STOP"
  [ -f "$results" ] || fail "ctest did not finish (exit code $code)"
  summary_of "$results"
  return "$code"
}
