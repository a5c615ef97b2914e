# shellcheck shell=bash
# Hosts made of namespaces: each has a network, a name, a temporary folder and shared memory of its own, all on one bridge.
# The test that sources this file runs again inside namespaces of its own (network, mounts, processes): whatever happens to
# it, all that it started ends with it, and the machine never sees any of it.

# shellcheck source=tests/support/time.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/time.sh"

# skip WHY: says so, where and how ctest and a reader expect it.
skip() {
  echo "skipped: all of it, $1"
  exit 77
}

# begin FOLDER SCRIPT ARGUMENT...: installs what the array `packages` names, enters the namespaces, and goes to FOLDER beside
# the program ($folder), where a copy of it is. The hosts' own /tmp must not hide the project, so it is seen as /mnt/project,
# and the folder of the program as /mnt/build.
begin() {
  if [ -z "${INSIDE_NAMESPACES:-}" ]; then
    [ "$(id -u)" -eq 0 ] || skip "namespaces of hosts need root"
    # shellcheck disable=SC2154 # the array is the sourcing script's, root is of jobs/setup.sh
    (install_packages "${packages[@]}" iproute2 procps) || skip "not all of these could be installed: ${packages[*]} iproute2 procps"
    [ -x "${LOCKSTEP:=$root/build/lockstep}" ] || fail "there is no program $LOCKSTEP"
    export LOCKSTEP
  fi
  enter_namespaces "${@:2}"
  folder=/mnt/build/$1
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/project /mnt/build
  mount --bind "$root" /mnt/project
  mount --bind "$(dirname "$LOCKSTEP")" /mnt/build
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$LOCKSTEP" "$folder/lockstep"
  cd "$folder" || exit
  LOCKSTEP=$folder/lockstep
  declare -gA host_process
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
}

# enter_namespaces SCRIPT ARGUMENT...: runs the script again as process 1 of its own world.
enter_namespaces() {
  local script=$1
  shift
  if [ -n "${INSIDE_NAMESPACES:-}" ]; then
    mount --make-rprivate /
    ip link set lo up
    return
  fi
  command -v ip >/dev/null || skip "there is no ip (Debian's iproute2)"
  unshare --mount --net --uts --ipc --pid --fork --mount-proc true 2>/dev/null || skip "this machine allows no namespaces"
  INSIDE_NAMESPACES=yes exec unshare --mount --net --uts --ipc --pid --fork --mount-proc --kill-child bash "$script" "$@"
}

# make_bridge: in the sourcing script's $folder; this script's own host is 10.76.0.1, named ctl.
make_bridge() {
  ip link add bridge type bridge 2>/dev/null || skip "this kernel has no bridges"
  ip address add 10.76.0.1/24 dev bridge
  ip link set bridge up
  hostname ctl
  # shellcheck disable=SC2154
  printf '127.0.0.1 localhost\n10.76.0.1 ctl\n' >"$folder/hosts"
  mount --bind "$folder/hosts" /etc/hosts
}

# make_host NUMBER: host nNUMBER at 10.76.0.(10+NUMBER); on_host runs something there.
make_host() {
  local name=n$1 address=10.76.0.$((10 + $1))
  mkdir -p "$folder/$name/tmp"
  unshare --mount --net --uts --ipc sleep infinity &
  host_process[$1]=$!
  until [ "$(readlink "/proc/${host_process[$1]}/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
  ip link add "$name" type veth peer name eth0 netns "${host_process[$1]}"
  ip link set "$name" master bridge up
  on_host "$1" sh -ec "hostname $name; mount -t tmpfs tmpfs /dev/shm; mount --bind '$folder/$name/tmp' /tmp
    ip link set lo up; ip address add $address/24 dev eth0; ip link set eth0 up"
  echo "$address $name" >>"$folder/hosts"
}

# make_agent: what takes the place of ssh: $folder/agent HOST COMMAND... with the number of the host's process in a file.
make_agent() {
  cat >"$folder/agent" <<END
#!/bin/sh
host=\$1
shift
exec nsenter --target "\$(cat "$folder/\$host.process")" --mount --net --uts --ipc -- sh -c "\$*"
END
  chmod +x "$folder/agent"
}

# on_host NUMBER COMMAND...
on_host() {
  local process=${host_process[$1]}
  shift
  nsenter --target "$process" --mount --net --uts --ipc -- "$@"
}

# cut_link NUMBER, mend_link NUMBER
cut_link() {
  ip link set "n$1" down
}
mend_link() {
  ip link set "n$1" up
}

# shape_links RATE: of all hosts, both ways; "full" for no limit.
shape_links() {
  local number
  for number in "${!host_process[@]}"; do
    tc qdisc del dev "n$number" root 2>/dev/null || true
    on_host "$number" tc qdisc del dev eth0 root 2>/dev/null || true
    if [ "$1" = full ]; then continue; fi
    tc qdisc add dev "n$number" root tbf rate "$1" burst 256kb latency 50ms
    on_host "$number" tc qdisc add dev eth0 root tbf rate "$1" burst 256kb latency 50ms
  done
}

failures=0
complain() {
  printf 'FAILED: %s\n' "$1"
  shift
  local file
  for file; do sed "s|^|  $file: |" "$file" | tail -n 40; done
  failures=$((failures + 1))
}

fingerprint_of() {
  sed -n 's/^fingerprint: //p' "$1" | tail -n 1
}

# same_fingerprint A B: outputs of two runs.
same_fingerprint() {
  local a b
  a=$(fingerprint_of "$1") b=$(fingerprint_of "$2")
  if [ -n "$a" ] && [ "$a" = "$b" ]; then
    echo "ok: $2 has the fingerprint of $1"
  else
    complain "$2 has the fingerprint '$b', $1 has '$a'" "$2"
  fi
}
