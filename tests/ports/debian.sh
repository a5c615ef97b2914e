#!/usr/bin/env bash
# Both commands of the README on bare Debian systems: a root of debootstrap's smallest kind with nothing installed, a fresh
# clone of this checkout's HEAD (what is not committed does not count), first as root, who has neither HOME, TERM nor a
# language, then as an ordinary user without sudo, whose folder has a blank in its name.
# usage: tests/ports/debian.sh [--quick] SUITE...    for example: tests/ports/debian.sh bookworm trixie
# --quick takes tests/run.sh --quick instead of all tests, and the quick start alone as a user. What was downloaded is kept
# in LOCKSTEP_ROOTS (default: lockstep/roots in the user's cache folder), the logs are in build/ports.
# Needs root, namespaces and, the first time, the network. LOCKSTEP_MIRROR names a mirror other than debootstrap's own.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/setup.sh"

cache=${LOCKSTEP_ROOTS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lockstep/roots}
logs=$root/build/ports
passed=0 failed=0 skipped=0

skip() {
  echo "skipped: $1"
  exit 77
}

# make_root SUITE: as debootstrap leaves it, in $cache/SUITE.tar. It is made once.
make_root() {
  local suite=$1 made
  if [ -s "$cache/$suite.tar" ]; then return 0; fi
  made=$(mktemp -d "$cache/$suite.XXXXXX")
  echo "$suite: making a root"
  if timeout -k 10 1200 debootstrap --variant=minbase "$suite" "$made/root" ${LOCKSTEP_MIRROR:+"$LOCKSTEP_MIRROR"} >"$logs/$suite-debootstrap.log" 2>&1; then
    tar -C "$made/root" --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' -cf "$made/tar" .
    mv "$made/tar" "$cache/$suite.tar"
  else
    tail -n 20 "$logs/$suite-debootstrap.log"
  fi
  rm -rf "$made"
  [ -s "$cache/$suite.tar" ]
}

# unpack SUITE: a root of its own for this run, $bare, whose apt talks to the network as this system's does, and keeps what it
# fetches.
unpack() {
  local suite=$1
  tar -C "$bare" -xf "$cache/$suite.tar"
  cp -L /etc/resolv.conf /etc/hosts "$bare/etc/"
  { apt-config dump Acquire | grep -iE '::(proxy|cainfo)' || true; } >"$bare/etc/apt/apt.conf.d/90host"
  echo 'Binary::apt-get::APT::Keep-Downloaded-Packages "true";' >>"$bare/etc/apt/apt.conf.d/90host"
  mkdir -p "$cache/$suite-packages/partial"
  mount --bind "$cache/$suite-packages" "$bare/var/cache/apt/archives"
  mount -t proc proc "$bare/proc"
  mount --rbind /sys "$bare/sys"
  mount --rbind /dev "$bare/dev"
  mount -t tmpfs tmpfs "$bare/dev/shm"
}

# clone_to FOLDER: below $bare.
clone_to() {
  git -c safe.directory='*' clone -q --no-hardlinks "$root" "$bare$1"
}

# others: processes of this script's own world that it does not wait for.
others() {
  ps -e -o pid=,args= | awk -v own=$$ '$1 != own && $2 != "ps" && $2 != "awk" && $0 !~ /debian\.sh/'
}

# try NAME LIMIT COMMAND...: one of the commands, which may take LIMIT seconds.
try() {
  local name=$1 limit=$2 code=0 start=$SECONDS log=$logs/$1.log left tries
  shift 2
  timeout -k 10 "$limit" "$@" </dev/null >"$log" 2>&1 || code=$?
  for tries in $(seq 50); do
    left=$(others)
    if [ -z "$left" ]; then break; fi
    sleep 0.1
  done
  if [ -n "$left" ]; then
    printf 'after %s looks these were left behind:\n%s\n' "$tries" "$left" >>"$log"
    code=1
  fi
  if [ "$code" -eq 0 ]; then
    passed=$((passed + 1))
    echo "$name: ok after $((SECONDS - start)) s; $(tail -n 1 "$log")"
  else
    failed=$((failed + 1))
    echo "$name: FAILED with code $code after $((SECONDS - start)) s; the end of $log:"
    tail -n 60 "$log" | sed 's/^/  | /'
  fi
}

# inside SUITE: process 1 of a world of its own, which ends with it.
inside() {
  local suite=$1 path=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  mount --make-rprivate /
  unpack "$suite"
  clone_to /root/lockstep
  local as_root=(chroot "$bare" env -i "$path" LOCKSTEP_WERROR=ON)
  try "$suite-root-quickstart" 3600 "${as_root[@]}" /root/lockstep/jobs/quickstart.sh
  try "$suite-root-tests" 7200 "${as_root[@]}" /root/lockstep/tests/run.sh ${quick:+--quick}

  chroot "$bare" useradd --create-home ordinary
  clone_to "/home/ordinary/a clone"
  chroot "$bare" chown -R ordinary:ordinary "/home/ordinary/a clone"
  local as_user=(chroot --userspec=ordinary:ordinary "$bare" env -i "$path" LOCKSTEP_WERROR=ON HOME=/home/ordinary)
  try "$suite-user-quickstart" 3600 "${as_user[@]}" "/home/ordinary/a clone/jobs/quickstart.sh"
  if [ -z "$quick" ]; then
    try "$suite-user-tests" 3600 "${as_user[@]}" "/home/ordinary/a clone/tests/run.sh" --quick
  fi
  echo "$passed $failed" >"$bare.count"
}

remove_root() {
  if [ -n "${bare:-}" ]; then rm -rf --one-file-system "$bare" "$bare.count"; fi
}

# check SUITE
check() {
  local suite=$1 counts
  bare=$(mktemp -d "$cache/$suite.XXXXXX")
  export bare quick
  if make_root "$suite"; then
    chmod 755 "$bare"
    setpriv --pdeathsig KILL unshare --mount --pid --fork --mount-proc --kill-child bash "${BASH_SOURCE[0]}" --inside "$suite" || true
  fi
  if read -r -a counts 2>/dev/null <"$bare.count"; then
    passed=$((passed + counts[0])) failed=$((failed + counts[1]))
  else
    failed=$((failed + 1))
    echo "$suite: FAILED before the end"
  fi
  remove_root
}

if [ "${1:-}" = --inside ]; then
  inside "$2"
  exit 0
fi
quick=
if [ "${1:-}" = --quick ]; then
  quick=yes
  shift
fi
[ $# -gt 0 ] || fail "which Debian? tests/ports/debian.sh [--quick] bookworm trixie"
[ "$(id -u)" -eq 0 ] || skip "a root of its own needs root"
unshare --mount --pid --fork --mount-proc true 2>/dev/null || skip "this machine allows no namespaces"
install_packages debootstrap git procps
command -v debootstrap >/dev/null || skip "there is no debootstrap"
mkdir -p "$cache" "$logs"
trap remove_root EXIT
for suite; do check "$suite"; done
echo "debian.sh: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
