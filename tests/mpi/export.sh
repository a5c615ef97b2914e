#!/usr/bin/env bash
# Weights for other programs and back: their own libraries in Python read what `export` writes.
# usage: export.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5

train cnn 0 "$digits" --train-samples 300 --epochs 1 --threads 1
ended cnn 0

# Names by default, and nothing is replaced without a word.
run safetensors 0 export cnn/last.h5
run npz 0 export cnn/last.h5 --to npz
run folded 0 export cnn/last.h5 --to npz --fold-batch-norm -o folded.npz
for name in safetensors npz folded; do ended "$name" 0; done
says safetensors "^cnn/last.safetensors: written"
run taken 0 export cnn/last.h5
ended taken 2
says taken "is there already; give --force"
run forced 0 export cnn/last.h5 --force
ended forced 0
run dataset 0 export "$digits" -o dataset.safetensors
ended dataset 3
[ ! -e dataset.safetensors ] || complain "a dataset was exported"

# What the libraries of these formats read is what the checkpoint holds.
if has_python safetensors.numpy "reading safetensors with its own library" && has_python h5py "comparing with h5py"; then
  python3 - >python.out 2>&1 <<'END' || complain "Python reads other weights" python.out
import h5py, numpy
from safetensors import safe_open
from safetensors.numpy import load_file

tensors, arrays = load_file("cnn/last.safetensors"), numpy.load("cnn/last.npz")
with h5py.File("cnn/last.h5") as file:
    state = {name: data[()] for name, data in file["parameters"].items()}
    text, fingerprint = file.attrs["model"], file.attrs["fingerprint"]
assert set(tensors) == set(state) == set(arrays.files), set(tensors) ^ set(state)
for name, data in state.items():
    for other in (tensors[name], arrays[name]):
        assert other.shape == data.shape and (other == data).all(), name
assert tensors["bn1.num_batches_tracked"] == 3 and tensors["bn1.num_batches_tracked"].dtype == numpy.int64
with safe_open("cnn/last.safetensors", "np") as file:
    about = file.metadata()
decode = lambda value: value.decode() if isinstance(value, bytes) else value
assert about["format"] == "pt" and about["model"] == decode(text) and about["fingerprint"] == decode(fingerprint)
assert about["input"] == "8x8x1" and about["classes"] == "10"

# Batch norm as part of the layer before it, reckoned once more.
folded = numpy.load("folded.npz")
assert not [name for name in folded.files if name.startswith("bn")]
for layer, norm in (("conv1", "bn1"), ("conv2", "bn2"), ("dense1", "bn3")):
    factor = state[norm + ".weight"].astype(float) / numpy.sqrt(state[norm + ".running_var"].astype(float) + 1e-5)
    weight = state[layer + ".weight"] * factor.reshape([-1] + [1] * (state[layer + ".weight"].ndim - 1))
    bias = state[norm + ".bias"] - factor * state[norm + ".running_mean"]
    assert numpy.abs(folded[layer + ".weight"] - weight).max() < 1e-6 and numpy.abs(folded[layer + ".bias"] - bias).max() < 1e-6
assert (folded["dense2.bias"] == state["dense2.bias"]).all()
END
fi

# A network with layers of every kind, taken to ONNX with and without batch norm folded in.
cat >everything.model <<'END'
conv 6 3x3
batchnorm
relu
conv 8 3x5 pad=1x2 bias=no groups=2
groupnorm 4
leakyrelu 0.1
residual layer1.0
conv 8 3x3 groups=8
batchnorm eps=0.01 momentum=0.3
gelu
conv 8 3x3 dilation=2
batchnorm gamma=0
end
layernorm eps=0.001
silu
maxpool 3 stride=2 pad=1
residual layer2.0
conv 12 3x3 stride=2
batchnorm
relu
end
tanh
dropout 0.2
avgpool 2 stride=1 pad=1
conv 12 1x1
sigmoid
dense 20
batchnorm
relu
dense 12
groupnorm 3
dense 12
layernorm
dense classes
END
train everything 0 "$digits" --model everything.model --train-samples 300 --epochs 1 --threads 1
run onnx 0 export everything/last.h5 --to onnx
run predict 0 predict everything/last.h5 "$digits:0-99" --json -o predicted.json
run nchw 0 export everything/last.h5 --to onnx --fold-batch-norm --layout nchw -o folded.onnx
run misplaced 0 export everything/last.h5 --layout nchw -o misplaced.safetensors
for name in everything predict; do ended "$name" 0; done
ended misplaced 2
if grep -q "this build has no export to ONNX" onnx.err; then
  ended onnx 2
  skipped "export to ONNX" "this build has no protobuf-c"
elif ended onnx 0 && ended nchw 0 && has_python onnxruntime "running ONNX models" && has_python onnx "checking ONNX models"; then
  python3 - "$digits" >python.out 2>&1 <<'END' || complain "onnxruntime gives other probabilities than predict" python.out
import json, sys
import h5py, numpy, onnx, onnxruntime

with h5py.File(sys.argv[1]) as file:
    images = file["test/images"][:100]
with open("predicted.json") as lines:
    expected = [json.loads(line)["top"] for line in lines]
assert len(expected) == 100
for name, samples in (("everything/last.onnx", images), ("folded.onnx", images.transpose(0, 3, 1, 2).copy())):
    onnx.checker.check_model(onnx.load(name), full_check=True)
    session = onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])
    logits, probabilities = session.run(["logits", "probabilities"], {"input": samples})
    one = session.run(["logits"], {"input": samples[:1]})[0]
    assert numpy.abs(one - logits[:1]).max() < 1e-5
    softmax = numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)
    assert numpy.abs(softmax - probabilities).max() < 1e-6
    off = max(abs(probabilities[i, at["class"]] - at["probability"]) for i, top in enumerate(expected) for at in top)
    assert off < 1e-5, off
    assert json.loads(json.dumps(session.get_modelmeta().custom_metadata_map))["input"] == "8x8x1"
END
fi

# Back again: from each format the same checkpoint, which holds what it was exported from.
run all_safetensors 0 export everything/last.h5
run all_npz 0 export everything/last.h5 --to npz
settings=("$digits" --model everything.model)
run from_safetensors 0 import-weights everything/last.safetensors "${settings[@]}" -o a.h5
run from_npz 0 import-weights everything/last.npz "${settings[@]}" -o b.h5
run again 0 export a.h5 --to npz
for name in all_safetensors all_npz from_safetensors from_npz again; do ended "$name" 0; done
cmp -s a.npz everything/last.npz || complain "other weights come back than were exported"
content_of() {
  "$program" info "$1" | grep fingerprint
}
[ "$(content_of a.h5)" = "$(content_of b.h5)" ] || complain "safetensors and npz give other checkpoints"
train begun 0 "${settings[@]}" --epochs 0 --init everything/last.h5
ended begun 0
[ "$(content_of a.h5)" = "$(content_of begun/last.h5)" ] || complain "--init begins with other weights than import-weights"
run use 0 predict a.h5 "$digits:0-99" --json -o imported.json
cmp -s imported.json predicted.json || complain "an imported network predicts something else"

# Names that do not fit, told at once.
run other 0 import-weights cnn/last.safetensors "${settings[@]}" -o other.h5
ended other 3
says other "it lacks .* tensors: .*; of another shape are .*; the model has no place for"
run folded_in 0 import-weights folded.npz "$digits" -o folded.h5
ended folded_in 3
says folded_in "folded batch norm go with --bn none"
run unfolded 0 import-weights folded.npz "$digits" --bn none -o folded.h5
ended unfolded 0
sed 's/dense classes/dense classes name=head/' "$LOCKSTEP_SOURCE/data/models/cnn.model" >head.model
train head 0 "$digits" --model head.model --epochs 0 --init cnn/last.safetensors
ended head 3
train new_head 0 "$digits" --model head.model --epochs 0 --init cnn/last.npz --init-except head
ended new_head 3
says new_head "the model has no place for 2: dense2.weight, dense2.bias"

# What is frozen stays: with the head begun anew, a network is again what it was before it was trained on, but for the head.
fine=("$digits" --train-samples 300 --epochs 1 --init cnn/last.safetensors --freeze "conv*,dense1" --freeze-bn --decay-all)
train tuned 0 "${fine[@]}" --threads 1
train tuned_2 2 "${fine[@]}" --threads 2
train tuned_3 3 "${fine[@]}" --threads 1
train free 0 "$digits" --train-samples 300 --epochs 1 --init cnn/last.safetensors --threads 1 --freeze "conv*,dense1"
for name in tuned tuned_2 tuned_3 free; do ended "$name" 0; done
says tuned "frozen   conv\*,dense1 and batch norm; 1290 parameters are trained"
same tuned tuned_2
same tuned tuned_3
differs tuned free
train before 0 "$digits" --epochs 0 --init cnn/last.h5 --init-except dense2
train after 0 "$digits" --epochs 0 --init tuned/last.h5 --init-except dense2
train loose 0 "$digits" --epochs 0 --init free/last.h5 --init-except dense2
[ "$(fingerprint_of before)" = "$(fingerprint_of after)" ] || complain "what is frozen moved"
[ "$(fingerprint_of before)" != "$(fingerprint_of loose)" ] || complain "batch norm that is not frozen did not move"
train nothing 0 "$digits" --freeze "*"
ended nothing 2
says nothing "leaves no parameter to train"
train unknown 0 "$digits" --freeze conv7
ended unknown 2
says unknown "no layer that has parameters is called 'conv7'; did you mean 'conv1'?"

finish
