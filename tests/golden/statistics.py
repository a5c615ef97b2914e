#!/usr/bin/python3
"""Writes tests/golden/statistics.h5, the numbers that tests/unit compares with.

    apt-get install python3-scipy python3-mpmath python3-h5py; tests/golden/statistics.py

Neither the build nor a test runs this. Tests and p-values are SciPy's. Student's t itself comes from mpmath with 40
digits and has to agree with SciPy to 1e-7: SciPy 1.10's quantile of 0.95 at 4 degrees of freedom is off by 2e-9.
"""
import os

import h5py
import mpmath
import numpy as np
import scipy
from scipy import stats

OUTPUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "statistics.h5")
mpmath.mp.dps = 40


def t_cdf(t, df):
    """P(T <= t), exact in the lower tail; t may be a number of 40 digits."""
    t, df = mpmath.mpf(t), mpmath.mpf(df)
    tail = mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    return tail if t < 0 else 1 - tail


def t_quantile(p, df):
    """Bisection on log |t|: slow, and sure."""
    p = mpmath.mpf(p)
    if p > 0.5:
        return -t_quantile(1 - p, df)
    low, high = mpmath.mpf(-60), mpmath.mpf(710)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(-mpmath.exp(middle), df) > p else (low, middle)
    return -mpmath.exp(low)


def store(group, **arrays):
    for name, values in arrays.items():
        values = np.asarray(values)
        group.create_dataset(name, data=values, compression="gzip", shuffle=True)


def student_t(file):
    degrees = [1, 2, 3, 4, 5, 7, 9, 14, 19, 29, 30, 59, 99, 100, 333, 999, 1000]
    points = [0.0, 1e-9, 0.01, 0.3, 1.0, 1.5, 1.7, 1.73, 1.74, 1.8, 2.2, 3.5, 8.0, 40.0, 1e4]
    at = [(t * sign, df) for df in degrees for t in points for sign in (-1, 1)
          if abs(t) < 40 or df < 100]  # beyond, the tail is smaller than any double
    cdf = [float(t_cdf(t, df)) for t, df in at]
    np.testing.assert_allclose(cdf, [stats.t.cdf(t, df) for t, df in at], rtol=1e-7)
    store(file.create_group("cdf"), t=[t for t, _ in at], df=[float(df) for _, df in at], p=cdf)

    levels = [1e-300, 1e-30, 1e-12, 1e-5, 0.005, 0.025, 0.05, 0.2, 0.249, 0.251, 0.4, 0.4999, 0.5 - 1e-9, 0.6, 0.95,
              0.975, 0.995, 0.999999]
    at = [(p, df) for df in (1, 2, 3, 4, 7, 9, 19, 29, 99, 1000) for p in levels]
    quantile = [float(t_quantile(p, df)) for p, df in at]
    usual = [i for i, (p, _) in enumerate(at) if 1e-6 < p]
    np.testing.assert_allclose([quantile[i] for i in usual], [stats.t.ppf(*at[i]) for i in usual], rtol=1e-7)
    store(file.create_group("quantile"), p=[p for p, _ in at], df=[float(df) for _, df in at], t=quantile)


def sign_flips(differences):
    """Exact p over all 2^n signs. Differences are integers here, so that ties are ties."""
    sums = np.zeros(1, dtype=np.int64)
    for d in differences:
        sums = np.concatenate([sums + d, sums - d])
    return np.mean(np.abs(sums) >= abs(np.sum(differences)))


def paired_case(rng, n, samples, margin):
    """Accuracies of n seeds, counted over so many test samples: few of them make ties."""
    spread, effect = 0.004 * rng.random() + 0.3 / samples, rng.choice([0, 0.001, -0.003, 0.01])
    while True:
        reference = np.rint(samples * (0.9 + 0.01 * rng.standard_normal(n))).astype(np.int64)
        arm = reference + np.rint(samples * (effect + spread * rng.standard_normal(n))).astype(np.int64)
        if np.ptp(arm - reference) > 0:
            break
    a, b = arm / samples, reference / samples
    d = a - b
    test = stats.ttest_rel(a, b)
    error = stats.sem(d)
    half, half90 = (float(t_quantile(level, n - 1)) * error for level in (0.975, 0.95))
    np.testing.assert_allclose(d.mean() + half, stats.t.interval(0.95, n - 1, d.mean(), error)[1], rtol=1e-7)
    equivalence = max(stats.ttest_1samp(d, -margin, alternative="greater").pvalue,
                      stats.ttest_1samp(d, margin, alternative="less").pvalue)
    numbers = [d.mean(), d.std(ddof=1), error, d.mean() - half, d.mean() + half, test.statistic, test.pvalue,
               d.mean() - half90, d.mean() + half90, equivalence, sign_flips(arm - reference)]
    return a, b, numbers


def paired(file, rng):
    margin, cases = 0.0015, []
    for n in list(range(2, 21)) * 3 + [22, 24]:
        cases.append(paired_case(rng, n, int(rng.choice([360, 10000, 999983])), margin))
    group = file.create_group("paired")
    store(group, count=np.array([len(a) for a, _, _ in cases], dtype=np.int32),
          arm=np.concatenate([a for a, _, _ in cases]), reference=np.concatenate([b for _, b, _ in cases]),
          numbers=np.array([numbers for _, _, numbers in cases]))
    group.attrs["margin"] = margin


def holm(p):
    """As the paper has it: sort, multiply by m, m-1, ..., never fall, never pass 1."""
    adjusted = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p, kind="stable") if not np.isnan(p[i])]
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def holm_families(file, rng):
    families = []
    for _ in range(40):
        p = rng.random(8) ** 4
        p[rng.random(8) < 0.15] = np.nan
        if rng.random() < 0.3:
            p[5] = p[2]
        families.append(p)
    store(file.create_group("holm"), p=np.array(families), adjusted=np.array([holm(p) for p in families]))


def seeds(file):
    def needed(ratio):
        n = 2
        while stats.t.ppf(0.975, n - 1) * ratio / np.sqrt(n) > 1:
            n += 1
        return n
    ratios = [0.01, 0.1, 0.2, 0.5, 1.0, 1.3, 2.0, 2.13, 3.7, 10.0, 31.0]
    store(file.create_group("seeds"), ratio=ratios, needed=np.array([needed(r) for r in ratios], dtype=np.int32))


if __name__ == "__main__":
    generator = np.random.default_rng(20)
    with h5py.File(OUTPUT, "w", track_order=False) as output:
        student_t(output)
        paired(output, generator)
        holm_families(output, generator)
        seeds(output)
    print(f"{os.path.basename(OUTPUT)}: {os.path.getsize(OUTPUT)} bytes, SciPy {scipy.__version__}")
