#!/usr/bin/env bash
# Weights for other programs and back: their own libraries in Python read what `export` writes.
# usage: export.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5

# has_python MODULE WHAT: whether python3 has it; if not, WHAT is skipped.
has_python() {
  if python3 -c "import $1" 2>/dev/null; then return; fi
  skipped "$2" "python3 has no $1"
  return 1
}

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

finish
