#!/usr/bin/env bash
# train --tensorboard: the rows of metrics.csv as TensorBoard itself reads them, each once, also when a run was interrupted.
# usage: tensorboard.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

settings=("$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 200 --model mlp --batch-size 48 --threads 1)
file=events.out.tfevents.0.lockstep

# size_of NAME: bytes of the events; each row has as many.
size_of() {
  stat -c %s "$1/$file"
}

train plain 1 "${settings[@]}" --epochs 4
train whole 3 "${settings[@]}" --epochs 4 --tensorboard
ended whole 0
same plain whole
train seven 7 "${settings[@]}" --epochs 4 --tensorboard
same plain seven
[ ! -e "plain/$file" ] || complain "plain: events that nobody asked for"

# Stopped in an epoch; then killed, so to speak, behind rows that no checkpoint holds: the events of the last two epochs are
# written again, and those of the whole run stand behind a record that was cut off.
train pieces 2 "${settings[@]}" --epochs 4 --tensorboard --max-time 0.001
ended pieces 75
run pieces 1 train --resume --output pieces --max-time 0
ended pieces 0
cp -r whole killed
ln -sfn checkpoint-10.h5 killed/last.h5
rm killed/checkpoint-15.h5 killed/checkpoint-20.h5
printf 'torn' >>"killed/$file"
run killed 1 train --resume --output killed
ended killed 0
for name in seven pieces killed; do
  same whole "$name"
  [ "$(size_of "$name")" -eq "$(size_of whole)" ] || complain "$name: $(size_of "$name") bytes instead of $(size_of whole)"
done

run compared 1 compare "${settings[@]}" --epochs 1 --bn sync,16 --seeds 1 -o compared --tensorboard
for arm in sync 16; do [ -s "compared/runs/$arm/seed-1/$file" ] || complain "$arm has no events"; done

if has_python tensorboard "reading events with TensorBoard"; then
  limited 100 python3 - whole seven pieces killed >python.out 2>&1 <<'END' || complain "TensorBoard reads something else" python.out
import csv, struct, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

tags = {"loss/train": "train_loss", "loss/test": "test_loss", "accuracy/train": "train_accuracy", "accuracy/test": "test_accuracy",
        "lr": "lr", "images_per_second": "images_per_second", "seconds": "seconds", "epoch": "epoch"}
for name in sys.argv[1:]:
    events = EventAccumulator(name)
    events.Reload()
    rows = list(csv.DictReader(open(name + "/metrics.csv")))
    assert len(rows) == 4 and sorted(events.Tags()["scalars"]) == sorted(tags), events.Tags()
    for tag, column in tags.items():
        want = [(int(r["step"]), struct.unpack("f", struct.pack("f", float(r[column])))[0]) for r in rows]
        have = [(e.step, e.value) for e in events.Scalars(tag)]
        assert have == want, (name, tag, have, want)
END
fi
finish
