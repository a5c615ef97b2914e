# shellcheck shell=bash
# For tests that run the program itself, each of which sources this file. The test works in a temporary folder of its own,
# with its own copy of the program (so that no process of it can be missed), and ends with `finish`.
set -euo pipefail

: "${LOCKSTEP:?the program to be tested}" "${LOCKSTEP_SOURCE:?the source tree}" "${MPIEXEC:?mpirun}"
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

# MPICH's mpiexec kills the other ranks of a job that ends itself, and then gives that signal's number for its code. When it
# hands a signal on, it may lose the code of the ranks.
hydra=no
if "$MPIEXEC" --version 2>&1 | grep HYDRA >/dev/null; then hydra=yes; fi

# complain WHAT [FILE]...: counts a failure, and shows files that tell more.
complain() {
  local file
  printf 'FAILED: %s\n' "$1"
  shift
  for file; do sed "s|^|  $file: |" "$file"; done
  failures=$((failures + 1))
}

# nothing_left ARGUMENTS: no process of the program with these arguments (empty: with any) is left. The fork server of a
# rank that was killed gets a moment to see it.
nothing_left() {
  local left
  for _ in $(seq 50); do
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

# run NAME RANKS ARGUMENT...: the program, under mpirun unless RANKS is 0. Leaves NAME.out, NAME.err and NAME.code.
run() {
  local name=$1 ranks=$2 start=() code=0
  shift 2
  if [ "$ranks" -gt 0 ]; then start=("$MPIEXEC" -n "$ranks"); fi
  timeout -k 5 100 "${start[@]}" "$program" "$@" >"$name.out" 2>"$name.err" || code=$?
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
      6-9) got=6 ;;
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

# wait_for FILE: until it is there, or there is no hope.
wait_for() {
  local tries
  for ((tries = 0; tries < 3000; tries++)); do
    if [ -e "$1" ]; then return; fi
    sleep 0.01
  done
  complain "$1 did not appear"
}

# ranks_of DIRECTORY: the processes that train into it, lowest number first; neither mpirun nor their fork servers.
ranks_of() {
  local pid
  for pid in $(pgrep -f "^$program train --output $1 "); do
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = lockstep ]; then echo "$pid"; fi
  done
}

# contents_of DIRECTORY: to tell whether anything in it was changed.
contents_of() {
  find "$1" -printf '%p %l %T@\n' | sort
  find "$1" -type f -exec cat {} + | cksum
}

# unchanged DIRECTORY: since `contents_of DIRECTORY >before`.
unchanged() {
  contents_of "$1" | diff before - >difference || complain "$1 was changed" difference
}

# make_long_run: data, model and arguments of a run that lasts long enough to be interrupted: 72 steps with augmentation,
# dropout and a ragged last mini-batch, a checkpoint every 5 steps.
# shellcheck disable=SC2034 # what it sets is for the tests
make_long_run() {
  run data 0 generate -o data.h5 --shape 16x16x3 --train 715 --test 61
  sed 's/^dense classes/dropout 0.3\n&/' "$LOCKSTEP_SOURCE/data/models/resnet8.model" >dropout.model
  epochs=6 steps_per_epoch=12 long_run_steps=72
  long_run=(data.h5 --model dropout.model --crop 1 --flip --batch-size 64 --epochs "$epochs" --threads 1 --checkpoint-every 5)
}

# newest_step DIRECTORY: of the checkpoint that last.h5 leads to.
newest_step() {
  readlink "$1/last.h5" | sed -n 's/^checkpoint-\([0-9]*\)\.h5$/\1/p'
}
