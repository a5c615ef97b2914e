#include "dataset/describe.h"

#include "base/arena.h"
#include "base/integers.h"
#include "base/plain_text.h"
#include "dataset/dataset_file.h"
#include "dataset/value_summary.h"

enum { LISTED_MAX = 16, NAME_BYTES = 64, PART_BYTES = 4 << 20 };

static void print_shape(FILE *out, const lks_dataset_header *header)
{
  const lks_layout *layout = &header->layout;
  const lks_shape shape = layout->shape;
  if (layout->features && shape.height == 1 && shape.width == 1)
    fprintf(out, "  sample    %zu features, 32-bit floating point\n", shape.channels);
  else
    fprintf(out, "  sample    image of %zu x %zu, %zu channel%s, %s\n", shape.height, shape.width,
            shape.channels, shape.channels == 1 ? "" : "s",
            layout->features ? "32-bit floating point" : "unsigned bytes");
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

static void print_counts(FILE *out, const size_t *count, size_t classes)
{
  if (classes <= LISTED_MAX) {
    for (size_t c = 0; c < classes; c++) fprintf(out, " %zu", count[c]);
    fprintf(out, " of each class");
    return;
  }
  size_t least = SIZE_MAX, most = 0;
  for (size_t c = 0; c < classes; c++) {
    if (count[c] < least) least = count[c];
    if (count[c] > most) most = count[c];
  }
  fprintf(out, " %zu to %zu of each class", least, most);
}

static void print_class_names(FILE *out, const lks_class_names *names, const size_t *count, size_t classes)
{
  for (size_t k = 0; k < lks_class_names_count(names) && k < LISTED_MAX; k++) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s", lks_class_names_get(names, k));
    lks_text_make_plain(name);
    fprintf(out, "  %-10s%zu %s: %zu train, %zu test\n", k ? "" : "classes", k, name, count[k],
            count[classes + k]);
  }
  if (lks_class_names_count(names) > LISTED_MAX) fprintf(out, "            ... (%zu names)\n", classes);
}

static lks_status print_splits(FILE *out, const lks_dataset_file *file)
{
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  const size_t classes = layout->classes;
  size_t *count = lks_new(LKS_SPLITS * classes, sizeof *count);
  if (!count) return LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++) {
    const int32_t *label = lks_dataset_file_labels(file, (lks_split)split);
    const size_t samples = layout->count[split];
    for (size_t i = 0; i < samples; i++) count[(size_t)split * classes + (size_t)label[i]]++;
    if (samples == 0) continue;
    fprintf(out, "  %-10s%zu samples:", lks_split_name((lks_split)split), samples);
    print_counts(out, count + (size_t)split * classes, classes);
    fputc('\n', out);
  }
  print_class_names(out, lks_dataset_file_class_names(file), count, classes);
  lks_free(count);
  return LKS_OK;
}

/* "0 to 255, mean 33.3, std 78.6, 81% zeros; 3 of 64 channels are constant: 0 7 63" */
static void print_summary(FILE *out, const lks_value_summary *s)
{
  size_t channel[LISTED_MAX];
  const size_t channels = s->layout->shape.channels,
               constant = lks_value_summary_constant(s, channel, LISTED_MAX);
  if (s->count > 0)
    fprintf(out, "  values    %.6g to %.6g, mean %.6g, std %.6g, %.0f%% zeros", s->least, s->most,
            lks_value_summary_mean(s), lks_value_summary_std(s), 100 * (double)s->zeros / (double)s->count);
  else
    fprintf(out, "  values    none that is finite");
  if (constant > 0) fprintf(out, "; %zu of %zu channels constant:", constant, channels);
  for (size_t i = 0; i < lks_min(constant, LISTED_MAX); i++) fprintf(out, " %zu", channel[i]);
  if (constant > LISTED_MAX) fprintf(out, " ...");
  fprintf(out, "\n");
  if (s->nan + s->infinite > 0)
    fprintf(out, "            %llu NaN and %llu infinite values, which training refuses\n",
            (unsigned long long)s->nan, (unsigned long long)s->infinite);
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
  print_summary(out, summary);
  if (rounded > 0) fprintf(out, "            %zu of them are rounded to 32-bit floating point\n", rounded);
  if (finite) print_statistics(out, file);
  print_storage(out, header);
  if (finite) fprintf(out, "  hash      %s\n", header->hash);
  return status;
}

static lks_status pass_by(lks_value_summary *summary, lks_dataset_file *file)
{
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  const size_t bytes = lks_layout_width(layout) * lks_layout_value_bytes(layout),
               most = lks_max(1, PART_BYTES / bytes);
  void *values = lks_new(most, bytes);
  lks_status status = values ? LKS_OK : LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++)
    for (size_t first = 0; first < layout->count[split] && !status; first += most) {
      const size_t samples = lks_min(most, layout->count[split] - first);
      status = lks_dataset_file_next(file, values, samples);
      if (!status) lks_value_summary_add(summary, (lks_split)split, values, first, samples);
    }
  lks_free(values);
  return status;
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
  lks_status status = pass_by(summary, file);
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
