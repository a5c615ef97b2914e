"""LockstepBatchNorm on some ranks against BatchNorm in float64 on the whole batch: outputs, gradients, running statistics.

    mpirun -np 5 python3 compare_batch_norm.py

Compares on the first 1, 2, 3 and 5 of the ranks there are, with even, uneven and empty shards, and looks whether the bits
depend on them. Exit code 1 if anything is not as it should be.
"""

import sys

from lockstep_batch_norm import MPI, LockstepBatchNorm, convert_batch_norm  # before torch's and others' MPI

import torch
from torch.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d

STEPS = 2
CASES = [(BatchNorm1d, (13, 5), torch.float32, {}), (BatchNorm1d, (7, 3, 6), torch.float32, {"momentum": None}),
         (BatchNorm2d, (11, 17, 5, 4), torch.float32, {}), (BatchNorm2d, (11, 17, 5, 4), torch.bfloat16, {}),
         (BatchNorm3d, (5, 2, 3, 2, 2), torch.float32, {"affine": False, "track_running_stats": False})]
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2e-2}
NAMES = ["y", "dx", "y of the running statistics", "dx of the running statistics", "running_mean", "running_var",
         "gradient of weight", "gradient of bias"]


def shares(total, size, way):
    """Samples of each rank: as even as can be, uneven with empty ones, or all on the last."""
    if way == 0:
        return [total // size + (rank < total % size) for rank in range(size)]
    if way == 1:
        ends = [total * (rank + 1) ** 3 // size ** 3 for rank in range(size)]
        return [end - begin for begin, end in zip([0] + ends, ends)]
    return [0] * (size - 1) + [total]


def data(shape, dtype):
    generator = torch.Generator().manual_seed(3)
    return [(torch.randn(shape, generator=generator) * spread + mean).to(dtype).float() for spread, mean in ((3, 2), (1, 0))]


def learn(norm, x, dy, dtype, again):
    """Some steps, then one with the running statistics: what comes out, as NAMES say. again: the layer is used once more
    between forward and backward, which must not disturb it."""
    for step in range(STEPS):
        inputs = (x + step).to(dtype).requires_grad_()
        norm.zero_grad()
        y = norm(inputs)
        if again:
            buffers = {name: value.clone() for name, value in norm.named_buffers()}
            norm((x * 2).to(dtype))
            for name, value in norm.named_buffers():
                value.copy_(buffers[name])
        y.backward(dy.to(dtype))
    norm.eval()
    tested = x.to(dtype).requires_grad_()
    y_tested = norm(tested)
    gradients = [p.grad.clone() for p in norm.parameters()]
    y_tested.backward(dy.to(dtype))
    buffers = [norm.running_mean, norm.running_var] if norm.running_mean is not None else []
    return [y.detach(), inputs.grad, y_tested.detach(), tested.grad], buffers + gradients


def start(kind, channels, options):
    norm = kind(channels, **options)
    with torch.no_grad():
        for p, (low, high) in zip(norm.parameters(), ((0.5, 1.5), (-1, 1))):
            p.copy_(torch.linspace(low, high, channels))
    return norm


def difference(value, expected):
    return float((value.double() - expected).abs().max() / expected.abs().max().clamp(min=1))


def compare(comm, case, way, again, own_gradients):
    """The largest difference, the name of what has it, and the bits of everything, from all ranks."""
    kind, shape, dtype, options = case
    x, dy = data(shape, dtype)
    expected_rows, expected = learn(start(kind, shape[1], options).double(), x.double(), dy.double(), torch.float64, False)
    counts = shares(shape[0], comm.size, way)
    begin = sum(counts[:comm.rank])
    mine = slice(begin, begin + counts[comm.rank])
    norm = convert_batch_norm(start(kind, shape[1], options), comm=comm, own_gradients=own_gradients)
    assert isinstance(norm, LockstepBatchNorm)
    rows, channels = learn(norm, x[mine], dy[mine], dtype, again)
    rows = [torch.cat(parts) for parts in zip(*comm.allgather(rows))]
    if own_gradients:
        first = len(channels) - len(list(norm.parameters()))
        channels[first:] = [sum(shares) for shares in zip(*comm.allgather(channels[first:]))] if comm.size > 1 else channels[first:]
    found = [(difference(v, e), name) for v, e, name in zip(rows + channels, expected_rows + expected, NAMES)]
    bits = b"".join(v.float().numpy().tobytes() for v in rows + ([] if own_gradients else channels))
    return (*max(found), bits)


def per_rank_differs(comm):
    """The control: BatchNorm on each rank's own samples is something else."""
    x, _ = data((11, 17, 5, 4), torch.float32)
    expected = BatchNorm2d(17)(x).detach()
    counts = shares(11, comm.size, 0)
    begin = sum(counts[:comm.rank])
    own = BatchNorm2d(17)(x[begin:begin + counts[comm.rank]]).detach()
    return comm.allreduce(difference(own, expected[begin:begin + counts[comm.rank]].double()), MPI.MAX) > 1e-2


def main():
    world, failed, alone = MPI.COMM_WORLD, 0, {}
    for size in (n for n in (1, 2, 3, 5) if n <= world.size):
        comm = world.Split(0 if world.rank < size else MPI.UNDEFINED)
        if comm == MPI.COMM_NULL:
            continue
        worst = {dtype: (0.0, "") for dtype in TOLERANCE}
        same, controls = True, size == 1 or per_rank_differs(comm)
        for number, case in enumerate(CASES):
            for way in range(3):
                for own_gradients in (False, True):
                    value, name, bits = compare(comm, case, way, way == 1, own_gradients)
                    worst[case[2]] = max(worst[case[2]], (value, f"{name} of {case[0].__name__}"))
                    same = same and bits == alone.setdefault((number, own_gradients), bits)
        good = same and controls and all(value < TOLERANCE[dtype] for dtype, (value, _) in worst.items())
        failed += not good
        if comm.rank == 0:
            for dtype, (value, name) in worst.items():
                print(f"{size} ranks, {str(dtype)[6:]}: within {value:.1e} of BatchNorm on the whole batch ({name})")
            print(f"{size} ranks: {'the bits of one rank' if same else 'OTHER BITS than one rank'}, "
                  f"{'as it should be' if good else 'NOT AS IT SHOULD BE'}", flush=True)
    return int(world.allreduce(failed) > 0)


if __name__ == "__main__":
    sys.exit(main())
