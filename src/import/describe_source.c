#include "import/describe_source.h"

#include "base/arena.h"
#include "base/integers.h"
#include "dataset/describe_parts.h"

enum { PART_BYTES = 4 << 20 };

static lks_status pass_by(lks_value_summary *summary, lks_source *source)
{
  const lks_layout *layout = &source->layout;
  const size_t bytes = lks_layout_width(layout) * lks_layout_value_bytes(layout),
               most = lks_max(1, PART_BYTES / bytes);
  void *values = lks_new(most, bytes);
  lks_status status = values ? LKS_OK : LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++)
    for (size_t first = 0; first < layout->count[split] && !status; first += most) {
      const size_t samples = lks_min(most, layout->count[split] - first);
      status = lks_source_next(source, values, samples);
      if (!status) lks_value_summary_add(summary, (lks_split)split, values, first, samples);
    }
  lks_free(values);
  return status;
}

static lks_status print(FILE *out, const lks_source *source, const lks_value_summary *summary)
{
  const int32_t *label[LKS_SPLITS] = {source->label[LKS_SPLIT_TRAIN], source->label[LKS_SPLIT_TEST]};
  fprintf(out, "%s: samples of %zu classes\n", source->path, source->layout.classes);
  lks_describe_sample(out, &source->layout);
  lks_status status = lks_describe_splits(out, &source->layout, label, source->names);
  lks_describe_values(out, summary);
  return status;
}

lks_status lks_source_describe(FILE *out, lks_source *source)
{
  lks_value_summary summary;
  lks_status status = lks_layout_check(&source->layout);
  if (status) return lks_fail_in(status, "%s: ", source->path);
  status = lks_value_summary_begin(&summary, &source->layout);
  if (status) return status;
  status = pass_by(&summary, source);
  if (!status) status = print(out, source, &summary);
  lks_value_summary_end(&summary);
  return status;
}
