#!/usr/bin/env bash
# One process at a time writes into a run, a comparison or a study: others are refused with code 2 and told who it is, and the one at
# work is not disturbed. What a dead process left is taken over. Jobs of a comparison share its directory, and none of what they
# add to it gets lost.
# usage: one_writer.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

make_long_run
train whole 0 "${long_run[@]}"
ended whole 0

# no_locks DIRECTORY: nothing is left of them when a run has ended.
no_locks() {
  [ -z "$(find "$1" -name '*.lock*')" ] || complain "$1: a lock is left behind"
}

# freeze PATTERN: the processes of the program with these arguments, its readers as well; `thaw` ends that.
freeze() {
  mapfile -t frozen < <(pgrep -f "^$folder/bin/lockstep $1")
  kill -STOP "${frozen[@]}"
}

thaw() {
  kill -CONT "${frozen[@]}"
}

# refused NAME DIRECTORY: told which process writes there.
refused() {
  ended "$1" 2
  says "$1" "process [0-9]* on host .* writes into $2 since 20"
}

# A run, those that would start there or go on there meanwhile, on one rank and on two.
second_runs_are_refused() {
  train first 0 "${long_run[@]}" &
  wait_for first/checkpoint-10.h5
  freeze "train --output first "
  run second 0 train --output first "${long_run[@]}"
  run second-2 2 train --output first "${long_run[@]}"
  run resumed 0 train --resume --output first
  run resumed-2 2 train --resume --output first
  thaw
  wait
  refused resumed first
  refused resumed-2 first
  ended second 2
  ended second-2 2
  says second 'first already holds a run'
  ended first 0
  same whole first
  no_locks first
}

# Two resumes at once: one goes on, the other is refused. What was killed kept nobody out.
one_of_two_resumes_goes_on() {
  train killed 0 "${long_run[@]}" &
  wait_for killed/checkpoint-10.h5
  kill -KILL "$(ranks_of killed)"
  wait
  [ -e killed/run.lock ] || complain "nothing tells who wrote into the run that was killed"
  run again 0 train --resume --output killed &
  wait_for killed/checkpoint-15.h5
  freeze "train --resume --output killed"
  run third 0 train --resume --output killed
  thaw
  wait
  refused third killed
  ended again 0
  says again 'resume   from killed/'
  same_as_whole again killed
  no_locks killed
}

# same_as_whole NAME DIRECTORY: the run of that name ended as the one that nobody disturbed.
same_as_whole() {
  [ "$(fingerprint_of whole)" = "$(fingerprint_of "$1")" ] || complain "$1: another fingerprint" "$1.out" "$1.err"
  diff <(cut -d, -f1-7 whole/metrics.csv) <(cut -d, -f1-7 "$2/metrics.csv") >difference || complain "$1: other metrics" difference
}

# A lock that another host left, whose system has let go of it.
another_hosts_lock_is_taken_over() {
  cp -a whole elsewhere
  printf 'host = far\nprocess = 12\nstarted = 34\njob = 56\nrestart = 0\nsince = 2020-02-20 20:20:20 +0000\n' >elsewhere/run.lock
  run elsewhere 0 train --resume --output elsewhere
  ended elsewhere 0
  says elsewhere 'warning: elsewhere: process 12 on host far, job 56 wrote into it from 2020-02-20 20:20:20'
  no_locks elsewhere
}

# without_locks COMMAND...: on a file system that has none.
without_locks() {
  strace -f -qq -o "$folder/log/strace" -e trace=flock -e inject=flock:error=ENOLCK "$@"
}

the_text_counts_without_locks() {
  has_tool strace "a file system without locks" || return 0
  if ! without_locks true 2>/dev/null; then
    skipped "a file system without locks" "strace cannot trace here"
    return
  fi
  cat >"$folder/bin/without_locks" <<END
#!/bin/sh
exec strace -f -qq -o '$folder/log/strace' -e trace=flock -e inject=flock:error=ENOLCK '$program' "\$@"
END
  chmod +x "$folder/bin/without_locks"
  local program=$folder/bin/without_locks
  train lockless 0 "${long_run[@]}" &
  wait_for lockless/checkpoint-5.h5
  freeze "train --output lockless "
  run lockless-2 0 train --resume --output lockless
  thaw
  wait
  refused lockless-2 lockless
  ended lockless 0
  says lockless 'warning: lockless is on a file system without locks'
  same whole lockless
  no_locks lockless
}

small=(data.h5 --model mlp --batch-size 64 --epochs 2 --threads 1)

second_comparisons_are_refused() {
  run compared 0 compare "${small[@]}" --bn sync,8 --seeds 3 -o compared &
  wait_for compared/runs/sync/seed-1/result.ini
  freeze "compare .*-o compared"
  run compared-2 0 compare "${small[@]}" --bn sync,8 --seeds 3 -o compared
  run compared-3 2 compare "${small[@]}" --bn sync,8 --seeds 4 -o compared
  thaw
  wait
  refused compared-2 compared
  refused compared-3 compared
  ended compared 0
  grep -q '^seeds = 3$' compared/comparison.ini || complain "a comparison that was refused has added seeds" compared/comparison.ini
  no_locks compared
}

second_studies_are_refused() {
  run studied 0 study placement --data data.h5 --seeds 1 --epochs 1 --threads 1 --output studied &
  wait_for studied/placement/comparison.ini
  freeze "study .*--output studied"
  run studied-2 0 study placement --data data.h5 --seeds 1 --epochs 1 --threads 1 --output studied
  thaw
  wait
  refused studied-2 studied/placement
  ended studied 0
  no_locks studied
}

# slow_renames: a program that takes its time between writing comparison.ini and giving it its name.
slow_renames() {
  cat >"$folder/bin/slow" <<END
#!/bin/sh
exec strace -f -qq -o "$folder/log/slow.\$\$" -e trace=rename,link -e inject=rename,link:delay_enter=200000 '$program' "\$@"
END
  chmod +x "$folder/bin/slow"
}

# Eight jobs at once, each with one seed more than the one before: all are there in the end.
growing_jobs_share_a_comparison() {
  local job program=$program
  if has_tool strace "renames that take long" && without_locks true 2>/dev/null; then
    slow_renames
    program=$folder/bin/slow
  fi
  for job in 1 2 3 4 5 6 7 8; do
    run "job-$job" 0 compare "${small[@]}" --bn sync,8 --seeds "$job" --only "sync:$job" -o grown &
  done
  wait
  for job in 1 2 3 4 5 6 7 8; do
    ended "job-$job" 0
    [ -s "grown/runs/sync/seed-$job/result.ini" ] || complain "job $job left no result"
  done
  grep -q '^seeds = 8$' grown/comparison.ini || complain "seeds are lost" grown/comparison.ini
  no_locks grown
}

second_runs_are_refused
one_of_two_resumes_goes_on
another_hosts_lock_is_taken_over
the_text_counts_without_locks
second_comparisons_are_refused
second_studies_are_refused
growing_jobs_share_a_comparison
finish
