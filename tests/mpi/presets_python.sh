#!/usr/bin/env bash
# The real networks among the presets against their papers' definitions in PyTorch (tests/golden/presets.py): numbers of parameters, names and
# shapes of tensors, what a network with given weights answers, and gradients and statistics of a mini-batch that leaves half a microbatch over.
# usage: presets_python.sh [NAME SIDE]..., with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ] || ! python3 -c 'import torch, h5py' 2>/dev/null; then
  skipped "presets against PyTorch" "there is no python3 with torch and h5py, or this build has sanitizers"
  exit 77
fi
reference=$LOCKSTEP_SOURCE/tests/golden/presets.py
presets=(resnet18 resnet50 vgg11 mobilenet resnet18-32 resnet50-32 vgg11-32 mobilenet-32)

python3 "$reference" parameters "${presets[@]}" >parameters.out 2>&1 || complain "presets.py parameters" parameters.out
for name in "${presets[@]}"; do
  side=224
  case $name in *-32) side=32 ;; esac
  run show 0 show "$name" --shape "${side}x${side}x3" --classes 1000
  ended show 0
  echo "$name $(sed -n "s/^$name: \([0-9]*\) parameters.*/\1/p" show.out)"
done >shown
diff parameters.out shown >difference || complain "presets have other numbers of parameters than in PyTorch" difference

# compare NAME SIDE: for images of SIDE x SIDE pixels. NAME:smooth has silu and mean pools, whose gradients do not jump. Three classes are as
# many as predict tells the probabilities of; what dropout leaves is drawn by chance.
compare() {
  local preset=${1%:smooth} data=$1.h5 common
  run generate 0 generate -o "$data" --shape "$2x$2x3" --classes 3 --train 10 --test 7
  sed 's/^dropout .*/dropout 0/' "$LOCKSTEP_SOURCE/data/models/$preset.model" >"$1.model"
  if [ "$1" != "$preset" ]; then sed -i 's/^\( *\)relu$/\1silu/; s/maxpool/avgpool/' "$1.model"; fi
  python3 "$reference" draw "$1" "$data" weights.npz >drawn.out 2>&1 || complain "presets.py draw $1" drawn.out
  common=("$data" --model "$1.model" --init weights.npz --batch-size 10 --microbatch 4 --threads 1)
  train "begun-$1" 1 "${common[@]}" --epochs 0
  run predict 0 predict "begun-$1/last.h5" "$data" --json
  train "stepped-$1" 2 "${common[@]}" --epochs 1 --lr 0.1 --schedule constant --momentum 0 --weight-decay 0 --bn-momentum 1
  run export 0 export "stepped-$1/last.h5" --to npz -o "$1.npz"
  for name in generate "begun-$1" predict "stepped-$1" export; do ended "$name" 0; done
  python3 "$reference" compare "$1" "$data" predict.out "$1.npz" 0.1 >compared.out 2>&1 ||
    complain "$1 is not what PyTorch computes" compared.out
  cat compared.out
}

cases=(resnet18:smooth 32 resnet50-32:smooth 16 mobilenet-32:smooth 16 vgg11-32 32)
if [ -n "${LOCKSTEP_TEST_WHOLE:-}" ]; then
  cases=()
  for name in resnet18 resnet50 vgg11 mobilenet; do cases+=("$name" 64 "$name:smooth" 64); done
  for name in resnet18 resnet50 mobilenet; do cases+=("$name-32" 16 "$name-32:smooth" 16); done
  cases+=(vgg11-32 32 vgg11-32:smooth 32)
fi
if [ $# -gt 0 ]; then cases=("$@"); fi
for ((i = 0; i < ${#cases[@]}; i += 2)); do compare "${cases[i]}" "${cases[i + 1]}"; done
finish
