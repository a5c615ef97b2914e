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
#include "base/lock.h"
#include "base/printed.h"
#include "base/temporary.h"
#include "compare/arm_sections.h"
#include "compare/arm_settings.h"
#include "compare/word_list.h"
#include "config/config_sections.h"
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

static bool is_seeds(const char *name)
{
  return strcmp(name, "seeds") == 0;
}

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
    return lks_fail(LKS_ERR_USAGE, "arms: none given; name what to compare: --bn sync,rank,32");
  if (comparison->seeds == 0) return lks_fail(LKS_ERR_USAGE, "seeds: none given; take at least 1, better 10");
  if (comparison->first_seed > UINT64_MAX - comparison->seeds)
    return lks_fail(LKS_ERR_USAGE, "first-seed: no %zu seeds follow on %" PRIu64, comparison->seeds,
                    comparison->first_seed);
  return check_directory(comparison->directory);
}

/** Settings without what each run has of its own. */
static lks_config common_settings(const lks_config *settings, const lks_comparison *comparison)
{
  lks_config config = *settings;
  memset(config.output, 0, sizeof config.output);
  config.resume = false;
  config.seed = comparison->first_seed;
  return config;
}

/* Arms of the short form are a list; others have a section each, at the end of the file. */
static void print_list(FILE *stream, const lks_comparison *comparison)
{
  fputs("# normalization batches\narms = ", stream);
  for (size_t i = 0; i < comparison->arms; i++)
    fprintf(stream, "%s%s", i > 0 ? "," : "", comparison->arm[i].name);
  fputc('\n', stream);
}

static lks_status print_section(FILE *stream, const lks_arm *arm)
{
  const char *settings = arm->settings;
  fprintf(stream, "\n[Arm %s]\n%s", arm->name, settings[0] == '\0' ? "# as above\n" : "");
  for (;;) {
    char key[LKS_KEY_MAX], value[LKS_VALUE_MAX];
    bool more;
    lks_status status = lks_arm_setting_next(&more, key, value, &settings);
    if (status || !more) return status;
    fprintf(stream, "%s = %s\n", key, value);
  }
}

static lks_status print_sections(FILE *stream, const lks_comparison *comparison)
{
  lks_status status = LKS_OK;
  fputs("\n# the arms, and in what each differs from the settings above\n", stream);
  for (size_t i = 0; i < comparison->arms && !status; i++)
    status = print_section(stream, &comparison->arm[i]);
  return status;
}

static void print_reference(FILE *stream, const lks_comparison *comparison)
{
  if (comparison->reference == lks_comparison_reference_default(comparison)) return;
  fprintf(stream, "# the arm that the others are compared with\nreference = %s\n",
          comparison->arm[comparison->reference].name);
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

static void print_comparison(FILE *stream, const lks_comparison *comparison, bool is_short)
{
  fputs("[Comparison]\n", stream);
  if (is_short) print_list(stream, comparison);
  print_reference(stream, comparison);
  for (size_t i = 0; i < OPTIONS; i++) {
    char value[LKS_VALUE_MAX];
    lks_config_value_print(value, comparison, &option[i]);
    fprintf(stream, "# %s\n%s = %s\n", option[i].help, option[i].name, value);
  }
  print_rates(stream, comparison);
}

lks_status lks_comparison_print(char **text, const lks_comparison *comparison)
{
  const lks_config common = common_settings(&comparison->base, comparison);
  const bool is_short = lks_comparison_is_short(comparison);
  lks_printed printed;
  char *settings = NULL;
  *text = NULL;
  lks_status status = lks_config_print(&settings, &common);
  if (!status) status = lks_printed_begin(&printed);
  if (status) {
    lks_free(settings);
    return status;
  }
  print_comparison(printed.stream, comparison, is_short);
  fprintf(printed.stream, "\n\n# of all runs; each has its own %sseed%s\n%s", is_short ? "bn and " : "",
          comparison->rates > 0 ? ", each arm its own lr" : "", settings);
  lks_free(settings);
  if (!is_short) status = print_sections(printed.stream, comparison);
  lks_status ended = lks_printed_text(text, &printed);
  if (!status || ended) return lks_status_worse(status, ended);
  lks_free(*text);
  *text = NULL;
  return status;
}

/* The arms are read last: their groups depend on settings that may follow them. */
typedef struct reading {
  lks_comparison *comparison;
  char arms[LIST_SIZE], reference[LKS_WORD_MAX];
  lks_arm_sections sections;
} reading;

static lks_status take_text(char *field, size_t size, const char *key, const char *value)
{
  if (strlen(value) >= size) return lks_fail(LKS_ERR_DATA, "%s: longer than %zu bytes", key, size - 1);
  strcpy(field, value);
  return LKS_OK;
}

static lks_status take(void *user, const char *section, const char *key, const char *value)
{
  reading *r = user;
  const char *name;
  if (lks_section_is_arm(&name, section)) return lks_arm_sections_take(&r->sections, name, key, value);
  if (key == NULL) return LKS_OK;
  for (size_t i = 0; i < OPTIONS; i++)
    if (strcmp(key, option[i].name) == 0) return lks_config_value_read(r->comparison, &option[i], value);
  if (strcmp(key, "tune-lr") == 0) return lks_comparison_rates(r->comparison, value);
  if (strcmp(key, "arms") == 0) return take_text(r->arms, sizeof r->arms, key, value);
  if (strcmp(key, "reference") == 0) return take_text(r->reference, sizeof r->reference, key, value);
  return lks_config_set(&r->comparison->base, key, value);
}

static lks_status add_arms(const reading *r)
{
  lks_comparison *comparison = r->comparison;
  lks_status status = LKS_OK;
  comparison->arms = comparison->reference = 0;
  comparison->base = common_settings(&comparison->base, comparison); /* which no arm differs in */
  if (r->arms[0] != '\0' || r->sections.count == 0) status = lks_comparison_arms_add(comparison, r->arms, 1);
  if (!status) status = lks_arm_sections_add(comparison, &r->sections, 1);
  if (!status && r->reference[0] != '\0') status = lks_comparison_reference_set(comparison, r->reference);
  return status;
}

static lks_status parse_file(reading *r, const char *path)
{
  lks_comparison *comparison = r->comparison;
  lks_config_default(&comparison->base);
  for (size_t i = 0; i < OPTIONS; i++) lks_config_value_read(comparison, &option[i], option[i].standard);
  lks_status status = lks_ini_read_sections(path, take, r, LKS_ERR_DATA);
  if (status) return status;
  status = lks_config_check(&comparison->base);
  if (!status) status = add_arms(r);
  if (!status) status = check(comparison);
  if (status == LKS_OK) return LKS_OK;
  const bool short_memory = status == LKS_ERR_RANK; /* which is no fault of the file */
  return lks_fail(short_memory ? status : LKS_ERR_DATA, "%s: %s", path, lks_message());
}

static lks_status read_file(lks_comparison *comparison, const char *path)
{
  reading *r = lks_new(1, sizeof *r);
  if (r == NULL) return LKS_ERR_RANK;
  r->comparison = comparison;
  lks_status status = parse_file(r, path);
  lks_free(r);
  return status;
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

static lks_status write_to(const char *path, const lks_comparison *comparison)
{
  char *text;
  lks_status status = lks_comparison_print(&text, comparison);
  if (status) return status;
  status = lks_file_write(path, text, strlen(text));
  lks_free(text);
  return status;
}

/** Where a file system has no locks, another process may be faster: a link, unlike a rename, does not replace its
 * file. */
static lks_status create(bool *created, const lks_comparison *comparison, const char *path)
{
  char fresh[PATH_SIZE + LKS_TEMPORARY_ROOM];
  lks_temporary_name(fresh, sizeof fresh, path, 0);
  lks_status status = write_to(fresh, comparison);
  if (status) return status;
  *created = link(fresh, path) == 0;
  if (!*created && errno != EEXIST)
    status = lks_fail(LKS_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  unlink(fresh);
  return status;
}

static lks_status same_rates(const lks_comparison *there, const lks_comparison *here, const char *path)
{
  bool same = there->rates == here->rates;
  for (size_t i = 0; same && i < there->rates; i++) same = there->rate[i] == here->rate[i];
  return same ? LKS_OK : lks_fail(LKS_ERR_USAGE, "%s has other learning rates in tune-lr", path);
}

/** Two settings of all runs or of an arm; chosen: --tune-lr chooses lr. */
static lks_status same_settings(const lks_comparison *there, const lks_config *before, const lks_config *now,
                                bool chosen, const char *where)
{
  lks_config a = common_settings(before, there), b = common_settings(now, there);
  if (chosen) a.lr = b.lr;
  lks_status status = lks_config_check(&b);
  return status ? status : lks_comparison_same_settings(&a, &b, where);
}

static lks_status same_arm(const lks_comparison *there, const lks_comparison *here, size_t i,
                           const char *path)
{
  const lks_arm *before = &there->arm[i], *now = &here->arm[i];
  char where[PATH_SIZE + LKS_ARM_NAME + 16];
  if (strcmp(before->name, now->name) != 0)
    return lks_fail(LKS_ERR_USAGE, "%s has %s as number %zu of its arms, not %s", path, before->name, i + 1,
                    now->name);
  snprintf(where, sizeof where, "arm %s of %s", now->name, path);
  const bool tuned = lks_comparison_is_tuned(there, i);
  if (tuned != lks_comparison_is_tuned(here, i))
    return lks_fail(LKS_ERR_USAGE, "%s has %s", where, tuned ? "no lr of its own" : "an lr of its own");
  return same_settings(there, &before->config, &now->config, tuned, where);
}

static lks_status same_reference(const lks_comparison *there, const lks_comparison *here, const char *path)
{
  const char *before = there->arm[there->reference].name, *now = here->arm[here->reference].name;
  const bool by_default = there->reference == lks_comparison_reference_default(there) &&
                          here->reference == lks_comparison_reference_default(here);
  if (by_default || strcmp(before, now) == 0) return LKS_OK;
  return lks_fail(LKS_ERR_USAGE, "%s has reference = %s, not %s", path, before, now);
}

/** All but the number of arms and of seeds. */
static lks_status same(const lks_comparison *there, const lks_comparison *here, const char *path)
{
  char old_value[LKS_VALUE_MAX], new_value[LKS_VALUE_MAX];
  for (size_t i = 0; i < lks_min(there->arms, here->arms); i++)
    if (strcmp(there->arm[i].name, here->arm[i].name) != 0) return same_arm(there, here, i, path);
  lks_status status = same_rates(there, here, path);
  const lks_option *other =
      lks_config_value_differs(old_value, new_value, there, here, option, OPTIONS, is_seeds);
  if (!status && other != NULL)
    status = lks_fail(LKS_ERR_USAGE, "%s has %s = %s, not %s", path, other->name, old_value, new_value);
  if (!status) status = same_settings(there, &there->base, &here->base, there->rates > 0, path);
  for (size_t i = 0; i < lks_min(there->arms, here->arms) && !status; i++)
    status = same_arm(there, here, i, path);
  return status ? status : same_reference(there, here, path);
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
    there.reference = here->reference;
  }
  if (here->seeds > there.seeds) there.seeds = here->seeds;
  return write_to(path, &there);
}

static lks_status create_or_join(const lks_comparison *comparison)
{
  char path[PATH_SIZE];
  bool created = false;
  lks_status status = LKS_OK;
  path_of(path, comparison->directory);
  if (!lks_file_exists(path)) status = create(&created, comparison, path);
  return status != LKS_OK || created ? status : join(comparison, path);
}

/* Many jobs may begin at once, and each may add to the file: one after the other. */
lks_status lks_comparison_open(const lks_comparison *comparison)
{
  enum { PATIENCE = 60 }; /* seconds, of which each job takes a small part of one */
  lks_lock *lock = NULL;
  lks_status status = check(comparison);
  if (!status) status = lks_folder_make(comparison->directory);
  if (!status) status = lks_lock_take(&lock, comparison->directory, "comparison.ini.lock", PATIENCE);
  if (!status) status = create_or_join(comparison);
  lks_lock_release(&lock);
  return status;
}
