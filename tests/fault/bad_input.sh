#!/usr/bin/env bash
# Bad input, alone and on three ranks: one clear message, its exit code, no hang, nothing overwritten or left behind. What
# the command line and INI files can have wrong is in usage.sh.
# usage: bad_input.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

spoil=$(dirname "$LOCKSTEP")/tests/spoil
codes=() patterns=() calls=()

# refused CODE PATTERN ARGUMENT...: begins the runs; `check` looks at them when all have ended. The one of three ranks waits for the
# other, which may have the same folder.
refused() {
  local number=${#codes[@]} ranks
  codes+=("$1") patterns+=("$2")
  shift 2
  calls+=("$*")
  throttle 4
  for ranks in 0 3; do # mpirun -n 1 takes 2 s to end with an exit code
    run "$folder/log/$number-$ranks" "$ranks" "$@"
  done &
}

# bad_training CODE PATTERN ARGUMENT...: a new run, which must not come to have a folder.
bad_training() {
  refused "$1" "$2" train --output new --epochs 1 "${@:3}"
}

check() {
  local number ranks name
  wait
  for number in "${!codes[@]}"; do
    for ranks in 0 3; do
      name=$folder/log/$number-$ranks
      ended "$name" "${codes[$number]}"
      says "$name" "^lockstep: error: .*${patterns[$number]}"
    done
  done
  echo "${#codes[@]} cases, alone and on three ranks"
}

# spoilt NAME WAY: data.h5 with one thing wrong.
spoilt() {
  cp data.h5 "$1"
  "$spoil" "$1" "$2"
}

# flipped FROM TO OFFSET: a copy with other bits in the byte there.
flipped() {
  local byte
  cp "$1" "$2"
  byte=$(od -An -tu1 -j "$3" -N 1 "$1")
  # shellcheck disable=SC2059 # the escape is the content
  printf "\\$(printf %o $((byte ^ 255)))" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}

size_of() {
  stat -c %s "$1"
}

make_inputs() {
  run made 0 generate -o data.h5 --shape 8x8x3 --train 203 --test 61
  run made 0 generate -o features.h5 --shape 20 --train 203 --test 61
  run made 0 generate -o wide.h5 --shape 8x9x3 --train 64 --test 16
  run made 0 generate -o classes.h5 --shape 8x8x3 --classes 7 --train 64 --test 16
  : >empty.h5
  echo "no data" >text.h5
  head -c $(($(size_of data.h5) / 2)) data.h5 >half.h5
  head -c $(($(size_of data.h5) - 1)) data.h5 >short.h5
  flipped data.h5 flipped.h5 $(($(size_of data.h5) / 2))
  for way in type label missing version hash untested; do spoilt "$way.h5" "$way"; done
  printf 'conv 8 3x3\nrelu\nconvolution 8 3x3\ndense classes\n' >wrong.model
  printf 'conv 8 3x3\nmaxpool 2x2\nmaxpool 2x2\nmaxpool 2x2\nmaxpool 2x2\ndense classes\n' >deep.model
}

# A good run, and runs whose only checkpoint is not theirs, cut short, or gone.
make_runs() {
  train good 1 data.h5 --epochs 1
  ended good 0
  train mlp 1 data.h5 --epochs 1 --model mlp
  for copy in swapped cut dangling; do cp -r good "$copy"; done
  ln -sf "$PWD/mlp/last.h5" swapped/last.h5
  rm cut/checkpoint-*.h5 dangling/checkpoint-*.h5
  head -c 20000 good/last.h5 >cut/cut.h5
  ln -sf cut.h5 cut/last.h5
  ln -sf none.h5 dangling/last.h5
  flipped good/last.h5 flipped-checkpoint.h5 $(($(size_of good/last.h5) / 2))
  cp good/last.h5 newer.h5
  "$spoil" newer.h5 version
  for way in model link; do
    cp good/last.h5 "$way-checkpoint.h5"
    "$spoil" "$way-checkpoint.h5" "$way"
  done
  for way in step edited ahead model; do
    cp -r good "$way"
    "$spoil" "$way/last.h5" "$way"
  done
}

# What is no regular file, where nothing reads it by accident: each would be waited for, or never end.
make_special_files() {
  special=$folder/special
  mkdir "$special" "$special/directory.h5"
  mkfifo "$special/pipe.h5" "$special/pipe.ini" "$special/pipe.model"
  ln -s /dev/zero "$special/device.h5"
  ln -s pipe.h5 "$special/last.h5"
  cp good/config.ini "$special"
}

make_inputs
make_runs
make_special_files
contents_of . >"$folder/before"

bad_training 4 "none.h5" none.h5
bad_training 4 "not a regular file" good
bad_training 3 "empty.h5: .*not an HDF5 file" empty.h5
bad_training 3 "text.h5: .*not an HDF5 file" text.h5
bad_training 3 "half.h5: " half.h5
bad_training 3 "short.h5: " short.h5
bad_training 3 "flipped.h5: .*damaged" flipped.h5
bad_training 3 "type.h5: .*/train/images is string" type.h5
bad_training 3 "label.h5: .*/train/labels\[5\] is 99 and must be 0 to 9" label.h5
bad_training 3 "missing.h5: .*/test/labels is missing" missing.h5
bad_training 3 "version.h5: .*format_version 999" version.h5
bad_training 3 "untested.h5 has no test samples; give --holdout N" untested.h5 --keep-best test-accuracy
refused 3 "untested.h5 has no test samples; give --holdout N" compare untested.h5 --bn sync,none --seeds 1 --epochs 1 --keep-best test-loss --output new
bad_training 3 "hash.h5: .*content_hash" hash.h5 --cache cache
bad_training 3 "label.h5: .*/train/labels" label.h5 --cache "$folder/cache"
bad_training 4 "data.h5: Not a directory" data.h5 --cache data.h5
bad_training 4 "/proc/cache" data.h5 --cache /proc/cache
bad_training 3 "is no dataset" good/last.h5

bad_training 2 "did you mean 'resnet8'" data.h5 --model resnet9
bad_training 2 "wrong.model:3:1: unknown layer" data.h5 --model wrong.model
bad_training 3 "deep.model:5:" data.h5 --model deep.model
bad_training 3 "cnn:2:" features.h5 --model cnn
bad_training 2 "microbatch = 32: larger than the mini-batch of 16" data.h5 --batch-size 16 --microbatch 32
bad_training 2 "one value" data.h5 --model mlp --bn 1
bad_training 2 "--train-samples 202" data.h5 --model mlp --batch-size 101
refused 4 "data.h5/below" train --epochs 1 data.h5 --output data.h5/below

bad_training 2 "did you mean 'resnet8'" data.h5 --resume --model resnet9
refused 2 "does not say which run" train data.h5 --resume
refused 3 "is a checkpoint of another run: .*model" train --resume --output swapped --epochs 2
refused 3 "cut/cut.h5: " train --resume --output cut --epochs 2
refused 4 "cannot read dangling/none.h5: No such file" train --resume --output dangling --epochs 2

refused 3 "step/checkpoint-[0-9]*.h5 is at step [0-9]*, which is not step 0 behind 1 epochs of [0-9]* steps" train --resume --output step --epochs 2
refused 3 "edited/checkpoint-[0-9]*.h5: one of its attributes is not as it was written" train --resume --output edited --epochs 2
refused 3 "ahead/checkpoint-[0-9]*.h5 is at step [0-9]* and its optimizer at step [0-9]*: " train --resume --output ahead --epochs 3
refused 3 "model/checkpoint-[0-9]*.h5: its attribute model:2:1: unknown layer" train --resume --output model --epochs 2

refused 3 "8x9x3" evaluate good/last.h5 wide.h5
refused 3 "7 classes" evaluate good/last.h5 classes.h5
refused 3 "features" evaluate good/last.h5 features.h5
refused 3 "cut.h5" evaluate cut/cut.h5 data.h5
refused 3 "flipped-checkpoint.h5" evaluate flipped-checkpoint.h5 data.h5
refused 3 "newer.h5" evaluate newer.h5 data.h5
refused 3 "link-checkpoint.h5: /parameters is a link and must lie in the file itself" evaluate link-checkpoint.h5 data.h5
refused 3 "model-checkpoint.h5: its attribute model:2:1: unknown layer" evaluate model-checkpoint.h5 data.h5
refused 3 "data.h5: a lockstep-dataset, not a checkpoint" evaluate data.h5 data.h5
refused 3 "empty.h5: not an HDF5 file" evaluate empty.h5 data.h5
refused 3 "text.h5" evaluate text.h5 data.h5
refused 4 "none.h5" evaluate none.h5 data.h5

for name in pipe.h5 device.h5; do
  bad_training 4 "$name: is not a regular file" "$special/$name"
  bad_training 4 "$name: is not a regular file" "$special/$name" --cache "$folder/cache"
  refused 4 "cannot read .*$name: not a regular file" evaluate "$special/$name" data.h5
  refused 4 "$name: is not a regular file" evaluate good/last.h5 "$special/$name"
done
bad_training 4 "cannot read .*pipe.model: not a regular file" data.h5 --model "$special/pipe.model"
bad_training 4 "cannot read .*pipe.ini: not a regular file" data.h5 --config "$special/pipe.ini"
refused 4 "cannot read .*pipe.h5: not a regular file" train --resume --output "$special" data.h5
check

# These run as one process.
for command in "predict model-checkpoint.h5 data.h5:0" "predict link-checkpoint.h5 data.h5:0" "predict data.h5 data.h5:0" \
  "info newer.h5" "info link-checkpoint.h5" "info flipped-checkpoint.h5"; do
  # shellcheck disable=SC2086 # these are several arguments
  run "$folder/log/alone" 0 $command
  ended "$folder/log/alone" 3
  says "$folder/log/alone" "^lockstep: error: .*\.h5: "
done
idx=(--train-images data.h5 --train-labels data.h5 --test-images data.h5 --test-labels data.h5)
for name in pipe.h5 device.h5 directory.h5; do
  if [ "$name" != directory.h5 ]; then # predict takes a folder of pictures
    run "$folder/log/alone" 0 predict good/last.h5 "$special/$name"
    ended "$folder/log/alone" 4
    says "$folder/log/alone" "^lockstep: error: .*$name: \(is \)\?not a regular file"
  fi
  for command in "info $special/$name" "predict $special/$name data.h5:0" \
    "import idx ${idx[*]/data.h5/$special/$name} --output $folder/imported.h5" "corrupt $special/$name --output $folder/made.h5 --invert"; do
    # shellcheck disable=SC2086 # these are several arguments
    run "$folder/log/alone" 0 $command
    ended "$folder/log/alone" 4
    says "$folder/log/alone" "^lockstep: error: .*$name: \(is \)\?\(not a regular file\|Is a directory\)"
  done
done
run "$folder/log/alone" 0 predict good/last.h5 "$special/directory.h5"
ended "$folder/log/alone" 3
says "$folder/log/alone" "directory.h5: there is no PNG or JPEG file in this folder"
run "$folder/log/alone" 0 generate -o "$special/device.h5" --force --shape 4 --train 8 --test 4
ended "$folder/log/alone" 4
says "$folder/log/alone" "cannot write .*device.h5: not a regular file"
[ -c "$special/device.h5" ] || complain "generate put a file in the place of a device"
contents_of . | diff "$folder/before" - >"$folder/difference" || complain "bad input changed files" "$folder/difference"

# Not wrong, but not what was meant: warned of, and done.
train idle 3 data.h5 --epochs 1 --batch-size 16
ended idle 0
says idle "warning: 3 ranks share 2 microbatches, so 1 ranks have nothing to do: use at most -np 2"

# What is kept back is what the best is judged by.
train untested 3 untested.h5 --epochs 1 --holdout 31 --keep-best test-accuracy
ended untested 0
[ -e untested/best.h5 ] || complain "untested: no best checkpoint" untested.err

for ranks in 0 3; do
  train "diverged-$ranks" "$ranks" data.h5 --epochs 3 --lr 1e30
  ended "diverged-$ranks" 5
done
finish
