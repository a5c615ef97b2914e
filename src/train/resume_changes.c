#include "train/resume_changes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config_value.h"

static const char *const changeable[] = {"lr",          "schedule",     "step-epochs",
                                         "step-factor", "weight-decay", "warmup"};
enum { CHANGEABLE = sizeof changeable / sizeof *changeable, PATH_SIZE = LKS_TEXT_MAX + 64 };

/* Whether it is the same data, its hash tells. */
static bool is_execution(const char *name)
{
  static const char *const names[] = {"data",   "samples", "labels", "test-samples", "test-labels", "layout",
                                      "epochs", "isa",     NULL};
  for (const char *const *also = names; *also; also++)
    if (strcmp(name, *also) == 0) return true;
  return lks_config_is_execution(name);
}

static bool may_differ(const char *name)
{
  for (size_t i = 0; i < CHANGEABLE; i++)
    if (strcmp(name, changeable[i]) == 0) return true;
  return is_execution(name);
}

lks_status lks_resume_changes_check(const lks_config *before, const lks_config *now, bool unchanging)
{
  size_t count;
  char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
  const lks_option *all = lks_config_options(&count);
  const lks_option *option =
      lks_config_value_differs(a, b, before, now, all, count, unchanging ? is_execution : may_differ);
  if (option == NULL) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "the run in %s has %s = %.200s and cannot be continued with %.200s; give the same, or start another run with another --output",
      now->output, option->name, a, b);
}

bool lks_resume_changes_take(lks_config *before, const lks_config *now)
{
  bool changed = before->epochs != now->epochs;
  before->epochs = now->epochs;
  for (size_t i = 0; i < CHANGEABLE; i++) {
    char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
    const lks_option *option = lks_config_option(changeable[i]);
    if (lks_config_value_differs(a, b, before, now, option, 1, NULL) == NULL) continue;
    lks_config_value_read(before, option, b); /* which was a value of it when it was printed */
    changed = true;
  }
  return changed;
}

static lks_status note(lks_run_tables *tables, const char *name, const char *before, const char *now,
                       size_t step)
{
  char line[3 * LKS_VALUE_MAX];
  snprintf(line, sizeof line, "%zu,%s,%s,%s\n", step, name, before, now);
  return lks_run_tables_append(tables, "changes.csv", "step,setting,before,after\n", line);
}

lks_status lks_resume_changes_note(lks_run_tables *tables, const lks_config *before, const lks_config *now,
                                   size_t step)
{
  char path[PATH_SIZE], a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
  snprintf(path, sizeof path, "%s/changes.csv", now->output);
  lks_status status = LKS_OK;
  if (tables && step > 0) status = lks_run_tables_truncate(now->output, "changes.csv", step - 1);
  if (tables && step == 0) unlink(path); /* which need not be there */
  for (size_t i = 0; i < CHANGEABLE && !status && step > 0; i++) {
    const lks_option *option = lks_config_option(changeable[i]);
    if (lks_config_value_differs(a, b, before, now, option, 1, NULL) == NULL) continue;
    lks_say(
        "changed  %s from %s to %s behind step %zu: from there on this is another run, with bits of its own",
        option->name, a, b, step);
    if (tables) status = note(tables, option->name, a, b, step);
  }
  return status;
}

lks_status lks_resume_changes_refuse(const lks_config *before, const lks_config *now)
{
  char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
  for (size_t i = 0; i < CHANGEABLE; i++)
    if (lks_config_value_differs(a, b, before, now, lks_config_option(changeable[i]), 1, NULL) != NULL)
      return lks_fail(
          LKS_ERR_USAGE,
          "the run in %s is done, with %s = %s: there is no step left to take with %s; add steps with --epochs",
          now->output, changeable[i], a, b);
  return LKS_OK;
}
