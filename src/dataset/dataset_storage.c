#include "dataset/dataset_storage.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/plain_text.h"
#include "dataset/dataset_file.h"

lks_status lks_storage_unreadable(const char *what)
{
  return lks_fail(LKS_ERR_DATA, "%s cannot be read: truncated or damaged; copy or make it again", what);
}

lks_status lks_storage_check_link(hid_t file, const char *name)
{
  H5L_info_t link;
  htri_t there = H5Lexists(file, name, H5P_DEFAULT);
  if (there == 0) return lks_fail(LKS_ERR_DATA, "/%s is missing", name);
  if (there < 0 || H5Lget_info(file, name, &link, H5P_DEFAULT) < 0) return lks_storage_unreadable(name);
  if (link.type != H5L_TYPE_HARD)
    return lks_fail(LKS_ERR_DATA, "/%s is a link and must lie in the file itself", name);
  return LKS_OK;
}

/* Those of the library itself; others would have to be loaded as code. */
static lks_status check_filters(hid_t properties, const char *name)
{
  const int filters = H5Pget_nfilters(properties);
  if (filters < 0) return lks_storage_unreadable(name);
  for (int i = 0; i < filters; i++) {
    char filter[32] = "";
    unsigned flags, config;
    size_t none = 0;
    const H5Z_filter_t number =
        H5Pget_filter2(properties, (unsigned)i, &flags, &none, NULL, sizeof filter, filter, &config);
    if (number < 0) return lks_storage_unreadable(name);
    if (H5Zfilter_avail(number) <= 0)
      return lks_fail(
          LKS_ERR_DATA,
          "/%s is stored with filter %d (%.31s), which this program does not have; store it with gzip", name,
          (int)number, filter[0] ? filter : "without a name");
  }
  return LKS_OK;
}

/* A chunk is never larger than what all bytes of the file could have been compressed from. */
static lks_status measure_chunk(size_t *bytes, hid_t properties, hid_t file, size_t value_bytes,
                                const char *name)
{
  hsize_t chunk[LKS_STORAGE_RANK], file_bytes = 0;
  const int rank =
      H5Pget_layout(properties) == H5D_CHUNKED ? H5Pget_chunk(properties, LKS_STORAGE_RANK, chunk) : 0;
  *bytes = rank > 0 ? value_bytes : 0;
  bool too_large = rank > LKS_STORAGE_RANK || H5Fget_filesize(file, &file_bytes) < 0;
  for (int i = 0; i < rank && !too_large; i++) too_large = __builtin_mul_overflow(*bytes, chunk[i], bytes);
  if (!too_large && *bytes / LKS_DEFLATE_LIMIT <= file_bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "/%s has chunks that are larger than the file can hold: damaged or made up",
                  name);
}

lks_status lks_storage_check(size_t *chunk, hid_t properties, hid_t file, size_t value_bytes,
                             const char *name)
{
  const H5D_layout_t layout = H5Pget_layout(properties);
  if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) != 0))
    return lks_fail(LKS_ERR_DATA, "/%s takes its data from other files and must hold them itself", name);
  if (layout < 0) return lks_storage_unreadable(name);
  lks_status status = check_filters(properties, name);
  return status ? status : measure_chunk(chunk, properties, file, value_bytes, name);
}

void lks_storage_describe(char *text, size_t size, hid_t data, hid_t properties)
{
  hsize_t chunk[LKS_STORAGE_RANK];
  int rank = H5Pget_layout(properties) == H5D_CHUNKED ? H5Pget_chunk(properties, LKS_STORAGE_RANK, chunk) : 0;
  lks_append(text, size, rank > 0 ? "chunks of" : "one block");
  for (int i = 0; i < rank; i++)
    lks_append(text, size, "%s%llu", i ? " x " : " ", (unsigned long long)chunk[i]);
  for (int i = 0; i < H5Pget_nfilters(properties); i++) {
    char filter[32] = "";
    unsigned flags, config;
    size_t none = 0;
    if (H5Pget_filter2(properties, (unsigned)i, &flags, &none, NULL, sizeof filter, filter, &config) >= 0)
      lks_append(text, size, ", %.31s", filter);
  }
  lks_append(text, size, ", %llu bytes", (unsigned long long)H5Dget_storage_size(data));
  lks_text_make_plain(text);
}
