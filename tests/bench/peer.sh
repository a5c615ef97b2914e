#!/usr/bin/env bash
# Lockstep beside PyTorch on the same cores: prints the table of ratios as Markdown.
# usage: [PYTHON=FILE] tests/bench/peer.sh [--rows NAMES] [--rounds N] [--repeats N] [--output FILE.md]; see torch_peer.py.
# PYTHON names an interpreter that has PyTorch; without one a virtual environment in build/peer gets it with pip (a CPU build
# if PIP_INDEX_URL names a registry of such). Exit code 77 when there is none to be had.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/setup.sh"
cd "$root"

has_torch() {
  "$1" -c 'import torch' >/dev/null 2>&1
}

# find_torch: prints an interpreter that has PyTorch.
find_torch() {
  local python=$root/build/peer/bin/python
  if [ -n "${PYTHON:-}" ]; then
    if has_torch "$PYTHON"; then echo "$PYTHON"; return; fi
    return 1
  fi
  if [ -x "$python" ] && has_torch "$python"; then echo "$python"; return; fi
  install_packages python3-venv >&2
  python3 -m venv "$root/build/peer" >&2 &&
    timeout -k 10 1500 "$root/build/peer/bin/pip" install --quiet torch numpy >&2 && has_torch "$python" && echo "$python"
}

[ -x build/lockstep ] || jobs/setup.sh
python=$(find_torch) || { echo "skipped: PyTorch cannot be had here (PYTHON=... names an interpreter that has it)"; exit 77; }
exec "$python" tests/bench/torch_peer.py "$@"
