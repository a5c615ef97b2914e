#include "cli/info_source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/file.h"
#include "base/shell_word.h"
#include "base/wrapped.h"
#include "cli/shape.h"
#include "import/describe_source.h"
#include "import/packed_file.h"
#include "import/picture.h"
#include "import/source_cifar.h"
#include "import/source_csv.h"
#include "import/source_folder.h"
#include "import/source_npz.h"

static bool has_file(const char *folder, const char *name)
{
  char path[LKS_TEXT_MAX + 64];
  return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && lks_file_exists(path);
}

static lks_source_kind kind_of_folder(const char *path)
{
  if (has_file(path, "data_batch_1.bin")) return LKS_SOURCE_CIFAR10;
  if (has_file(path, "train.bin")) return LKS_SOURCE_CIFAR100;
  return LKS_SOURCE_FOLDER;
}

/* begin [count]: of the file, unpacked if gzip has packed it. */
static lks_source_kind kind_of_bytes(const unsigned char *begin, size_t count)
{
  static const unsigned char idx_types[] = {0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e};
  if (count >= 4 && memcmp(begin, "PK\3\4", 4) == 0) return LKS_SOURCE_NPZ;
  if (count >= 6 && memcmp(begin, "\x93NUMPY", 6) == 0) return LKS_SOURCE_NPY;
  if (lks_picture_begins(begin, count)) return LKS_SOURCE_PICTURE;
  if (count >= 4 && !begin[0] && !begin[1] && memchr(idx_types, begin[2], sizeof idx_types) &&
      begin[3] >= 1 && begin[3] <= 4)
    return LKS_SOURCE_IDX;
  return LKS_SOURCE_NONE;
}

lks_source_kind lks_source_kind_of(const char *path)
{
  struct stat about;
  if (stat(path, &about) != 0) return LKS_SOURCE_NONE;
  if (S_ISDIR(about.st_mode))
    return lks_before_ending_of_any_case(path, ".h5") ? LKS_SOURCE_NONE : kind_of_folder(path);
  if (!S_ISREG(about.st_mode)) return LKS_SOURCE_NONE;
  unsigned char begin[16];
  size_t count = 0;
  lks_packed_file *file = NULL;
  if (!lks_packed_open(&file, path) && lks_packed_read(file, begin, sizeof begin, &count)) count = 0;
  lks_packed_close(&file);
  const lks_source_kind found = kind_of_bytes(begin, count);
  if (found != LKS_SOURCE_NONE) return found;
  static const char *const tables[] = {".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (lks_before_ending_of_any_case(path, tables[i])) return LKS_SOURCE_CSV;
  return LKS_SOURCE_NONE;
}

static lks_status fail_part(const char *path, lks_source_kind found)
{
  if (found == LKS_SOURCE_NPY)
    return lks_fail(
        LKS_ERR_USAGE,
        "%s: is one array of NumPy; samples and labels together are imported by lockstep import npy SAMPLES.npy LABELS.npy -o OUT.h5",
        path);
  if (found == LKS_SOURCE_IDX)
    return lks_fail(
        LKS_ERR_USAGE,
        "%s: is one array in IDX; images and labels together are imported by lockstep import idx --train-images F --train-labels F -o OUT.h5",
        path);
  return lks_fail(
      LKS_ERR_USAGE,
      "%s: is a picture; lockstep predict classifies it, and folders of pictures, a folder a class, are imported by lockstep import folder PICTURES -o OUT.h5",
      path);
}

static lks_status open_folder(lks_source **source, const char *path, const char *size)
{
  lks_folder_options options = {.folder = path};
  lks_status status = size[0] ? lks_size_read(&options.height, &options.width, "--size", size) : LKS_OK;
  return status ? status : lks_source_folder_open(source, &options);
}

static lks_status open_source(lks_source **source, const char **format, const char *path, const char *label,
                              const char *size, const lks_dataset_names *names, lks_source_kind found)
{
  const lks_csv_options csv = {.train = path, .label = label};
  const lks_npz_options npz = {.archive = path, .names = names};
  const lks_cifar_options cifar = {.hundred = found == LKS_SOURCE_CIFAR100, .train = &path, .trains = 1};
  switch (found) {
  case LKS_SOURCE_CSV: *format = "csv"; return lks_source_csv_open(source, &csv);
  case LKS_SOURCE_NPZ: *format = "npz"; return lks_source_npz_open(source, &npz);
  case LKS_SOURCE_CIFAR10: *format = "cifar10"; return lks_source_cifar_open(source, &cifar);
  case LKS_SOURCE_CIFAR100: *format = "cifar100"; return lks_source_cifar_open(source, &cifar);
  case LKS_SOURCE_FOLDER: *format = "folder"; return open_folder(source, path, size);
  default: return fail_part(path, found);
  }
}

static void print_option(const char *name, const char *value)
{
  if (!value[0]) return;
  printf(" --%s ", name);
  lks_shell_word_print(stdout, value);
}

/* A line that can be copied. */
static void print_import(const char *format, const char *path, const char *label, const char *size,
                         const lks_source *source)
{
  printf("  to train  lockstep import %s ", format);
  lks_shell_word_print(stdout, path);
  print_option("label", label);
  print_option("size", size);
  printf("%s -o OUT.h5\n", source->layout.count[LKS_SPLIT_TEST] ? "" : " --test-fraction 0.2");
}

lks_status lks_info_source(lks_source_kind kind, const char *path, const char *label, const char *size,
                           const lks_dataset_names *names)
{
  lks_source *source = NULL;
  const char *format = "";
  lks_status status = open_source(&source, &format, path, label, size, names, kind);
  if (status || !source) return status;
  lks_fitted fitted;
  status = lks_source_describe(lks_fitted_open(&fitted), source);
  lks_fitted_close(&fitted);
  if (!status) print_import(format, path, label, size, source);
  lks_source_destroy(&source);
  return status;
}
