#!/usr/bin/python3
"""The real networks among the presets, by their papers' definitions in PyTorch: what tests/mpi/presets_python.sh compares with.

    presets.py parameters NAME...                      of networks for 1000 classes: NAME and number, a line each
    presets.py draw NAME DATA.h5 WEIGHTS.npz           parameters by chance, running statistics of the training samples
    presets.py compare NAME DATA.h5 PREDICTED.json STEPPED.npz RATE
        log-probabilities of the test samples, the gradients that one step at that rate tells, and running statistics

The definitions know nothing of Lockstep but the names of its tensors. Everything is computed in float64, in float32, and in
float64 by a network that is a little wrong: Lockstep, which computes in fp32, may be off by a few times what PyTorch's float32 is
off, and the wrong network has to be off by far more. Where rounding makes another pixel win a max pool, or takes a value to the
other side of a relu, a gradient jumps; NAME:smooth is the network with silu and mean pools in their places, which has no jumps.
"""
import json
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

# He et al. 2015, table 1; Simonyan & Zisserman 2014, configuration A; Sandler et al. 2018, table 2: expansion, channels,
# blocks, stride.
RESNETS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
VGG11 = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")
MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class Network:
    """Its tensors come into being when they are first asked for. wrong: makes one mistake on purpose."""

    def __init__(self, name, classes, tensors, make=None, training=True, wrong=False):
        name, smooth, _ = name.partition(":smooth")
        self.kind, small, _ = name.partition("-32")
        self.activation = F.silu if smooth else F.relu
        self.pools = [F.max_pool2d, F.avg_pool2d][:: -1 if smooth else 1]
        self.small, self.classes, self.tensors, self.make = bool(small), classes, tensors, make
        self.training, self.wrong, self.numbers, self.running = training, wrong, {}, {}

    def tensor(self, name, *shape):
        if name not in self.tensors:
            self.tensors[name] = self.make(name, shape)
        if tuple(self.tensors[name].shape) != shape:
            raise SystemExit(f"{name} has the shape {tuple(self.tensors[name].shape)} instead of {shape}")
        return self.tensors[name]

    def pool(self, x, kernel, stride, pad=0, wrong=False):
        pool = self.pools[wrong]
        return pool(x, kernel, stride, pad, **({"count_include_pad": False} if pool is F.avg_pool2d else {}))

    def count(self, prefix, kind):
        self.numbers[prefix, kind] = self.numbers.get((prefix, kind), 0) + 1
        return f"{prefix}{kind}{self.numbers[prefix, kind]}"

    def norm(self, x, name):
        affine = self.tensor(f"{name}.weight", x.shape[1]), self.tensor(f"{name}.bias", x.shape[1])
        if not self.training:
            mean, variance = (self.tensor(f"{name}.running_{word}", x.shape[1]) for word in ("mean", "var"))
            return F.batch_norm(x, mean, variance, *affine, False, eps=1e-5)
        self.running[f"{name}.running_mean"] = x.detach().mean((0, 2, 3))
        self.running[f"{name}.running_var"] = x.detach().transpose(0, 1).flatten(1).var(1)
        return F.batch_norm(x, None, None, *affine, True, eps=1e-5)

    def conv(self, x, outputs, kernel, stride=1, groups=1, prefix=""):
        """With the batch norm that follows it."""
        weight = self.tensor(self.count(prefix, "conv") + ".weight", outputs, x.shape[1] // groups, kernel, kernel)
        x = F.conv2d(x, weight, None, stride, kernel // 2, 1, groups)
        return self.norm(x, self.count(prefix, "bn"))

    def dense(self, x, outputs, name):
        return F.linear(x, self.tensor(f"{name}.weight", outputs, x.shape[1]), self.tensor(f"{name}.bias", outputs))

    def shortcut(self, x, outputs, stride, prefix):
        if stride == 1 and x.shape[1] == outputs:
            return x
        weight = self.tensor(f"{prefix}downsample.0.weight", outputs, x.shape[1], 1, 1)
        return self.norm(F.conv2d(x, weight, None, stride), f"{prefix}downsample.1")

    def block(self, x, width, stride, prefix):
        first, second = (stride, 1) if self.wrong else (1, stride)
        if self.kind == "resnet18":
            y = self.activation(self.conv(x, width, 3, second, prefix=prefix))
            y = self.conv(y, width, 3, first, prefix=prefix)
        else:  # the stride stands at the 3x3 convolution, as torchvision has it
            y = self.activation(self.conv(x, width, 1, first, prefix=prefix))
            y = self.activation(self.conv(y, width, 3, second, prefix=prefix))
            y = self.conv(y, 4 * width, 1, prefix=prefix)
        return self.activation(y + self.shortcut(x, y.shape[1], stride, prefix))

    def resnet(self, x):
        x = self.activation(self.conv(x, 64, 3 if self.small else 7, 1 if self.small else 2))
        if not self.small:
            x = self.pool(x, 3, 2, 1)
        for stage, blocks in enumerate(RESNETS[self.kind]):
            for block in range(blocks):
                x = self.block(x, 64 << stage, 2 if stage > 0 and block == 0 else 1, f"layer{stage + 1}.{block}.")
        return self.dense(x.mean((2, 3)), self.classes, "fc")

    def vgg11(self, x):
        for place, step in enumerate(VGG11):
            if step != "pool":
                x = self.activation(self.conv(x, step, 3))
            else:
                x = self.pool(x, 2, 2, wrong=self.wrong and place == 1)
        x = x.flatten(1)
        if self.small:
            return self.dense(x, self.classes, "dense1")
        x = self.activation(self.dense(x, 4096, "dense1"))
        x = self.activation(self.dense(x, 4096, "dense2"))
        return self.dense(x, self.classes, "dense3")

    def inverted(self, x, expansion, outputs, stride, prefix):
        act = F.gelu if self.wrong else self.activation
        hidden = expansion * x.shape[1]
        y = act(self.conv(x, hidden, 1, prefix=prefix)) if expansion > 1 else x
        y = act(self.conv(y, hidden, 3, stride, hidden, prefix))
        return self.conv(y, outputs, 1, prefix=prefix)

    def mobilenet(self, x):
        x = self.activation(self.conv(x, 32, 3, 1 if self.small else 2))
        for stage, (expansion, outputs, blocks, stride) in enumerate(MOBILENET):
            if self.small and stage == 1:
                stride = 1
            x = self.inverted(x, expansion, outputs, stride, "")
            for block in range(1, blocks):
                x = x + self.inverted(x, expansion, outputs, 1, f"block{stage + 1}.{block}.")
        x = self.activation(self.conv(x, 1280, 1))
        return self.dense(x.mean((2, 3)), self.classes, "dense1")

    def logits(self, x):
        return {"vgg11": self.vgg11, "mobilenet": self.mobilenet}.get(self.kind, self.resnet)(x)


def parameters(name):
    """For samples of the usual size; they are counted, not computed."""
    tensors, side = {}, 32 if name.endswith("-32") else 224
    net = Network(name, 1000, tensors, lambda _, shape: torch.empty(shape, device="meta"), training=False)
    net.logits(torch.empty(1, 3, side, side, device="meta"))
    return sum(t.numel() for key, t in tensors.items() if ".running_" not in key)


def draw(name, classes, x):
    """Tensors of float32 values in float64. Running statistics are those of x."""
    rng = np.random.default_rng(sum(name.encode()))

    def make(tensor, shape):
        about = 1.0 if len(shape) == 1 and tensor.endswith("weight") else 0.0
        scale = 0.2 if len(shape) == 1 else np.prod(shape[1:]) ** -0.5
        return torch.tensor((about + scale * rng.standard_normal(shape)).astype(np.float32)).double()

    tensors = {}
    net = Network(name, classes, tensors, make)
    with torch.no_grad():
        net.logits(x)
    return {**tensors, **{key: value.float().double() for key, value in net.running.items()}}


def samples(path, split, dtype=torch.float64):
    with h5py.File(path, "r") as file:
        pixels, label = file[f"{split}/images"][()], file[f"{split}/labels"][()]
        mean, std = np.array(file.attrs["mean"], float), np.array(file.attrs["std"], float)
    x = ((pixels / 255.0 - mean) / std).transpose(0, 3, 1, 2).copy()
    return torch.tensor(x).to(dtype), torch.tensor(label).long()


def computed(name, path, classes, drawn, dtype=torch.float64, wrong=False):
    """Log-probabilities of the test samples, gradients and running statistics of the training samples, as float64."""
    x, _ = samples(path, "test", dtype)
    tensors = {key: value.to(dtype, copy=True) for key, value in drawn.items()}
    with torch.no_grad():
        answer = Network(name, classes, tensors, training=False, wrong=wrong).logits(x).double().log_softmax(1)
    x, label = samples(path, "train", dtype)
    learned = [key for key in tensors if ".running_" not in key]
    for key in learned:
        tensors[key].requires_grad_()
    net = Network(name, classes, tensors, wrong=wrong)
    F.cross_entropy(net.logits(x), label).backward()
    gradients = {key: tensors[key].grad.double().numpy() for key in learned}
    return answer.numpy(), gradients, {key: value.double().numpy() for key, value in net.running.items()}


def lockstep(drawn, predicted, stepped, rate, classes):
    with open(predicted) as lines:
        tops = [json.loads(line)["top"] for line in lines]
    answer = np.full((len(tops), classes), np.nan)
    for row, top in zip(answer, tops):
        for at in top:
            row[at["class"]] = np.log(at["probability"])
    after = np.load(stepped)
    left_over = set(after.files) ^ set(drawn)
    if any(not key.endswith("num_batches_tracked") for key in left_over):
        raise SystemExit(f"tensors that only one of them has: {sorted(left_over)}")
    gradients = {key: (value.numpy() - after[key]) / rate for key, value in drawn.items() if ".running_" not in key}
    return answer, gradients, {key: after[key].astype(float) for key in drawn if ".running_" in key}


def relative(found, expected, whole):
    """Of a gradient relative to its length, but at least to that of a tensor as large with values of usual size: the true
    gradient of what a batch norm subtracts again is 0. whole: [length, elements] of all of them."""
    usual = 0.01 * whole[0] * (expected.size / whole[1]) ** 0.5
    return np.linalg.norm(found - expected) / max(np.linalg.norm(expected), usual)


def errors(found, expected):
    """The largest ones, by what they are of."""
    whole = np.linalg.norm([np.linalg.norm(g) for g in expected[1].values()]), sum(g.size for g in expected[1].values())
    apart = np.linalg.norm([np.linalg.norm(found[1][key] - g) for key, g in expected[1].items()])
    return {"answers": np.abs(found[0] - expected[0]).max(),
            "running statistics": max(relative(found[2][key], value, (0, 1)) for key, value in expected[2].items()),
            "gradients": max(relative(found[1][key], g, whole) for key, g in expected[1].items()),
            "all gradients": apart / whole[0]}


def rounding_of_step(drawn, exact, rate):
    """Of the gradients that a step tells, because the parameters after it are rounded to float32."""
    rounded = {key: g + 2**-24 * np.abs(drawn[key].numpy()) / rate for key, g in exact[1].items()}
    return errors((exact[0], rounded, exact[2]), exact)


def compare(name, path, predicted, stepped, rate):
    with h5py.File(path, "r") as file:
        classes = int(file.attrs["classes"])
    drawn = draw(name, classes, samples(path, "train")[0])
    exact = computed(name, path, classes, drawn)
    ours = errors(lockstep(drawn, predicted, stepped, rate, classes), exact)
    theirs = errors(computed(name, path, classes, drawn, torch.float32), exact)
    wrong = errors(computed(name, path, classes, drawn, wrong=True), exact)
    rounding = rounding_of_step(drawn, exact, rate)
    failed = False
    for kind in ours:
        allowed = 10 * (theirs[kind] + rounding[kind] + 2**-22)
        if "gradients" in kind and not name.endswith(":smooth"):
            allowed = max(allowed, 0.05)  # of jumps
        bad = not ours[kind] <= allowed or not wrong[kind] > 4 * allowed
        failed |= bad
        print(f"{name}, {kind}: off by {ours[kind]:.1e} of {allowed:.1e}, PyTorch's float32 by {theirs[kind]:.1e}, the wrong "
              f"network by {wrong[kind]:.1e}{': NOT AS IT SHOULD BE' if bad else ''}")
    return failed


def main(command, name, *rest):
    if command == "parameters":
        for each in (name, *rest):
            print(each, parameters(each))
    elif command == "draw":
        with h5py.File(rest[0], "r") as file:
            classes = int(file.attrs["classes"])
        np.savez(rest[1], **{key: value.float().numpy() for key, value in
                             draw(name, classes, samples(rest[0], "train")[0]).items()})
    elif command == "compare":
        sys.exit(compare(name, *rest[:3], float(rest[3])))


main(*sys.argv[1:])
