#!/usr/bin/env bash
# A rank that stops or dies ends the job: with code 6 and exactly one message when it stops, which mpirun
# never notices, and with mpirun's own code when it is killed. No process stays behind.
set -u
# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/time.sh"
program=$(dirname "${LOCKSTEP:?}")/tests/test_mpi_stall
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

fail()
{
  echo "FAILED: $*"
  cat "$folder/output"
  failures=$((failures + 1))
}

# try SIZE stop|kill RANK: sets code, writes $folder/output
try()
{
  local tries most
  limited 60 "${MPIEXEC:-mpirun}" -n "$1" "$folder/victim" "$2" "$3" >"$folder/output" 2>&1
  code=$?
  most=$(slowed 50)
  for ((tries = 0; tries < most; tries++)); do
    pgrep -f "$folder/victim" >"$folder/left" || return
    sleep 0.1
  done
  fail "-n $* left processes $(tr '\n' ' ' <"$folder/left")"
}

# shellcheck source=jobs/mpi.sh
source "${LOCKSTEP_SOURCE:?}/jobs/mpi.sh"
# The mpiexec of MPICH and Intel MPI kills the other ranks, and gives that signal's number for its code.
expected=6
case $(mpi_kind "${MPIEXEC:-mpirun}") in mpich | intel) expected=9 ;; esac

cp "$program" "$folder/victim" || exit 1
for case in "2 0" "3 2" "4 1"; do
  read -r size rank <<<"$case"
  try "$size" stop "$rank"
  messages=$(grep -c "^lockstep: error: " "$folder/output")
  [ "$code" -eq 6 ] || [ "$code" -eq "$expected" ] || fail "-n $size stop $rank ended with code $code, not $expected"
  [ "$messages" -eq 1 ] || fail "-n $size stop $rank gave $messages messages, not 1"
  grep -q "waited $(patience 2) seconds for the other ranks in an agreement" "$folder/output" || fail "no such message"
done

try 3 kill 1
case $code in 0 | 124) fail "a killed rank ended with code $code" ;; esac

exit $((failures > 0))
