"""DistributedDataParallel over gloo, on CPUs, with synchronized batch norm, which torch.nn.SyncBatchNorm refuses there.

    mpirun -np 3 python3 train_ddp.py

Ranks have shares of different sizes of each mini-batch. At the end rank 0 trains the same network alone, with BatchNorm on the
whole mini-batches, and compares: exit code 1 if it came to something else.
"""

import os
import socket
import sys

from lockstep_batch_norm import MPI, convert_batch_norm  # before torch.distributed, and before others' MPI

import torch
import torch.distributed
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

SAMPLES, CLASSES, STEPS = 36, 4, 12


def start_gloo(comm):
    """MPI tells the ranks where to meet."""
    with socket.socket() as free:
        free.bind(("", 0))
        place = comm.bcast((socket.gethostname() if comm.size > 1 else "localhost", free.getsockname()[1]))
    os.environ.setdefault("MASTER_ADDR", "localhost" if place[0] == socket.gethostname() else place[0])
    os.environ.setdefault("MASTER_PORT", str(place[1]))
    torch.distributed.init_process_group("gloo", rank=comm.rank, world_size=comm.size)


def make_network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.Flatten(),
                         nn.Linear(12 * 16, CLASSES))


def mini_batch(step):
    """Stripes of four directions, and noise."""
    generator = torch.Generator().manual_seed(step)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=generator)
    grid = torch.arange(8.0)
    across, down = grid.repeat(8, 1), grid.repeat(8, 1).t()
    stripes = torch.stack([across, down, across + down, across - down])
    return (torch.sin(stripes[labels] * 1.5) + 0.5 * torch.randn(SAMPLES, 8, 8, generator=generator)).unsqueeze(1), labels


def train(network, mine, weight):
    """Some steps on a part of each mini-batch; weight makes the mean over the ranks the mean over the samples."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for step in range(STEPS):
        images, labels = mini_batch(step)
        optimizer.zero_grad()
        loss = cross_entropy(network(images[mine]), labels[mine], reduction="sum") * weight
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def main():
    comm = MPI.COMM_WORLD
    start_gloo(comm)
    first, end = (SAMPLES * r * (r + 1) // (comm.size * (comm.size + 1)) for r in (comm.rank, comm.rank + 1))
    network = DistributedDataParallel(convert_batch_norm(make_network()))
    loss = comm.allreduce(train(network, slice(first, end), comm.size / SAMPLES)) / comm.size
    failed = False
    if comm.rank == 0:
        alone = make_network()
        alone_loss = train(alone, slice(0, SAMPLES), 1 / SAMPLES)
        pairs = zip(network.module.state_dict().values(), alone.state_dict().values())
        worst = max(float((a - b).abs().max()) for a, b in pairs)
        failed = not worst < 1e-3
        print(f"{comm.size} ranks: loss {loss:.5f} after {STEPS} steps, alone with BatchNorm on the whole mini-batch "
              f"{alone_loss:.5f}; parameters and running statistics differ by at most {worst:.1e}", flush=True)
    failed = comm.bcast(failed)
    torch.distributed.destroy_process_group()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
