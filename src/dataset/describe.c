#include "dataset/describe.h"

#include "base/arena.h"
#include "dataset/dataset_file.h"

enum { LISTED_MAX = 16 };

static void print_shape(FILE *out, const lks_layout *layout)
{
  const lks_shape shape = layout->shape;
  if (layout->features && shape.height == 1 && shape.width == 1)
    fprintf(out, "  sample    %zu features, 32-bit floating point\n", shape.channels);
  else
    fprintf(out, "  sample    image of %zu x %zu, %zu channel%s, %s\n", shape.height, shape.width,
            shape.channels, shape.channels == 1 ? "" : "s",
            layout->features ? "32-bit floating point" : "unsigned bytes");
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

static lks_status print_splits(FILE *out, const lks_contents *contents)
{
  const size_t classes = contents->layout.classes;
  size_t *count = lks_new(LKS_SPLITS * classes, sizeof *count);
  if (!count) return LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++) {
    const lks_samples *samples = &contents->split[split];
    for (size_t i = 0; i < samples->count; i++) count[(size_t)split * classes + (size_t)samples->label[i]]++;
    fprintf(out, "  %-10s%zu samples:", lks_split_name((lks_split)split), samples->count);
    print_counts(out, count + (size_t)split * classes, classes);
    fputc('\n', out);
  }
  lks_free(count);
  return LKS_OK;
}

static void print_values(FILE *out, const char *name, const double *values, size_t count)
{
  fprintf(out, "  %-9s", name);
  for (size_t i = 0; i < count && i < LISTED_MAX; i++) fprintf(out, " %.6g", values[i]);
  if (count > LISTED_MAX) fprintf(out, " ... (%zu values)", count);
}

static void print_storage(FILE *out, const lks_dataset_header *header)
{
  for (int i = 0; i < LKS_SECTIONS; i++)
    if (header->array[i].path[0])
      fprintf(out, "  %-10s%s: %s\n", i ? "" : "layout", header->array[i].path, header->array[i].storage);
}

static lks_status print_all(FILE *out, const char *path, const lks_dataset_file *file,
                            const lks_contents *contents)
{
  const lks_dataset_header *header = lks_dataset_file_header(file);
  const char *unit = header->layout.features ? "" : ", of pixels/255";
  const size_t statistics = lks_layout_statistics(&header->layout);
  fprintf(out, "%s: a dataset of %zu classes, %.2f MB, made by %s\n", path, header->layout.classes,
          (double)header->file_bytes * 1e-6, header->creator);
  print_shape(out, &header->layout);
  lks_status status = print_splits(out, contents);
  print_values(out, "mean", lks_dataset_file_mean(file), statistics);
  fprintf(out, "%s\n", unit);
  print_values(out, "std", lks_dataset_file_std(file), statistics);
  fprintf(out, "%s\n", unit);
  print_storage(out, header);
  fprintf(out, "  hash      %s\n", header->hash);
  return status;
}

lks_status lks_dataset_describe(FILE *out, const char *path)
{
  lks_section section[LKS_SECTIONS];
  lks_dataset_file *file = NULL;
  lks_status status = lks_dataset_file_open(&file, path, NULL);
  if (status) return status;
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  void *block = lks_new(lks_layout_sections(section, layout), 1);
  status = block ? lks_dataset_file_read(file, block) : LKS_ERR_RANK;
  const lks_contents contents = lks_contents_in(layout, block);
  if (!status) status = print_all(out, path, file, &contents);
  lks_free(block);
  lks_dataset_file_close(&file);
  return status;
}
