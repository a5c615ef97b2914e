#include "dataset/dataset_storage.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/plain_text.h"

enum { PATH_BYTES = LKS_TEXT_MAX, SOFT_LINKS_MOST = 16, TEXT_BYTES = 32 };

lks_status lks_storage_unreadable(const char *what)
{
  return lks_fail(LKS_ERR_DATA, "%s cannot be read: truncated or damaged; copy or make it again", what);
}

/* Where the last part of a path leads: *soft is set, and then target is the path of a soft link. */
static lks_status look_at_link(bool *soft, char target[PATH_BYTES], hid_t file, const char *path)
{
  H5L_info_t link;
  const htri_t there = H5Lexists(file, path, H5P_DEFAULT);
  *soft = false;
  if (there == 0) return lks_fail(LKS_ERR_DATA, "%s is missing", path);
  if (there < 0 || H5Lget_info(file, path, &link, H5P_DEFAULT) < 0) return lks_storage_unreadable(path);
  if (link.type == H5L_TYPE_HARD) return LKS_OK;
  if (link.type != H5L_TYPE_SOFT)
    return lks_fail(LKS_ERR_DATA, "%s is a link to another file and must lie in the file itself", path);
  *soft = true;
  memset(target, 0, PATH_BYTES);
  if (link.u.val_size >= PATH_BYTES || H5Lget_val(file, path, target, PATH_BYTES - 1, H5P_DEFAULT) < 0)
    return lks_storage_unreadable(path);
  lks_text_make_plain(target);
  return LKS_OK;
}

/* The library itself follows soft links, of which each part may be a link again. */
static lks_status check_link(hid_t file, const char *path, int links)
{
  char part[PATH_BYTES], target[PATH_BYTES], leads_to[2 * PATH_BYTES];
  if (links > SOFT_LINKS_MOST) return lks_fail(LKS_ERR_DATA, "%s is a link that leads back to itself", path);
  for (size_t end = 1; path[end - 1]; end++) {
    if (path[end] != '/' && path[end] != '\0') continue;
    bool soft;
    snprintf(part, sizeof part, "%.*s", (int)end, path);
    if (strcmp(part, "/") == 0) continue;
    lks_status status = look_at_link(&soft, target, file, part);
    if (!status && soft) {
      const char *slash = strrchr(part, '/');
      const int parent = target[0] == '/' || !slash ? 0 : (int)(slash - part) + 1;
      snprintf(leads_to, sizeof leads_to, "%.*s%s%s", parent, part, target[0] == '/' || slash ? "" : "/",
               target);
      status = check_link(file, leads_to, links + 1);
      if (status) return lks_fail_in(status, "%s is a link: ", part);
    }
    if (status) return status;
    if (path[end] == '\0') break;
  }
  return LKS_OK;
}

lks_status lks_storage_check_link(hid_t file, const char *path)
{
  if (!path[0] || strlen(path) >= PATH_BYTES)
    return lks_fail(LKS_ERR_DATA, "'%.100s' is no path of an array", path);
  return check_link(file, path, 0);
}

/* What users of h5py and PyTables know filters by. */
static const char *filter_name(H5Z_filter_t number, const char *own)
{
  static const struct {
    H5Z_filter_t number;
    const char *name;
  } known[] = {{4, "szip"},    {305, "lzo"},          {307, "bzip2"}, {32000, "lzf"},  {32001, "blosc"},
               {32004, "lz4"}, {32008, "bitshuffle"}, {32013, "zfp"}, {32015, "zstd"}, {32026, "blosc2"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].number == number) return known[i].name;
  return own[0] ? own : "without a name";
}

/* Those of the library itself; others would have to be loaded as code. */
static lks_status check_filters(bool *shrinks, hid_t properties, const char *name)
{
  const int filters = H5Pget_nfilters(properties);
  *shrinks = false;
  if (filters < 0) return lks_storage_unreadable(name);
  for (int i = 0; i < filters; i++) {
    char own[TEXT_BYTES] = "";
    unsigned flags, config;
    size_t none = 0;
    const H5Z_filter_t number =
        H5Pget_filter2(properties, (unsigned)i, &flags, &none, NULL, sizeof own, own, &config);
    if (number < 0) return lks_storage_unreadable(name);
    own[sizeof own - 1] = '\0';
    lks_text_make_plain(own);
    if (H5Zfilter_avail(number) <= 0)
      return lks_fail(
          LKS_ERR_DATA,
          "%s is stored with the filter %s (number %d), which this program does not have: write it with compression='gzip'",
          name, filter_name(number, own), (int)number);
    *shrinks = *shrinks || number == H5Z_FILTER_SCALEOFFSET;
  }
  return LKS_OK;
}

/* A chunk is never larger than what all bytes of the file could have been compressed from; that of equal values takes
 * no more than its head where a filter stores differences. */
static lks_status measure_chunk(size_t *bytes, hid_t properties, hid_t file, size_t value_bytes, bool shrinks,
                                const char *name)
{
  hsize_t chunk[H5S_MAX_RANK], file_bytes = 0;
  const int rank =
      H5Pget_layout(properties) == H5D_CHUNKED ? H5Pget_chunk(properties, H5S_MAX_RANK, chunk) : 0;
  *bytes = rank > 0 ? value_bytes : 0;
  bool too_large = H5Fget_filesize(file, &file_bytes) < 0;
  for (int i = 0; i < rank && !too_large; i++) too_large = __builtin_mul_overflow(*bytes, chunk[i], bytes);
  const size_t limit = shrinks ? LKS_SCALEOFFSET_LIMIT : LKS_DEFLATE_LIMIT;
  if (!too_large && *bytes / limit <= file_bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s has chunks that are larger than the file can hold: damaged or made up",
                  name);
}

static double chunks_of(hid_t space, hid_t properties)
{
  hsize_t size[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
  double all = 1;
  const int rank = H5Sget_simple_extent_dims(space, size, NULL);
  if (rank < 1 || H5Pget_chunk(properties, H5S_MAX_RANK, chunk) != rank) return 0;
  for (int i = 0; i < rank; i++) {
    const hsize_t along = size[i] / chunk[i] + (size[i] % chunk[i] != 0);
    all *= (double)along;
  }
  return all;
}

static lks_status judge_written(double written, double all, lks_dataset_array *about)
{
  if (written >= all) return LKS_OK;
  about->unwritten = all < 1e15 ? (size_t)(all - written) : SIZE_MAX;
  if (2 * written >= all) return LKS_OK;
  if (written == 0)
    return lks_fail(LKS_ERR_DATA,
                    "%s is %s, but nothing of it was ever written: write it, or name another array",
                    about->path, about->what);
  return lks_fail(
      LKS_ERR_DATA,
      "%s is %s, but of its %.0f chunks only %.0f were ever written, and the rest would be zeros: write all of it, or make it smaller (resize)",
      about->path, about->what, all, written);
}

static lks_status check_written(hid_t data, hid_t properties, lks_dataset_array *about)
{
  hsize_t chunks = 0;
  const hid_t space = H5Dget_space(data);
  const bool chunked = H5Pget_layout(properties) == H5D_CHUNKED,
             empty = H5Sget_simple_extent_npoints(space) == 0;
  const double all = chunked ? chunks_of(space, properties) : 1;
  const herr_t counted = chunked && !empty ? H5Dget_num_chunks(data, space, &chunks) : 0;
  H5Sclose(space);
  if (empty) return LKS_OK;
  if (counted < 0) return lks_storage_unreadable(about->path);
  return judge_written(chunked ? (double)chunks : H5Dget_storage_size(data) > 0, all, about);
}

lks_status lks_storage_check(size_t *chunk, hid_t data, hid_t properties, hid_t file, size_t value_bytes,
                             lks_dataset_array *about)
{
  const H5D_layout_t layout = H5Pget_layout(properties);
  const char *name = about->path;
  if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) != 0))
    return lks_fail(LKS_ERR_DATA, "%s takes its data from other files and must hold them itself", name);
  if (layout < 0) return lks_storage_unreadable(name);
  lks_status status = check_filters(&about->shrinks, properties, name);
  if (!status) status = measure_chunk(chunk, properties, file, value_bytes, about->shrinks, name);
  return status ? status : check_written(data, properties, about);
}

void lks_storage_describe(char *text, size_t size, hid_t data, hid_t properties)
{
  hsize_t chunk[H5S_MAX_RANK];
  int rank = H5Pget_layout(properties) == H5D_CHUNKED ? H5Pget_chunk(properties, H5S_MAX_RANK, chunk) : 0;
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
