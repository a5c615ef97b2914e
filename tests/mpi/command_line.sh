#!/usr/bin/env bash
# The way of a user through the commands: import or generate, info, train, resume, evaluate, predict; their answers agree.
set -euo pipefail

# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/time.sh"

: "${LOCKSTEP:?}" "${MPIEXEC:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  printf 'FAILED: %s\n' "$*"
  exit 1
}

run() {
  limited 100 "$LOCKSTEP" "$@"
}

# refused CODE PATTERN ARGUMENT...
refused() {
  local code=$1 pattern=$2 got=0
  shift 2
  run "$@" >output 2>errors || got=$?
  [ "$got" -eq "$code" ] || fail "exit code $got instead of $code: $*"
  grep -q -- "$pattern" errors || fail "$(cat errors): lacks $pattern"
}

# images_and_labels NAME COUNT: IDX files of 4x4 images, a falling ramp (1) and a rising one (0) in turn.
images_and_labels() {
  local i value falling='' rising=''
  for value in 0 020 040 060 100 120 140 160 200 220 240 260 300 320 340 360; do
    rising="$rising\\$value"
    falling="\\$value$falling"
  done
  # shellcheck disable=SC2059 # the escapes are the content
  {
    printf "\\0\\0\\010\\003\\0\\0\\0\\$(printf %o "$2")\\0\\0\\0\\004\\0\\0\\0\\004" >"$1-images"
    printf "\\0\\0\\010\\001\\0\\0\\0\\$(printf %o "$2")" >"$1-labels"
    for ((i = 0; i < $2; i++)); do
      if ((i % 2)); then printf "$falling"; else printf "$rising"; fi >>"$1-images"
      printf "\\$((i % 2))" >>"$1-labels"
    done
  }
}

images_and_labels train 24
images_and_labels test 4
gzip -k train-images
run import idx --train-images train-images.gz --train-labels train-labels --test-images test-images \
  --test-labels test-labels -o ramps.h5
run info ramps.h5 | grep '24 samples: 12 12' >/dev/null || fail "info does not tell the samples"
refused 2 "ramps.h5" generate -o ramps.h5
train=(train ramps.h5 --model mlp --batch-size 8 --lr 0.01 --seed 7 --progress none --threads 1)

# Fingerprints: the settings alone decide; a resumed run takes its settings from its folder.
whole=$(run "${train[@]}" --epochs 4 -o whole | sed -n 's/^fingerprint: //p')
[ -n "$whole" ] || fail "train prints no fingerprint"
again=$(run train --config whole/config.ini -o again | sed -n 's/^fingerprint: //p')
[ "$whole" = "$again" ] || fail "config.ini gives another run"
other=$(run train --seed 8 --config whole/config.ini -o other | sed -n 's/^fingerprint: //p')
[ "$whole" != "$other" ] || fail "the command line does not win over the file"
refused 2 "whole" "${train[@]}" -o whole
stopped=0
limited 100 "$MPIEXEC" -n 2 "$LOCKSTEP" "${train[@]}" --epochs 4 --max-time 0.000001s -o halves >/dev/null 2>&1 ||
  stopped=$?
[ "$stopped" -eq 75 ] || fail "a run without time ends with $stopped"
halves=$(run train --resume -o halves --max-time 0 | sed -n 's/^fingerprint: //p')
[ "$whole" = "$halves" ] || fail "the resumed run ends elsewhere"

# Accuracy: as evaluate measures it, and as predict's classes say.
right=$(run predict --csv whole/last.h5 ramps.h5 | awk -F, 'NR > 1 && $3 == $4 { n++ } END { print n + 0 }')
run evaluate whole/last.h5 ramps.h5 --json | grep "\"accuracy\": $(awk "BEGIN { print $right / 4 }"), \"samples\": 4" >/dev/null ||
  fail "predict says $right of 4, evaluate says $(run evaluate whole/last.h5 ramps.h5)"
[ "$right" -eq 4 ] || fail "two ramps are not told apart"
for statistics in running precise batch; do
  limited 100 "$MPIEXEC" -n 2 "$LOCKSTEP" evaluate whole/last.h5 ramps.h5 --statistics "$statistics" |
    grep "(4 samples, $statistics statistics)" >/dev/null || fail "evaluate with $statistics statistics"
done

# One sample alone, in a range and as an image: the same numbers.
base64 -d >rising.png <<<'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAAAAACMmsGiAAAAHUlEQVR42mNgEFAwYHAISChgaJiwYAPDgQsPPgAAMNQHgco41J0AAAAASUVORK5CYII='
numbers() {
  run predict --csv whole/last.h5 "$1" | sed -n "$2p" | cut -d, -f4-
}
alone=$(numbers ramps.h5:2 2)
[ "$alone" = "$(numbers ramps.h5:1-3 3)" ] || fail "a sample depends on its neighbours"
[ "$alone" = "$(numbers rising.png 2)" ] || fail "an image is another one as PNG"
[ "$alone" != "$(numbers ramps.h5:1 2)" ] || fail "all samples are the same"
refused 2 "no test sample 4; the last one is 3" predict whole/last.h5 ramps.h5:4
refused 2 "only a dataset takes a range" predict whole/last.h5 rising.png:1
refused 2 "no range of samples" predict whole/last.h5 ramps.h5:3-1
head -c 70 rising.png >short.png
refused 3 "short.png: " predict whole/last.h5 short.png
refused 3 "neither HDF5, PNG" predict whole/last.h5 test-labels
refused 3 "lockstep-" evaluate ramps.h5 ramps.h5

# Features come from text as well.
run generate -o vectors.h5 --shape 3 --classes 2 --train 64 --test 8 >/dev/null
run train vectors.h5 --model mlp --epochs 1 --batch-size 16 --progress none -o vectors >/dev/null
printf '# three features a line\n0.5, 1, -2\n\n0.5\t1 -2e0\n' >good.csv
printf '0.5, 1, -2\n0.5, 1\n' >short.csv
[ "$(run predict vectors/last.h5 good.csv | sed 's/^[^ ]* //' | uniq | wc -l)" -eq 1 ] || fail "equal lines differ"
refused 3 "short.csv:2: 2 numbers, but the model takes 3" predict vectors/last.h5 short.csv
refused 3 "4 x 4 x 1, but the model takes 1 x 1 x 3" predict vectors/last.h5 ramps.h5
