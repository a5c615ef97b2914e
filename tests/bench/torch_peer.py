"""Lockstep beside PyTorch on the same cores, in one run: prints a table of ratios as Markdown.

usage: torch_peer.py [--rows NAMES] [--rounds N] [--lockstep FILE] [--output FILE.md]; tests/bench/peer.sh finds PyTorch
and calls it. In every round Lockstep and PyTorch take turns; a figure is the median over all rounds. Of PyTorch the
first round tries every setting, and those near the fastest go on. A run that lasts too long, or is interrupted, is ended
with all it started."""
import argparse
import datetime
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORKER = os.path.join(HERE, "torch_worker.py")
SHAPE = {"resnet20": "32x32x3", "cnn": "28x28x1", "mlp": "28x28x1"}
BATCH = {"resnet20": 128, "cnn": 256, "mlp": 256}
BF16 = ({"precision": "bf16"}, {"precision": "bf16-all"}, {"precision": "bf16", "compile": True},
        {"precision": "bf16-all", "compile": True})
FP32 = ({"precision": "fp32"}, {"precision": "fp32", "compile": True})
ROWS = ("best", "sync", "fp32-resnet20", "fp32-cnn", "mlp", "arithmetic", "per-rank", "tree", "file", "memory")


class Failure(Exception):
    pass


class Crash(Failure):
    """A process was ended by a signal of its own."""


def persist(call, tries=3):
    """PyTorch now and then aborts while gloo is torn down: that says nothing about a setting."""
    for left in reversed(range(tries)):
        try:
            return call()
        except Crash:
            if not left:
                raise


def mpi_environment():
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if os.geteuid() == 0:
        environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return environment


def descendants(pid):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
            except (OSError, ValueError):
                pass
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def share_of_memory(pid, marker):
    """Bytes of a process that runs `marker`, shared pages divided by their users; 0 for any other."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if marker.encode() not in file.read().split(b"\0")[:2]:
                return 0
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1)) * 1024
    except (OSError, AttributeError):
        return 0


def watch_memory(pid, marker, peak, done):
    while not done.wait(0.02):
        peak[0] = max(peak[0], sum(share_of_memory(p, marker) for p in descendants(pid)))


def end(processes):
    """mpirun gives each rank a process group of its own, so that groups alone would not do."""
    for process in processes:
        running = descendants(process.pid) if process.returncode is None else []
        for kill, target in [(os.kill, pid) for pid in running] + [(os.killpg, process.pid)]:
            try:
                kill(target, signal.SIGKILL)
            except ProcessLookupError:
                pass
    for process in processes:
        process.wait()


def run(commands, limit, marker=None):
    """Runs the commands side by side, each a process group of its own. The outputs, and the peak of memory."""
    peak, done, watchers = [0], threading.Event(), []
    processes = []
    try:
        for command, environment in commands:
            processes.append(subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE,
                                              stderr=subprocess.PIPE, start_new_session=True))
        if marker:
            watchers = [threading.Thread(target=watch_memory, args=(os.getpid(), marker, peak, done))]
            watchers[0].start()
        until = time.monotonic() + limit
        outputs = []
        for process in processes:
            try:
                out, err = process.communicate(timeout=max(1.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise Failure(f"took longer than {limit} s") from None
            if process.returncode:
                raise (Crash if process.returncode < 0 else Failure)((err.strip().splitlines() or ["no message"])[-1])
            outputs.append(out)
        return outputs, peak[0]
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()
        end(processes)


class Lockstep:
    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.version = subprocess.run([self.program, "--version"], text=True, capture_output=True, check=True).stdout
        self.precision = "bf16"
        try:
            self.bench("resnet20", 1, precision="bf16", bn="sync", repeats=1, seconds=0.05)
        except Failure as failure:
            if "fp32" not in str(failure):
                raise
            self.precision = "fp32"

    def bench(self, model, ranks, precision, bn="sync", reduce="tree", repeats=3, seconds=1.0, microbatch=0,
              source=None, group=None):
        command = ["mpirun", "-np", str(ranks), self.program, "bench", "--model", model, "--batch-size", str(BATCH[model]),
                   "--threads", "1", "--precision", precision, "--bn", bn, "--reduce", reduce, "--repeats", str(repeats),
                   "--seconds", str(seconds), "--microbatch", str(microbatch), "--json"]
        command += source or ["--shape", SHAPE[model]]
        if group:
            command = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group] + command
        (out,), _ = run([(command, mpi_environment())], 180)
        return json.loads(out)["arms"]

    def parameters(self, model):
        with tempfile.TemporaryDirectory() as folder:
            data, out = os.path.join(folder, "d.h5"), os.path.join(folder, "run")
            run([([self.program, "generate", "-o", data, "--shape", SHAPE[model], "--train", "256"], None)], 60)
            (text,), _ = run([([self.program, "train", data, "--model", model, "--epochs", "0", "-o", out],
                               mpi_environment())], 60)
        return int(re.search(r"(\d+) parameters", text).group(1))

    def memory(self, precision, steps=12):
        """Peak of all ranks of a training run, and what plan foretells for it."""
        with tempfile.TemporaryDirectory() as folder:
            data, model = os.path.join(folder, "d.h5"), ["--model", "resnet20", "--batch-size", "128", "--threads", "1",
                                                         "--precision", precision]
            subprocess.run([self.program, "generate", "-o", data, "--shape", "32x32x3", "--train", str(128 * steps)],
                           check=True, capture_output=True)
            start = ["mpirun", "-np", "2", self.program]
            _, peak = run([(start + ["train", data, "--epochs", "1", "-o", os.path.join(folder, "run")] + model,
                            mpi_environment())], 180, self.program)
            (out,), _ = run([(start + ["plan", data, "--json"] + model, mpi_environment())], 180)
            return peak, json.loads(out)


class Torch:
    """PyTorch in processes of one thread (or one of several), each bound to cores of its own."""

    def __init__(self):
        self.version, self.parameters, self.left_out = None, {}, []
        self.cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
        (text,), _ = run([([sys.executable, "-c", "import torch; print(torch.__config__.show())"], None)], 120)
        found = re.search(r"MKL-DNN (v[\d.]+)", text)
        self.onednn = found.group(1) if found else "none"

    def once(self, model, norm="rank", ranks=2, threads=1, precision="fp32", compile=False, repeats=3, seconds=1.0,
             memory=False):
        with tempfile.TemporaryDirectory() as folder:
            commands = []
            for rank in range(ranks):
                cores = ",".join(self.cores[rank * threads:(rank + 1) * threads])
                command = ["taskset", "-c", cores, sys.executable, WORKER, "--model", model, "--batch",
                           str(BATCH[model]), "--threads", str(threads), "--precision", precision, "--norm", norm,
                           "--repeats", str(repeats), "--seconds", str(seconds)] + ["--compile"] * compile
                commands.append((command, dict(os.environ, RANK=str(rank), WORLD_SIZE=str(ranks),
                                               LOCKSTEP_PEER_STORE=f"file://{folder}/store",
                                               OMP_NUM_THREADS=str(threads), TORCH_CPP_LOG_LEVEL="ERROR")))
            outputs, peak = run(commands, 400 if compile else 180, WORKER if memory else None)
        result = json.loads(outputs[0].strip().splitlines()[-1])
        if not result["finite"]:
            raise Failure("the loss is not finite")
        self.version, self.parameters[model] = result["torch"], result["parameters"]
        return (result["rates"], peak) if memory else result["rates"]


def spell(setting):
    words = [setting["precision"] + (" with torch.compile" if setting.get("compile") else "")]
    if "ranks" in setting:
        words.append(f"{setting['ranks']} x {setting['threads']}")
    return ", ".join(words)


def figure(rates, words=""):
    """The median, and how far the measurements spread."""
    spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
    return f"{statistics.median(rates):,.0f} images/s ({words + '; ' if words else ''}{spread})"


def fastest_of(rates):
    return max(rates, key=lambda name: statistics.median(rates[name]))


class Duel:
    """Lockstep against PyTorch in turns, each at the fastest of some settings."""

    goal = "at least {:g}x"

    def __init__(self, lockstep, torch, model, precision, ours, settings, norm="rank"):
        self.precision, self.ours = precision, list(ours)
        self.settings, self.norm = list(settings), norm
        self.lockstep, self.torch, self.model = lockstep, torch, model
        self.rates, self.theirs = {}, {}

    def round(self, number, options):
        for ranks, microbatch in self.ours:
            arms = self.lockstep.bench(self.model, ranks, self.precision, repeats=options.repeats,
                                       seconds=options.seconds, microbatch=microbatch)
            self.rates.setdefault((ranks, microbatch), []).extend(arms[0]["repeats"])
        for setting in list(self.settings):
            try:
                rates = persist(lambda: self.torch.once(self.model, self.norm, repeats=options.repeats,
                                                        seconds=options.seconds, **setting))
                self.theirs.setdefault(spell(setting), []).extend(rates)
                note(f"  PyTorch {spell(setting)}: {statistics.median(rates):,.0f} images/s")
            except Failure as failure:
                note(f"  PyTorch {spell(setting)}: left out: {failure}")
                self.torch.left_out.append(f"{self.model} {spell(setting)} ({self.norm}): {failure}")
                self.settings.remove(setting)
        if not self.theirs:
            raise Failure("no setting of PyTorch worked")
        if number == 0:
            self.check_parameters()
            best = statistics.median(self.theirs[self.fastest])
            self.settings = [s for s in self.settings if statistics.median(self.theirs[spell(s)]) >= 0.9 * best]
            best = statistics.median(self.rates[fastest_of(self.rates)])
            self.ours = [o for o in self.ours if statistics.median(self.rates[o]) >= 0.95 * best]

    @property
    def fastest(self):
        return fastest_of(self.theirs)

    def check_parameters(self):
        ours, theirs = self.lockstep.parameters(self.model), self.torch.parameters[self.model]
        if ours != theirs:
            raise Failure(f"{self.model} has {ours} parameters here, and {theirs} in PyTorch")

    def row(self, name, goal):
        best = fastest_of(self.rates)
        ours, theirs = self.rates[best], self.theirs[self.fastest]
        ratio = statistics.median(ours) / statistics.median(theirs)
        ranks, microbatch = best
        words = (self.precision + (f", {ranks} x 1" if len({r for r, _ in self.rates}) > 1 else "") +
                 (f", microbatch {microbatch}" if microbatch else ""))
        return [name, figure(ours, words), figure(theirs, self.fastest), f"{ratio:.2f}x", self.goal.format(goal),
                "met" if ratio >= goal else "missed"]


class Alone:
    """Two arms of Lockstep against each other: how much slower is the first? Small differences need more measurements."""

    goal = "at most {:g}%"
    times = 3

    def __init__(self, lockstep, arms):
        self.lockstep, self.arms, self.rates, self.shares = lockstep, arms, ([], []), []

    def round(self, number, options):
        arms = self.measure(options)
        for rates, arm in zip(self.rates, arms):
            rates += arm["repeats"]
        self.shares.append(arms[0]["not_arithmetic"])

    def measure(self, options):
        return self.lockstep.bench("resnet20", 2, self.lockstep.precision, repeats=self.times * options.repeats,
                                   seconds=options.seconds, **self.arms)

    def row(self, name, goal):
        ours, other = self.rates
        slower = 100 * (1 - statistics.median(ours) / statistics.median(other))
        return [name, figure(ours), figure(other), f"{slower:.1f}% slower",
                self.goal.format(goal), "met" if slower <= goal else "missed"]


class MemoryGroup:
    """A control group of Linux, version 1 or 2, whose processes and files may hold so many bytes of memory."""

    def __init__(self, limit):
        root, self.folder = "/sys/fs/cgroup", None
        name = "memory.max"
        if os.path.exists(f"{root}/memory/memory.limit_in_bytes"):
            root, name = f"{root}/memory", "memory.limit_in_bytes"
        folder = f"{root}/lockstep-bench-{os.getpid()}"
        try:
            os.mkdir(folder)
            self.folder = folder
            with open(f"{folder}/{name}", "w", encoding="ascii") as file:
                file.write(str(limit))
        except OSError as error:
            self.close()
            raise Failure(f"memory cannot be limited here: {error.strerror}") from None

    def close(self):
        if self.folder:
            os.rmdir(self.folder)
            self.folder = None


class Cached(Alone):
    """Samples from a file that memory cannot hold, against samples in memory."""

    samples, limit = 200000, 300 << 20  # 614 MB of samples; both ranks need 190 MB for themselves

    def measure(self, options):
        """One measurement of each by turns, which one goes first by turns too."""
        with tempfile.TemporaryDirectory(dir=os.path.dirname(self.lockstep.program)) as folder:
            data, cache = os.path.join(folder, "d.h5"), os.path.join(folder, "cache")
            run([([self.lockstep.program, "generate", "-o", data, "--shape", SHAPE["resnet20"], "--train",
                   str(self.samples)], None)], 300)
            self.bench(options, [data, "--cache", cache])
            (name,) = os.listdir(cache)
            arms = None
            for turn in range(self.times * options.repeats):
                now = [None, None]
                for arm in (0, 1) if turn % 2 else (1, 0):
                    if arm:
                        now[arm] = self.bench(options, [data])
                        continue
                    self.forget(os.path.join(cache, name))
                    group = MemoryGroup(self.limit)
                    try:
                        now[arm] = self.bench(options, [data, "--cache", cache], group.folder)
                    finally:
                        group.close()
                if arms:
                    for all_of_them, one in zip(arms, now):
                        all_of_them["repeats"] += one["repeats"]
                arms = arms or now
            return arms

    def bench(self, options, source, group=None):
        return self.lockstep.bench("resnet20", 2, self.lockstep.precision, repeats=1, seconds=options.seconds,
                                   source=source, group=group)[0]

    @staticmethod
    def forget(path):
        """What the system keeps of a file in memory would count for whoever read it first."""
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory_row(lockstep, torch, setting):
    peak, plan = lockstep.memory(lockstep.precision)
    _, theirs = persist(lambda: torch.once("resnet20", repeats=1, memory=True, **setting))
    foretold = plan["memory"]["host"]
    off = 100 * (foretold / peak - 1)
    good = peak < theirs and abs(off) <= 15
    return ["memory of resnet20, both ranks", f"{peak / 1e6:,.0f} MB; plan says {foretold / 1e6:,.0f} MB ({off:+.0f}%)",
            f"{theirs / 1e6:,.0f} MB ({spell(setting)})", f"{peak / theirs:.2f}x", "below 1x, plan within 15%",
            "met" if good else "missed"]


def unmeasured(name, why, goal):
    return [name, f"not measured: {why}", "", "", goal, "not measured"]


def note(text):
    print(text, file=sys.stderr, flush=True)


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} virtual cores"


def measure(options):
    lockstep, torch = Lockstep(options.lockstep), Torch()
    precision = lockstep.precision
    best = BF16 + FP32 if precision == "bf16" else FP32
    # without fp32 parameters small updates are lost: not for this row, where it would be the fastest by far
    mlp = [dict(setting, ranks=r, threads=t) for setting in ({"precision": "fp32"}, {"precision": "bf16"})
           for r, t in ((1, 1), (1, 2), (2, 1))]
    pair = [(2, 0), (2, 32)]  # ranks, and samples of a microbatch; 0: as --microbatch is by default
    flat = [(1, 0), (1, 256), (2, 0), (2, 64), (2, 128)]
    plans = {
        "best": (Duel(lockstep, torch, "resnet20", precision, pair, best), "resnet20, sync, against per-rank batch norm", 4),
        "sync": (Duel(lockstep, torch, "resnet20", precision, pair, best, "sync"),
                 "resnet20, sync, against hand-written sync batch norm", 8),
        "fp32-resnet20": (Duel(lockstep, torch, "resnet20", "fp32", pair, FP32), "resnet20, fp32 against fp32", 2),
        "fp32-cnn": (Duel(lockstep, torch, "cnn", "fp32", pair, FP32), "cnn, fp32 against fp32", 2),
        "mlp": (Duel(lockstep, torch, "mlp", precision, flat, mlp), "mlp", 2),
        "per-rank": (Alone(lockstep, {"bn": "sync,rank"}), "sync against per-rank batch norm", 3),
        "file": (Cached(lockstep, {}), "samples of a dataset of 614 MB with 300 MB of memory (`--cache`), against samples "
                 "in memory", 3),
        "tree": (Alone(lockstep, {"reduce": "tree,mpi"}), "canonical tree against --reduce mpi", 3),
    }
    chosen = {name: plans[name] for name in options.rows if name in plans}
    if "arithmetic" in options.rows and "per-rank" not in chosen:
        chosen["per-rank"] = plans["per-rank"]
    broken = {}
    for number in range(options.rounds):
        for name, (duel, _, _) in chosen.items():
            if name in broken:
                continue
            note(f"round {number + 1} of {options.rounds}: {name}")
            try:
                duel.round(number, options)
            except Failure as failure:
                note(f"  {failure}")
                broken[name] = failure
    table = [unmeasured(name, broken[key], duel.goal.format(goal)) if key in broken else duel.row(name, goal)
             for key, (duel, name, goal) in chosen.items() if key in options.rows]
    if "arithmetic" in options.rows and "per-rank" not in broken:
        share = 100 * statistics.median(chosen["per-rank"][0].shares)
        table.append([f"share of a resnet20 step ({precision}) that is not convolution or dense arithmetic",
                      f"{share:.0f}%", "", "", "at most 35%", "met" if share <= 35 else "missed"])
    if "memory" in options.rows:
        measured = plans["best"][0].theirs
        setting = next(s for s in best if not measured or spell(s) == fastest_of(measured))
        table.append(memory_row(lockstep, torch, setting))
    return lockstep, torch, table


def report(lockstep, torch, table, options):
    lines = ["| what | Lockstep | against | ratio | goal | |", "| --- | --- | --- | --- | --- | --- |"]
    lines += ["| " + " | ".join(row) + " |" for row in table]
    about = [f"{machine()}; {datetime.date.today()}; 2 ranks x 1 thread unless said otherwise; medians of "
             f"{options.rounds} x {options.repeats} measurements of {options.seconds:g} s in turns, {Alone.times} times as many "
             "where Lockstep is compared with itself.",
             f"PyTorch {torch.version or 'not run'}, oneDNN {torch.onednn}: channels-last, DistributedDataParallel over "
             "gloo, fused SGD.",
             " ".join(lockstep.version.split()),
             "Parameters, the same in both: " +
             (", ".join(f"{model} {count:,}" for model, count in torch.parameters.items()) or "not compared"),
             "Settings of PyTorch that failed: " + ("; ".join(torch.left_out) or "none"),
             "Made by `tests/bench/peer.sh" + "".join(" " + word for word in sys.argv[1:]) + "`"]
    return "\n".join(lines + [""] + about) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS), help="some of " + ",".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--lockstep", default=os.path.join(HERE, "../../build/lockstep"))
    parser.add_argument("--output", help="file for the table, beside standard output")
    options = parser.parse_args()
    options.rows = options.rows.split(",")
    unknown = [row for row in options.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {unknown[0]}: choose among {', '.join(ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    try:
        text = report(*measure(options), options)
    except Failure as failure:
        sys.exit(f"torch_peer.py: {failure}")
    print(text, end="")
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
