#!/usr/bin/env bash
# Training that begins with weights of others, stopped and resumed in each way that a user may try: the bits are those of the
# uninterrupted run, or one message says what to do.
# usage: fine_tuning.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5
samples=("$digits" --train-samples 300 --batch-size 72)
tuning=("${samples[@]}" --checkpoint-every 1 --keep 0 --init-except dense2 --freeze conv1 --bn 16)

train source 0 "${samples[@]}" --epochs 1
run exported 0 export source/last.h5 -o weights.safetensors
run imported 0 import-weights weights.safetensors "${samples[@]}" -o imported.h5
for name in source exported imported; do ended "$name" 0; done

# stopped_at STEP NAME: that run as if it had been stopped there.
stopped_at() {
  ln -sf "checkpoint-$1.h5" "$2/last.h5"
}

# From safetensors, an imported checkpoint and a run's own checkpoint alike, which hold the same weights.
for from in weights.safetensors imported.h5 source/last.h5; do
  train "from-${from//\//-}" 0 "${tuning[@]}" --epochs 2 --init "$from"
  ended "from-${from//\//-}" 0
done
whole='from-weights.safetensors'
same $whole from-imported.h5
same $whole from-source-last.h5
train drawn 0 "${tuning[@]:0:7}" --epochs 2 --freeze conv1 --bn 16
ended drawn 0
differs $whole drawn

# In the middle of an epoch, at other rank and thread counts, with and without the settings said again.
for ranks in 1 3 7; do
  cp -r $whole "middle-$ranks"
  stopped_at 3 "middle-$ranks"
  run "middle-$ranks" $ranks train --resume --output "middle-$ranks" --threads $((1 + ranks % 2))
  ended "middle-$ranks" 0
  same $whole "middle-$ranks"
done
cp -r $whole said-again
stopped_at 7 said-again
run said-again 2 train "${tuning[@]}" --epochs 2 --init weights.safetensors --resume --output said-again
ended said-again 0
same $whole said-again

# The file of weights is gone; another one in its place, or under another name, changes nothing behind the first checkpoint.
mv weights.safetensors elsewhere.safetensors
cp -r $whole gone
stopped_at 2 gone
run gone 3 train --resume --output gone
ended gone 0
same $whole gone
cp -r $whole renamed
stopped_at 2 renamed
run renamed 0 train --resume --output renamed --init elsewhere.safetensors
ended renamed 2
says renamed "init = weights.safetensors and cannot be continued with elsewhere.safetensors"

# Before its first checkpoint, a run begins anew, for which it needs the file.
cp -r $whole unbegun
rm unbegun/*.h5
run unbegun 0 train --resume --output unbegun
ended unbegun 4
says unbegun "weights.safetensors"
mv elsewhere.safetensors weights.safetensors
run unbegun 2 train --resume --output unbegun
ended unbegun 0
same $whole unbegun

# Epochs are added, from none.
train none 0 "${tuning[@]}" --epochs 0 --init imported.h5
run none 3 train --resume --output none --epochs 2
ended none 0
same $whole none

# An imported checkpoint is no run: as a file, in a folder of its own, or in the place of a run's own checkpoint.
run file 0 train --resume --output imported.h5
ended file 2
says file "no imported.h5/config.ini .* --init CHECKPOINT.h5"
mkdir alone
cp imported.h5 alone/checkpoint-0.h5
ln -s checkpoint-0.h5 alone/last.h5
run alone 0 train --resume --output alone
ended alone 2
says alone "no alone/config.ini"
run named 2 train "${samples[@]}" --resume --output alone
ended named 2
says named "no run to be resumed: .* --init alone/last.h5"
train begun 0 "${tuning[@]}" --epochs 2 --init alone/last.h5
ended begun 0
same $whole begun
cp -r $whole planted
cp imported.h5 planted/checkpoint-3.h5
stopped_at 3 planted
run planted 2 train --resume --output planted
ended planted 3
says planted "planted/checkpoint-3.h5 is a checkpoint of another run: .* init-except = "

finish
