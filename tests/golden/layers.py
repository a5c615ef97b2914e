#!/usr/bin/python3
"""Writes tests/golden/layers.h5: networks of the layers of model texts, forwards and backwards, by PyTorch in float64.

    apt-get install python3-torch python3-h5py; tests/golden/layers.py

Neither the build nor a test runs this; its file is kept beside it. Parameters are rounded to float32.
"""
import os

import h5py
import numpy as np
import torch
import torch.nn.functional as F

from twin import Twin

FOLDER = os.path.dirname(os.path.abspath(__file__))
SAMPLES, HEIGHT, WIDTH, CHANNELS, CLASSES = 11, 9, 8, 3, 5

ACTIVATIONS = """conv 6 3
batchnorm momentum=0.3 eps=0.01
gelu
conv 7 3
silu
conv 5 1
tanh
maxpool 2
dense 12
batchnorm
silu
dense classes
"""
CONVOLUTIONS = """conv 6 3
batchnorm
relu
residual a
  residual b
    conv 6 3 groups=6
    batchnorm
  end
  relu
  conv 6 3x5 dilation=2x1
  batchnorm
end
repeat 2
  residual c0 shortcut=conv
    conv 12 3 groups=3 stride=2
    batchnorm gamma=0
  end
  relu
end
globalavgpool
dense classes
"""
NORMS = """conv 8 3
layernorm
relu
conv 6 3 stride=2
groupnorm 3 eps=0.001
relu
residual a
  conv 12 3
  groupnorm 2
end
maxpool 2
dense 10
layernorm
tanh
dense classes
"""
REPLACED = """conv 8 3
batchnorm
relu
residual a
  conv 12 3 stride=2
  batchnorm
end
gelu
globalavgpool
dense classes
"""


def case(file, name, text, seed, groups=None):
    rng = np.random.default_rng(seed)

    def make(tensor, shape):
        about = 1.0 if len(shape) == 1 and tensor.endswith("weight") else 0.0
        scale = 0.3 if len(shape) == 1 else np.prod(shape[1:]) ** -0.5
        values = (about + scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)
        return torch.tensor(values, requires_grad=True)

    pixels = rng.integers(0, 256, (SAMPLES, HEIGHT, WIDTH, CHANNELS)).astype(np.uint8)
    label = rng.integers(0, CLASSES, SAMPLES).astype(np.int32)
    mean, std = np.array([0.5, 0.45, 0.4]), np.array([0.3, 0.25, 0.28])
    x = torch.tensor(((pixels / 255.0 - mean) / std).transpose(0, 3, 1, 2).copy())
    twin, parameters = Twin(text, CLASSES, make, groups), {}
    logits = twin.forward(x, parameters).reshape(SAMPLES, CLASSES)
    loss = F.cross_entropy(logits, torch.tensor(label).long())
    loss.backward()
    group = file.create_group(name)
    group.attrs["model"] = np.bytes_(text)
    for key, values in {"pixels": pixels, "label": label, "mean": mean, "std": std, "loss": loss.detach().numpy(),
                        "logits": logits.detach().numpy()}.items():
        group[key] = values
    for tensor, values in parameters.items():
        group[f"initial/{tensor}"] = values.detach().numpy().astype(np.float32)
        group[f"gradient/{tensor}"] = values.grad.numpy().astype(np.float32)
    for norm, (batch_mean, variance) in twin.running.items():
        a = twin.momenta[norm]
        group[f"running/{norm}.running_mean"] = (a * batch_mean).numpy()
        group[f"running/{norm}.running_var"] = (1 - a + a * variance).numpy()


def main():
    with h5py.File(os.path.join(FOLDER, "layers.h5"), "w", libver="latest") as file:
        case(file, "activations", ACTIVATIONS, 1)
        case(file, "convolutions", CONVOLUTIONS, 2)
        case(file, "norms", NORMS, 3)
        case(file, "replaced", REPLACED, 4, groups=2)


main()
