#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "import/import.h"
#include "import/source_idx.h"
#include "study/plan.h"

/* Which dataset a study learns from: digits, a file, or a folder with files like MNIST's, which becomes a file. */

/* Where Debian's package dataset-fashion-mnist has it. */
static const char fashion_word[] = "fashion-mnist", fashion_folder[] = "/usr/share/datasets/fashion-mnist";

/* The program's own folder: where it was built, or installed. */
static bool find_program(char path[LKS_TEXT_MAX])
{
  const ssize_t length = readlink("/proc/self/exe", path, LKS_TEXT_MAX - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  dirname(path);
  return true;
}

static lks_status find_digits(char path[LKS_TEXT_MAX])
{
  static const char *const places[] = {"../data/digits.h5", "../share/lockstep/digits.h5"};
  char program[LKS_TEXT_MAX], candidate[2 * LKS_TEXT_MAX];
  strcpy(path, "data/digits.h5");
  if (lks_file_exists(path)) return LKS_OK;
  for (size_t i = 0; i < sizeof places / sizeof *places && find_program(program); i++) {
    snprintf(candidate, sizeof candidate, "%s/%s", program, places[i]);
    if (strlen(candidate) >= LKS_TEXT_MAX || !lks_file_exists(candidate)) continue;
    strcpy(path, candidate);
    return LKS_OK;
  }
  return lks_fail(LKS_ERR_USAGE,
                  "there is no data/digits.h5 here nor beside the program; name a dataset: --data FILE");
}

enum { PATH_SIZE = LKS_TEXT_MAX + 64, FILES = 4 };

/* The file of that name in the folder, compressed or not. */
static lks_status find_idx(char path[PATH_SIZE], const char *folder, const char *name)
{
  snprintf(path, PATH_SIZE, "%.*s/%s", LKS_TEXT_MAX, folder, name);
  if (lks_file_exists(path)) return LKS_OK;
  snprintf(path, PATH_SIZE, "%.*s/%s.gz", LKS_TEXT_MAX, folder, name);
  if (lks_file_exists(path)) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "the folder %.200s has no %s, plain or with .gz; name one with the four files of MNIST, or a dataset",
      folder, name);
}

static lks_status import_folder(const char *output, const char *folder)
{
  static const char *const name[FILES] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
  char path[FILES][PATH_SIZE];
  lks_status status = LKS_OK;
  for (size_t i = 0; i < FILES && !status; i++) status = find_idx(path[i], folder, name[i]);
  if (status) return status;
  const lks_idx_paths paths = {path[0], path[1], path[2], path[3]};
  lks_say("data     %s is made of the files in %s", output, folder);
  const lks_import_options options = {.output = output};
  lks_source *source = NULL;
  status = lks_source_idx_open(&source, &paths);
  if (!status) status = lks_import(NULL, source, &options);
  lks_source_destroy(&source);
  return status;
}

/* Imported once, into the folder of all studies. */
static lks_status find_folder(char path[LKS_TEXT_MAX], const char *folder, const char *directory)
{
  char whole[PATH_MAX], output[PATH_MAX + LKS_TEXT_MAX];
  if (realpath(folder, whole) == NULL)
    return lks_fail(LKS_ERR_IO, "cannot look into %.200s: %s", folder, strerror(errno));
  snprintf(output, sizeof output, "%s/%s.h5", directory, basename(whole));
  if (strlen(output) >= LKS_TEXT_MAX)
    return lks_fail(LKS_ERR_USAGE, "%.60s...: too long for a dataset; take a shorter --output", output);
  strcpy(path, output);
  if (lks_file_exists(path)) return LKS_OK;
  const lks_status status = lks_folder_make(directory);
  return status ? status : import_folder(path, folder);
}

static bool is_folder(const char *path)
{
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

lks_status lks_study_data(char path[LKS_TEXT_MAX], const lks_study_options *options)
{
  const char *wanted = options->data;
  if (wanted[0] == '\0') return find_digits(path);
  if (is_folder(wanted)) return find_folder(path, wanted, options->directory);
  snprintf(path, LKS_TEXT_MAX, "%s", wanted);
  if (strcmp(wanted, fashion_word) != 0 || lks_file_exists(wanted)) return LKS_OK;
  if (is_folder(fashion_folder)) return find_folder(path, fashion_folder, options->directory);
  return lks_fail(
      LKS_ERR_USAGE,
      "there is no %s; install it (Debian: apt-get install dataset-fashion-mnist), or name a dataset with --data",
      fashion_folder);
}
