#include "dataset/describe_parts.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/plain_text.h"

enum { LISTED_MAX = 16, NAME_BYTES = 64 };

void lks_describe_sample(FILE *out, const lks_layout *layout)
{
  const lks_shape shape = layout->shape;
  const char *type = layout->features ? "32-bit floating point" : "unsigned bytes";
  if (layout->features && shape.height == 1 && shape.width == 1)
    fprintf(out, "  sample    %zu features, %s\n", shape.channels, type);
  else
    fprintf(out, "  sample    image of %zu x %zu, %zu channel%s, %s\n", shape.height, shape.width,
            shape.channels, shape.channels == 1 ? "" : "s", type);
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

lks_status lks_describe_splits(FILE *out, const lks_layout *layout, const int32_t *const label[LKS_SPLITS],
                               const lks_class_names *names)
{
  const size_t classes = layout->classes;
  size_t *count = lks_new(LKS_SPLITS * classes, sizeof *count);
  if (!count) return LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++) {
    const size_t samples = layout->count[split];
    for (size_t i = 0; i < samples; i++) count[(size_t)split * classes + (size_t)label[split][i]]++;
    if (samples == 0) continue;
    fprintf(out, "  %-10s%zu samples:", lks_split_name((lks_split)split), samples);
    print_counts(out, count + (size_t)split * classes, classes);
    fputc('\n', out);
  }
  print_class_names(out, names, count, classes);
  lks_free(count);
  return LKS_OK;
}

/* "0 to 255, mean 33.3, std 78.6, 81% zeros; 3 of 64 channels are constant: 0 7 63" */
void lks_describe_values(FILE *out, const lks_value_summary *s)
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
