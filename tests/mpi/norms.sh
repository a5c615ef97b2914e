#!/usr/bin/env bash
# What model texts and --norm say of norms, in the program: normalization batches of single layers, gamma=0, layer norm and group norm, and
# settings that have no effect. The same bits at any rank and thread count; 75 samples in mini-batches of 32 leave 11 for the last one.
# usage: norms.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o data.h5 --shape 8x8x3 --train 75 --test 21
cat >plain.model <<'END_OF_MODEL'
conv 8 3
batchnorm
relu
residual a
  conv 12 3 stride=2
  batchnorm
  relu
  conv 12 3 groups=4
  batchnorm
end
gelu
globalavgpool
dense classes
END_OF_MODEL
sed '2s/$/ group=6/; 6s/$/ group=sync/; 9s/$/ group=rank:3/' plain.model >own.model
sed 's/batchnorm/& group=6/' plain.model >six.model
sed '9s/$/ gamma=0/' plain.model >zero.model
common=(data.h5 --batch-size 32 --microbatch 4)

# start NAME RANKS-THREADS ARGUMENT...: in the background.
start() {
  local name=$1 execution=$2
  shift 2
  throttle 3
  train "$name" "${execution%-*}" "${common[@]}" --epochs "${epochs:-2}" --threads "${execution#*-}" "$@" &
}

executions=(1-1 2-2 3-1 5-1)
if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then executions=(1-1 3-2); fi
for execution in "${executions[@]}"; do
  start "own-$execution" "$execution" --model own.model
  start "layer-$execution" "$execution" --model plain.model --norm layer
  start "group-$execution" "$execution" --model plain.model --norm group:4
  start "zero-$execution" "$execution" --model zero.model --bn 6
done
start sync 1-1 --model plain.model
start 6 1-1 --model plain.model --bn 6
start own-6 2-1 --model own.model --bn 6
epochs=1 start half 2-1 --model own.model --schedule constant
start both 1-1 --model own.model --schedule constant
wait
for kind in own layer group zero; do
  for execution in "${executions[@]}"; do same "$kind-1-1" "$kind-$execution"; done
  differs "$kind-1-1" sync
done
differs own-1-1 own-6 # the shortcut's batch norm has the run's
differs layer-1-1 group-1-1
says own-1-1 "3 of 4 batch norms have the normalization batch that the model names"

# What every layer names is what --bn says, but for the shortcut, which has no line of its own.
sed -i 's/^  conv 12 3 stride=2/  conv 8 3/; s/^  conv 12 3 groups=4/  conv 8 3 groups=4/' plain.model six.model
start plain-6 1-1 --model plain.model --bn 6
start six-sync 3-1 --model six.model
start six-16 1-1 --model six.model --bn 16
start plain-sync 1-1 --model plain.model
wait
same plain-6 six-sync
same six-sync six-16
differs plain-6 plain-sync
says six-16 "--bn 16 has no effect: every batch norm of the model has a group of its own"

# Layers of every kind, in both precisions; bf16 where the processor has it, near fp32.
cat >kinds.model <<'END_OF_MODEL'
conv 12 3
batchnorm group=6
gelu
conv 12 3 groups=4
layernorm
silu
residual a
  conv 12 3 groups=12
  groupnorm 3
  tanh
  conv 16 3x5 dilation=2x1 stride=2
  batchnorm
end
relu
conv 16 3 dilation=2 groups=2
groupnorm 4
gelu
maxpool 2
dense 20
layernorm
tanh
dense classes
END_OF_MODEL
precisions=(fp32)
run probe 1 train data.h5 --epochs 0 --precision bf16 --output probe
if [ "$(<probe.code)" -eq 0 ]; then
  precisions+=(bf16)
else
  says probe "choose --precision fp32"
  skipped "bf16 of layers of every kind" "this processor has none"
fi
for precision in "${precisions[@]}"; do
  for execution in "${executions[@]}"; do
    start "$precision-$execution" "$execution" --model kinds.model --precision "$precision"
  done
done
start slower 1-1 --model kinds.model --lr 0.01
wait
for precision in "${precisions[@]}"; do
  for execution in "${executions[@]}"; do same "$precision-1-1" "$precision-$execution"; done
done
# near A B: their training losses are, to 1%.
near() {
  awk -F, -v last="$(tail -n 1 "$1/metrics.csv")" 'END { split(last, other, ","); off = $4 / other[4] - 1; exit !(off * off < 1e-4) }' \
    "$2/metrics.csv"
}
if [ "${#precisions[@]}" -eq 2 ]; then
  differs fp32-1-1 bf16-1-1
  near fp32-1-1 bf16-1-1 || complain "bf16 learns otherwise than fp32" fp32-1-1/metrics.csv bf16-1-1/metrics.csv
fi
if near fp32-1-1 slower; then complain "another learning rate is as near as bf16 has to be" slower/metrics.csv; fi

# Stopped between its epochs, and evaluated: groups are as in training, or with a batch size of one's own the whole mini-batch.
train half 3 --resume --epochs 2 --threads 1
ended half 0
same half both
run batch 1 evaluate six-sync/last.h5 data.h5 --statistics batch
run batch_2 2 evaluate six-sync/last.h5 data.h5 --statistics batch
run plain_batch 1 evaluate plain-6/last.h5 data.h5 --statistics batch
run whole 1 evaluate six-sync/last.h5 data.h5 --statistics batch --batch-size 21
run precise 1 evaluate six-sync/last.h5 data.h5 --statistics precise
run precise_2 3 evaluate six-sync/last.h5 data.h5 --statistics precise
run plain_precise 2 evaluate plain-6/last.h5 data.h5 --statistics precise
for name in batch batch_2 plain_batch whole precise precise_2 plain_precise; do ended "$name" 0; done
result() {
  sed 's/six-sync\|plain-6//g; s/ranks*//; s/[0-9.]* seconds*//' "$1.out"
}
for pair in batch-batch_2 batch-plain_batch precise-precise_2 precise-plain_precise; do
  diff <(result "${pair%-*}") <(result "${pair#*-}") >difference || complain "evaluations differ: $pair" difference
done
diff <(result batch) <(result whole) >/dev/null && complain "a batch size of one's own evaluates as in training"
run shown 0 show six.model data.h5
ended shown 0
says shown "batchnorm group=6"
says shown "normalization batch (sync, or a"

# With a gamma of 0 a block begins as its shortcut, and learns.
for name in zero plain; do
  train "begun-$name" 0 data.h5 --model "$name.model" --epochs 0 --threads 1
  run "weights-$name" 0 export "begun-$name/last.h5" --to npz -o "begun-$name.npz"
  ended "weights-$name" 0
done
if has_python numpy "initial gammas"; then
  python3 - >python.out 2>&1 <<'END_OF_PYTHON' || complain "gamma=0 does not begin with gamma 0" python.out
import numpy
zero, plain = numpy.load("begun-zero.npz"), numpy.load("begun-plain.npz")
assert (zero["a.bn2.weight"] == 0).all() and (zero["a.bn1.weight"] == 1).all() and (zero["bn1.weight"] == 1).all()
assert all((plain[name] == 1).all() for name in plain.files if "bn" in name and name.endswith(".weight"))
END_OF_PYTHON
fi

# What has no effect is said, and what contradicts itself refused.
printf 'conv 4 3\nrelu\ndense classes\n' >none.model
train without 0 data.h5 --model none.model --bn 6 --epochs 0
ended without 0
says without "--bn 6 has no effect: the model has no batch norm"
printf '[Batch norm]\nbn = 6\nnorm = layer\n' >layer.ini
train replaced 0 data.h5 --model plain.model --config layer.ini --epochs 0
ended replaced 0
says replaced "--bn 6 has no effect: batch norm is replaced by layer norm"
train heeded 0 data.h5 --model plain.model --bn 6 --epochs 0
ended heeded 0
if grep -q "no effect" heeded.err; then complain "a setting that has an effect is said to have none" heeded.err; fi
train contradiction 0 data.h5 --model plain.model --bn 6 --norm layer --epochs 0
ended contradiction 2
says contradiction "--bn 6 says over which samples batch norm goes, and --norm layer puts another norm in its place"
train indivisible 0 data.h5 --model plain.model --norm group:3 --epochs 0
ended indivisible 2
says indivisible "8 channels cannot be cut into 3 groups alike"
sed 's/group=6/group=100/' six.model >large.model
train large 2 "${common[@]}" --model large.model
ended large 2
says large "bn1 has group=100 in its model text, which is more than the 32 samples of a mini-batch"
finish
