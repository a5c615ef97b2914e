#include "dataset/describe.h"

#include "base/arena.h"
#include "base/integers.h"
#include "base/plain_text.h"
#include "dataset/dataset_file.h"
#include "dataset/describe_parts.h"

enum { LISTED_MAX = 16 };

static void print_shape(FILE *out, const lks_dataset_header *header)
{
  lks_describe_sample(out, &header->layout);
  if (header->layout_taken == LKS_DATA_LAYOUT_AUTO)
    fprintf(out,
            "            it looks as if channels stood first: give --layout nchw then, or --layout nhwc\n");
}

/* Of a file that names things otherwise than lockstep does. */
static void print_recognized(FILE *out, const lks_dataset_header *header)
{
  static const char *const use[LKS_SECTIONS] = {"samples", "labels", "test samples", "test labels"};
  for (int i = 0; i < LKS_SECTIONS; i++)
    if (header->array[i].path[0])
      fprintf(out, "  %-10s%s is %s: %s\n", i ? "" : "taken", header->array[i].path, header->array[i].what,
              use[i]);
  if (header->note[0]) fprintf(out, "            %s\n", header->note);
}

static void print_missing(FILE *out, const lks_dataset_header *header, bool has_hash)
{
  const bool has[] = {header->has_format,
                      header->has_classes,
                      header->has_mean,
                      header->has_std,
                      has_hash,
                      header->layout.count[LKS_SPLIT_TEST] > 0,
                      header->class_names_bytes > 0};
  static const char *const name[] = {"format",     "classes",      "mean",
                                     "std",        "content_hash", "test part (train with --holdout N)",
                                     "class_names"};
  const char *before = "  missing   ";
  for (size_t i = 0; i < sizeof has / sizeof *has; i++) {
    if (has[i] || (i == 6 && header->has_format)) continue;
    fprintf(out, "%s%s", before, name[i]);
    before = ", ";
  }
  if (before[0] == ',') fprintf(out, "; none of it is needed\n");
}

static lks_status print_splits(FILE *out, const lks_dataset_file *file)
{
  const int32_t *label[LKS_SPLITS];
  for (int split = 0; split < LKS_SPLITS; split++)
    label[split] = lks_dataset_file_labels(file, (lks_split)split);
  return lks_describe_splits(out, &lks_dataset_file_header(file)->layout, label,
                             lks_dataset_file_class_names(file));
}

static void print_values(FILE *out, const char *name, const double *values, size_t count, const char *unit)
{
  fprintf(out, "  %-9s", name);
  for (size_t i = 0; i < count && i < LISTED_MAX; i++) fprintf(out, " %.6g", values[i]);
  if (count > LISTED_MAX) fprintf(out, " ... (%zu values)", count);
  fprintf(out, "%s\n", unit);
}

static void print_storage(FILE *out, const lks_dataset_header *header)
{
  for (int i = 0; i < LKS_SECTIONS; i++) {
    const lks_dataset_array *array = &header->array[i];
    if (array->path[0]) fprintf(out, "  %-10s%s: %s\n", i ? "" : "layout", array->path, array->storage);
    if (array->unwritten > 0)
      fprintf(out, "            %zu chunks of it were never written: they are read as zeros\n",
              array->unwritten);
  }
}

static void print_statistics(FILE *out, const lks_dataset_file *file)
{
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  const char *unit = layout->features ? "" : ", of pixels/255";
  const size_t statistics = lks_layout_statistics(layout);
  print_values(out, "mean", lks_dataset_file_mean(file), statistics, unit);
  print_values(out, "std", lks_dataset_file_std(file), statistics, unit);
}

static lks_status print_all(FILE *out, const lks_dataset_file *file, const lks_value_summary *summary,
                            bool has_hash, bool finite)
{
  const lks_dataset_header *header = lks_dataset_file_header(file);
  const size_t rounded = lks_dataset_file_rounded(file);
  fprintf(out, "%s: a dataset of %zu classes, %.2f MB%s%s\n", lks_dataset_file_path(file),
          header->layout.classes, (double)header->file_bytes * 1e-6, header->creator[0] ? ", made by " : "",
          header->creator);
  if (!header->has_format) print_recognized(out, header);
  print_missing(out, header, has_hash);
  print_shape(out, header);
  lks_status status = print_splits(out, file);
  lks_describe_values(out, summary);
  if (rounded > 0) fprintf(out, "            %zu of them are rounded to 32-bit floating point\n", rounded);
  if (finite) print_statistics(out, file);
  print_storage(out, header);
  if (finite) fprintf(out, "  hash      %s\n", header->hash);
  return status;
}

static lks_status next(void *file, void *values, size_t samples)
{
  return lks_dataset_file_next(file, values, samples);
}

static lks_status refuse(const lks_value_summary *s, const lks_dataset_file *file)
{
  return lks_fail(LKS_ERR_DATA, "%s: %s[%zu][%zu] is not finite: mend it, or leave the sample out",
                  lks_dataset_file_path(file), lks_dataset_file_header(file)->array[2 * s->first_split].path,
                  s->first_sample, s->first_value);
}

static lks_status describe(FILE *out, lks_dataset_file *file, lks_value_summary *summary)
{
  const bool has_hash = lks_dataset_file_header(file)->hash[0] != '\0';
  lks_status status = lks_value_summary_add_all(summary, next, file);
  const bool finite = summary->nan + summary->infinite == 0;
  if (!status && finite) status = lks_dataset_file_rewind(file);
  if (!status && finite) status = lks_dataset_file_pass(file, NULL, NULL);
  if (!status) status = print_all(out, file, summary, has_hash, finite);
  return status || finite ? status : refuse(summary, file);
}

lks_status lks_dataset_describe(FILE *out, const char *path, const lks_dataset_names *names)
{
  lks_dataset_file *file = NULL;
  lks_value_summary summary;
  lks_status status = lks_dataset_file_open(&file, path, names);
  if (!status) status = lks_value_summary_begin(&summary, &lks_dataset_file_header(file)->layout);
  if (!status) {
    status = describe(out, file, &summary);
    lks_value_summary_end(&summary);
  }
  lks_dataset_file_close(&file);
  return status;
}
