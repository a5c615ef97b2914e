"""One rank of PyTorch, training the model that Lockstep is compared with; torch_peer.py starts it.

The same models as data/models, the same mini-batch, SGD with momentum, forward, backward and update all counted; the
samples lie in memory as tensors and are gathered by index. Prints one JSON object from rank 0."""
import argparse
import json
import os
import statistics
import time
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class SyncNorm(torch.autograd.Function):
    """Batch norm over all ranks, as a skilled user writes it for the CPU: one all_reduce in each direction."""

    @staticmethod
    def forward(ctx, x, weight, bias, running_mean, running_var, momentum, eps):
        dims = [d for d in range(x.dim()) if d != 1]
        count = x.numel() // x.size(1)
        var, mean = torch.var_mean(x.float(), dims, correction=0)
        sums = torch.cat([mean * count, (var + mean * mean) * count, mean.new_tensor([count])])
        dist.all_reduce(sums)
        total = sums[-1]
        mean, square = sums[:-1].div(total).chunk(2)
        var = square - mean * mean
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(var * (total / (total - 1)), momentum)
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(var + eps), total)
        return torch.nn.functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx, dy):
        x, weight, mean, rstd, total = ctx.saved_tensors
        shape = [1, -1] + [1] * (x.dim() - 2)
        dims = [d for d in range(x.dim()) if d != 1]
        centered = x.float() - mean.view(shape)
        wide = dy.float()
        sum_dy = wide.sum(dims)
        sum_dot = (wide * centered).sum(dims)
        sums = torch.cat([sum_dy, sum_dot])
        dist.all_reduce(sums)
        mean_dy, mean_dot = sums.div(total).chunk(2)
        dx = torch.addcmul(wide - mean_dy.view(shape), centered, (-mean_dot * rstd * rstd).view(shape))
        dx = dx.mul_((weight * rstd).view(shape)).to(dy.dtype)
        return dx, sum_dot * rstd, sum_dy, None, None, None, None


class SyncBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        return SyncNorm.apply(x, self.weight, self.bias, self.running_mean, self.running_var, 0.1, 1e-5)


def norm(channels, sync, flat=False):
    if sync:
        return SyncBatchNorm(channels)
    return nn.BatchNorm1d(channels) if flat else nn.BatchNorm2d(channels)


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, sync):
        super().__init__()
        self.main = nn.Sequential(conv(inputs, outputs, 3, stride), norm(outputs, sync), nn.ReLU(inplace=True),
                                  conv(outputs, outputs, 3), norm(outputs, sync))
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs, sync))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.main(x) + self.shortcut(x))


def resnet20(sync):
    layers = [conv(3, 16, 3), norm(16, sync), nn.ReLU(inplace=True)]
    width = 16
    for outputs, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range(3):
            layers.append(Block(width, outputs, stride if block == 0 else 1, sync))
            width = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def cnn(sync):
    return nn.Sequential(conv(1, 32, 3), norm(32, sync), nn.ReLU(inplace=True), nn.MaxPool2d(2),
                         conv(32, 64, 3), norm(64, sync), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(64 * 7 * 7, 128, bias=False), norm(128, sync, True), nn.ReLU(inplace=True),
                         nn.Dropout(0.25), nn.Linear(128, 10))


def mlp(sync):
    layers, width = [nn.Flatten()], 784
    for outputs in (256, 128, 100):
        layers += [nn.Linear(width, outputs, bias=False), norm(outputs, sync, True), nn.ReLU(inplace=True)]
        width = outputs
    return nn.Sequential(*layers, nn.Linear(width, 10))


MODELS = {"resnet20": (resnet20, (3, 32, 32)), "cnn": (cnn, (1, 28, 28)), "mlp": (mlp, (1, 28, 28))}


def make_step(options, rank, size):
    make, shape = MODELS[options.model]
    torch.manual_seed(1)
    model = make(options.norm == "sync")
    parameters = sum(p.numel() for p in model.parameters())
    bf16_all = options.precision == "bf16-all"
    layout = torch.channels_last if len(shape) == 3 and options.model != "mlp" else torch.contiguous_format
    model = model.to(memory_format=layout)
    if bf16_all:
        model = model.to(torch.bfloat16)
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, SyncBatchNorm)):
                module.float()
    module = model
    if options.compile:
        module = torch.compile(module)
    if size > 1:
        warnings.simplefilter("ignore", FutureWarning)  # the older name works in all versions
        module = DistributedDataParallel(module, broadcast_buffers=False, gradient_as_bucket_view=True,
                                         static_graph=not options.compile)
    try:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    except (RuntimeError, TypeError):
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, foreach=True)
    dtype = torch.bfloat16 if bf16_all else torch.float32
    images = torch.randn(2048, *shape).to(dtype).contiguous(memory_format=layout)
    labels = torch.randint(0, 10, (2048,))
    own = options.batch // size
    loss_of = nn.CrossEntropyLoss()

    def step():
        at = torch.randint(0, 2048, (own,))
        x, y = images.index_select(0, at), labels.index_select(0, at)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            loss = loss_of(module(x).float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    return step, parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--batch", type=int, required=True, help="of all ranks")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["fp32", "bf16", "bf16-all"], default="fp32")
    parser.add_argument("--norm", choices=["rank", "sync"], default="rank")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(options.threads)
    if size > 1 or options.norm == "sync":
        dist.init_process_group("gloo", init_method=os.environ["LOCKSTEP_PEER_STORE"], rank=rank, world_size=size)
    step, parameters = make_step(options, rank, size)
    for _ in range(5):
        loss = step()
    begin = time.perf_counter()
    for _ in range(5):
        step()
    seconds = torch.tensor((time.perf_counter() - begin) / 5)
    if dist.is_initialized():
        dist.broadcast(seconds, 0)
    steps = max(3, int(options.seconds / seconds.item()))
    rates = []
    for _ in range(options.repeats):
        if dist.is_initialized():
            dist.barrier()
        begin = time.perf_counter()
        for _ in range(steps):
            loss = step()
        rates.append(steps * options.batch / (time.perf_counter() - begin))
    if rank == 0:
        print(json.dumps({"torch": torch.__version__, "parameters": parameters, "rates": rates,
                          "median": statistics.median(rates), "finite": bool(torch.isfinite(loss))}))
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
