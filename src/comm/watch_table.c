#include "comm/watch_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"

static _Atomic(lks_watch_table *) table;

lks_watch_table *lks_watch_table_of_node(void)
{
  return atomic_load_explicit(&table, memory_order_acquire);
}

void lks_watch_table_introduce(lks_life *life, int rank)
{
  lks_process process;
  const int pid = (int)getpid();
  atomic_store(&life->rank, rank);
  atomic_store(&life->born, lks_process_look(&process, pid) ? process.born : 0);
  atomic_store(&life->pid, pid);
}

/* How the other ranks find the memory: a file of a process, which no folder holds, so nothing is left behind. */
typedef struct place {
  int pid, file;
  unsigned long long device, number; /* of the file; and of what numbers the processes */
  unsigned long long numbering;
} place;

static bool identify(place *where, int file)
{
  struct stat of_file, of_numbers;
  if (fstat(file, &of_file) != 0 || stat("/proc/self/ns/pid", &of_numbers) != 0) return false;
  where->device = of_file.st_dev;
  where->number = of_file.st_ino;
  where->numbering = of_numbers.st_ino;
  return true;
}

/* With its memory reserved: a page that is missing later would end the process. */
static int make_file(place *where, size_t bytes)
{
  const int file = memfd_create("lockstep-watch", MFD_CLOEXEC);
  if (file < 0) return -1;
  *where = (place){.pid = (int)getpid(), .file = file};
  if (posix_fallocate(file, 0, (off_t)bytes) == 0 && identify(where, file)) return file;
  close(file);
  return -1;
}

static int open_file(const place *where)
{
  char path[64];
  place found = {0};
  if (!where->pid) return -1;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", where->pid, where->file);
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return -1;
  if (identify(&found, file) && found.device == where->device && found.number == where->number &&
      found.numbering == where->numbering)
    return file;
  close(file);
  return -1;
}

static lks_watch_table *map(int file, size_t bytes)
{
  void *memory = file < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static void settle(lks_watch_table *made, const lks_comm *comm)
{
  lks_life *own = &made->life[comm->node_rank];
  atomic_store(&made->ranks, comm->node_size);
  atomic_store(&made->whole, comm->node_size == comm->size);
  lks_watch_table_introduce(own, comm->rank);
  lks_life_move(own);
}

lks_status lks_watch_table_share_all(lks_comm *comm)
{
  const size_t bytes = sizeof(lks_watch_table) + (size_t)comm->node_size * sizeof(lks_life);
  place where = {0};
  int file = comm->node_rank == 0 ? make_file(&where, bytes) : -1;
  int code = MPI_Bcast(&where, sizeof where, MPI_BYTE, 0, comm->node);
  if (code == MPI_SUCCESS && comm->node_rank > 0) file = open_file(&where);
  lks_watch_table *made = code == MPI_SUCCESS ? map(file, bytes) : NULL;
  int all = made != NULL;
  if (made) settle(made, comm);
  if (code == MPI_SUCCESS) code = MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, comm->node);
  if (file >= 0) close(file);
  if (code == MPI_SUCCESS && all) atomic_store_explicit(&table, made, memory_order_release);
  return lks_mpi_status(code, "the watch over the ranks");
}
