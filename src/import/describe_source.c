#include "import/describe_source.h"

#include "dataset/describe_parts.h"

static lks_status next(void *source, void *values, size_t samples)
{
  return lks_source_next(source, values, samples);
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
  status = lks_value_summary_add_all(&summary, next, source);
  if (!status) status = print(out, source, &summary);
  lks_value_summary_end(&summary);
  return status;
}
