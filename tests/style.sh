#!/usr/bin/env bash
# The rules of the house that no compiler knows. Prints each line that breaks one and then fails.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
rooms=(base sums statistics kernels comm norm config model hdf5 dataset import optim checkpoint export train bench forecast compare report study cli)
includes='^ *# *include *[<"]'

# lines PATTERN FILE...: matching lines, FILE:LINE:TEXT; none is no failure.
lines() {
  local pattern=$1
  shift
  grep -rnIE --include='*.[ch]' "$pattern" "$@" || true
}

# rule NAME [EXCEPTION]: each line of standard input breaks it, but for those that match EXCEPTION.
rule() {
  { grep -vE "${2:-^\$}" || true; } | sed "s|^|$1: |"
}

# number_of ROOM: its place in the house.
number_of() {
  local i
  for i in "${!rooms[@]}"; do
    if [ "${rooms[$i]}" = "$1" ]; then echo "$i" && return; fi
  done
  echo "${#rooms[@]}"
}

# room_of_public HEADER: the room whose interface include/lockstep/HEADER is.
room_of_public() {
  case $1 in
  log.h | memory.h | profile.h | public.h | settings.h | norm_layers.h | status.h) echo base ;;
  exact_sum.h) echo sums ;;
  comm.h | reduce.h) echo comm ;;
  batch_norm.h) echo norm ;;
  batch.h | model.h | network.h) echo model ;;
  config.h) echo config ;;
  dataset.h) echo dataset ;;
  fork_server.h) echo hdf5 ;;
  optimizer.h) echo optim ;;
  checkpoint.h) echo checkpoint ;;
  trainer.h) echo train ;;
  lockstep.h) echo cli ;; # all of them
  *) echo "unknown to tests/style.sh" ;;
  esac
}

# Includes of rooms that stand later in the house than the file's own.
later_rooms() {
  local file header own other
  lines "${includes}[a-z_]+/[^\"]*\"" include src | sed -E 's/^([^:]*):[0-9]+:.*"([^"]+)".*/\1 \2/' |
    while read -r file header; do
      case $file in
      src/*) own=${file#src/} own=${own%%/*} ;;
      *) own=$(room_of_public "${file##*/}") ;;
      esac
      other=${header%%/*}
      if [ "$other" = lockstep ]; then other=$(room_of_public "${header#lockstep/}"); fi
      if [ "$(number_of "$other")" -gt "$(number_of "$own")" ]; then echo "$file includes $header"; fi
    done
}

# What every public header needs: to be found by C++ and in the shared library, and to be a part of the whole. None includes what is
# not installed.
public_headers() {
  local header word
  for header in include/lockstep/*.h; do
    case $header in */lockstep.h | */public.h) continue ;; esac
    for word in BEGIN END; do grep -qx "LKS_PUBLIC_$word" "$header" || echo "$header lacks LKS_PUBLIC_$word"; done
    grep -qx "#include \"${header#include/}\"" include/lockstep/lockstep.h || echo "$header is not in lockstep.h"
  done
  lines "${includes}" include | { grep -vE "(<[a-z]+\.h>|\"lockstep/[a-z_]+\.h\")" || true; }
}

house() {
  lines "${includes}mpi\.h" src/base src/sums src/statistics src/kernels | rule 'mpi.h below comm'
  lines "${includes}hdf5(_hl)?\.h" include src | rule 'hdf5.h outside of its rooms' '^src/(hdf5|dataset|checkpoint)/'
  lines "${includes}(oneapi/)?dnnl" include src | rule 'oneDNN outside of its files' '^src/kernels/(onednn|isa)[a-z_]*\.[ch]:'
  public_headers | rule 'a public header'
  later_rooms | rule 'against the order of the rooms'
  find . -mindepth 1 -maxdepth 1 -not -name '.*' -printf '%f\n' |
    rule 'top-level entry' '^(CMakeLists\.txt|README\.md|LICENSE|include|src|tests|jobs|data|build.*|runs|studies)$'
}

text() {
  local file count
  lines "${includes}assert\.h" include src tests | rule 'assert.h'
  lines '\b(exit|abort)[[:space:]]*\(' src | rule 'a library does not exit' '^src/cli/'
  lines '\b(printf|puts|putchar)[[:space:]]*\(|\((stdout|stderr),' src |
    rule 'a library does not print' '^src/(cli/|base/(log|status_line|wrapped)\.c:|train/progress\.c:)'
  lines '\b(TODO|FIXME|XXX)\b' include src tests | rule 'unfinished'
  { grep -rnE '[^|]\| *grep -[a-z]*q' --include='*.sh' --include='*.sbatch' --include=run tests jobs .ci || true; } |
    rule 'a pipe that grep -q leaves early, which pipefail takes for a failure'
  find include src tests -name '*.[ch]' -exec awk 'FNR == 1 { last = "" }
    /^ *"/ && last ~ /[[:alnum:],;:(-] ?"$/ && last !~ /\\n"$/ { print FILENAME ":" FNR ":" $0 }
    { last = $0 }' {} + | rule 'a text that is split within a sentence, where nobody finds it'
  { grep -rnIE $'\t|[[:space:]]$' --include='*.[ch]' --include='*.sh' --include='*.py' --include='*.md' \
    --include='*.model' --include='*.cmake' --include=CMakeLists.txt --include=run CMakeLists.txt include src tests jobs data .ci || true; } |
    rule 'tab or blank at the end'
  find include src tests -name '*.[ch]' | while IFS= read -r file; do
    count=$(wc -l <"$file")
    if [ "$count" -gt 500 ]; then echo "$file has $count lines, more than 500"; fi
  done
}

comments() {
  find include src -name '*.h' -exec awk -f tests/doc_comments.awk {} + | rule 'a doc comment that does not begin with Local, Collective or Logically collective'
}

# there NAME: a file or folder, in full, shortened as the pages do it, or by its bare name.
there() {
  local folder
  for folder in '' src/ tests/ include/; do
    if compgen -G "$folder${1%/}" >/dev/null; then return; fi
  done
  [ -n "$(find include src tests -name "${1%/}" -print -quit)" ]
}

# Files and folders that stand between backquotes in the pages for developers; NAME and FORMAT are a reader's own.
pages() {
  local page word
  for page in src/README.md tests/README.md; do
    awk 'BEGIN { RS = "`" } NR % 2 == 0 { for (i = 1; i <= NF; i++) print $i }' "$page" | sort -u |
      { grep -E '^[a-z.][A-Za-z0-9_./*-]*(/|\*|\.(c|h|h5|sh|py|md|txt|awk|supp|cmake))$' || true; } | { grep -vE 'NAME|FORMAT|^build/|^lks_' || true; } |
      while IFS= read -r word; do there "$word" || echo "$page: $word"; done
  done | rule 'a page names what is not there'
}

broken=$(house && text && comments && pages)
if [ -n "$broken" ]; then
  printf '%s\n' "$broken"
  exit 1
fi
