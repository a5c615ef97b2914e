#!/usr/bin/env bash
# What mpirun is, and what it wants to be told: the one place that knows Open MPI 4 from 5, MPICH and Intel MPI. Other scripts
# source it for its functions.
# usage: export $(jobs/mpi.sh)    for mpirun as root, or with more ranks than cores

# mpi_settings: those of allow_mpi_anywhere, NAME=VALUE lines.
mpi_settings() {
  # Open MPI, 4 and 5: root is meant. Addresses of one family suffice, and 5 warns of hosts that have both.
  printf '%s\n' OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_tcp_disable_family=6
  # More ranks than cores are fine, each on any core: to Open MPI 4, whose launcher is its own, and to 5, whose is PRRTE.
  printf '%s\n' OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
  printf '%s\n' PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none
  # Those that wait must not take a core from those that work: to Open MPI.
  printf '%s\n' OMPI_MCA_mpi_yield_when_idle=1
  # To Intel MPI.
  printf '%s\n' I_MPI_PIN=off
}

# have_home: neither programs nor compilers of Open MPI 5 start without a home, which what cron or a container starts may lack; bash
# knows it from the system's users.
have_home() {
  if [ -z "${HOME:-}" ]; then
    unset HOME
    export HOME=~
  fi
  [ -d "$HOME" ] || export HOME=/tmp
}

# allow_mpi_anywhere: root is meant, and more ranks than cores are fine.
allow_mpi_anywhere() {
  local setting
  for setting in $(mpi_settings); do export "${setting?}"; done
  have_home
}

# mpi_kind MPIRUN: openmpi4 (and older), openmpi5 (and newer), mpich (or another with Hydra), intel, or unknown.
mpi_kind() {
  local text major
  text=$("$1" --version 2>&1) || true
  case $text in
    *"(Open MPI) "*)
      major=${text#*"(Open MPI) "} major=${major%%.*}
      if [[ $major =~ ^[0-9]+$ && $major -ge 5 ]]; then echo openmpi5; else echo openmpi4; fi
      ;;
    *"Intel(R) MPI"*) echo intel ;;
    *HYDRA*) echo mpich ;;
    *) echo unknown ;;
  esac
}

# mpi_options_of KIND: what else it should be told, a word a line: ranks are placed in a row and the log shows where. Without short
# keepalives a cut link leaves all hosts waiting for minutes: nothing is sent, so nothing is missed. Hydra has no such settings;
# there Lockstep's own --stall-limit ends the run.
mpi_options_of() {
  local keepalive=(oob_tcp_keepalive_time 3 oob_tcp_keepalive_intvl 1 oob_tcp_keepalive_probes 3)
  case $1 in
    openmpi4) printf '%s\n' --report-bindings && printf -- '--mca\n%s\n%s\n' "${keepalive[@]}" ;;
    openmpi5) printf '%s\n' --report-bindings && printf -- '--prtemca\n%s\n%s\n' "${keepalive[@]}" ;; # of its launcher, PRRTE
  esac
}

# mpi_binding_of KIND THREADS: so many cores of its own for each rank, likewise.
mpi_binding_of() {
  case $1 in
    openmpi*) printf '%s\n' --map-by "slot:PE=$2" --bind-to core:overload-allowed ;;
    mpich) printf '%s\n' -bind-to "core:$2" ;;
    intel) printf '%s\n' -genv I_MPI_PIN_DOMAIN "$2" ;;
  esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then mpi_settings; fi
