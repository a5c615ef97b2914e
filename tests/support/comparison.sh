# shellcheck shell=bash
# For tests of comparisons, which source this file after program.sh and set the array `settings`.

# compare NAME RANKS ARGUMENT...: into the directory NAME.
compare() {
  local name=$1 ranks=$2
  shift 2
  run "$name" "$ranks" compare "${settings[@]:?}" --output "$name" "$@"
}

# without_times FILE: the columns before the first one that depends on the machine.
without_times() {
  awk -F, 'NR == 1 { for (last = 1; last <= NF && $last !~ /images_per_second|bn_share|ranks_used|seconds/; last++); }
    { for (i = 1; i < last; i++) printf "%s,", $i; print "" }' "$1"
}

# figures_of NAME: all that must not depend on how the comparison was executed.
figures_of() {
  find "$1/runs" -name metrics.csv | sort | xargs cut -d, -f1-7
  find "$1/runs" -name noise.csv | sort | xargs cat
  find "$1/runs" -name result.ini | sort | xargs sed -n '/^fingerprint\|^precise\|^lr\|^outcome/p'
  without_times "$1/runs.csv"
  without_times "$1/table.csv"
  cat "$1/noise.csv"
}

# same_figures A B
same_figures() {
  diff <(figures_of "$1" | sed "s/$1/X/g") <(figures_of "$2" | sed "s/$2/X/g") >difference ||
    complain "$1 and $2 differ" difference
}
