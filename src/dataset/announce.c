#include "dataset/announce.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/log.h"

static bool is_native(const lks_dataset_header *header)
{
  const char *path = header->array[0].path;
  return strcmp(path, "/train/images") == 0 || strcmp(path, "/train/features") == 0;
}

void lks_dataset_arrays_text(char *text, size_t size, const lks_dataset_header *header)
{
  static const char *const use[LKS_SECTIONS] = {"samples", "labels", "test samples", "test labels"};
  text[0] = '\0';
  for (int i = 0; i < LKS_SECTIONS; i++)
    if (header->array[i].path[0])
      lks_append(text, size, "%s%s %s as %s", i ? ", " : "", header->array[i].path, header->array[i].what,
                 use[i]);
}

static void warn_of_layout(const char *path, const lks_dataset_header *header)
{
  const lks_shape shape = header->layout.shape;
  lks_warn(
      "%s: %s is %s and is read as images %zu high and %zu wide, of %zu channels; if channels stand before height and width, give --layout nchw, and if this is right, --layout nhwc",
      path, header->array[0].path, header->array[0].what, shape.height, shape.width, shape.channels);
}

void lks_dataset_announce(const lks_dataset_file *file)
{
  char text[4 * sizeof(lks_dataset_array)];
  const lks_dataset_header *header = lks_dataset_file_header(file);
  const char *path = lks_dataset_file_path(file);
  const size_t rounded = lks_dataset_file_rounded(file);
  lks_dataset_arrays_text(text, sizeof text, header);
  if (!is_native(header)) lks_note("%s: takes %s", path, text);
  if (header->note[0]) lks_warn("%s: %s", path, header->note);
  if (header->layout_taken == LKS_DATA_LAYOUT_AUTO) warn_of_layout(path, header);
  for (int i = 0; i < LKS_SECTIONS; i++)
    if (header->array[i].unwritten > 0)
      lks_warn("%s: %zu chunks of %s were never written: they are read as zeros", path,
               header->array[i].unwritten, header->array[i].path);
  if (rounded > 0)
    lks_note("%s: %zu values of the samples are rounded to 32-bit floating point", path, rounded);
}
