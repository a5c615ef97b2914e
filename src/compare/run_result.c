#include "compare/results.h"

#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/ini_file.h"
#include "base/printed.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

/* The keys of result.ini behind the fingerprint. */
typedef struct result_field {
  const char *key;
  bool whole; /* an int; else a double */
  size_t offset;
} result_field;

#define AT(member) offsetof(lks_run_result, member)
static const result_field fields[] = {
    {"lr", false, AT(lr)},
    {"precise-loss", false, AT(precise_loss)},
    {"precise-accuracy", false, AT(precise_accuracy)},
    {"images-per-second", false, AT(images_per_second)},
    {"bn-share", false, AT(bn_share)},
    {"ranks", true, AT(ranks)},
    {"threads", true, AT(threads)},
    {"hosts", true, AT(hosts)},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static void path_of(char path[PATH_SIZE], const char *directory)
{
  snprintf(path, PATH_SIZE, "%.*s/result.ini", LKS_TEXT_MAX, directory);
}

static void print_field(FILE *stream, const result_field *field, const lks_run_result *result)
{
  const void *at = (const char *)result + field->offset;
  char number[LKS_NUMBER_MAX];
  if (field->whole)
    snprintf(number, sizeof number, "%d", *(const int *)at);
  else
    lks_number_print(number, *(const double *)at, "");
  fprintf(stream, "%s = %s\n", field->key, number);
}

lks_status lks_run_result_write(const char *directory, const lks_run_result *result)
{
  char path[PATH_SIZE];
  lks_printed printed;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  path_of(path, directory);
  if (!result->diverged) fprintf(printed.stream, "fingerprint = %s\n", result->fingerprint);
  for (size_t i = 0; i < FIELDS; i++) print_field(printed.stream, &fields[i], result);
  fprintf(printed.stream, "outcome = %s\n", result->diverged ? "diverged" : "finished");
  if (result->diverged) fprintf(printed.stream, "diverged-at-step = %zu\n", result->diverged_at);
  if (result->has_epochs) fprintf(printed.stream, "epochs = %zu\n", result->epochs);
  return lks_printed_file(path, &printed);
}

typedef struct reading {
  lks_run_result *result;
  bool has_fingerprint, has_outcome, has_step, has[FIELDS];
} reading;

static lks_status take_fingerprint(reading *r, const char *value)
{
  const size_t digits = sizeof r->result->fingerprint - 1;
  if (r->has_fingerprint) return lks_fail(LKS_ERR_DATA, "a second fingerprint");
  if (strlen(value) != digits || strspn(value, "0123456789abcdef") != digits)
    return lks_fail(LKS_ERR_DATA, "'%.40s' is not a fingerprint of %zu hexadecimal digits", value, digits);
  memcpy(r->result->fingerprint, value, digits + 1);
  r->has_fingerprint = true;
  return LKS_OK;
}

static lks_status take_outcome(reading *r, const char *value)
{
  if (r->has_outcome) return lks_fail(LKS_ERR_DATA, "a second outcome");
  r->has_outcome = true;
  r->result->diverged = strcmp(value, "diverged") == 0;
  if (r->result->diverged || strcmp(value, "finished") == 0) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "outcome = %.40s is neither finished nor diverged", value);
}

static lks_status take_count(size_t *count, bool *has, const char *key, const char *value)
{
  if (*has) return lks_fail(LKS_ERR_DATA, "a second %s", key);
  *has = true;
  return lks_count_read(count, value);
}

static lks_status take_field(void *at, const result_field *field, const char *value)
{
  if (!field->whole) return lks_number_read(at, value);
  size_t number = 0;
  lks_status status = lks_count_read(&number, value);
  if (!status && number > 1 << 30) status = lks_fail(LKS_ERR_DATA, "%s = %s: too many", field->key, value);
  if (!status) *(int *)at = (int)number;
  return status;
}

static lks_status take(void *user, const char *key, const char *value)
{
  reading *r = user;
  lks_run_result *result = r->result;
  if (strcmp(key, "fingerprint") == 0) return take_fingerprint(r, value);
  if (strcmp(key, "outcome") == 0) return take_outcome(r, value);
  if (strcmp(key, "epochs") == 0) return take_count(&result->epochs, &result->has_epochs, key, value);
  if (strcmp(key, "diverged-at-step") == 0) return take_count(&result->diverged_at, &r->has_step, key, value);
  for (size_t i = 0; i < FIELDS; i++) {
    if (strcmp(key, fields[i].key) != 0) continue;
    if (r->has[i]) return lks_fail(LKS_ERR_DATA, "a second %s", key);
    r->has[i] = true;
    return take_field((char *)r->result + fields[i].offset, &fields[i], value);
  }
  return lks_fail(LKS_ERR_DATA, "unknown key '%.100s'", key);
}

static lks_status check_complete(const reading *r, const char *path)
{
  const bool diverged = r->result->diverged;
  if (!r->has_fingerprint && !diverged) return lks_fail(LKS_ERR_DATA, "%s: no fingerprint", path);
  if (r->has_fingerprint && diverged)
    return lks_fail(LKS_ERR_DATA, "%s: a fingerprint of a run that diverged", path);
  if (r->has_step != diverged)
    return lks_fail(LKS_ERR_DATA, "%s: diverged-at-step and outcome = diverged go together", path);
  for (size_t i = 0; i < FIELDS; i++)
    if (!r->has[i]) return lks_fail(LKS_ERR_DATA, "%s: no %s", path, fields[i].key);
  return LKS_OK;
}

lks_status lks_run_damaged(lks_status status, const char *directory)
{
  if (status != LKS_ERR_USAGE && status != LKS_ERR_DATA) return status;
  return lks_fail(LKS_ERR_DATA, "%s; delete %s and run compare again", lks_message(), directory);
}

lks_status lks_run_result_read(lks_run_result *result, bool *done, const char *directory)
{
  char path[PATH_SIZE];
  reading r = {.result = result};
  memset(result, 0, sizeof *result);
  path_of(path, directory);
  *done = false;
  if (!lks_file_exists(path)) return LKS_OK;
  lks_status status = lks_ini_read(path, take, &r, LKS_ERR_DATA);
  if (!status) status = check_complete(&r, path);
  *done = status == LKS_OK;
  return lks_run_damaged(status, directory);
}
