#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests. Safe to repeat.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../jobs/setup.sh"
# shellcheck source=tests/support/suite.sh
source "$root/tests/support/suite.sh"

usage() {
  cat <<'END'
usage: tests/run.sh [--quick | --whole] [CTEST ARGUMENT]...

Installs the Debian packages that are missing, builds, and runs the tests: a few minutes on two cores.
  --quick   a selection that takes under two minutes on two cores, besides the build: every unit and golden test, the
            MPI tests on one and three ranks, and the tests of wrong input and of single commands
  --whole   also what repeats others: networks on every pair of a rank and a thread count
  --help    this
All other arguments are ctest's, for example:
  tests/run.sh -R unit/         the tests whose names match; ctest -N lists them
  tests/run.sh -L cluster       those with a label: unit, mpi, golden, fault, cluster, quick, whole

Environment:
  LOCKSTEP_BUILD          the folder to build in, build/ of the source tree by default
  LOCKSTEP_TEST_SLOWNESS  how many times slower than two idle cores the machine is taken to be: each test's own time limit
                          grows with it. Measured at the start unless it is given. There is no limit over all tests.

The last line is "N passed, N failed, N skipped", the lines before it tell what was skipped, in whole or in part. Ctrl-C ends
the tests, leaves no process and still prints this. The exit code is 0 if nothing failed.
END
}

selection=(-LE '^whole$')
case ${1:-} in
  --help | -h)
    usage
    exit 0
    ;;
  --quick)
    export LOCKSTEP_TEST_QUICK=1
    selection=(-L '^quick$')
    shift
    ;;
  --whole)
    export LOCKSTEP_TEST_WHOLE=1
    selection=()
    shift
    ;;
esac

install_packages "${build_packages[@]}" procps gnuplot-nox # the tests look at processes and at plots
build_tests "$build_folder" all
run_tests "$build_folder" "${selection[@]}" "$@"
