#include "import/source.h"

#include "base/arena.h"

lks_status lks_source_create(lks_source **source, const lks_source_methods *methods, void *self)
{
  *source = lks_new(1, sizeof **source);
  if (!*source) {
    methods->destroy(self);
    return LKS_ERR_RANK;
  }
  (*source)->methods = methods;
  (*source)->self = self;
  return LKS_OK;
}

lks_status lks_source_next(lks_source *source, void *values, size_t samples)
{
  const size_t train = source->layout.count[LKS_SPLIT_TRAIN], taken = source->taken;
  const lks_split split = taken < train ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST;
  source->taken += samples;
  return source->methods->next(source->self, split, split == LKS_SPLIT_TRAIN ? taken : taken - train, values,
                               samples);
}

lks_status lks_source_rewind(lks_source *source)
{
  source->taken = 0;
  return source->methods->rewind(source->self);
}

void lks_source_destroy(lks_source **source)
{
  if (!*source) return;
  (*source)->methods->destroy((*source)->self);
  for (int split = 0; split < LKS_SPLITS; split++) lks_free((*source)->label[split]);
  lks_class_names_destroy(&(*source)->names);
  lks_free(*source);
  *source = NULL;
}
