#!/usr/bin/env bash
# 64 ranks on however few cores: the bits of one rank, with a microbatch for each and normalization batches of three of them, with
# most shards empty, and with gradients summed inside pretended nodes first.
# usage: ranks64.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o data.h5 --shape 8x8x1 --train 700 --test 61
common=(data.h5 --model cnn --epochs 1 --lr 0.05 --threads 1 --progress none)
for case in "24 512" "sync 128"; do
  read -r mode batch <<<"$case"
  arguments=("${common[@]}" --bn "$mode" --batch-size "$batch" --microbatch 8)
  train "one-$mode-$batch" 1 "${arguments[@]}"
  train "many-$mode-$batch" 64 "${arguments[@]}"
  ended "many-$mode-$batch" 0
  same "one-$mode-$batch" "many-$mode-$batch"
done
says many-sync-128 "48 ranks have nothing to do"
train one-sync-512 1 "${common[@]}" --bn sync --batch-size 512 --microbatch 8
LOCKSTEP_NODE_RANKS=16 train nodes 64 "${common[@]}" --bn sync --batch-size 512 --microbatch 8
same one-sync-512 nodes
if grep -q "not numbered in a row" nodes.err; then complain "blocks of 16 ranks are taken for others" nodes.err; fi
LOCKSTEP_NODE_RANKS=24 train uneven 64 "${common[@]}" --bn sync --batch-size 512 --microbatch 8
same one-sync-512 uneven
says uneven "warning: the ranks of a host are not numbered in a row, or hosts have different numbers of them"
differs one-sync-512 one-24-512
finish
