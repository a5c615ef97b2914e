#!/usr/bin/env bash
# The promise holds at every instruction set: at each that this machine has, how many ranks and threads execute a run changes
# no bit of it. tests/golden/fingerprints.txt says what the bits are, and so which instruction sets agree with each other.
# 203 samples in mini-batches of 64 leave 11 for the last one.
# usage: isa_levels.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/isa.sh
source "$LOCKSTEP_SOURCE/tests/support/isa.sh"

if [ "${#isa_here[@]}" -eq 0 ]; then
  echo "skipped: instruction sets, this machine has $isa_best alone, which has no name of --isa here"
  exit 77
fi

# A kernel of one place with stride 2 and few channels: oneDNN 2.6's for AVX2 gives wrong weight gradients of it.
cat >stride.model <<'MODEL'
conv 4 3x3
batchnorm
relu
conv 16 1x1 stride=2 pad=0
batchnorm
relu
globalavgpool
dense classes
MODEL
common=("$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 203 --batch-size 64 --epochs 2 --lr 0.05 --schedule constant)
models=(mlp cnn resnet8 stride.model)
first=1-1 # ranks and threads: what the others are held against
# The networks but one, which same_bits.sh executes in more ways at the best level, in some ways each.
declare -A executions=([mlp]=2-1 [cnn]=3-2 [resnet8]=7-1 [stride.model]="1-2 2-1 3-2 7-1")
if [ -n "${LOCKSTEP_TEST_WHOLE:-}" ]; then for model in "${models[@]}"; do executions[$model]=${executions[stride.model]}; done; fi

# start_all NAME MODEL ARGUMENT...: at each pair of rank and thread count, in the background.
start_all() {
  local name=$1 execution
  shift
  for execution in $first ${executions[$1]}; do
    throttle 4
    train "$name-$execution" "${execution%-*}" "${common[@]}" --threads "${execution#*-}" --model "$@" &
  done
}

# has_bf16 LEVEL
has_bf16() {
  case $1 in avx512_bf16 | amx) ;; *) false ;; esac
}

for level in "${isa_here[@]}"; do
  for model in "${models[@]}"; do start_all "$model-fp32-$level" "$model" --isa "$level"; done
  if has_bf16 "$level"; then start_all "resnet8-bf16-$level" resnet8 --isa "$level" --precision bf16; fi
done
wait

runs=()
for level in "${isa_here[@]}"; do
  for model in "${models[@]}"; do runs+=("$model-fp32-$level"); done
  if has_bf16 "$level"; then runs+=("resnet8-bf16-$level"); fi
done
for run in "${runs[@]}"; do
  for other in "$run"-*.code; do same "$run-$first" "${other%.code}"; done
  says "$run-$first" "; isa ${run##*-};"
done

# Controls: that the setting is heard, and that other runs have other bits.
if [ "${#isa_here[@]}" -gt 1 ]; then differs "cnn-fp32-sse41-$first" "cnn-fp32-avx2-$first"; fi
start_all seed cnn --isa sse41 --seed 2
wait
differs "cnn-fp32-sse41-$first" "seed-$first"

# Against the table. Other versions of oneDNN sum in other orders.
version=$("$program" --version | sed -n 's/^oneDNN *\([0-9.]*\),.*/\1/p')
table=$LOCKSTEP_SOURCE/tests/golden/fingerprints.txt
for run in "${runs[@]}"; do
  IFS=- read -r model precision level <<<"$run"
  print=$(fingerprint_of "$run-$first")
  expected=$(awk -v key="$version ${model%.model} $precision $level" '$1 " " $2 " " $3 " " $4 == key { print $5 }' "$table")
  if [ -z "$expected" ]; then
    echo "skipped: fingerprint of ${model%.model} $precision $level ($print), the table has no entry for oneDNN $version"
  elif [ "$expected" != "$print" ]; then
    complain "$run: fingerprint $print, but $table has $expected for oneDNN $version: the arithmetic has changed"
  fi
done
isa_say_missing

echo "which instruction sets agree, with oneDNN $version:"
for model in "${models[@]/%/-fp32}" resnet8-bf16; do
  for level in "${isa_here[@]}"; do
    if [ -e "$model-$level-$first.out" ]; then printf '%s %s\n' "$(fingerprint_of "$model-$level-$first")" "$level"; fi
  done | awk -v model="$model" '
    { if (!($1 in group)) order[++groups] = $1; group[$1] = group[$1] (group[$1] ? " = " : "") $2 }
    END { line = ""; for (i = 1; i <= groups; i++) line = line (i > 1 ? ", " : "") group[order[i]]
          if (groups) printf "  %-18s %s\n", model, line }'
done
echo "$(find . -name '*.code' | wc -l) runs"
finish
