#!/usr/bin/env bash
# Networks of every kind in ONNX, on pictures of three channels and odd sizes: onnxruntime gives the logits that `predict` gives.
# usage: export_onnx.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

has_python "onnxruntime, onnx, h5py" "running ONNX models" || finish
for shape in 33x29x3 32x32x3 21; do
  run "$shape" 0 generate --shape "$shape" --classes 3 --train 48 --test 11 -o "$shape.h5"
done

# Grouped, depthwise, dilated, strided and lopsided windows; every pool with and without padding.
cat >windows.model <<'END'
conv 12 7x5 stride=2x1 pad=2x3
batchnorm
relu
maxpool 3 stride=2 pad=1
conv 12 3 groups=12
batchnorm
conv 18 3 groups=3 bias=yes
relu
conv 18 3 groups=6 dilation=2x3 pad=1x2
batchnorm
avgpool 3x2 stride=1x2 pad=1x0
conv 10 2x3 stride=1 pad=0
batchnorm
relu
maxpool 2x1
conv 9 1
avgpool 2 stride=1 pad=1
batchnorm
dense classes
END

# Every activation, norms of three kinds on images and on features, dropout.
cat >activations.model <<'END'
conv 8 3 stride=2
batchnorm eps=0.01
gelu
conv 12 3
groupnorm 4
silu
conv 8 3 stride=2
layernorm eps=0.001
tanh
conv 6 3
leakyrelu 0.2
batchnorm
sigmoid
dropout 0.3
maxpool 2
dense 17
batchnorm
gelu
dense 12
groupnorm 3
silu
dense 9
layernorm
leakyrelu 0.01
dropout 0.5
dense 8 bias=no
tanh
dense classes
END
sed -n '/^dense 17/,$p' activations.model >features.model

# Blocks in blocks, with both kinds of shortcut, batch norm before and after, and a global mean in the end.
cat >blocks.model <<'END'
conv 8 3
residual a
 batchnorm
 relu
 conv 8 3
 residual b shortcut=conv
  conv 8 3 groups=8
  batchnorm
  silu
  conv 8 1
 end
 tanh
end
residual c
 conv 12 3 stride=2
 batchnorm
 residual d
  relu
  conv 12 3 dilation=2
  batchnorm gamma=0
 end
end
relu
repeat 2
 residual e0
  conv 12 3
  groupnorm 6
 end
 leakyrelu 0.3
end
globalavgpool
dense classes
END

# Steps move the running statistics away from those of the beginning.
exported() {
  local name=$1 data=$2
  shift 2
  train "$name" 0 "$data" --batch-size 16 --epochs 2 --lr 0.02 --threads 1 "$@"
  ended "$name" 0
  run "$name-onnx" 0 export "$name/last.h5" -o "$name.onnx"
  if grep -q "this build has no export to ONNX" "$name-onnx.err"; then
    skipped "export to ONNX" "this build has no protobuf-c"
    finish
  fi
  ended "$name-onnx" 0
  run "$name-folded" 0 export "$name/last.h5" -o "$name-folded.onnx" --fold-batch-norm --layout nchw
  ended "$name-folded" 0
  run "$name-predict" 0 predict "$name/last.h5" "$data" -o "$name.json"
  ended "$name-predict" 0
}

for name in windows activations blocks; do exported "$name" 33x29x3.h5 --model "$name.model"; done
exported features 21.h5 --model features.model
exported grouped 33x29x3.h5 --model resnet8 --norm group:4
exported bare 33x29x3.h5 --model resnet8 --bn none
exported mobile 32x32x3.h5 --model mobilenet-32
exported residual 32x32x3.h5 --model resnet18-32

cat >compare.py <<'END'
"""Logits of onnxruntime beside those of `predict`, which prints the probabilities of three classes: their logarithms are the
logits but for what all three have in common. The bound is 1e-5; where logits are larger than 1, 1e-5 of the largest."""
import json, sys
import h5py, numpy, onnx, onnxruntime


def centred(logits):
    return logits - logits.mean(1, keepdims=True)


worst = 0
for word in sys.argv[1:]:
    name, data = word.split(":")
    with h5py.File(data) as file:
        samples = file["test/images" if "test/images" in file else "test/features"][()]
    with open(name + ".json") as lines:
        tops = [sorted(json.loads(line)["top"], key=lambda top: top["class"]) for line in lines]
    ours = numpy.array([[top["probability"] for top in three] for three in tops])
    assert ours.shape == (len(samples), 3) and (ours > 1e-30).all(), name
    ours = centred(numpy.log(ours))
    for file, turned in ((name + ".onnx", False), (name + "-folded.onnx", samples.ndim == 4)):
        onnx.checker.check_model(onnx.load(file), full_check=True)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        given = samples.transpose(0, 3, 1, 2).copy() if turned else samples
        logits = session.run(["logits"], {"input": given})[0].astype(float)
        scale = max(1, abs(logits).max())
        share = abs(centred(logits) - ours).max() / scale
        print(f"{file}: {share:.2g} of {scale:.3g}")
        assert abs(centred(logits) - numpy.roll(ours, 1, 0)).max() / scale > 1e-3, "all samples have the same logits"
        worst = max(worst, share)
assert worst < 1e-5, worst
END
python3 compare.py {windows,activations,blocks,grouped,bare}:33x29x3.h5 {mobile,residual}:32x32x3.h5 features:21.h5 >python.out 2>&1 ||
  complain "onnxruntime gives other logits than predict" python.out
cat python.out

finish
