#include "base/lock_holder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ini_file.h"
#include "base/process.h"

enum { TEXT_SIZE = 512 };

static unsigned long long start_of(long process)
{
  lks_process found;
  return lks_process_look(&found, (int)process) ? found.born : 0;
}

lks_lock_holder lks_lock_holder_own(void)
{
  lks_lock_holder here = {.process = (long)getpid()};
  const char *job = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");
  const time_t now = time(NULL);
  struct tm parts;
  here.started = start_of(here.process);
  gethostname(here.host, sizeof here.host - 1);
  if (job != NULL) snprintf(here.job, sizeof here.job, "%.32s", job);
  if (restart != NULL) here.restart = strtoull(restart, NULL, 10);
  if (localtime_r(&now, &parts) != NULL) strftime(here.since, sizeof here.since, "%F %T %z", &parts);
  return here;
}

static void take_word(char word[LKS_LOCK_WORD], const char *value)
{
  snprintf(word, LKS_LOCK_WORD, "%.*s", LKS_LOCK_WORD - 1, value);
  for (char *c = word; *c != '\0'; c++)
    if (*c < ' ' || *c > '~') *c = '?'; /* it is printed, and anybody may have written it */
}

static lks_status take(void *user, const char *section, const char *key, const char *value)
{
  lks_lock_holder *who = user;
  (void)section;
  if (key == NULL) return LKS_OK;
  if (strcmp(key, "host") == 0) take_word(who->host, value);
  if (strcmp(key, "job") == 0) take_word(who->job, value);
  if (strcmp(key, "since") == 0) take_word(who->since, value);
  if (strcmp(key, "process") == 0) who->process = strtol(value, NULL, 10);
  if (strcmp(key, "started") == 0) who->started = strtoull(value, NULL, 10);
  if (strcmp(key, "restart") == 0) who->restart = strtoull(value, NULL, 10);
  return LKS_OK;
}

lks_lock_holder lks_lock_holder_read(int file)
{
  char text[TEXT_SIZE + 1] = "";
  lks_lock_holder who = {.process = 0};
  const ssize_t bytes = pread(file, text, TEXT_SIZE, 0);
  if (bytes > 0) text[bytes] = '\0';
  if (lks_ini_parse_sections(text, "lock", take, &who, LKS_ERR_DATA) != LKS_OK) who.process = 0;
  return who;
}

void lks_lock_holder_write(int file, const lks_lock_holder *who)
{
  char text[TEXT_SIZE];
  const int length = snprintf(
      text, sizeof text, "host = %s\nprocess = %ld\nstarted = %llu\njob = %s\nrestart = %llu\nsince = %s\n",
      who->host, who->process, who->started, who->job, who->restart, who->since);
  const bool written = ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) == (ssize_t)length;
  if (!written && ftruncate(file, 0) != 0) return;
  fsync(file); /* for readers on other hosts: the file stays open */
}

bool lks_lock_holder_is_gone(const lks_lock_holder *who, const lks_lock_holder *here)
{
  if (who->process <= 0) return false;
  if (strcmp(who->host, here->host) != 0)
    return who->job[0] != '\0' && strcmp(who->job, here->job) == 0 && who->restart != here->restart;
  if (lks_process_is_gone(who->process)) return true;
  return who->started != 0 && start_of(who->process) != who->started;
}
