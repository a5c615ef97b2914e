# shellcheck shell=bash
# Time in the tests: every limit is written in seconds of a machine with two idle cores and grows with
# LOCKSTEP_TEST_SLOWNESS, so that a slow or busy machine is given what it needs. A limit is there to end what hangs; no test
# asserts how long something takes.

# What the work below takes on two idle cores of an AMD Zen 4; and the most that is believed of a machine.
readonly slowness_reference=0.28 slowness_most=20

# A fixed piece of what tests do: a shell's arithmetic, and starts of processes.
slowness_work() {
  local i sum=0
  for ((i = 0; i < 40000; i++)); do sum=$(((31 * sum + i) & 65535)); done
  for ((i = 0; i < 80; i++)); do (:); /bin/true; done
}

# measure_slowness: prints how many times slower than the reference this machine is, 1 to 20. Two copies of the work at the same
# time tell of missing cores, of a share of the processor and of other work alike; a bursty load is told by the last minute's.
measure_slowness() {
  local LC_ALL=C begin end load cores
  begin=$EPOCHREALTIME
  slowness_work &
  slowness_work
  wait $!
  end=$EPOCHREALTIME
  read -r load _ </proc/loadavg || load=0
  cores=$(nproc)
  awk -v begin="$begin" -v end="$end" -v load="$load" -v cores="$cores" -v reference="$slowness_reference" -v most="$slowness_most" '
    function larger(a, b) { return a > b ? a : b }
    BEGIN {
      f = larger(1, larger((end - begin) / reference, load / cores))
      printf "%.1f\n", f < most ? f : most
    }'
}

# is_slowness TEXT: whether it is a factor that limits can be multiplied by.
is_slowness() {
  [[ $1 =~ ^[0-9]{1,4}(\.[0-9]{1,6})?$ ]] && [[ $1 =~ [1-9] ]]
}

# know_slowness: sets LOCKSTEP_TEST_SLOWNESS for all that is started from here, unless the environment has it already.
know_slowness() {
  if [ -z "${LOCKSTEP_TEST_SLOWNESS:-}" ]; then LOCKSTEP_TEST_SLOWNESS=$(measure_slowness); fi
  if ! is_slowness "$LOCKSTEP_TEST_SLOWNESS"; then
    echo "LOCKSTEP_TEST_SLOWNESS=$LOCKSTEP_TEST_SLOWNESS is no number above 0, such as 1 or 2.5" >&2
    return 2
  fi
  export LOCKSTEP_TEST_SLOWNESS
}

# slowed SECONDS: that many of the reference machine, on this one; whole seconds, rounded up.
slowed() {
  LC_ALL=C awk -v seconds="$1" -v f="${LOCKSTEP_TEST_SLOWNESS:-1}" 'BEGIN { t = seconds * f; n = int(t); print n + (n < t) }'
}

# patience SECONDS: how long a sound process may be waited for, likewise. Halts grow less than work does: by the root of the slowness.
patience() {
  LC_ALL=C awk -v seconds="$1" -v f="${LOCKSTEP_TEST_SLOWNESS:-1}" 'BEGIN {
    t = f > 1 ? seconds * sqrt(f) : seconds; n = int(t); print n + (n < t) }'
}

# epochs_in SECONDS METRICS LEAST: prints how many epochs a run trains in that time, but LEAST of them, by the second epoch in the
# metrics of another run with its settings.
epochs_in() {
  LC_ALL=C awk -F, -v seconds="$1" -v least="$3" '
    NR == 1 { for (column = 1; column < NF && $column != "seconds"; column++); }
    NR == 2 { first = $column }
    NR == 3 { epochs = int(seconds / ($column - first)); print (epochs > least ? epochs : least) }' "$2"
}

# limited SECONDS COMMAND...: 124 or 137 when the time was over.
limited() {
  local seconds
  seconds=$(slowed "$1")
  shift
  timeout -k 5 "$seconds" "$@"
}
