#!/usr/bin/env bash
# The promise: how many ranks and threads execute a run never changes a bit of its result, in any mode of batch norm but
# `rank`. 203 samples in mini-batches of 64 leave 11 for the last one, less than a microbatch for all but two ranks.
# usage: same_bits.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o data.h5 --shape 8x8x3 --train 203 --test 61
sed 's/^dense classes/leakyrelu 0.1\ndropout 0.3\n&/' "$LOCKSTEP_SOURCE/data/models/resnet8.model" >dropout.model
common=(data.h5 --batch-size 64 --epochs 2)
usual=("${common[@]}" --lr 0.05)
declare -A arguments=(
  [cnn]="--model cnn --lr 0.05 --label-smoothing 0.1"
  [resnet8]="--model dropout.model --lr 0.05 --crop 1 --flip --nesterov"
  [mlp]="--model mlp --optimizer adamw --lr 0.003 --weight-decay 0.05"
)
modes=(sync 6 16 rank:4 none) # 6 divides neither mini-batches nor microbatches
one=1-1 # ranks and threads: what the others are held against
executions=(1-2 2-1 2-2 3-1 4-2 5-1 7-1 7-2)
each=3 # so many of them for a model in a mode
if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then one=3-2 executions=() each=0; fi # what is wrong in memory, not in bits
if [ -n "${LOCKSTEP_TEST_QUICK:-}" ]; then modes=(sync 6 16 none) executions=(3-2) each=1; fi
if [ -n "${LOCKSTEP_TEST_WHOLE:-}" ]; then each=${#executions[@]}; fi

# executions_of MODEL MODE, both numbers: each model meets all of them in some modes, and each mode in some models.
executions_of() {
  local i
  echo "$one"
  for ((i = 0; i < each; i++)); do echo "${executions[(3 * $1 + 2 * $2 + i) % ${#executions[@]}]}"; done
}

# start NAME RANKS ARGUMENT...: in the background. Small runs wait more than they compute.
start() {
  throttle 4
  train "$@" &
}

models=(cnn resnet8 mlp)
for m in "${!models[@]}"; do
  model=${models[m]}
  for b in "${!modes[@]}"; do
    mode=${modes[b]}
    for execution in $(executions_of "$m" "$b"); do
      # shellcheck disable=SC2086 # arguments are words
      start "$model-$mode-$execution" "${execution%-*}" "${common[@]}" ${arguments[$model]} --bn "$mode" --threads "${execution#*-}"
    done
  done
done

# bf16 where the processor has it: the refusal says where not.
run probe 1 train data.h5 --epochs 0 --precision bf16 --output probe
precise=()
if [ "$(<probe.code)" -eq 0 ]; then
  for mode in sync 6; do
    for execution in "$one" "${executions[@]}"; do
      # shellcheck disable=SC2086 # arguments are words
      start "bf16-$mode-$execution" "${execution%-*}" "${common[@]}" ${arguments[resnet8]} --precision bf16 --bn "$mode" \
        --threads "${execution#*-}"
    done
    precise+=("bf16-$mode")
  done
else
  says probe "choose --precision fp32"
  skipped bf16 "this processor has none"
fi

# Gradients summed inside nodes of two or three ranks first.
for size in 4 6; do
  for node in 2 3; do
    LOCKSTEP_NODE_RANKS=$node start "node-$size-$node" "$size" "${usual[@]}" --model resnet8 --bn sync
  done
done
start node-1 1 "${usual[@]}" --model resnet8 --bn sync

# Controls: that the bits can differ, and that rank:R is what `rank` does on R ranks.
even=("${usual[@]}" --train-samples 192)
start rank-2 2 "${usual[@]}" --bn rank
start rank-4 4 "${usual[@]}" --bn rank
start rank:4 1 "${usual[@]}" --bn rank:4
start even-rank-4 4 "${even[@]}" --bn rank
start even-16 1 "${even[@]}" --bn 16
start even-sync 1 "${even[@]}" --bn sync
start seed-1 1 "${usual[@]}" --seed 1
start seed-2 1 "${usual[@]}" --seed 2
start mpi 3 "${usual[@]}" --reduce mpi
wait

for model in "${models[@]}"; do
  for mode in "${modes[@]}"; do
    for other in "$model-$mode"-*.code; do same "$model-$mode-$one" "${other%.code}"; done
  done
  differs "$model-sync-$one" "$model-16-$one"
  differs "$model-sync-$one" "$model-none-$one"
done
for name in "${precise[@]}"; do
  for other in "$name"-*.code; do same "$name-$one" "${other%.code}"; done
  differs "$name-$one" "resnet8-${name#bf16-}-$one"
done
for other in node-[46]-*.code; do same node-1 "${other%.code}"; done
differs rank-2 rank-4
same rank-4 rank:4
same even-rank-4 even-16
differs even-sync even-16
differs seed-1 seed-2
differs seed-1 mpi
ended mpi 0
says mpi "gives up the promise of the same bits"
says rank-2 "rank:2 gives the same bits at any"
echo "$(find . -name '*.code' | wc -l) runs"
finish
