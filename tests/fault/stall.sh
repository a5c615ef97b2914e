#!/usr/bin/env bash
# A rank that stops, hangs or dies ends the job: with code 6 and exactly one message that names it when it stops or hangs, which mpirun never notices, and with
# mpirun's own code when it is killed. No process stays behind, even when mpirun ends none. The jobs wait more than they compute,
# so they run at the same time.
# usage: stall.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
set -u
# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/time.sh"
program=$(dirname "${LOCKSTEP:?}")/tests/test_mpi_stall
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

# fail NAME WHAT
fail() {
  echo "FAILED: $1: $2"
  cat "$1.output"
  failures=$((failures + 1))
}

# try NAME SIZE stop|hang|kill RANK: leaves NAME.output, NAME.code and NAME.left, the processes that stayed.
try() {
  local name=$1 code=0 tries most
  cp "$program" "victim-$name"
  limited 60 "${MPIEXEC:-mpirun}" -n "$2" "$folder/victim-$name" "$3" "$4" >"$name.output" 2>&1 || code=$?
  echo "$code" >"$name.code"
  most=$(slowed 50)
  for ((tries = 0; tries < most; tries++)); do
    pgrep -f "^$folder/victim-$name" >"$name.left" || return
    sleep 0.1
  done
}

# stopped_of NAME: the rank of that job that is stopped.
stopped_of() {
  local pid
  for pid in $(pgrep -f "^$folder/victim-$1"); do
    if grep -q '^State:.T' "/proc/$pid/status" 2>/dev/null; then echo "$pid"; fi
  done
}

# try_frozen NAME SIZE RANK: as `try` with a rank that stops, while what started the ranks is itself stopped and ends nobody.
try_frozen() {
  local name=$1 victim="" launcher end
  cp "$program" "victim-$name"
  { limited 100 "${MPIEXEC:-mpirun}" -n "$2" "$folder/victim-$name" stop "$3" >"$name.output" 2>&1; echo $? >"$name.code"; } &
  while [ -z "$victim" ] && [ -n "$(jobs -rp)" ]; do victim=$(stopped_of "$name"); done
  launcher=$(ps -o ppid= -p "$victim" | tr -d ' ')
  kill -STOP "$launcher"
  end=$((SECONDS + $(patience 30)))
  while pgrep -f "^$folder/victim-$name" >"$name.left" && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
  kill -CONT "$launcher"
  wait
}

# ended_well NAME: by itself, and wholly.
ended_well() {
  case $(<"$1.code") in 0 | 124) fail "$1" "ended with code $(<"$1.code")" ;; esac
  [ ! -s "$1.left" ] || fail "$1" "left processes $(tr '\n' ' ' <"$1.left")"
}

# shellcheck source=jobs/mpi.sh
source "${LOCKSTEP_SOURCE:?}/jobs/mpi.sh"
# The mpiexec of MPICH and Intel MPI kills the other ranks, and gives that signal's number for its code; or that of SIGHUP, which the
# system sends to a stopped process whose group lost its parent.
expected='6'
case $(mpi_kind "${MPIEXEC:-mpirun}") in mpich | intel) expected='6 9 1' ;; esac

try stop-0-of-2 2 stop 0 &
try stop-2-of-3 3 stop 2 &
try stop-1-of-4 4 stop 1 &
try hang-1-of-3 3 hang 1 &
try kill-1-of-3 3 kill 1 &
try_frozen frozen-1-of-3 3 1 &
wait
for name in stop-0-of-2 stop-2-of-3 stop-1-of-4 hang-1-of-3; do
  ended_well "$name"
  code=$(<"$name.code")
  messages=$(grep -c "^lockstep: error: " "$name.output")
  [[ " $expected " == *" $code "* ]] || fail "$name" "ended with code $code, not $expected"
  [ "$messages" -eq 1 ] || fail "$name" "gave $messages messages, not 1"
  rank=${name#*-} state="is stopped"
  if [ "${name%%-*}" = hang ]; then state=sleeps; fi
  grep -q "rank ${rank%%-*} on .* gave no sign of life for $(patience 2) seconds, .* in an agreement: process [0-9]* $state" "$name.output" ||
    fail "$name" "no such message"
done
ended_well kill-1-of-3
ended_well frozen-1-of-3
exit $((failures > 0))
