"""LockstepBatchNorm beside a batch norm over ranks as one writes it by hand, with PyTorch's operators and all_reduce (gloo), and
beside PyTorch's BatchNorm on each rank alone: milliseconds of a forward and backward pass, in turns.

    LOCKSTEP_LIBRARY=build/src/liblockstep.so mpirun -np 2 python3 tests/bench/batch_norm_peer.py [ROUNDS]
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "examples"))
from lockstep_batch_norm import MPI, LockstepBatchNorm
from train_ddp import start_gloo

import torch
import torch.distributed


class ByHand(torch.autograd.Function):
    """Sums, their all_reduce, the formula; backward likewise. Uneven shards count by their sizes."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        axes = [0] + list(range(2, x.dim()))
        sums = torch.cat([x.sum(axes), (x * x).sum(axes), torch.tensor([float(x.numel() // x.shape[1])])])
        torch.distributed.all_reduce(sums)
        c, n = x.shape[1], sums[-1]
        mean, var = sums[:c] / n, sums[c:2 * c] / n - (sums[:c] / n) ** 2
        rstd = torch.rsqrt(var + eps)
        shape = [1, c] + [1] * (x.dim() - 2)
        x_hat = (x - mean.view(shape)) * rstd.view(shape)
        ctx.save_for_backward(x_hat, weight, rstd, n)
        return x_hat * weight.view(shape) + bias.view(shape)

    @staticmethod
    def backward(ctx, dy):
        x_hat, weight, rstd, n = ctx.saved_tensors
        axes, c = [0] + list(range(2, dy.dim())), dy.shape[1]
        shape = [1, c] + [1] * (dy.dim() - 2)
        own = torch.cat([dy.sum(axes), (dy * x_hat).sum(axes)])
        sums = own.clone()
        torch.distributed.all_reduce(sums)
        dx = (weight * rstd).view(shape) * (dy - (sums[:c] / n).view(shape) - x_hat * (sums[c:] / n).view(shape))
        return dx, own[c:], own[:c], None


class ByHandNorm(torch.nn.BatchNorm2d):
    def forward(self, x):
        return ByHand.apply(x, self.weight, self.bias, self.eps)


def seconds_of(norm, x, dy):
    MPI.COMM_WORLD.Barrier()
    begin = time.perf_counter()
    norm(x).backward(dy)
    return MPI.COMM_WORLD.allreduce(time.perf_counter() - begin, MPI.MAX)


def main():
    rounds, comm = int(sys.argv[1]) if len(sys.argv) > 1 else 30, MPI.COMM_WORLD
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // comm.size))
    start_gloo(comm)
    for shape in ((32, 64, 56, 56), (32, 256, 14, 14), (8, 64, 8, 8)):
        for layout in (torch.channels_last, torch.contiguous_format):
            x = torch.randn(shape).contiguous(memory_format=layout).requires_grad_()
            dy = torch.randn(shape).contiguous(memory_format=layout)
            norms = {"Lockstep": LockstepBatchNorm(shape[1]), "by hand": ByHandNorm(shape[1]),
                     "each rank alone": torch.nn.BatchNorm2d(shape[1])}
            times = {name: [] for name in norms}
            for _ in range(rounds):
                for name, norm in norms.items():
                    times[name].append(seconds_of(norm, x, dy))
            if comm.rank == 0:
                best = {name: min(values) * 1e3 for name, values in times.items()}
                print(f"{comm.size} ranks, {'x'.join(map(str, shape))} a rank, {str(layout)[6:]}: " +
                      ", ".join(f"{name} {value:.2f} ms" for name, value in best.items()) +
                      f"; by hand / Lockstep {best['by hand'] / best['Lockstep']:.2f}", flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
