# shellcheck shell=bash
# For tests that run the program itself, each of which sources this file. The test works in a temporary folder of its own,
# with its own copy of the program (so that no process of it can be missed), and ends with `finish`.
set -euo pipefail

# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?the source tree}/tests/support/time.sh"

: "${LOCKSTEP:?the program to be tested}" "${MPIEXEC:?mpirun}"
folder=$(mktemp -d)
failures=0
program=$folder/bin/lockstep

clean_up() {
  pgrep -f "^$program" | xargs -r kill -9 || true
  rm -rf "$folder"
}
trap clean_up EXIT

mkdir "$folder/bin" "$folder/work" "$folder/log"
cp "$LOCKSTEP" "$program"
cd "$folder/work"

# shellcheck source=jobs/mpi.sh
source "$LOCKSTEP_SOURCE/jobs/mpi.sh"

# Hydra, the mpiexec of MPICH and Intel MPI, kills the other ranks of a job that ends itself, and then gives that signal's number
# for its code. When it hands a signal on, it may lose the code of the ranks.
hydra=no
case $(mpi_kind "$MPIEXEC") in mpich | intel) hydra=yes ;; esac

# complain WHAT [FILE]...: counts a failure, and shows files that tell more.
complain() {
  local file
  printf 'FAILED: %s\n' "$1"
  shift
  for file; do sed "s|^|  $file: |" "$file"; done
  failures=$((failures + 1))
}

# skipped WHAT WHY: a part of the test that cannot be done here; the summary of tests/run.sh has this line.
skipped() {
  echo "skipped: $1, $2"
}

# has_tool COMMAND WHAT: whether there is that command; if not, WHAT is skipped for lack of it, which is said once.
has_tool() {
  command -v "$1" >/dev/null && return
  [ -e "$folder/log/without-$1" ] || skipped "$2" "there is no $1"
  touch "$folder/log/without-$1"
  return 1
}

# has_python MODULES WHAT: whether python3 has all of these, with commas between; if not, WHAT is skipped.
has_python() {
  if python3 -c "import $1" 2>/dev/null; then return; fi
  skipped "$2" "python3 cannot import $1"
  return 1
}

# nothing_left ARGUMENTS: no process of the program with these arguments (empty: with any) is left. The fork server of a
# rank that was killed gets a moment to see it.
nothing_left() {
  local left tries most
  most=$(slowed 50)
  for ((tries = 0; tries < most; tries++)); do
    left=$(pgrep -f "^$program${1:+ $1}" || true)
    if [ -z "$left" ]; then return; fi
    sleep 0.1
  done
  complain "processes were left behind: $left"
}

finish() {
  nothing_left ""
  echo "$failures failures"
  exit $((failures > 0))
}

# run NAME RANKS ARGUMENT...: the program, under mpirun unless RANKS is 0, behind the words of `launched_by` on each rank. Leaves NAME.out,
# NAME.err and NAME.code, which is 124 or 137 if it did not come to an end.
launched_by=()
run() {
  local name=$1 ranks=$2 start=() code=0
  shift 2
  if [ "$ranks" -gt 0 ]; then start=("$MPIEXEC" -n "$ranks"); fi
  limited 100 "${start[@]}" "${launched_by[@]}" "$program" "$@" >"$name.out" 2>"$name.err" || code=$?
  echo "$code" >"$name.code"
}

# train NAME RANKS ARGUMENT...: trains in the run directory NAME.
train() {
  local name=$1 ranks=$2
  shift 2
  run "$name" "$ranks" train --output "$name" "$@"
}

# ended NAME CODE: that run ended with that code, and with one message if the code is an error's, else none.
ended() {
  local name=$1 code=$2 got messages expected=1
  got=$(<"$name.code")
  if [ "$hydra" = yes ]; then
    case $code-$got in
      6-9 | 6-1) got=6 ;;
      75-0) if grep -q "^lockstep: stopped on request" "$name.err"; then got=75; fi ;;
    esac
  fi
  [ "$got" -eq "$code" ] || complain "$name: exit code $got instead of $code" "$name.err"
  if [ "$code" -eq 0 ] || [ "$code" -eq 75 ]; then expected=0; fi
  messages=$(grep -c '^lockstep: error: ' "$name.err" || true)
  [ "$messages" -eq "$expected" ] || complain "$name: $messages messages instead of $expected" "$name.err"
}

# says NAME PATTERN: standard output or standard error of that run has it.
says() {
  grep -qh -- "$2" "$1.out" "$1.err" || complain "$1: does not say: $2" "$1.out" "$1.err"
}

fingerprint_of() {
  sed -n 's/^fingerprint: //p' "$1.out"
}

# What must not depend on how a run was executed: the fingerprint, and the metrics but for images_per_second and seconds.
result_of() {
  fingerprint_of "$1"
  cut -d, -f1-7 "$1/metrics.csv"
}

# same A B: two runs that ended well have the same result.
same() {
  local name
  for name; do [ -n "$(fingerprint_of "$name")" ] || complain "$name: no fingerprint" "$name.err"; done
  diff <(result_of "$1") <(result_of "$2") >difference || complain "$1 and $2 differ" difference
}

differs() {
  [ "$(fingerprint_of "$1")" != "$(fingerprint_of "$2")" ] || complain "$1 and $2 have the same fingerprint"
}

# throttle N: waits until fewer than N runs are under way in the background.
throttle() {
  while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n || true; done
}

# wait_for FILE: until it is there, or there is no hope, as when nothing runs any more that could make it.
wait_for() {
  local end=$((SECONDS + $(slowed 60)))
  while [ -n "$(jobs -rp)" ] && [ "$SECONDS" -lt "$end" ]; do
    if [ -e "$1" ]; then return; fi
    sleep 0.01
  done
  if [ -e "$1" ]; then return; fi
  complain "$1 did not appear"
}

# ranks_of DIRECTORY: the processes that train into it, lowest number first; neither mpirun nor their fork servers.
ranks_of() {
  local pid
  for pid in $(pgrep -f "^$program train --output $1 "); do
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = lockstep ]; then echo "$pid"; fi
  done
}

# launcher_of DIRECTORY: the process that started those, whatever its name is (Open MPI 5's mpirun becomes prterun, Intel's
# starts mpiexec.hydra).
launcher_of() {
  pgrep -n -f -- " $program train --output $1 "
}

# contents_of DIRECTORY: to tell whether anything in it was changed. A folder's time is not: a lock may have come and gone.
contents_of() {
  find "$1" -type d -printf '%p\n' -o -printf '%p %l %T@\n' | sort
  find "$1" -type f -exec cat {} + | cksum
}

# unchanged DIRECTORY: since `contents_of DIRECTORY >before`.
unchanged() {
  contents_of "$1" | diff before - >difference || complain "$1 was changed" difference
}

# make_long_run: data, model and arguments of a run that lasts long enough to be interrupted, on a fast machine as well:
# epochs of 12 steps with augmentation, dropout and a ragged last mini-batch, a checkpoint every 5 steps.
# shellcheck disable=SC2034 # what it sets is for the tests
make_long_run() {
  run data 0 generate -o data.h5 --shape 16x16x3 --train 715 --test 61
  sed 's/^dense classes/dropout 0.3\n&/' "$LOCKSTEP_SOURCE/data/models/resnet8.model" >dropout.model
  long_run=(data.h5 --model dropout.model --crop 1 --flip --batch-size 64 --threads 1 --checkpoint-every 5)
  train speed 2 "${long_run[@]}" --epochs 2
  epochs=$(epochs_in 1 speed/metrics.csv 4) steps_per_epoch=12
  long_run_steps=$((epochs * steps_per_epoch))
  long_run+=(--epochs "$epochs")
  echo "a long run has $epochs epochs"
}

# replaced ARRAY OPTION VALUE: that array of arguments has the option with this value, where it stood or at its end.
replaced() {
  local -n words=$1
  local i
  for ((i = 0; i < ${#words[@]}; i++)); do
    if [ "${words[i]}" = "$2" ]; then
      words[i + 1]=$3
      return
    fi
  done
  words+=("$2" "$3")
}

# newest_step DIRECTORY: of the checkpoint that last.h5 leads to.
newest_step() {
  readlink "$1/last.h5" | sed -n 's/^checkpoint-\([0-9]*\)\.h5$/\1/p'
}
