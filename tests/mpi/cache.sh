#!/usr/bin/env bash
# Samples in a file instead of in memory: the same bits at any rank and thread count, the file found again, made again when
# it is damaged, and nothing left behind when it cannot be made.
# usage: cache.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o images.h5 --shape 9x7x3 --train 715 --test 61
run data 0 generate -o features.h5 --shape 21 --train 331 --test 17
run data 0 generate -o others.h5 --shape 9x7x3 --train 715 --test 61 --seed 2
common=(--epochs 2 --batch-size 64 --progress none)
images=(images.h5 "${common[@]}" --model cnn --crop 1 --flip --holdout 50)
features=(features.h5 "${common[@]}" --model mlp --bn 24)

# cached NAME RANKS THREADS ARGUMENT...: trains with the samples in the cache.
cached() {
  train "$1" "$2" --threads "$3" --cache cache "${@:4}"
  ended "$1" 0
}

only_file() {
  find cache -type f
}

train images 1 --threads 1 "${images[@]}"
train features 1 --threads 1 "${features[@]}"
for ranks in 1 2 5; do
  for threads in 1 2; do
    cached "images-$ranks-$threads" "$ranks" "$threads" "${images[@]}"
    same images "images-$ranks-$threads"
  done
  cached "features-$ranks" "$ranks" 1 "${features[@]}"
  same features "features-$ranks"
done
cached others 2 1 "${images[@]/images.h5/others.h5}"
differs images others
[ "$(only_file | wc -l)" -eq 3 ] || complain "not one file a dataset: $(only_file)"

# A run goes on from memory to cache and back.
train stopped 2 --threads 1 "${images[@]}" --checkpoint-every 3 --max-time 0.001
ended stopped 75
run stopped 3 train --resume --output stopped --max-time 0.001 --cache cache
ended stopped 75
run stopped 2 train --resume --output stopped --max-time 0 --cache ""
ended stopped 0
same images stopped

run memory 0 evaluate images/last.h5 images.h5 --statistics precise
run cache 2 evaluate images/last.h5 images.h5 --statistics precise --cache cache
diff memory.out cache.out >difference || complain "evaluate differs" difference

# Damage is told of and mended; the file of an earlier run that is whole is not touched.
rm -r cache
cached first 1 1 "${images[@]}"
file=$(only_file)
contents_of cache >before
cached again 3 1 "${images[@]}"
unchanged cache
printf X | dd of="$file" bs=1 seek=4321 conv=notrunc status=none
cached flipped 2 1 "${images[@]}"
says flipped "warning: $file is not what the dataset holds; it is made again"
truncate -s 1000 "$file"
cached truncated 2 1 "${images[@]}"
says truncated "warning: $file is not what the dataset holds; it is made again"
for name in first again flipped truncated; do same images "$name"; done

# spoilt_in_use NAME RANKS PATTERN COMMAND...: a run whose cache a command spoils while it trains ends with one message, and
# not by a signal; what it left is good to go on from, and the next run makes the cache again.
spoilt_in_use() {
  local name=$1 ranks=$2 pattern=$3
  shift 3
  train "$name" "$ranks" "${long_run[@]}" --cache cache &
  wait_for "$name/checkpoint-10.h5"
  "$@"
  wait
  ended "$name" 3
  says "$name" "$pattern"
  run "$name" "$ranks" train --resume --output "$name"
  ended "$name" 0
  says "$name" "warning: .* is not what the dataset holds; it is made again"
  same long "$name"
}

rm -r cache
make_long_run
train long 1 "${long_run[@]}" --cache cache
ended long 0
file=$(only_file)
bytes=$(stat -c %s "$file")
for ranks in 1 3; do
  spoilt_in_use "cut-$ranks" "$ranks" "$file was cut short while it was used" truncate -s 64 "$file"
  spoilt_in_use "changed-$ranks" "$ranks" "$file was changed while it was used, at byte [0-9]*" \
    dd if=/dev/zero of="$file" bs="$bytes" count=1 conv=notrunc status=none
done

# As on a full disk.
run data 0 generate -o large.h5 --shape 32x32x3 --train 6000
(
  trap '' XFSZ
  ulimit -f 8192
  run full 0 train --output full large.h5 --cache full-cache
)
ended full 4
says full "cannot write full-cache/.*: File too large"
[ -z "$(find full-cache -type f)" ] || complain "a file that could not be written was left behind"
finish
