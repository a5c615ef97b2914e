#!/usr/bin/env bash
# Samples that stay in the file and are read window by window: the same bits at any rank and thread count and when resumed in the
# midst of a window, the bits of a run in memory when one window holds all, others with another window; evaluation as from memory.
# usage: window.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o images.h5 --shape 9x7x3 --train 715 --test 61
run data 0 generate -o features.h5 --shape 21 --train 331 --test 17
common=(--epochs 2 --batch-size 64 --progress none)
images=(images.h5 "${common[@]}" --model cnn --crop 1 --flip --holdout 50)
features=(features.h5 "${common[@]}" --model mlp --bn 24 --train-samples 300)

# windowed NAME RANKS THREADS WINDOW ARGUMENT...
windowed() {
  train "$1" "$2" --threads "$3" --window "$4" "${@:5}"
  ended "$1" 0
}

train images 1 --threads 1 "${images[@]}"
train features 1 --threads 1 "${features[@]}"
windowed images-all 2 1 665 "${images[@]}"
windowed features-all 3 1 1000000 "${features[@]}"
same images images-all
same features features-all

windowed images-window 1 1 100 "${images[@]}"
differs images images-window
windowed features-window 1 1 90 "${features[@]}"
differs features features-window
for ranks in 2 3; do
  windowed "images-$ranks" "$ranks" 2 100 "${images[@]}"
  same images-window "images-$ranks"
done
windowed features-7 7 1 90 "${features[@]}"
same features-window features-7

# Stopped in the midst of a window and of an epoch, at other rank counts.
train stopped 3 --threads 1 "${images[@]}" --window 100 --checkpoint-every 3 --max-time 0.001
ended stopped 75
run stopped 0 train --resume --output stopped --max-time 0 --window 250
ended stopped 2
says stopped "the run in stopped has window = 100 and cannot be continued with 250"
cp images.h5 as-it-was.h5
"$(dirname "$LOCKSTEP")/tests/spoil" images.h5 chunks
run stopped 0 train --resume --output stopped --max-time 0
ended stopped 3
says stopped "was trained on chunks of 64 samples, and images.h5 has chunks of 32: windows would go on in another order"
mv as-it-was.h5 images.h5
run stopped 1 train --resume --output stopped --max-time 0
ended stopped 0
same images-window stopped

# Evaluation of steps in between has a window of its own.
windowed logged 2 1 100 "${images[@]}" --log-every 2 --log-test
same images-window logged

# Evaluation sees what it sees in memory, in whatever order.
for how in "--statistics precise" "--statistics batch --order class --batch-size 16"; do
  read -ra options <<<"$how"
  run memory 0 evaluate images/last.h5 images.h5 "${options[@]}"
  run windows 3 evaluate images/last.h5 images.h5 "${options[@]}" --window 40
  diff memory.out windows.out >difference || complain "evaluate $how differs with a window" difference
done

# Arms of a comparison, each run with loaders of its own.
run compared 2 compare images.h5 --model mlp --bn sync,16 --seeds 2 --epochs 1 --window 100 -o comparison --progress none
ended compared 0

# A chunk is never split, which is said where it makes windows larger than they were wanted.
run small 0 train --output small images.h5 --model mlp --epochs 0 --progress none --window 10
says small "warning: images.h5: /train/images has chunks of 64 samples, which are read as a whole: a window has 64 samples and not 10; .lockstep import h5 images.h5 -o NEW.h5."

# most NAME ARGUMENT...: the largest resident set, in kB, of a run without mpirun.
most() {
  local kilobytes=0 now
  "$program" train "${@:2}" --output "$1" >"$1.out" 2>&1 &
  while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status" 2>/dev/null) && [ -n "$now" ]; do
    kilobytes=$now
    sleep 0.02
  done
  wait $! || complain "$1 failed" "$1.out"
  echo "$kilobytes"
}

# A file ten times the window: the two buffers, and none of the rest.
if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then
  skipped "memory of a run with a window" "the sanitizers take memory of their own"
else
  run data 0 generate -o large.h5 --shape 32x32x3 --train 10000 --test 100
  large=(large.h5 --model mlp --epochs 1 --progress none --threads 1)
  without=$(most large "${large[@]}")
  with=$(most large-window "${large[@]}" --window 1000)
  echo "most memory: $without kB with all samples in it, $with kB with a window of a tenth of them"
  [ $((without - with)) -gt 15000 ] || complain "a window of 3 MB of 30 MB saves $((without - with)) kB alone"
fi

run both 0 train --output both "${images[@]}" --window 100 --cache cache
ended both 2
says both "cache and window are two ways to do without memory for all samples; give one of them"
run probes 0 train --output probes "${images[@]}" --window 100 --probe drift
ended probes 2
says probes "probes look at single samples, which a window of 100 does not have at hand; take --cache DIR instead of window"
finish
