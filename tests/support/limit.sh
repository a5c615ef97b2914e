#!/usr/bin/env bash
# Runs a test under its time limit, where MPI can be used; ctest starts every test by it.
# usage: tests/support/limit.sh SECONDS COMMAND [ARGUMENT]...
# SECONDS grow with LOCKSTEP_TEST_SLOWNESS (time.sh). Ends with the command's code; with 124 when the time was over; with 1 when
# the test left processes behind; with 77, "skipped", when LOCKSTEP_TEST_STOP names a file that is there: then whoever
# runs the tests wants no more of them.
set -euo pipefail

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/time.sh
source "$support/time.sh"
# shellcheck source=jobs/setup.sh
source "$support/../../jobs/setup.sh"

[ $# -gt 1 ] || fail "usage: limit.sh SECONDS COMMAND [ARGUMENT]..."
know_slowness || exit
seconds=$1 limit=$(slowed "$1")
shift

stop_is_wanted() {
  [ -n "${LOCKSTEP_TEST_STOP:-}" ] && [ -e "$LOCKSTEP_TEST_STOP" ]
}

if stop_is_wanted; then
  echo "skipped: not run, the tests were interrupted before"
  exit 77
fi

allow_mpi_anywhere
export LC_ALL=C # what scripts print and sort

# All that the test starts is of one session, by which it is found again whatever became of its parents.
setsid timeout -k 10 "$limit" "$@" &
session=$!

left_behind() {
  pgrep -s "$session" -l | tr '\n' ' ' || true
}

# wait_for_the_rest TENTHS: processes end within a moment after the one that started them, or not at all.
wait_for_the_rest() {
  local tries
  for ((tries = 0; tries < $1; tries++)); do
    [ -n "$(left_behind)" ] || return 0
    sleep 0.1
  done
}

# shellcheck disable=SC2317 # called by a trap
end_session() {
  kill -TERM "$session" 2>/dev/null || true
  wait_for_the_rest 20
  pkill -KILL -s "$session" || true
}

# shellcheck disable=SC2317
interrupted() {
  trap '' INT TERM HUP
  end_session
  echo "skipped: interrupted after $SECONDS s"
  exit 77
}
trap interrupted INT TERM HUP

code=0
wait "$session" || code=$?
if [ "$SECONDS" -ge "$limit" ] && { [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; }; then
  pkill -KILL -s "$session" || true
  echo "FAILED: time limit of $limit s ($seconds x slowness $LOCKSTEP_TEST_SLOWNESS)"
  exit 124
fi
if [ -n "$(left_behind)" ]; then
  wait_for_the_rest "$(slowed 50)"
  rest=$(left_behind)
  if [ -n "$rest" ]; then
    pkill -KILL -s "$session" || true
    echo "FAILED: the test left processes behind: $rest"
    exit 1
  fi
fi
exit "$code"
