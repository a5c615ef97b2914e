"""A network of a model text in PyTorch, for comparing with: parameters by Lockstep's names, which are PyTorch's.

It reads the text by itself, and knows nothing of Lockstep but the language that `lockstep help models` describes.
"""
import re

import torch
import torch.nn.functional as F


def pair(text):
    numbers = [int(n) for n in text.split("x")]
    return (numbers[0], numbers[-1])


def statements(text):
    """Lines as (word, values, keys), repeats written out."""
    lines = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words:
            keys = dict(w.split("=", 1) for w in words[1:] if "=" in w)
            lines.append((words[0], [w for w in words[1:] if "=" not in w], keys))
    return unrolled(lines, 0, len(lines), None)


def counted(name, round_):
    stem, number = re.fullmatch(r"(.*?)(\d+)", name).groups()
    return stem + str(int(number) + round_)


def unrolled(lines, begin, end, round_):
    out, blocks, i = [], 0, begin
    while i < end:
        word, values, keys = lines[i]
        direct = round_ is not None and blocks == 0
        if word == "repeat":
            depth, close = 1, i
            while depth:
                close += 1
                depth += (lines[close][0] in ("repeat", "residual")) - (lines[close][0] == "end")
            times = int(values[0])
            for r in range(times):
                out += unrolled(lines, i + 1, close, (round_ if direct else 0) * times + r)
            i = close
        else:
            if direct and "name" in keys:
                keys = dict(keys, name=counted(keys["name"], round_))
            if direct and word == "residual" and values:
                values = [counted(values[0], round_)]
            out.append((word, values, keys))
            blocks += (word == "residual") - (word == "end")
        i += 1
    return out


class Block:
    def __init__(self, name, x, shortcut):
        self.name, self.x, self.shortcut, self.stride, self.numbers = name, x, shortcut, [1, 1], {}

    def call(self, given, kind):
        self.numbers[kind] = self.numbers.get(kind, 0) + 1
        name = given or f"{kind}{self.numbers[kind]}"
        return f"{self.name}.{name}" if self.name else name


class Twin:
    """forward(x) with parameters taken by name from a dictionary of float64 tensors."""

    def __init__(self, text, classes, make=None, groups=None):
        """make(name, shape): what a parameter is that forward's dictionary lacks. groups: of the group norm that
        stands where the text says batchnorm."""
        self.lines, self.classes, self.make, self.groups = statements(text), classes, make, groups

    def forward(self, x, parameters):
        """Batch norm is sync: over all of x. running [name] becomes (mean, unbiased variance)."""
        self.p, self.running, self.momenta = parameters, {}, {}
        blocks = [Block("", x, "")]
        for number, (word, values, keys) in enumerate(self.lines):
            self.normed = self.lines[number + 1:number + 2] and self.lines[number + 1][0] == "batchnorm"
            if word == "residual":
                name = blocks[-1].call(values[0] if values else None, "residual")
                blocks.append(Block(name, x, keys.get("shortcut", "auto")))
            elif word == "end":
                x = self.close(blocks.pop(), x)
            else:
                for block in blocks if word in ("conv", "maxpool", "avgpool") else []:
                    default = "1" if word == "conv" else values[0]
                    stride = pair(keys.get("stride", default))
                    block.stride = [block.stride[0] * stride[0], block.stride[1] * stride[1]]
                kind = {"batchnorm": "bn"}.get(word, word)
                x = self.layer(word, values, keys, blocks[-1].call(keys.get("name"), kind), x)
        return x

    def weight(self, name, *shape):
        if name not in self.p and self.make:
            self.p[name] = self.make(name, shape)
        return self.p[name]

    def bias(self, name, outputs):
        if self.normed:
            return None
        return self.weight(name, outputs) if self.make else self.p.get(name)

    def outputs(self, text):
        return self.classes if text == "classes" else int(text)

    def close(self, block, x):
        shortcut = block.x
        if block.shortcut == "conv" or shortcut.shape != x.shape:
            weight = self.weight(f"{block.name}.downsample.0.weight", x.shape[1], shortcut.shape[1], 1, 1)
            shortcut = F.conv2d(shortcut, weight, None, tuple(block.stride))
            shortcut = self.norm(f"{block.name}.downsample.1", shortcut, {})
        return x + shortcut

    def affine(self, name, x):
        return self.weight(f"{name}.weight", x.shape[1]), self.weight(f"{name}.bias", x.shape[1])

    def norm(self, name, x, keys):
        if self.groups:
            return F.group_norm(x, self.groups, *self.affine(name, x))
        axes = [0] + list(range(2, x.dim()))
        mean, variance = x.mean(axes), x.var(axes, unbiased=False)
        count = x.numel() // x.shape[1]
        self.running[name] = (mean.detach(), variance.detach() * count / max(count - 1, 1))
        self.momenta[name] = float(keys.get("momentum", 0.1))
        return F.batch_norm(x, None, None, *self.affine(name, x), True, eps=float(keys.get("eps", 1e-5)))

    def layer(self, word, values, keys, name, x):
        if word == "conv":
            dilation, kernel = pair(keys.get("dilation", "1")), pair(values[1])
            default = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel))
            pad = pair(keys["pad"]) if "pad" in keys else default
            outputs, groups = self.outputs(values[0]), int(keys.get("groups", 1))
            weight = self.weight(f"{name}.weight", outputs, x.shape[1] // groups, *kernel)
            return F.conv2d(x, weight, self.bias(f"{name}.bias", outputs), pair(keys.get("stride", "1")), pad, dilation,
                            groups)
        if word == "dense":
            x, outputs = x.flatten(1), self.outputs(values[0])
            return F.linear(x, self.weight(f"{name}.weight", outputs, x.shape[1]), self.bias(f"{name}.bias", outputs))
        if word == "batchnorm":
            return self.norm(name, x, keys)
        if word in ("layernorm", "groupnorm"):
            groups = int(values[0]) if word == "groupnorm" else 1
            return F.group_norm(x, groups, *self.affine(name, x), eps=float(keys.get("eps", 1e-5)))
        if word in ("maxpool", "avgpool"):
            kernel = pair(values[0])
            stride, pad = pair(keys.get("stride", values[0])), pair(keys.get("pad", "0"))
            if word == "maxpool":
                return F.max_pool2d(x, kernel, stride, pad)
            return F.avg_pool2d(x, kernel, stride, pad, count_include_pad=False)
        if word == "globalavgpool":
            return x.mean((2, 3), keepdim=True)
        if word == "dropout":
            if float(values[0]) > 0:
                raise ValueError("dropout draws its own numbers; leave it out of what is compared")
            return x
        if word == "leakyrelu":
            return F.leaky_relu(x, float(values[0]))
        return {"relu": F.relu, "sigmoid": torch.sigmoid, "gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh}[word](x)
