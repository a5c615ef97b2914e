#!/usr/bin/env bash
# The power fails, after any call of a run or of a comparison, and takes any part of what was not synced: the same command goes on,
# from no earlier a step than that of the link that was synced, to the same end.
# usage: power_loss.sh [PATTERN], with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; tries a sample, which
#   LOCKSTEP_FAULT_SEED repeats; all, with LOCKSTEP_SOAK=1; or the states that match
# shellcheck disable=SC2317 # each_case calls what seems to be called by nobody
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
needs_failing_calls
echo "seed $seed"
make_small_run

# states KIND N EVERY ARGUMENT...: executes the program in KIND/run, and chooses N of the states that a failure of the power leaves after
# one in EVERY calls.
states() {
  local kind=$1 number=$2 every=$3
  shift 3
  mkdir "$kind"
  struck "$kind" "$kind" 0 0 none once "$@" --output "$kind/run"
  ended "$kind" 0
  "$(dirname "$LOCKSTEP")/tests/power_loss" "$kind.log" "$kind-states" "$seed" "$every" >"$kind.all" || complain "$kind: no states"
  chosen "$kind" "$number" <"$kind.all"
}

# train_case KEEP KIND STATE CALL PROMISE...
train_case() {
  local keep=$1 kind=$2 name=$2-state-$3 before=$failures
  cp -r "$kind-states/$3" "$name"
  case $5 in -) set -- '' ;; *) set -- "${5##*:}" ;; esac
  goes_on "$name" "$name/run" 0 "$1" train "${settings[@]}" --keep "$keep"
  tried "$name" "train .*--output $name" "$before"
}

keep_1_case() {
  train_case 1 power-1 "$@"
}

keep_3_case() {
  train_case 3 power-3 "$@"
}

# good_checkpoint NAME FOLDER STEP: there is one of that step or a later one.
good_checkpoint() {
  local file step
  for file in "$2"/checkpoint-*.h5; do
    step=${file##*checkpoint-} step=${step%.h5}
    if [ "$step" -ge "$3" ] 2>/dev/null; then
      run "$1-info" 0 info "$file"
      [ "$(<"$1-info.code")" -ne 0 ] || return 0
    fi
  done
  complain "$1: no checkpoint of step $3 or a later one is there in $2"
}

# compare_case STATE CALL PROMISE...
compare_case() {
  local name=power-compare-state-$1 before=$failures promise
  cp -r "power-compare-states/$1" "$name"
  for promise in "${@:3}"; do
    if [ "$promise" != - ]; then good_checkpoint "$name" "$name/${promise%:*}" "${promise##*:}"; fi
  done
  run "$name-on" 0 compare "${compared[@]}" --output "$name/run"
  ended "$name-on" 0
  diff <(figures_of power-compare/run) <(figures_of "$name/run") >"$name.difference" ||
    complain "$name: other figures at the end" "$name.difference"
  no_litter "$name" "$name"
  tried "$name" "compare .*--output $name" "$before"
}

train whole 0 "${settings[@]}" --keep 1
ended whole 0
states power-1 16 1 train "${settings[@]}" --keep 1
states power-3 6 1 train "${settings[@]}" --keep 3
states power-compare 6 "$([ -n "$whole_soak" ] && echo 8 || echo 40)" compare "${compared[@]}"
each_case power-1 keep_1_case "power failures in train --keep 1, $(grep -c . power-1.all) states"
each_case power-3 keep_3_case "power failures in train --keep 3, $(grep -c . power-3.all) states"
each_case power-compare compare_case "power failures in compare, $(grep -c . power-compare.all) states"
finish
