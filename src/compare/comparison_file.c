#include "compare/comparison.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/ini_file.h"
#include "base/integers.h"
#include "base/printed.h"
#include "config/config_value.h"

/* comparison.ini: what all jobs of a comparison agree on. */

enum { PATH_SIZE = LKS_TEXT_MAX + 64, LIST_SIZE = LKS_ARMS_MAX * (LKS_ARM_NAME + 1), SEEDS_MAX = 100000 };

/* The keys that hold one value; arms and tune-lr are lists. */
#define AT(field) offsetof(lks_comparison, field)
static const lks_option option[] = {
    {"seeds", "N", LKS_OPTION_SIZE, AT(seeds), "0", NULL, 1, SEEDS_MAX, NULL, "runs of each arm"},
    {"first-seed", "N", LKS_OPTION_SEED, AT(first_seed), "1", NULL, 0, 0, NULL, "the others follow"},
    {"margin", "POINTS", LKS_OPTION_REAL, AT(margin), "0.15", NULL, 1e-6, 100, NULL,
     "a difference smaller than this does not matter"},
    {"tune-holdout", "N", LKS_OPTION_SIZE, AT(tune_holdout), "0", NULL, 0, 2147483647.0, NULL,
     "training samples that learning rates are judged on"},
};
enum { OPTIONS = sizeof option / sizeof *option };

static void path_of(char path[PATH_SIZE], const char *directory)
{
  snprintf(path, PATH_SIZE, "%s/comparison.ini", directory);
}

static lks_status check_directory(const char *directory)
{
  if (directory[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no directory given for the comparison; name one: -o DIR");
  if (strlen(directory) <= LKS_COMPARISON_DIRECTORY_MAX) return LKS_OK;
  return lks_fail(LKS_ERR_USAGE, "%.60s...: longer than %d bytes; take a shorter path to the comparison",
                  directory, LKS_COMPARISON_DIRECTORY_MAX);
}

static lks_status check(const lks_comparison *comparison)
{
  if (comparison->arms == 0)
    return lks_fail(LKS_ERR_USAGE, "arms: none given; name what to compare: sync,rank,32");
  if (comparison->seeds == 0) return lks_fail(LKS_ERR_USAGE, "seeds: none given; take at least 1, better 10");
  if (comparison->first_seed > UINT64_MAX - comparison->seeds)
    return lks_fail(LKS_ERR_USAGE, "first-seed: no %zu seeds follow on %" PRIu64, comparison->seeds,
                    comparison->first_seed);
  return check_directory(comparison->directory);
}

/** base without what each run has of its own. */
static void common_settings(lks_config *config, const lks_comparison *comparison)
{
  *config = comparison->base;
  memset(config->output, 0, sizeof config->output);
  config->resume = false;
  lks_config_set(config, "bn", "sync");
  config->seed = comparison->first_seed;
}

static void print_arms(FILE *stream, const lks_comparison *comparison)
{
  fputs("# normalization batches\narms = ", stream);
  for (size_t i = 0; i < comparison->arms; i++)
    fprintf(stream, "%s%s", i > 0 ? "," : "", comparison->arm[i].name);
}

static void print_rates(FILE *stream, const lks_comparison *comparison)
{
  fputs("# learning rates to choose from for each arm; none: lr for all\ntune-lr =", stream);
  for (size_t i = 0; i < comparison->rates; i++) {
    char number[LKS_NUMBER_MAX];
    lks_number_print(number, comparison->rate[i], "");
    fprintf(stream, "%s%s", i > 0 ? "," : " ", number);
  }
}

lks_status lks_comparison_print(char **text, const lks_comparison *comparison)
{
  lks_config common;
  lks_printed printed;
  char *settings = NULL;
  *text = NULL;
  common_settings(&common, comparison);
  lks_status status = lks_config_print(&settings, &common);
  if (!status) status = lks_printed_begin(&printed);
  if (status) {
    lks_free(settings);
    return status;
  }
  fputs("[Comparison]\n", printed.stream);
  print_arms(printed.stream, comparison);
  for (size_t i = 0; i < OPTIONS; i++) {
    char value[LKS_VALUE_MAX];
    lks_config_value_print(value, comparison, &option[i]);
    fprintf(printed.stream, "\n# %s\n%s = %s", option[i].help, option[i].name, value);
  }
  fputc('\n', printed.stream);
  print_rates(printed.stream, comparison);
  fprintf(printed.stream, "\n\n# of all runs; each has its own bn and seed%s\n%s",
          comparison->rates > 0 ? ", each arm its own lr" : "", settings);
  lks_free(settings);
  return lks_printed_text(text, &printed);
}

/* The arms are read last: their groups depend on settings that follow them. */
typedef struct reading {
  lks_comparison *comparison;
  char arms[LIST_SIZE];
} reading;

static lks_status take(void *user, const char *key, const char *value)
{
  reading *r = user;
  for (size_t i = 0; i < OPTIONS; i++)
    if (strcmp(key, option[i].name) == 0) return lks_config_value_read(r->comparison, &option[i], value);
  if (strcmp(key, "tune-lr") == 0) return lks_comparison_rates(r->comparison, value);
  if (strcmp(key, "arms") != 0) return lks_config_set(&r->comparison->base, key, value);
  if (strlen(value) >= sizeof r->arms) return lks_fail(LKS_ERR_DATA, "arms: too many of them");
  strcpy(r->arms, value);
  return LKS_OK;
}

static lks_status read_file(lks_comparison *comparison, const char *path)
{
  reading r = {.comparison = comparison};
  lks_config_default(&comparison->base);
  for (size_t i = 0; i < OPTIONS; i++) lks_config_value_read(comparison, &option[i], option[i].standard);
  lks_status status = lks_ini_read(path, take, &r, LKS_ERR_DATA);
  if (status) return status;
  status = lks_config_check(&comparison->base);
  if (!status) status = lks_comparison_arms(comparison, r.arms, 1);
  if (!status) status = check(comparison);
  return status == LKS_OK ? LKS_OK : lks_fail(LKS_ERR_DATA, "%s: %s", path, lks_message());
}

lks_status lks_comparison_read(lks_comparison *comparison, const char *directory)
{
  char path[PATH_SIZE];
  memset(comparison, 0, sizeof *comparison);
  lks_status status = check_directory(directory);
  if (status) return status;
  path_of(path, directory);
  if (!lks_file_exists(path))
    return lks_fail(LKS_ERR_USAGE,
                    "%s holds no comparison: it has no comparison.ini; name the -o of lockstep compare",
                    directory);
  strcpy(comparison->directory, directory);
  status = read_file(comparison, path);
  if (status != LKS_ERR_DATA) return status;
  return lks_fail(status, "%s; mend it, or delete it and run compare with the same settings again",
                  lks_message());
}

static lks_status cannot_write(const char *path)
{
  return lks_fail(LKS_ERR_IO, "cannot write %s: %s", path, strerror(errno));
}

/** Writes comparison.ini under a name that no other process on any host has. */
static lks_status write_fresh(char fresh[PATH_SIZE], const lks_comparison *comparison)
{
  char *text;
  snprintf(fresh, PATH_SIZE, "%s/comparison.ini.XXXXXX", comparison->directory);
  lks_status status = lks_comparison_print(&text, comparison);
  if (status) return status;
  const int file = mkstemp(fresh);
  if (file >= 0) {
    close(file);
    status = lks_file_write(fresh, text, strlen(text));
    if (status) unlink(fresh);
  } else {
    status = cannot_write(fresh);
  }
  lks_free(text);
  return status;
}

/** A link, unlike a rename, never replaces the file of a process that was faster. */
static lks_status create(bool *created, const lks_comparison *comparison, const char *path)
{
  char fresh[PATH_SIZE];
  lks_status status = write_fresh(fresh, comparison);
  if (status) return status;
  *created = link(fresh, path) == 0;
  if (!*created && errno != EEXIST) status = cannot_write(path);
  unlink(fresh);
  return status;
}

static lks_status replace(const lks_comparison *comparison, const char *path)
{
  char fresh[PATH_SIZE];
  lks_status status = write_fresh(fresh, comparison);
  if (status || rename(fresh, path) == 0) return status;
  status = cannot_write(path);
  unlink(fresh);
  return status;
}

static lks_status differs(const char *path, const char *key)
{
  return lks_fail(LKS_ERR_USAGE, "%s has other %s", path, key);
}

static lks_status same_lists(const lks_comparison *there, const lks_comparison *here, const char *path)
{
  const size_t arms = lks_min(there->arms, here->arms);
  for (size_t i = 0; i < arms; i++)
    if (strcmp(there->arm[i].name, here->arm[i].name) != 0)
      return lks_fail(LKS_ERR_USAGE, "%s has %s as number %zu of its arms, not %s", path, there->arm[i].name,
                      i + 1, here->arm[i].name);
  if (there->rates != here->rates) return differs(path, "learning rates in tune-lr");
  for (size_t i = 0; i < there->rates; i++)
    if (there->rate[i] != here->rate[i]) return differs(path, "learning rates in tune-lr");
  return LKS_OK;
}

/** All but the number of arms and of seeds. */
static lks_status same(const lks_comparison *there, const lks_comparison *here, const char *path)
{
  lks_config a, b;
  lks_status status = same_lists(there, here, path);
  for (size_t i = 0; i < OPTIONS && !status; i++) {
    char old_value[LKS_VALUE_MAX], new_value[LKS_VALUE_MAX];
    lks_config_value_print(old_value, there, &option[i]);
    lks_config_value_print(new_value, here, &option[i]);
    if (option[i].offset != AT(seeds) && strcmp(old_value, new_value) != 0)
      status = lks_fail(LKS_ERR_USAGE, "%s has %s = %s, not %s", path, option[i].name, old_value, new_value);
  }
  common_settings(&a, there);
  common_settings(&b, here);
  if (there->rates > 0) a.lr = b.lr;
  if (!status) status = lks_config_check(&b);
  return status ? status : lks_comparison_same_settings(&a, &b, path);
}

static lks_status join(const lks_comparison *here, const char *path)
{
  lks_comparison there;
  lks_status status = lks_comparison_read(&there, here->directory);
  if (status) return status;
  status = same(&there, here, path);
  if (status == LKS_ERR_USAGE)
    return lks_fail(status, "%s; give the same settings, or compare into another directory", lks_message());
  if (status || (here->arms <= there.arms && here->seeds <= there.seeds)) return status;
  if (here->arms > there.arms) {
    memcpy(there.arm, here->arm, sizeof there.arm);
    there.arms = here->arms;
  }
  if (here->seeds > there.seeds) there.seeds = here->seeds;
  return replace(&there, path);
}

lks_status lks_comparison_open(const lks_comparison *comparison)
{
  char path[PATH_SIZE];
  bool created = false;
  lks_status status = check(comparison);
  if (!status) status = lks_folder_make(comparison->directory);
  if (status) return status;
  path_of(path, comparison->directory);
  if (!lks_file_exists(path)) status = create(&created, comparison, path);
  return status != LKS_OK || created ? status : join(comparison, path);
}
