#include "train/run_directory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/ending.h"
#include "base/file.h"
#include "base/log.h"
#include "base/temporary.h"
#include "config/config_value.h"
#include "kernels/isa.h"
#include "train/resume_changes.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64, MODEL_LONGEST = 100, MOST_RUNS = 100000 };

static bool is_run_file(const char *name)
{
  return strcmp(name, "config.ini") == 0 || strncmp(name, "metrics.", 8) == 0 ||
         strcmp(name, "last.h5") == 0 || strncmp(name, "checkpoint-", 11) == 0;
}

/** A folder that is not there holds no run. */
static lks_status holds_run(bool *holds, const char *folder)
{
  *holds = false;
  DIR *stream = opendir(folder);
  if (!stream && errno == ENOENT) return LKS_OK;
  if (!stream) return lks_fail(LKS_ERR_IO, "cannot open the folder %s: %s", folder, strerror(errno));
  const struct dirent *entry;
  while (!*holds && (entry = readdir(stream)) != NULL) *holds = is_run_file(entry->d_name);
  closedir(stream);
  return LKS_OK;
}

/** The setting stays as it was given: `auto` lets a run go on on lesser processors. */
static lks_status put_isa_before(char **text, const char *settings)
{
  static const char comment[] =
      "# instruction set: %s; with isa = %s other processors repeat the run to the bit\n%s";
  const char *isa = lks_isa_name(lks_isa_used());
  const size_t size = sizeof comment + 2 * strlen(isa) + strlen(settings);
  *text = lks_new(size, 1);
  if (*text == NULL) return LKS_ERR_RANK;
  snprintf(*text, size, comment, isa, isa, settings);
  return LKS_OK;
}

/** Without where it lies and that it is resumed: running the file again then makes a run of its own. */
static lks_status write_config(const char *folder, const lks_config *config)
{
  lks_config plain = *config;
  memset(plain.output, 0, sizeof plain.output);
  plain.resume = false;
  char path[PATH_SIZE], *settings = NULL, *text = NULL;
  snprintf(path, sizeof path, "%s/config.ini", folder);
  lks_status status = lks_config_print(&settings, &plain);
  if (!status) status = put_isa_before(&text, settings);
  if (!status) status = lks_file_write(path, text, strlen(text));
  lks_free(settings);
  lks_free(text);
  return status;
}

/** "data/models/my net.model" becomes "my-net". */
static void copy_safe(char *out, size_t size, const char *text)
{
  size_t length = 0;
  for (; *text && length + 1 < size; text++) {
    const bool safe = isalnum((unsigned char)*text) || *text == '_' || (*text == '.' && length > 0);
    out[length++] = safe ? *text : '-';
  }
  out[length] = '\0';
}

static void run_name(char out[PATH_SIZE], const lks_config *config)
{
  char model[MODEL_LONGEST], bn[32];
  const char *slash = strrchr(config->model, '/');
  copy_safe(model, sizeof model, slash ? slash + 1 : config->model);
  const size_t length = lks_before_ending(model, ".model");
  if (length) model[length] = '\0';
  copy_safe(bn, sizeof bn, lks_norm_text(config->bn).text);
  snprintf(out, PATH_SIZE, "runs/%s-bn%s-seed%llu", model, bn, (unsigned long long)config->seed);
}

/** mkdir is the claim: of two runs that begin at once, each gets a folder. */
static lks_status claim_folder(lks_config *config)
{
  char name[PATH_SIZE];
  run_name(name, config);
  lks_status status = lks_folder_make("runs");
  if (status) return status;
  for (int run = 1; run < MOST_RUNS; run++) {
    if (run == 1)
      snprintf(config->output, sizeof config->output, "%.400s", name);
    else
      snprintf(config->output, sizeof config->output, "%.400s-%d", name, run);
    bool made;
    status = lks_folder_claim(&made, config->output);
    if (status || made) return status;
  }
  return lks_fail(LKS_ERR_USAGE, "%s and its numbered successors are taken; choose a folder with --output",
                  name);
}

static lks_status take_lock(lks_lock **lock, const char *folder)
{
  return *lock ? LKS_OK : lks_lock_take(lock, folder, "run.lock", 0);
}

static lks_status refuse_taken(const char *folder)
{
  bool holds;
  lks_status status = holds_run(&holds, folder);
  if (status || !holds) return status;
  return lks_fail(LKS_ERR_USAGE,
                  "%s already holds a run; choose another --output or continue it with --resume", folder);
}

static lks_status start(lks_config *config, lks_lock **lock)
{
  lks_status status;
  if (config->output[0] == '\0') {
    status = claim_folder(config);
  } else {
    status = refuse_taken(config->output);
    if (!status) status = lks_folder_make(config->output);
  }
  if (!status) status = take_lock(lock, config->output);
  if (!status) status = refuse_taken(config->output); /* another run may have been faster */
  if (status) return status;
  lks_temporary_tidy(config->output); /* a run may have been killed before it was one */
  return write_config(config->output, config);
}

/** The settings that a run began with. */
static lks_status read_config(lks_config *before, const char *folder)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/config.ini", folder);
  if (!lks_file_exists(path))
    return lks_fail(
        LKS_ERR_USAGE,
        "%s has checkpoints but no config.ini, and so no run to be resumed: begin one with their weights, by --init %s/last.h5 and another --output",
        folder, folder);
  lks_config_default(before);
  lks_status status = lks_config_read(before, path);
  return status ? status : lks_config_check(before);
}

static lks_status find(const lks_config *config, bool unchanging, lks_lock **lock)
{
  if (config->output[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "--resume does not say which run; name its folder with --output");
  bool holds;
  lks_status status = holds_run(&holds, config->output);
  if (status) return status;
  if (!holds) {
    lks_warn("%s holds no run to resume: a new one starts there", config->output);
    return LKS_OK;
  }
  lks_config before = {.epochs = 0};
  status = take_lock(lock, config->output);
  if (!status) status = read_config(&before, config->output);
  if (!status) status = lks_resume_changes_check(&before, config, unchanging);
  if (!status && config->epochs < before.epochs)
    status =
        lks_fail(LKS_ERR_USAGE, "%s is a run of %zu epochs, not %zu: epochs may be added, not taken away",
                 config->output, before.epochs, config->epochs);
  return status;
}

lks_status lks_run_directory_find_all(lks_comm *comm, const lks_config *config, bool unchanging,
                                      lks_lock **lock)
{
  return lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? find(config, unchanging, lock) : LKS_OK);
}

/** A run that goes on keeps the settings that it began with, but for those that may be changed on the way. */
static lks_status start_or_go_on(lks_config *config, lks_lock **lock)
{
  lks_config before;
  if (*lock == NULL) return start(config, lock); /* there was no run to go on with */
  lks_temporary_tidy(config->output);
  lks_status status = read_config(&before, config->output);
  if (status || !lks_resume_changes_take(&before, config)) return status;
  return write_config(config->output, &before);
}

lks_status lks_run_directory_open_all(lks_comm *comm, lks_config *config, lks_lock **lock)
{
  bool root = lks_comm_rank(comm) == 0;
  lks_status status = lks_comm_agree_all(comm, root ? start_or_go_on(config, lock) : LKS_OK);
  return status ? status : lks_comm_broadcast_all(comm, config->output, sizeof config->output, 0);
}
