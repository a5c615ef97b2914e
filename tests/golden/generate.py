#!/usr/bin/python3
"""Writes the golden numbers that tests/golden compares with: PyTorch in float64.

    apt-get install python3-torch python3-h5py; tests/golden/generate.py

Neither the build nor a test runs this; its files are kept beside it. Inputs are rounded to float32, so that float32
code starts from the same numbers. Activations of single operators are stored NHWC, everything else as PyTorch has it.
"""
import os

import h5py
import numpy as np
import torch
import torch.nn.functional as F

FOLDER = os.path.dirname(os.path.abspath(__file__))
EPSILON, MOMENTUM = 1e-5, 0.1  # of batch norm


def normal(rng, *shape, scale=1.0):
    """Normal deviates that float32 can hold, as a leaf that wants its gradient."""
    values = (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)
    return torch.tensor(values, requires_grad=True)


def store(group, arrays, **attributes):
    for name, values in arrays.items():
        if isinstance(values, torch.Tensor):
            values = values.detach().numpy()
        if values.dtype == np.float64 and np.all(values.astype(np.float32) == values):
            values = values.astype(np.float32)  # the same numbers in half the space
        group[name] = values
    for name, value in attributes.items():
        group.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def nhwc(x):
    return x.detach().permute(0, 2, 3, 1).numpy() if x.dim() == 4 else x


def differentiate(group, rng, y, leaves, **attributes):
    """Stores y, its leaves, a random dy, and the gradients of the leaves under it ("d" and the leaf's name)."""
    dy = normal(rng, *y.shape)
    y.backward(dy.detach())
    arrays = {"y": nhwc(y), "dy": nhwc(dy)}
    for name, leaf in leaves.items():
        image = name == "x"
        arrays[name] = nhwc(leaf) if image else leaf
        arrays["d" + name] = nhwc(leaf.grad) if image else leaf.grad
    store(group, arrays, **attributes)


def linear_operators(file, rng):
    shapes = {  # samples, in, height, width, out, kernel, stride, pad
        "conv_3x3": (2, 3, 7, 6, 5, 3, 1, 1), "conv_3x3_stride_2": (2, 5, 8, 7, 6, 3, 2, 1),
        "conv_1x1": (2, 17, 3, 4, 10, 1, 1, 0), "conv_1x1_stride_2": (2, 6, 6, 6, 10, 1, 2, 0),
        "conv_5x5": (2, 1, 9, 9, 4, 5, 1, 0)}
    for name, (n, c_in, h, w, c_out, kernel, stride, pad) in shapes.items():
        x, weight, bias = normal(rng, n, c_in, h, w), normal(rng, c_out, c_in, kernel, kernel), normal(rng, c_out)
        differentiate(file.create_group(name), rng, F.conv2d(x, weight, bias, stride, pad),
                      {"x": x, "w": weight, "b": bias}, stride=stride, pad=pad)
    x, weight, bias = normal(rng, 5, 33), normal(rng, 10, 33), normal(rng, 10)
    differentiate(file.create_group("dense"), rng, F.linear(x, weight, bias), {"x": x, "w": weight, "b": bias})


def other_operators(file, rng):
    for name, function in (("relu", torch.relu), ("sigmoid", torch.sigmoid)):
        x = normal(rng, 6, 23, scale=4)
        differentiate(file.create_group(name), rng, function(x), {"x": x})
    pools = {"max_pool": (3, 2, 1, F.max_pool2d), "max_pool_2x2": (2, 2, 0, F.max_pool2d),
             "average_pool": (3, 2, 1, lambda x, k, s, p: F.avg_pool2d(x, k, s, p, count_include_pad=False)),
             "global_average_pool": (7, 1, 0, lambda x, k, s, p: F.adaptive_avg_pool2d(x, 1))}
    for name, (kernel, stride, pad, function) in pools.items():
        x = normal(rng, 2, 3, 7, 7)
        differentiate(file.create_group(name), rng, function(x, kernel, stride, pad), {"x": x},
                      kernel=kernel, stride=stride, pad=pad)
    for name, smoothing in (("cross_entropy", 0.0), ("cross_entropy_smoothing", 0.1)):
        logits, label = normal(rng, 7, 10, scale=3), torch.tensor(rng.integers(0, 10, 7))
        loss = F.cross_entropy(logits, label, reduction="none", label_smoothing=smoothing)
        loss.mean().backward()
        store(file.create_group(name), {"logits": logits, "label": label.numpy().astype(np.int32), "loss": loss,
                                        "dlogits": logits.grad}, smoothing=smoothing)


def optimizers(file, rng):
    makers = {
        "sgd": lambda w: torch.optim.SGD([w], lr=0.1, weight_decay=0.01),
        "sgd_momentum": lambda w: torch.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01),
        "sgd_nesterov": lambda w: torch.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        "adam": lambda w: torch.optim.Adam([w], lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
        "adamw": lambda w: torch.optim.AdamW([w], lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)}
    for name, make in makers.items():
        w, gradients, after = normal(rng, 19), normal(rng, 6, 19), []
        before = w.detach().clone()
        optimizer = make(w)
        for gradient in gradients.detach():
            w.grad = gradient.clone()
            optimizer.step()
            after.append(w.detach().clone())
        options = {k: v for k, v in optimizer.defaults.items() if k in ("lr", "momentum", "weight_decay", "eps")}
        store(file.create_group(name), {"w": before, "gradient": gradients, "after": torch.stack(after)}, **options)


def batch_norm(x, gamma, beta, bounds):
    """Batch norm of each group of samples by itself."""
    return torch.cat([F.batch_norm(x[a:b], None, None, gamma, beta, True, eps=EPSILON)
                      for a, b in zip(bounds, bounds[1:])])


def running_update(mean, variance, x):
    """The statistics of the whole mini-batch, whatever the groups: by the law of total variance, they pool to these."""
    with torch.no_grad():
        F.batch_norm(x, mean, variance, training=True, momentum=MOMENTUM)


def group_bounds(samples, size):
    return list(range(0, samples, size)) + [samples]


def batch_norm_cases(file, rng):
    cases = {  # group bounds, channels, pixels of an image, mean and scale
        "sync": ([0, 12], 5, 6, 0, 1), "ghost_5": ([0, 5, 10, 12], 17, 2, 0.5, 2),
        "uneven": ([0, 7, 8, 12], 3, 4, -1, 1), "features": ([0, 6, 12], 20, 1, 0, 1),
        "mean_1000_std": ([0, 12], 4, 8, 1000, 1)}
    for name, (bounds, channels, pixels, mean, scale) in cases.items():
        x = torch.tensor((mean + scale * rng.standard_normal((bounds[-1], channels, 1, pixels))).astype(np.float32)
                         .astype(np.float64), requires_grad=True)
        gamma, beta = normal(rng, channels), normal(rng, channels)
        running_mean, running_var = normal(rng, channels).detach(), normal(rng, channels).detach().abs()
        store(file.create_group(name), {"running_mean": running_mean.clone(), "running_var": running_var.clone(),
                                        "bounds": np.array(bounds, np.int32)})
        running_update(running_mean, running_var, x)
        store(file[name], {"new_running_mean": running_mean, "new_running_var": running_var})
        differentiate(file[name], rng, batch_norm(x, gamma, beta, bounds), {"x": x, "gamma": gamma, "beta": beta},
                      epsilon=EPSILON, momentum=MOMENTUM)


RESIDUAL = """conv 4 3x3
batchnorm
relu
residual layer1.0
  conv 4 3x3
  batchnorm
  relu
  conv 4 3x3
  batchnorm
end
relu
residual layer2.0
  conv 8 3x3 stride=2
  batchnorm
  relu
  conv 8 3x3
  batchnorm
end
relu
globalavgpool
dense classes name=fc
"""
MLP = """dense 16
batchnorm
relu
dense classes
"""


class Network:
    """Parameters and running statistics under PyTorch's names; the networks are written out, layer by layer."""

    def __init__(self, rng, shapes, group):
        self.group, self.margin = group, np.inf
        self.state = {}
        for name, shape in shapes.items():
            fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
            if name.endswith("running_mean") or name.endswith("running_var"):
                self.state[name] = torch.full(shape, float(name.endswith("var")), dtype=torch.float64)
            elif name.endswith("weight") and len(shape) == 1:
                self.state[name] = (1 + normal(rng, *shape, scale=0.125)).detach().float().double().requires_grad_()
            else:
                self.state[name] = normal(rng, *shape, scale=(2 / fan_in) ** 0.5)

    def norm(self, name, x):
        running_update(self.state[name + ".running_mean"], self.state[name + ".running_var"], x)
        bounds = group_bounds(len(x), self.group)
        return batch_norm(x, self.state[name + ".weight"], self.state[name + ".bias"], bounds)

    def relu(self, x):
        self.margin = min(self.margin, x.detach().abs().min().item())
        return torch.relu(x)

    def conv(self, name, x, stride=1):
        weight = self.state[name + ".weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)

    def block(self, name, x, stride=1):
        y = self.relu(self.norm(name + ".bn1", self.conv(name + ".conv1", x, stride)))
        y = self.norm(name + ".bn2", self.conv(name + ".conv2", y))
        if name + ".downsample.0.weight" in self.state:
            x = self.norm(name + ".downsample.1", self.conv(name + ".downsample.0", x, stride))
        return self.relu(y + x)

    def residual(self, x):
        x = self.relu(self.norm("bn1", self.conv("conv1", x)))
        x = self.block("layer2.0", self.block("layer1.0", x), 2).mean((2, 3))
        return F.linear(x, self.state["fc.weight"], self.state["fc.bias"])

    def mlp(self, x):
        x = self.relu(self.norm("bn1", F.linear(x.flatten(1), self.state["dense1.weight"])))
        return F.linear(x, self.state["dense2.weight"], self.state["dense2.bias"])


def norm_shapes(name, channels):
    return {f"{name}.{value}": (channels,) for value in ("weight", "bias", "running_mean", "running_var")}


def residual_shapes():
    shapes = {"conv1.weight": (4, 3, 3, 3), **norm_shapes("bn1", 4)}
    for block, c_in, c_out in (("layer1.0", 4, 4), ("layer2.0", 4, 8)):
        shapes.update({f"{block}.conv1.weight": (c_out, c_in, 3, 3), **norm_shapes(f"{block}.bn1", c_out),
                       f"{block}.conv2.weight": (c_out, c_out, 3, 3), **norm_shapes(f"{block}.bn2", c_out)})
        if c_in != c_out:
            shapes.update({f"{block}.downsample.0.weight": (c_out, c_in, 1, 1),
                           **norm_shapes(f"{block}.downsample.1", c_out)})
    return {**shapes, "fc.weight": (10, 8), "fc.bias": (10,)}


def mlp_shapes():
    return {"dense1.weight": (16, 18), **norm_shapes("bn1", 16), "dense2.weight": (10, 16), "dense2.bias": (10,)}


def training_run(file, name, text, shapes, forward, image, group, seed):
    """Ten steps of SGD over three mini-batches in turn; seeds are tried until no rectifier comes so near to zero that rounding could flip it."""
    steps, batches, batch, smoothing = 10, 3, 12, 0.1
    rng = np.random.default_rng(seed)
    network = Network(rng, shapes, group)
    channels, height, width = image
    pixels = rng.integers(0, 256, (batches * batch, height, width, channels), np.uint8)
    label = rng.integers(0, 10, batches * batch).astype(np.int32)
    mean, std = np.linspace(0.4, 0.6, channels), np.linspace(0.2, 0.35, channels)
    initial = {key: value.detach().clone() for key, value in network.state.items()}
    trained = [(key, value) for key, value in network.state.items() if value.requires_grad]
    optimizer = torch.optim.SGD([{"params": [v for _, v in trained if v.dim() > 1], "weight_decay": 1e-3},
                                 {"params": [v for _, v in trained if v.dim() == 1], "weight_decay": 0.0}],
                                lr=0.05, momentum=0.9)
    losses = []
    for step in range(steps):
        chosen = slice(step % batches * batch, (step % batches + 1) * batch)
        x = torch.tensor(((pixels[chosen] / 255.0 - mean) / std).transpose(0, 3, 1, 2))
        loss = F.cross_entropy(forward(network, x), torch.tensor(label[chosen], dtype=torch.int64),
                               label_smoothing=smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if network.margin < 1e-5:
        return training_run(file, name, text, shapes, forward, image, group, seed + 1)
    run = file.create_group(name)
    store(run, {"pixels": pixels, "label": label, "mean": mean, "std": std, "loss": np.array(losses)}, model=text,
          norm="sync" if group == batch else str(group), lr=0.05, momentum=0.9, weight_decay=1e-3,
          smoothing=smoothing, norm_epsilon=EPSILON, norm_momentum=MOMENTUM)
    store(run.create_group("initial"), initial)
    store(run.create_group("final"), network.state)
    print(f"{name}: seed {seed}, margin {network.margin:.1e}, losses {losses[0]:.4f} .. {losses[-1]:.4f}")


def main():
    torch.set_num_threads(1)
    with h5py.File(os.path.join(FOLDER, "operators.h5"), "w", libver="latest") as file:
        rng = np.random.default_rng(1)
        linear_operators(file, rng)
        other_operators(file, rng)
        optimizers(file, rng)
    with h5py.File(os.path.join(FOLDER, "batch_norm.h5"), "w", libver="latest") as file:
        batch_norm_cases(file, np.random.default_rng(2))
    with h5py.File(os.path.join(FOLDER, "steps.h5"), "w", libver="latest") as file:
        training_run(file, "sync", RESIDUAL, residual_shapes(), Network.residual, (3, 8, 8), 12, 100)
        training_run(file, "ghost_5", RESIDUAL, residual_shapes(), Network.residual, (3, 8, 8), 5, 200)
        training_run(file, "mlp", MLP, mlp_shapes(), Network.mlp, (2, 3, 3), 12, 300)


if __name__ == "__main__":
    main()
