#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/same_start.h"
#include "config/config_value.h"
#include "report/lr_curve.h"

typedef struct settings {
  lks_run_settings run; /* comes first */
  lks_lr_sweep sweep;
  char folder[LKS_TEXT_MAX];
} settings;

static const lks_option own_options[] = {
    {"from", "X", LKS_OPTION_REAL, offsetof(settings, sweep.from), "1e-05", NULL, 1e-300, HUGE_VAL, NULL,
     "learning rate of the first step"},
    {"to", "X", LKS_OPTION_REAL, offsetof(settings, sweep.to), "10", NULL, 1e-300, HUGE_VAL, NULL,
     "learning rate of the last step"},
    {"steps", "N", LKS_OPTION_SIZE, offsetof(settings, sweep.steps), "100", NULL, 10, 1e6, NULL,
     "steps, from each of which to the next one the learning rate grows by the same factor"},
    {"output", "DIR", LKS_OPTION_TEXT, offsetof(settings, folder), "find-lr", NULL, 0, 0, NULL,
     "folder for find-lr.csv and its picture; those of an earlier test are replaced"},
};
enum { OWN = sizeof own_options / sizeof *own_options };
_Static_assert(1 + OWN <= LKS_OPTIONS_OWN_MAX, "the array below has LKS_OPTIONS_MAX rows");

/* What a test of some steps has no use for. */
static bool is_left_out(const lks_option *option)
{
  static const char *const groups[] = {"Learning rate schedule", "Run directory", "Measurements"};
  if (strcmp(option->name, "progress") == 0) return false;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    if (strcmp(option->group, groups[i]) == 0) return true;
  return strcmp(option->name, "lr") == 0 || strcmp(option->name, "epochs") == 0;
}

const lks_syntax *lks_find_lr_syntax(void)
{
  static lks_option option[LKS_OPTIONS_MAX];
  static lks_syntax syntax = {
      "find-lr",
      "DATA.h5",
      "Looks for a learning rate: trains some steps with one that grows, and says where the loss is lowest.",
      "The learning rate range test (Smith 2017): from the initial weights, the learning rate grows from step to step by one factor, until the loss breaks down. "
      "A smoothed loss is the mean of a tenth of all steps around it. The test is over when a value is not finite, or the smoothed loss is above four times its lowest. "
      "Settings are those of `lockstep train`, and the same bits come out at any rank count; with --config, what a file says of schedule, epochs and run directory is passed over. "
      "A suggestion is where to begin to look, for this model, batch size and optimizer: look at the picture, and try a value on either side too.",
      option,
      0,
      0,
      1,
      {{"mpirun -np 4 lockstep find-lr DATA.h5 --model resnet20", "suggests a learning rate for this model"},
       {"lockstep find-lr DATA.h5 --optimizer adam --from 1e-6 --to 1 -o adam",
        "the same for adam, drawn in adam/find-lr.png"}}};
  if (syntax.options > 0) return &syntax;
  size_t count, rows = 0;
  const lks_option *table = lks_config_options(&count);
  option[rows++] = lks_run_settings_file;
  for (size_t i = 0; i < OWN; i++) option[rows++] = own_options[i];
  for (size_t i = 0; i < count; i++)
    if (!is_left_out(&table[i])) option[rows++] = table[i];
  syntax.options = rows;
  return &syntax;
}

static lks_status check(settings *s)
{
  if (!(s->sweep.from < s->sweep.to))
    return lks_fail(LKS_ERR_USAGE,
                    "--from %g is not below --to %g: the learning rate grows from the one to the other",
                    s->sweep.from, s->sweep.to);
  if (s->folder[0] == '\0') return lks_fail(LKS_ERR_USAGE, "--output: name a folder, such as find-lr");
  /* A file says what a whole run is like, of which these have no meaning for some steps. */
  static const char *const without[] = {"resume", "early-stopping", "log-test", "stop-at", "warmup", "probe"};
  for (size_t i = 0; i < sizeof without / sizeof *without; i++)
    lks_config_set(&s->run.config, without[i], lks_config_option(without[i])->standard);
  return lks_config_check(&s->run.config);
}

/* Rank 0. Another test may be writing there. */
static lks_status write(const settings *s, const lks_lr_range *range)
{
  lks_lock *lock = NULL;
  lks_status status = lks_folder_make_own(s->folder);
  if (!status) status = lks_lock_take(&lock, s->folder, "find-lr.lock", 0);
  if (!status) status = lks_lr_write(s->folder, range);
  lks_lock_release(&lock);
  if (!status) lks_say("written: %s/find-lr.csv, .svg, .png", s->folder);
  return status;
}

lks_status lks_find_lr_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s = {.folder = ""};
  lks_arguments arguments;
  lks_lr_range *range = NULL;
  lks_status status = lks_command_line_all(&arguments, comm, lks_find_lr_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status =
      lks_comm_agree_all(comm, lks_run_settings_read(&s.run, sizeof s, lks_find_lr_syntax(), &arguments));
  if (!status) status = lks_run_settings_same_all(comm, lks_find_lr_syntax(), &s.run, &arguments);
  if (!status) status = lks_comm_agree_all(comm, check(&s));
  if (!status) status = lks_lr_range_all(&range, comm, &s.run.config, &s.sweep);
  const bool root = lks_comm_rank(comm) == 0;
  if (!status && root) lks_lr_print(stdout, range);
  if (!status) status = lks_comm_agree_all(comm, root ? write(&s, range) : LKS_OK);
  lks_lr_range_destroy(&range);
  return status;
}
