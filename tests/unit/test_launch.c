/* Starts gone wrong, as the environment tells of them, and those that only look so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "train/launch.h"

static const char *const all[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE",
                                  "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"};
enum { ALL = sizeof all / sizeof *all };

typedef struct start {
  const char *set[2][2]; /* variables and their values */
  int size;              /* of the world */
  bool alone;            /* a command that may run alone */
  const char *refused;   /* what is said; NULL: it is all right */
} start;

static void check(const start *s)
{
  for (size_t i = 0; i < ALL; i++) unsetenv(all[i]);
  for (size_t i = 0; i < 2; i++)
    if (s->set[i][0]) setenv(s->set[i][0], s->set[i][1], 1);
  const lks_launch launch = lks_launch_read();
  const lks_status status = lks_launch_check(&launch, s->size, "Some MPI", s->alone);
  if (status != (s->refused ? LKS_ERR_USAGE : LKS_OK))
    fail_msg("%s=%s with %d ranks: status %d", s->set[0][0], s->set[0][1], s->size, (int)status);
  if (s->refused && !strstr(lks_message(), s->refused))
    fail_msg("not said: %s, but: %s", s->refused, lks_message());
}

static void failed_starts(void **state)
{
  (void)state;
  static const start starts[] = {
      {{{"OMPI_COMM_WORLD_SIZE", "4"}},
       1,
       false,
       "OMPI_COMM_WORLD_SIZE=4 in the environment, but MPI knows of 1 process:"},
      {{{"OMPI_COMM_WORLD_SIZE", "4"}}, 1, true, "built with Some MPI"},
      {{{"PMI_SIZE", "3"}}, 2, false, "PMI_SIZE=3 in the environment, but MPI knows of 2 processes"},
      {{{"MV2_COMM_WORLD_SIZE", "2"}}, 1, true, "MV2_COMM_WORLD_SIZE=2"},
      {{{"PMI_SIZE", "4"}, {"SLURM_STEP_NUM_TASKS", "4"}}, 1, false, "PMI_SIZE=4"},
      {{{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_NTASKS", "4"}}, 1, false, "srun has started 4 tasks"},
      {{{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_NTASKS", "4"}}, 1, true, "srun has started 4 tasks"},
      {{{"SLURM_NTASKS", "4"}}, 1, false, "this batch job has 4 tasks"},
  };
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) check(&starts[i]);
}

static void starts_that_are_meant(void **state)
{
  (void)state;
  static const start starts[] = {
      {{{NULL}}, 1, false, NULL},
      {{{NULL}}, 4, false, NULL},
      {{{"OMPI_COMM_WORLD_SIZE", "4"}}, 4, false, NULL},
      {{{"PMI_SIZE", "1"}}, 1, false, NULL},
      {{{"OMPI_COMM_WORLD_SIZE", "2"}}, 4, false, NULL},                    /* inherited */
      {{{"OMPI_COMM_WORLD_SIZE", "2"}, {"PMI_SIZE", "8"}}, 2, false, NULL}, /* one started by the other */
      {{{"OMPI_COMM_WORLD_SIZE", "1"}, {"SLURM_NTASKS", "4"}}, 1, false, NULL},
      {{{"OMPI_COMM_WORLD_SIZE", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}},
       1,
       false,
       NULL},                                                                   /* mpirun's own step */
      {{{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "4"}}, 1, false, NULL}, /* srun -n 1 */
      {{{"SLURM_NTASKS", "4"}}, 1, true, NULL},
      {{{"SLURM_NTASKS", "4"}}, 2, false, NULL}, /* mpirun -np 2, which is warned of */
      {{{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_NTASKS", "4"}}, 4, false, NULL},
      {{{"SLURM_NTASKS", "1"}}, 1, false, NULL},
      {{{"PMI_SIZE", "many"}, {"SLURM_NTASKS", "-3"}}, 1, false, NULL},
  };
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) check(&starts[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(failed_starts),
      cmocka_unit_test(starts_that_are_meant),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
