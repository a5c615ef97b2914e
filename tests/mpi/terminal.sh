#!/usr/bin/env bash
# What a run looks like in a terminal, tmux, at 80, 50 and 200 columns and while its window changes: one bar, nothing left of it, long
# lines broken at blanks; and what --quiet leaves.
# usage: terminal.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck disable=SC2317 # `within_patience` calls functions
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o data.h5 --shape 16x16x3 --train 700 --test 60
arguments=(train data.h5 --model cnn --threads 1 --batch-size 32)

# --quiet, in a file: results alone, the same ones.
run loud 0 "${arguments[@]}" --epochs 1 -o loud
run quiet 0 "${arguments[@]}" --epochs 1 -o quiet --quiet --progress plain
ended quiet 0
[ "$(fingerprint_of loud)" = "$(fingerprint_of quiet)" ] || complain "--quiet changes the result" quiet.out
grep -vE '^(epoch 1: test loss [0-9.]+, accuracy [0-9.]+|fingerprint: [0-9a-f]{32})$' quiet.out >others && complain "--quiet says more than results" others
[ "$(wc -l <quiet.out)" -eq 2 ] || complain "--quiet leaves other lines" quiet.out
[ ! -s quiet.err ] || complain "--quiet writes to standard error" quiet.err
if grep -q $'\033' loud.out loud.err; then complain "there are colours in a file" loud.out; fi

has_tool tmux "what a terminal shows" || finish
server=lockstep-$$
tmux() { command tmux -L "$server" -f /dev/null "$@"; }
clean_up_of_program=$(trap -p EXIT | sed "s/^trap -- '//; s/' EXIT$//")
# shellcheck disable=SC2064 # what it is now
trap "command tmux -L $server kill-server 2>/dev/null || true; $clean_up_of_program" EXIT

# A server ends with its last session, and would not hear of the next one while it does.
tmux new-session -d -s kept "sleep 100000"

shown() {
  tmux capture-pane -p -S -500 -t shown
}

# bars: lines of the screen that are a bar or a piece of one.
bars() {
  shown | grep -cE '\[=*>? *\]|ETA [0-9]|images/s  |loss [0-9.]+  ' || true
}

# comes COMMAND...: whether it succeeds within patience.
comes() {
  local end=$((SECONDS + $(slowed 30)))
  until "$@"; do
    if [ "$SECONDS" -ge "$end" ]; then return 1; fi
    sleep 0.2
  done
}

# within_patience COMMAND...: until it succeeds.
within_patience() {
  if ! comes "$@"; then
    shown >screen
    complain "in vain: $*" screen
  fi
}

# The bar of a window so wide; of one that was wider, when it has been drawn anew.
has_bar() {
  [ "$(bars)" -eq 1 ] && shown | grep -E '^ *epoch +[0-9]+/5000 ' >/dev/null
}

# stays_alone: whether the run's bar is the only one while its window changes.
stays_alone() {
  local width
  within_patience has_bar
  for width in 50 200 80 50; do
    tmux resize-window -t shown -x "$width" -y 40
    sleep "$(slowed 1)" # for the bar to be drawn in it
    comes has_bar || return 1
    shown >screen
    awk -v width="$width" 'length > width { exit 1 }' screen || complain "a line is wider than $width columns" screen
  done
}

ends() {
  shown | grep -x "END OF RUN" >/dev/null
}

# watch_it NAME COMMAND...: a run in a window that is resized while it trains, and then stopped. A bar that was under way while its
# window changed leaves a piece that no program can know of, so that this is said only when each attempt shows pieces.
watch_it() {
  local name attempt settled=no
  for attempt in 1 2 3; do
    name=$1-$attempt
    tmux new-session -d -s shown -x 80 -y 40 \
      "TERM=tmux-256color ${*:2} train ${arguments[*]:1} --epochs 5000 --lr 0.001 -o $name; echo END OF RUN; sleep 1000"
    if stays_alone; then settled=yes; fi
    touch "$name/STOP"
    within_patience ends
    if [ "$settled" = yes ]; then
      shown >screen
      [ "$(bars)" -eq 0 ] || complain "$name: the bar is still there in the end" screen
    fi
    tmux kill-session -t shown
    if [ "$settled" = yes ]; then return; fi
  done
  complain "$1: pieces of old bars are left in each of $attempt attempts" screen
}
watch_it alone "$program"
if [ "$hydra" = no ]; then watch_it ranks "$MPIEXEC -n 2 $program"; fi # Hydra's ranks write into a pipe

# Colours, and none: of an error.
for no_colour in '' 1; do
  tmux new-session -d -s shown -x 80 -y 40 "TERM=tmux-256color NO_COLOR=$no_colour $program info nothing.h5; echo END OF RUN; sleep 1000"
  within_patience ends
  coloured=$(tmux capture-pane -e -p -t shown | grep -c $'\033\\[.*error' || true)
  [ "$coloured" -eq "$([ -n "$no_colour" ] && echo 0 || echo 1)" ] || complain "an error with NO_COLOR=$no_colour has $coloured coloured lines"
  tmux kill-session -t shown
done

# Help and tables at each width, one below the other; in a file each line is whole, and columns are as wide as ever.
run trained 0 "${arguments[@]}" --epochs 0 -o trained
run predicted 0 predict trained/last.h5 data.h5:0-3
[ "$(grep -c '^data.h5:[0-3]  class .* its label is [0-9]*$' predicted.out)" -eq 4 ] || complain "predictions in a file are broken" predicted.out
run confused 0 evaluate trained/last.h5 data.h5 --confusion -
grep -qx 'class . taken for       0    1    2    3    4    5    6    7    8    9' confused.out || complain "a confusion matrix has other columns" confused.out
comparison=(compare data.h5 --model mlp --train-samples 100 --epochs 1 --bn 'sync,8' --seeds 2 --threads 1 -o compared)
run compared 0 "${comparison[@]}"
ended compared 0
printf '%s\n' "$program info data.h5" "$program info trained/last.h5" "$program predict trained/last.h5 data.h5:0-3" \
  "$program evaluate trained/last.h5 data.h5 --confusion -" "$program ${comparison[*]}" >narrow.sh
cp narrow.sh wide.sh
# Examples are not broken, and some tables need 80.
printf '%s\n' "$program help train" "$program help files" "$program plan data.h5 --seconds 0.01" >>wide.sh
echo "$program bench --model resnet8 --shape 8x8x1 --batch-size 16 --seconds 0.01 --repeats 1 --layers --bn sync" >>wide.sh
for width in 50 80 200; do
  script=wide.sh
  if [ "$width" -eq 50 ]; then script=narrow.sh; fi
  tmux new-session -d -s shown -x "$width" -y 40 "sh $script; echo END OF RUN; sleep 1000"
  within_patience ends
  tmux capture-pane -p -J -S -2000 -t shown >joined # lines that the terminal had to wrap are one here
  awk -v width="$width" '{ sub(/ +$/, "") } length > width { print; wide = 1 } END { exit wide }' joined >broken ||
    complain "at $width columns the terminal breaks lines" broken
  grep -q '^ *trained ' joined || complain "nothing was printed at $width columns" joined
  tmux kill-session -t shown
done
finish
