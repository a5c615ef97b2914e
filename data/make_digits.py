#!/usr/bin/env python3
"""Turns scikit-learn's digits.csv.gz into four IDX files, from which `lockstep import idx` makes digits.h5 (see README.md)."""

import csv
import gzip
import pathlib
import struct
import sys


def write_split(folder, name, samples):
    pixels = bytes((value * 255 + 8) // 16 for row in samples for value in row[:64])
    labels = bytes(row[64] for row in samples)
    (folder / f"{name}-images").write_bytes(struct.pack(">4I", 0x803, len(samples), 8, 8) + pixels)
    (folder / f"{name}-labels").write_bytes(struct.pack(">2I", 0x801, len(samples)) + labels)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make_digits.py DIGITS.csv.gz FOLDER")
    with gzip.open(sys.argv[1], "rt", newline="") as source:
        rows = [[int(float(value)) for value in row] for row in csv.reader(source)]
    if len(rows) != 1797 or any(len(row) != 65 or max(row[:64]) > 16 for row in rows):
        sys.exit(f"{sys.argv[1]}: these are not the 1,797 digits of 8 x 8 pixels")
    # Sorted by digit, every fifth sample is a test one; both splits keep the order of the source.
    by_digit = sorted(range(len(rows)), key=lambda i: rows[i][64])
    test = set(by_digit[::5])
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    write_split(folder, "train", [row for i, row in enumerate(rows) if i not in test])
    write_split(folder, "test", [row for i, row in enumerate(rows) if i in test])


main()
