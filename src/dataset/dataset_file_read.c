#include "dataset/dataset_file_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/log.h"
#include "base/long_work.h"
#include "dataset/content_hash.h"
#include "dataset/moments.h"

/* The samples of a dataset file, in the order in which the child sends them. */

enum { PART_BYTES = 4 << 20 };

static size_t sample_bytes(const lks_dataset_file *file)
{
  return lks_layout_sample_bytes(&file->header.layout);
}

/* The child's failure at its end tells of samples that were damaged. */
static lks_status finish(lks_dataset_file *file)
{
  lks_status status = lks_child_receive(file->child, &file->rounded, sizeof file->rounded);
  return status ? status : lks_child_finish(file->child);
}

static lks_status next(lks_dataset_file *file, void *values, size_t samples)
{
  const lks_layout *layout = &file->header.layout;
  if (samples == 0) return LKS_OK;
  lks_status status = lks_child_receive(file->child, values, samples * sample_bytes(file));
  file->next += samples;
  if (!status && file->next == layout->count[LKS_SPLIT_TRAIN] + layout->count[LKS_SPLIT_TEST])
    status = finish(file);
  return status;
}

lks_status lks_dataset_file_next(lks_dataset_file *file, void *values, size_t samples)
{
  lks_status status = next(file, values, samples);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

/* Its samples are held against its hash whenever they are used, so what stands before them need only be as long. */
static lks_status skip_to_samples(lks_dataset_file *file)
{
  const size_t names = file->header.class_names_bytes,
               statistics = 2 * lks_layout_statistics(&file->header.layout);
  char *skipped = lks_new(names + statistics * sizeof(double), 1);
  if (!skipped) return LKS_ERR_RANK;
  lks_status status = lks_child_receive(file->child, skipped, names);
  if (!status) status = lks_dataset_file_receive_labels(file);
  if (!status) {
    double *values = (double *)(void *)skipped;
    status = lks_dataset_file_receive_statistics(values, values + statistics / 2, file);
  }
  lks_free(skipped);
  return status;
}

static lks_status begin_anew(lks_dataset_file *file)
{
  lks_dataset_header header;
  lks_child_destroy(&file->child);
  file->next = 0;
  lks_status status = lks_dataset_file_receive_header(&header, file);
  if (!status && (!lks_layout_same(&header.layout, &file->header.layout) ||
                  header.class_names_bytes != file->header.class_names_bytes ||
                  header.has_mean != file->header.has_mean || header.has_std != file->header.has_std))
    status = lks_fail(LKS_ERR_DATA, "was changed while it was read; start again");
  return status ? status : skip_to_samples(file);
}

lks_status lks_dataset_file_rewind(lks_dataset_file *file)
{
  lks_status status = begin_anew(file);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

static lks_status compare_hash(const lks_dataset_file *file, const char *hash)
{
  if (!strcmp(hash, file->header.hash)) return LKS_OK;
  return lks_fail(LKS_ERR_DATA,
                  "damaged: its contents have the hash %s and content_hash is %s; copy or make it again",
                  hash, file->header.hash);
}

static lks_status check_values(const lks_dataset_file *file, lks_split split, const void *values,
                               size_t first, size_t count)
{
  const lks_layout *layout = &file->header.layout;
  if (!layout->features) return LKS_OK;
  return lks_features_check(layout, values, first, count, file->header.array[2 * split].path);
}

/* mean and std [statistics] of these samples, where the file does not say them; hash as well. */
static lks_status settle(lks_dataset_file *file, const double *mean, const double *std,
                         lks_content_hash *hash)
{
  char text[LKS_HASH_TEXT];
  const size_t bytes = lks_layout_statistics(&file->header.layout) * sizeof(double);
  if (!file->header.has_mean) memcpy(file->mean, mean, bytes);
  if (!file->header.has_std) memcpy(file->std, std, bytes);
  lks_content_hash_finish(text, hash, file->mean, file->std);
  if (file->header.hash[0]) return compare_hash(file, text);
  strcpy(file->header.hash, text);
  return LKS_OK;
}

/* What is known of the samples when all have passed by. */
typedef struct account {
  lks_content_hash *hash;
  lks_moments *moments; /* NULL: the file says mean and std */
  double *mean, *std;   /* [statistics] each; one block of memory */
} account;

static lks_status begin_account(account *a, const lks_dataset_file *file)
{
  const lks_layout *layout = &file->header.layout;
  const size_t statistics = lks_layout_statistics(layout);
  lks_status status = lks_content_hash_create(&a->hash, layout);
  if (status || (file->header.has_mean && file->header.has_std)) return status;
  a->mean = lks_new(2 * statistics, sizeof *a->mean);
  if (!a->mean) return LKS_ERR_RANK;
  a->std = a->mean + statistics;
  return lks_moments_create(&a->moments, layout);
}

static void end_account(account *a)
{
  lks_content_hash_destroy(&a->hash);
  lks_moments_destroy(&a->moments);
  lks_free(a->mean);
}

static lks_status finish_account(const account *a, lks_dataset_file *file)
{
  if (a->moments) lks_moments_finish(a->mean, a->std, a->moments);
  lks_status status = settle(file, a->mean, a->std, a->hash);
  file->complete = status == LKS_OK;
  return status;
}

/* All samples are in memory. */
static lks_status account_for(lks_dataset_file *file, const lks_contents *contents)
{
  account a = {NULL, NULL, NULL, NULL};
  const lks_layout *layout = &contents->layout;
  lks_status status = begin_account(&a, file);
  for (int split = 0; split < LKS_SPLITS && !status; split++) {
    const lks_samples *s = &contents->split[split];
    const void *values = layout->features ? (const void *)s->features : s->pixels;
    status = check_values(file, (lks_split)split, values, 0, s->count);
    if (status) break;
    lks_content_hash_begin_split(a.hash, (lks_split)split);
    lks_content_hash_values(a.hash, values, s->count);
    lks_content_hash_labels(a.hash, s->label, s->count);
    for (int pass = 0; split == LKS_SPLIT_TRAIN && a.moments && pass < lks_moments_passes(layout); pass++)
      lks_moments_add(a.moments, pass, values, s->count);
  }
  if (!status) status = finish_account(&a, file);
  end_account(&a);
  return status;
}

static size_t samples_in_part(const lks_dataset_file *file)
{
  return lks_max(1, PART_BYTES / sample_bytes(file));
}

/* The reading of samples, which may take long. */
typedef struct told {
  lks_long_work work;
  double all, done; /* samples */
} told;

static told begin_to_tell(const lks_dataset_file *file, int passes)
{
  told t;
  char what[256];
  const size_t *count = file->header.layout.count;
  snprintf(what, sizeof what, "reading %s", file->path);
  lks_long_work_begin(&t.work, what);
  t.all = (double)count[LKS_SPLIT_TRAIN] * passes + (double)count[LKS_SPLIT_TEST];
  t.done = 0;
  return t;
}

static lks_status next_told(lks_dataset_file *file, void *values, size_t samples, told *t)
{
  const lks_status status = next(file, values, samples);
  t->done += (double)samples;
  if (!status) lks_long_work_tell(&t->work, t->done / t->all);
  return status;
}

static lks_status read_split(lks_dataset_file *file, char *values, size_t count, told *t)
{
  const size_t most = samples_in_part(file);
  lks_status status = LKS_OK;
  for (size_t first = 0; first < count && !status; first += most)
    status = next_told(file, values + first * sample_bytes(file), lks_min(most, count - first), t);
  return status;
}

static lks_status read_block(lks_dataset_file *file, void *block)
{
  lks_section section[LKS_SECTIONS];
  const lks_layout *layout = &file->header.layout;
  told t = begin_to_tell(file, 1);
  lks_layout_sections(section, layout);
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++) {
    const lks_section *values = &section[2 * split], *labels = &section[2 * split + 1];
    memcpy((char *)block + labels->offset, file->label[split], labels->bytes);
    status = read_split(file, (char *)block + values->offset, layout->count[split], &t);
  }
  const lks_contents contents = lks_contents_in(layout, block);
  return status ? status : account_for(file, &contents);
}

lks_status lks_dataset_file_read(lks_dataset_file *file, void *block)
{
  lks_status status = read_block(file, block);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

/* Who looks on while samples pass by. */
typedef struct taker {
  lks_pass_function take; /* or NULL */
  void *context;
  told *told;
} taker;

/* One split passes by, the first time or, of training, the second. */
static lks_status pass_by(lks_dataset_file *file, const account *a, int pass, lks_split split, char *part,
                          const taker *to)
{
  const size_t count = file->header.layout.count[split], most = samples_in_part(file);
  lks_status status = LKS_OK;
  if (pass == 0) lks_content_hash_begin_split(a->hash, split);
  for (size_t first = 0; first < count && !status; first += most) {
    const size_t samples = lks_min(most, count - first);
    status = next_told(file, part, samples, to->told);
    if (!status && pass == 0) status = check_values(file, split, part, first, samples);
    if (!status && pass == 0 && to->take) status = to->take(to->context, split, part, first, samples);
    if (status) break;
    if (pass == 0) lks_content_hash_values(a->hash, part, samples);
    if (a->moments && split == LKS_SPLIT_TRAIN) lks_moments_add(a->moments, pass, part, samples);
  }
  if (pass == 0) lks_content_hash_labels(a->hash, file->label[split], count);
  return status;
}

static lks_status pass_all(lks_dataset_file *file, account *a, char *part, const taker *to)
{
  lks_status status = begin_account(a, file);
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    status = pass_by(file, a, 0, (lks_split)split, part, to);
  if (!status && a->moments && lks_moments_passes(&file->header.layout) == 2) {
    status = begin_anew(file);
    if (!status) status = pass_by(file, a, 1, LKS_SPLIT_TRAIN, part, to);
  }
  return status ? status : finish_account(a, file);
}

static void note_long_pass(const lks_dataset_file *file)
{
  const lks_layout *layout = &file->header.layout;
  const double samples = (double)layout->count[LKS_SPLIT_TRAIN] + (double)layout->count[LKS_SPLIT_TEST],
               gigabytes = 1e-9 * samples * (double)sample_bytes(file);
  if (gigabytes >= 1) lks_note("%s: reading %.1f GB of samples for their hash", file->path, gigabytes);
}

lks_status lks_dataset_file_pass(lks_dataset_file *file, lks_pass_function take, void *context)
{
  note_long_pass(file);
  account a = {NULL, NULL, NULL, NULL};
  const bool computed = !file->header.has_mean || !file->header.has_std;
  told t = begin_to_tell(file, computed ? lks_moments_passes(&file->header.layout) : 1);
  const taker to = {take, context, &t};
  char *part = lks_new(samples_in_part(file), sample_bytes(file));
  lks_status status = part ? pass_all(file, &a, part, &to) : LKS_ERR_RANK;
  end_account(&a);
  lks_free(part);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

lks_status lks_dataset_file_complete(lks_dataset_file *file)
{
  if (lks_dataset_file_is_complete(file)) return LKS_OK;
  lks_status status = lks_dataset_file_pass(file, NULL, NULL);
  return status ? status : lks_dataset_file_rewind(file);
}

lks_status lks_dataset_file_check(const lks_dataset_file *file, const int32_t *const label[LKS_SPLITS],
                                  lks_values_function values, void *context)
{
  char hash[LKS_HASH_TEXT];
  const lks_layout *layout = &file->header.layout;
  lks_status status = lks_dataset_file_check_labels(file, label);
  if (!status) status = lks_contents_hash_of(hash, layout, label, values, context, file->mean, file->std);
  if (!status) status = compare_hash(file, hash);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

static lks_status copy_values(lks_dataset_file *file, lks_split split, char *part, lks_take_function take,
                              void *context)
{
  const size_t count = file->header.layout.count[split], most = samples_in_part(file);
  lks_status status = LKS_OK;
  for (size_t first = 0; first < count && !status; first += most) {
    const size_t samples = lks_min(most, count - first);
    status = lks_dataset_file_next(file, part, samples);
    if (!status) status = take(context, part, samples * sample_bytes(file));
  }
  return status;
}

/* What fills a section up to the beginning of the next one. */
static lks_status fill_up(const lks_section section[LKS_SECTIONS], int i, size_t all, lks_take_function take,
                          void *context)
{
  static const char zeros[64];
  const size_t end = i + 1 < LKS_SECTIONS ? section[i + 1].offset : all;
  return take(context, zeros, end - section[i].offset - section[i].bytes);
}

lks_status lks_dataset_file_copy(lks_dataset_file *file, lks_take_function take, void *context)
{
  lks_section section[LKS_SECTIONS];
  const size_t all = lks_layout_sections(section, &file->header.layout);
  char *part = lks_new(samples_in_part(file), sample_bytes(file));
  lks_status status = part ? LKS_OK : LKS_ERR_RANK;
  for (int i = 0; i < LKS_SECTIONS && !status; i++) {
    const lks_split split = (lks_split)(i / 2);
    status = i % 2 == 0 ? copy_values(file, split, part, take, context)
                        : take(context, file->label[split], section[i].bytes);
    if (!status) status = fill_up(section, i, all, take, context);
  }
  lks_free(part);
  return status;
}
