#!/usr/bin/env bash
# Files that users write with h5py train as they are: to the fingerprint of a twin that holds the same in Lockstep's own types, at any
# rank count; and other labels give another one.
# usage: own_files.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

if ! python3 -c "import h5py, numpy" 2>/dev/null; then
  skipped "files as h5py writes them" "there is no python3 with h5py"
  exit 77
fi

# The four lines of the README.
cat >snippet.py <<'END'
import h5py, numpy
X, y = numpy.random.rand(300, 20), numpy.random.randint(0, 3, 300)
with h5py.File("mine.h5", "w") as file:
    file["X_train"], file["y_train"], file["X_test"], file["y_test"] = X[:240], y[:240], X[240:], y[240:]
END
python3 snippet.py
train mine 0 mine.h5 --model mlp --epochs 1
ended mine 0
says mine "mine.h5: takes /X_train float64 (240,20) as samples, /y_train int64 (240) as labels, /X_test float64 (60,20) as test samples"

cat >make.py <<'END'
import h5py
import numpy as np

r = np.random.default_rng(7)
x, y = r.integers(-40, 40, (143, 9)), r.integers(0, 4, 143)
p = r.integers(0, 256, (143, 8, 6, 3), dtype=np.uint8)
f = p[..., :1].astype(np.float32) / 256


def write(name, arrays, **how):
    with h5py.File(name + ".h5", "w", **how) as file:
        for path, (array, options) in arrays.items():
            file.create_dataset(path, data=array, **options)


def parts(names, samples, labels, **options):
    return {names[0]: (samples[:101], options), names[1]: (labels[:101], {}),
            names[2]: (samples[101:], options), names[3]: (labels[101:], {})}


native, X = ["train/features", "train/labels", "test/features", "test/labels"], ["X_train", "y_train", "X_test", "y_test"]
images = ["train/images", "train/labels", "test/images", "test/labels"]
write("features", parts(native, x.astype("f4"), y.astype("i4")))
write("pixels", parts(images, p, y.astype("i4")))
write("floats", parts(images, f, y.astype("i4")))
write("features-int64", parts(X, x, y))
write("features-double", parts(X, x.astype(">f8"), y.astype("f8"), compression="gzip", shuffle=True, fletcher32=True, chunks=(10, 4)))
write("features-half", parts(["train_set_x", "train_set_y", "test_set_x", "test_set_y"], x.astype("f2"), np.eye(4)[y]), libver="latest")
write("features-packed", parts(X, x.astype("i2"), y.astype("u1").reshape(-1, 1), scaleoffset=0), userblock_size=1024)
write("features-named", {"a": (x[:101], {}), "b": (y[:101], {}), "c": (x[101:], {}), "d": (y[101:] > 9, {}), "e": (y[101:], {})})
write("features-other", parts(X, x, (y + 1) % 4))
write("pixels-nchw", parts(X, p.transpose(0, 3, 1, 2), y))
write("floats-grey", parts(X, f[..., 0].astype("f8"), y == 0))
write("floats-twin", parts(images, f, (y == 0).astype("i4")))
END
python3 make.py
mlp=(--model mlp --epochs 1 --batch-size 32 --progress none)
cnn=(--model cnn --epochs 1 --batch-size 32 --crop 1 --flip --progress none)

# own TWIN RANKS NAME ARGUMENT...: trains NAME.h5, as its twin was.
own() {
  train "$3" "$2" "$3.h5" --threads 1 "${@:4}"
  ended "$3" 0
  same "$1" "$3"
}

train features 1 features.h5 "${mlp[@]}" --threads 1
own features 2 features-int64 "${mlp[@]}"
own features 3 features-double "${mlp[@]}"
own features 1 features-half "${mlp[@]}"
own features 1 features-packed "${mlp[@]}"
own features 2 features-named "${mlp[@]}" --samples a --labels /b --test-samples c --test-labels e
says features-named "features-named.h5: takes /a int64 (101,9) as samples, /b int64 (101) as labels"
train features-other 1 features-other.h5 "${mlp[@]}" --threads 1
differs features features-other

train pixels 1 pixels.h5 "${cnn[@]}" --threads 1
own pixels 3 pixels-nchw "${cnn[@]}" --layout nchw
train asked 1 pixels-nchw.h5 "${mlp[@]}"
says asked "warning: pixels-nchw.h5: /X_train is uint8 (101,3,8,6) and is read as images 3 high and 8 wide, of 6 channels; if channels stand before height and width, give --layout nchw"
train floats-twin 1 floats-twin.h5 "${cnn[@]}" --threads 1
own floats-twin 2 floats-grey "${cnn[@]}"
differs pixels floats-twin

# What was trained on such a file is evaluated on it.
run evaluated 2 evaluate features-named/last.h5 features-named.h5 --samples a --labels b --test-samples c --test-labels e
run twin 0 evaluate features/last.h5 features.h5
diff evaluated.out twin.out >difference || complain "evaluation differs from the twin's" difference
run predicted 3 predict features-named/last.h5 features-named.h5:3-9 --csv --samples a --labels b --test-samples c --test-labels e
run twin 0 predict features/last.h5 features.h5:3-9 --csv
diff <(cut -d, -f2- predicted.out) <(cut -d, -f2- twin.out) >difference || complain "predictions differ from the twin's" difference
run block 0 predict features-packed/last.h5 features-packed.h5:3-9 --csv
diff <(cut -d, -f2- block.out) <(cut -d, -f2- twin.out) >difference || complain "predictions differ behind a user block" difference

# A file of test samples alone, of which some classes are missing.
python3 -c "
import h5py
with h5py.File('features-int64.h5') as all, h5py.File('few.h5', 'w') as few:
    chosen = all['y_test'][()] < 2
    few['X_test'], few['y_test'] = all['X_test'][()][chosen], all['y_test'][()][chosen]"
run few 0 evaluate features/last.h5 few.h5
ended few 3
says few "few.h5: it has test samples alone: give --samples PATH"
run few 2 evaluate features/last.h5 few.h5 --samples X_test --labels y_test --confusion few.csv
ended few 0
[ "$(wc -l <few.csv)" -ge 3 ] || complain "the confusion matrix of few classes is short" few.csv

# info describes them, also under mpirun, and says what training would refuse.
run info 3 info features-half.h5
ended info 0
says info "/train_set_y is float64 (101,4): labels"
says info "missing   format, classes, mean, std, content_hash"
python3 -c "
import h5py
with h5py.File('features-double.h5', 'a') as file: file['X_test'][5, 2] = float('nan')"
run nan 0 info features-double.h5
ended nan 3
says nan "1 NaN and 0 infinite values, which training refuses"
says nan "features-double.h5: /X_test\[5\]\[2\] is not finite"
finish
