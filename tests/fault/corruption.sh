#!/usr/bin/env bash
# Memory that fails on one rank: the run ends before it writes anything of it, and names rank and tensor.
# usage: corruption.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

flip_bit=$(dirname "$LOCKSTEP")/tests/flip_bit
# With a learning rate of 0 parameters stay those of the initial checkpoint, so that they can be found in memory; without
# weight decay their moments do not feel a flipped bit.
still=(data.h5 --model still.model --batch-size 32 --lr 0 --weight-decay 0 --threads 1 --progress none)

run data 0 generate -o data.h5 --shape 8x8x3 --train 320 --test 20
printf 'conv 6 3x3\nbatchnorm\nrelu\nconv 9 3x3\nbatchnorm\nrelu\nglobalavgpool\ndense classes\n' >still.model
train initial 1 "${still[@]}" --epochs 0
ended initial 0

# rank_of PID
rank_of() {
  tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=//p' | head -n 1
}

# hit NAME RANKS TENSOR FILE ARGUMENT...: trains, and flips a bit of that tensor in a rank once that file of the run is there; leaves
# the rank's number in NAME.rank.
hit() {
  local name=$1 ranks=$2 tensor=$3 file=$4 pid
  shift 4
  train "$name" "$ranks" "${still[@]}" --epochs 100000 "$@" &
  wait_for "$name/$file"
  pid=$(ranks_of "$name" | tail -n 1)
  rank_of "$pid" >"$name.rank"
  "$flip_bit" "$pid" initial/last.h5 "$tensor" >"$name.flip" || complain "$name: no bit was flipped" "$name.flip"
  wait
}

one_of_three() {
  hit three 3 conv2.weight metrics.csv --verify-every 3 --checkpoint-every 1000000
  ended three 6
  says three "after step [0-9]*[0369]*, rank $(<three.rank) (.*) holds other bits than the 2 ranks that agree: conv2.weight;"
  [ ! -e three/last.h5 ] || complain "three: a checkpoint was written"
}

one_of_two() {
  hit two 2 conv1.weight metrics.csv --verify-every 1 --checkpoint-every 1000000
  ended two 6
  says two "ranks 0 (.*), 1 (.*) do not hold the same bits: conv1.weight; no majority"
}

# Without --verify-every a checkpoint is the place where it is found: none is written, and the one before stays.
at_the_next_checkpoint() {
  hit kept 3 conv1.weight last.h5 --checkpoint-every 40 --keep 1
  ended kept 6
  says kept "rank $(<kept.rank) (.*) holds other bits than the 2 ranks that agree: conv1.weight;"
  run kept-evaluated 0 evaluate kept/last.h5 data.h5
  ended kept-evaluated 0
}

one_of_three
one_of_two
at_the_next_checkpoint
finish
