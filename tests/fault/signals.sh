#!/usr/bin/env bash
# INT, TERM, HUP and USR1 at random times, through mpirun, which kills a second after the first two, and to a program alone, with
# short steps and with long ones: the run goes on to the same end, and of a program that may end by itself nothing is
# lost, not even of the step under way when steps are long.
# usage: signals.sh [PATTERN], with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; tries a few, which LOCKSTEP_FAULT_SEED
#   repeats as far as processes can; LOCKSTEP_SOAK=N of them; or those that match
# shellcheck disable=SC2317 # each_case calls what seems to be called by nobody
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
echo "seed $seed"

# Steps of about 10 milliseconds, and of about 1 second, in the soak 3, on a core of its own. Checkpoints are written only where an
# epoch ends, so that nothing but the signal saves a step.
batch=3072
if [ -n "$whole_soak" ]; then batch=10240; fi
run data 0 generate -o short.h5 --shape 16x16x3 --train 1280 --test 61
run data 0 generate -o long.h5 --shape 16x16x3 --train $((2 * batch)) --test 61
# shellcheck disable=SC2034 # used by their names
short=(short.h5 --model resnet8 --batch-size 32 --epochs 4 --threads 1 --log-every 1) \
  long=(long.h5 --model resnet8 --batch-size "$batch" --epochs 2 --threads 1 --log-every 1)
# signal_cases N: STEPS RANKS SIGNAL STEP MILLISECONDS; 0 ranks are a program alone.
signal_cases() {
  awk -v n="$1" -v seed="$seed" 'BEGIN {
    srand(seed)
    split("TERM USR1 INT HUP", signal, " ")
    for (i = 0; i < n; i++) {
      steps = int(i / 4) % 2 ? "long" : "short"
      print steps, i % 3 ? 2 : 0, signal[1 + i % 4], int(rand() * (steps == "long" ? 3 : 150)), int(rand() * (steps == "long" ? 1500 : 100))
    }
  }'
}

# logged_step DIRECTORY: the last one that was completed.
logged_step() {
  tail -qn 1 "$1/steps.csv" 2>/dev/null | sed -n 's/^\([0-9]*\),.*/\1/p'
}

wait_for_logged_step() {
  local step
  while [ -n "$(jobs -rp)" ]; do
    step=$(logged_step "$1") || true
    if [ "${step:-0}" -ge "$2" ]; then return; fi
    sleep 0.02
  done
}

# signal_case STEPS RANKS SIGNAL STEP MILLISECONDS
signal_case() {
  local name=signal-$1-$2-$3-$4-$5 steps=$1 ranks=$2 signal=$3 step=$4 milliseconds=$5 before=$failures code logged found pid
  local -n arguments=$steps
  train "$name" "$ranks" "${arguments[@]}" &
  wait_for_logged_step "$name" "$step"
  sleep "$(printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000)))"
  if [ "$ranks" -eq 0 ]; then pid=$(ranks_of "$name"); else pid=$(launcher_of "$name"); fi || true
  if [ -n "$pid" ]; then kill -"$signal" "$pid" || true; fi
  wait
  nothing_left "train --output $name "
  code=$(<"$name.code")
  logged=$(logged_step "$name") || true
  found=$(newest_step "$name" 2>/dev/null) || true
  if [ "$code" -eq 124 ]; then complain "$name: the job did not end because of the signal" "$name.err"; fi
  # A program alone, and one that mpirun does not kill, ends by itself.
  case $ranks-$signal in 0-* | *-USR1)
    case $code in 0) ;; *) ended "$name" 75 ;; esac
    [ "${found:-0}" -eq "${logged:-0}" ] || complain "$name: step ${logged:-0} was done, and step ${found:-0} saved" "$name.out" "$name.err"
    ;;
  esac
  lost_nothing "$name" "$name" "$found"
  run "$name-on" 3 train "${arguments[@]}" --resume --output "$name"
  ended "$name-on" 0
  diff <(result_of "$steps") <(fingerprint_of "$name-on" && cut -d, -f1-7 "$name/metrics.csv") >"$name.difference" ||
    complain "$name: another end" "$name.difference" "$name-on.err"
  diff <(cut -d, -f1-5 "$steps/steps.csv") <(cut -d, -f1-5 "$name/steps.csv") >"$name.difference" ||
    complain "$name: other steps" "$name.difference"
  no_litter "$name" "$name"
  tried "$name" "train .*--output $name " "$before"
}

few=8
if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then few=4; fi # those with short steps
signal_cases "${whole_soak:-$few}" | chosen signal "$few"
for steps in short long; do
  grep -q "^$steps " signal.cases || continue
  declare -n arguments=$steps
  train "$steps" 2 "${arguments[@]}"
  ended "$steps" 0
done
each_case signal signal_case "signals to mpirun and to the program"
finish
