#!/usr/bin/env bash
# What the program says about itself: help of commands and topics, its examples, and the completions of fish and zsh, which come
# from the same tables. (mpi/install.sh has the completion of bash.)
# usage: help.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

# narrow FILE: no line has more than 80 columns.
narrow() {
  awk 'length > 80 { print FILENAME ": " $0; wide = 1 } END { exit wide }' "$1" >wide || complain "$1 is wider than 80 columns" wide
}

# letters: of a text, without blanks, for man breaks words at their hyphens.
letters() {
  tr -d '[:space:]' | fold -w 60
  echo
}

options_of() {
  sed -n 's/^  \(-[a-z],\|   \) --\([a-z0-9-]*\).*/\2/p' "$1.help"
}

"$program" help >all.help
narrow all.help
commands=$(sed -n 's/^  \([a-z][a-z-]*\) [^ ].*/\1/p' all.help)
topics=$(sed -n 's/^    \([a-z][a-z-]*\)   *[a-z].*/\1/p' all.help)
[ "$(wc -w <<<"$commands")" -ge 10 ] || complain "commands: $commands"
[ "${topics//$'\n'/ }" = "models files own-data cluster" ] || complain "topics: $topics"

# Each help ends with two examples, of that command, with options that it has.
for command in $commands; do
  "$program" help "$command" >"$command.help"
  narrow "$command.help"
  tail -n 5 "$command.help" >examples
  awk -v command="$command" 'NR == 1 { good = /^Examples:$/ }
    NR % 2 == 0 && $0 !~ "^  (mpirun -np [0-9]+ )?lockstep " command " [^ ]" { good = 0 }
    NR > 1 && NR % 2 == 1 && $0 !~ /^      [a-z].*[^.]$/ { good = 0 }
    END { exit !(good && NR == 5) }' examples || complain "$command: the help does not end with two examples" examples
  grep -o -- '--[a-z][a-z-]*' examples >used || true
  while read -r option; do
    options_of "$command" | grep -x -- "${option#--}" >/dev/null || complain "$command: an example has $option, which it does not know" examples
  done <used
done

# A topic is its manual page, and says so in the same words.
for topic in $topics; do
  "$program" help "$topic" >"$topic.help"
  narrow "$topic.help"
  page=$("$program" help --pages | grep "^lockstep-${topic%s}s*\.[57]$")
  "$program" help --page "$page" >topic.page
  if [ "$topic" != models ] && has_tool man "how topics are shown as manual pages"; then
    MANWIDTH=80 man --nh --nj -E UTF-8 -l -P cat topic.page 2>/dev/null | sed '1d;$d' | letters >page.letters
    letters <"$topic.help" >topic.letters
    diff page.letters topic.letters >difference || complain "help $topic and the page $page differ" difference
  fi
done
if [ "$("$program" help fils 2>&1 >/dev/null | grep -c 'lockstep: error: ')" -ne 1 ]; then complain "an unknown topic is no error"; fi

# fish_completes EXPECTED LINE...
if has_tool fish "the completion of fish"; then
  "$program" help --completion fish >lockstep.fish
  touch trained.h5
  {
    echo 'source lockstep.fish'
    for command in $commands; do echo "echo '== $command'; complete -C 'lockstep $command --'"; done
    for line in 'lockstep ' 'lockstep help ' 'lockstep train --schedule ' 'lockstep train --model resn' 'lockstep info tra' 'lockstep train -o tra'; do
      echo "echo '== $line|'; complete -C '$line'"
    done
  } >ask.fish
  fish -N ask.fish >fish.out 2>fish.err || complain "the completion of fish" fish.err
  [ ! -s fish.err ] || complain "the completion of fish" fish.err
  sed -i 's/\t.*//' fish.out
  # fish_says SECTION WORD
  fish_says() {
    awk -v section="== $1" -v word="$2" '/^== / { here = $0 == section } here && $0 == word { found = 1 } END { exit !found }' fish.out ||
      complain "fish does not complete '$1' to $2"
  }
  for command in $commands; do
    fish_says 'lockstep |' "$command"
    fish_says 'lockstep help |' "$command"
    awk -v section="== $command" '/^== / { here = $0 == section } here' fish.out | sed -n 's/^--\([a-z0-9-]*\)=*$/\1/p' >known
    unknown=$(options_of "$command" | sort | comm -23 - <(sort -u known))
    [ -z "$unknown" ] || complain "fish does not know $command --$unknown"
  done
  fish_says 'lockstep help |' own-data
  fish_says 'lockstep train --schedule |' cosine
  fish_says 'lockstep train --model resn|' resnet20
  fish_says 'lockstep info tra|' trained.h5
  fish_says 'lockstep train -o tra|' trained.h5
  if grep -qx -- '--bn=*' <(awk '/^== / { here = $0 == "== info" } here' fish.out); then complain "fish completes info --bn"; fi
fi

if has_tool zsh "the completion of zsh"; then
  "$program" help --completion zsh >_lockstep
  touch trained.h5
  for command in $commands; do
    awk -v command="    $command)" '$0 == command { here = 1 } here { print } /;;$/ { here = 0 }' _lockstep >of-command
    grep -oE "(^ *'(\(--[a-z0-9-]+\))?\*?|,)--[a-z0-9-]+" of-command | sed 's/.*--//' >known
    unknown=$(options_of "$command" | sort | comm -23 - <(sort -u known))
    [ -z "$unknown" ] || complain "zsh does not know $command --$unknown"
  done
  # A zsh of its own behind a terminal: it writes the line as the tabulator has completed it.
  cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty asked zsh -f -i
zpty -w asked 'PS1=; unset zle_bracketed_paste; stty -echo; autoload -Uz compinit; compinit -C -D; source ./_lockstep
bindkey "^I" complete-word; show() { print -r -- "=[$BUFFER]="; BUFFER=; }; zle -N show; bindkey "^X" show; print READ""Y'
zpty -r asked out '*READY*'
for line in "$@"; do
  zpty -w -n asked "$line"$'\t\x18'
  zpty -r asked out '*=\[*\]=*'
  print -r -- "${${out##*=\[}%%\]=*}|"
done
zpty -d asked
END
  TERM=xterm limited 60 zsh -f ask.zsh 'lockstep trai' 'lockstep help own' 'lockstep train --batch-s' 'lockstep train --flip --schedule=cos' \
    'lockstep train --model resnet2' 'lockstep info traine' 'lockstep info --batch-s' >zsh.out 2>zsh.err || complain "the completion of zsh" zsh.err
  cat >expected <<'END'
lockstep train |
lockstep help own-data |
lockstep train --batch-size=|
lockstep train --flip --schedule=cosine |
lockstep train --model resnet20 |
lockstep info trained.h5 |
lockstep info --batch-s|
END
  diff expected zsh.out >difference || complain "zsh completes otherwise" difference
fi

finish
