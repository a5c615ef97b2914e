#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/shape.h"
#include "config/config_value.h"
#include "dataset/dataset_writer.h"
#include "import/import.h"
#include "import/source_cifar.h"
#include "import/source_csv.h"
#include "import/source_folder.h"
#include "import/source_h5.h"
#include "import/source_idx.h"
#include "import/source_npz.h"

typedef struct settings {
  char train_images[LKS_TEXT_MAX], train_labels[LKS_TEXT_MAX];
  char test_images[LKS_TEXT_MAX];
  char output[LKS_TEXT_MAX], test[LKS_TEXT_MAX], label[LKS_TEXT_MAX], separator[LKS_TEXT_MAX];
  char shape[LKS_TEXT_MAX], size[LKS_TEXT_MAX];
  lks_dataset_names names;
  lks_csv_heading header;
  enum { COLOUR_AUTO, COLOUR_GREY, COLOUR_RGB } colour;
  double test_fraction;
  uint64_t seed;
  bool force, coarse, quiet;
} settings;

#define AT(field) offsetof(settings, field)

/* The group of an option names the formats that it is for. */
static const char for_idx[] = "idx", for_tables[] = "csv, cifar10, cifar100", for_csv[] = "csv",
                  for_shapes[] = "csv, npz, npy, cifar10, cifar100", for_arrays[] = "h5, npz",
                  for_test_labels[] = "h5, npz, idx", for_axes[] = "h5, npz, npy", for_folder[] = "folder",
                  for_hundred[] = "cifar100";

static const lks_option option[] = {
    {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL, "dataset to be written"},
    {"quiet", NULL, LKS_OPTION_SWITCH, AT(quiet), "off", NULL, 0, 0, NULL, LKS_QUIET_HELP},
    {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
    {"test-fraction", "SHARE", LKS_OPTION_REAL, AT(test_fraction), "0", NULL, 0, 0.999999, NULL,
     "share of the samples that become the test part, the same share of each class, where there is no test part"},
    {"seed", "N", LKS_OPTION_SEED, AT(seed), "1", NULL, 0, 0, NULL, "seed of the choice of these samples"},
    {"train-images", "FILE", LKS_OPTION_TEXT, AT(train_images), "", NULL, 0, 0, for_idx,
     "images to train on"},
    {"train-labels", "FILE", LKS_OPTION_TEXT, AT(train_labels), "", NULL, 0, 0, for_idx,
     "labels of the images to train on"},
    {"test-images", "FILE", LKS_OPTION_TEXT, AT(test_images), "", NULL, 0, 0, for_idx,
     "images to test with, if there are any"},
    {"test", "FILE", LKS_OPTION_TEXT, AT(test), "", NULL, 0, 0, for_tables,
     "file with the test part, like the others"},
    {"label", "COLUMN", LKS_OPTION_TEXT, AT(label), "", NULL, 0, 0, for_csv,
     "column of the labels: its name, its number from 1 on, or last; if not said, the one named label, class, target, y, category or species"},
    {"header", "auto|yes|no", LKS_OPTION_CHOICE, AT(header), "auto", "auto|yes|no", 0, 0, for_csv,
     "whether the first line has the names of the columns; auto: if it has no number, or the label's name"},
    {"separator", "auto|tab|C", LKS_OPTION_TEXT, AT(separator), "auto", NULL, 0, 0, for_csv,
     "the character between fields; auto: what the first line has most of, of comma, semicolon, tabulator and bar"},
    {"shape", "HxWxC", LKS_OPTION_TEXT, AT(shape), "", NULL, 0, 0, for_shapes,
     "the values of a sample are an image of that shape; of whole numbers from 0 to 255, pixels"},
    {"samples", "NAME", LKS_OPTION_TEXT, AT(names.samples), "", NULL, 0, 0, for_arrays,
     "array of the training samples; if not said, it is recognized by its name"},
    {"labels", "NAME", LKS_OPTION_TEXT, AT(names.labels), "", NULL, 0, 0, for_arrays,
     "array of their labels"},
    {"test-samples", "NAME", LKS_OPTION_TEXT, AT(names.test_samples), "", NULL, 0, 0, for_arrays,
     "array of the test samples"},
    {"test-labels", "NAME|FILE", LKS_OPTION_TEXT, AT(names.test_labels), "", NULL, 0, 0, for_test_labels,
     "array of their labels; for idx, the file with the labels of the images to test with"},
    {"layout", LKS_DATA_LAYOUTS, LKS_OPTION_CHOICE, AT(names.layout), "auto", LKS_DATA_LAYOUTS, 0, 0,
     for_axes,
     "order of the axes of images: samples, height, width, channels (nhwc), or the channels before height and width (nchw)"},
    {"size", "HxW", LKS_OPTION_TEXT, AT(size), "", NULL, 0, 0, for_folder,
     "height and width to which all pictures are scaled, without regard to their proportions"},
    {"colour", "auto|grey|rgb", LKS_OPTION_CHOICE, AT(colour), "auto", "auto|grey|rgb", 0, 0, for_folder,
     "what pictures become; auto: what the first one is"},
    {"coarse", NULL, LKS_OPTION_SWITCH, AT(coarse), "off", NULL, 0, 0, for_hundred,
     "take the 20 coarse labels instead of the 100 fine ones"},
};
enum { OPTIONS = sizeof option / sizeof *option };

/* What an import goes by. */
typedef struct request {
  const settings *s;
  int inputs;
  char *const *input;
  lks_shape shape; /* channels 0: not said */
} request;

static lks_status open_idx(lks_source **source, const request *r)
{
  const settings *s = r->s;
  const char *const path[] = {s->train_images, s->train_labels, s->test_images, s->names.test_labels};
  static const char *const name[] = {"train-images", "train-labels", "test-images", "test-labels"};
  const bool test = s->test_images[0] || s->names.test_labels[0];
  for (int i = 0; i < (test ? 4 : 2); i++)
    if (!path[i][0])
      return lks_fail(
          LKS_ERR_USAGE,
          "--%s is missing; usage: lockstep import idx --train-images F --train-labels F [--test-images F --test-labels F] -o OUT.h5",
          name[i]);
  const lks_idx_paths paths = {path[0], path[1], test ? path[2] : NULL, test ? path[3] : NULL};
  return lks_source_idx_open(source, &paths);
}

static lks_status read_separator(char *separator, const char *text)
{
  *separator = strcmp(text, "auto") == 0 ? '\0' : strcmp(text, "tab") == 0 ? '\t' : text[0];
  if (!*separator || strlen(text) == 1 || *separator == '\t') return LKS_OK;
  return lks_fail(LKS_ERR_USAGE, "--separator: '%.100s' is not auto, tab or one character", text);
}

static lks_status open_csv(lks_source **source, const request *r)
{
  const settings *s = r->s;
  lks_csv_options options = {.train = r->input[0],
                             .test = s->test[0] ? s->test : NULL,
                             .label = s->label,
                             .heading = s->header,
                             .shape = r->shape};
  lks_status status = read_separator(&options.separator, s->separator);
  return status ? status : lks_source_csv_open(source, &options);
}

static lks_status open_npz(lks_source **source, const request *r)
{
  const lks_npz_options options = {.archive = r->input[0], .names = &r->s->names, .shape = r->shape};
  return lks_source_npz_open(source, &options);
}

static lks_status open_npy(lks_source **source, const request *r)
{
  if (r->inputs != 2 && r->inputs != 4)
    return lks_fail(LKS_ERR_USAGE,
                    "npy takes two files, samples and labels, or four: those of the test part too");
  lks_npz_options options = {.names = &r->s->names, .shape = r->shape};
  for (int i = 0; i < r->inputs; i++) options.file[i] = r->input[i];
  return lks_source_npz_open(source, &options);
}

static lks_status open_cifar(lks_source **source, const request *r, bool hundred)
{
  const lks_cifar_options options = {.hundred = hundred,
                                     .coarse = r->s->coarse,
                                     .train = (const char *const *)r->input,
                                     .trains = (size_t)r->inputs,
                                     .test = r->s->test[0] ? r->s->test : NULL,
                                     .shape = r->shape};
  return lks_source_cifar_open(source, &options);
}

static lks_status open_cifar10(lks_source **source, const request *r)
{
  return open_cifar(source, r, false);
}

static lks_status open_cifar100(lks_source **source, const request *r)
{
  return open_cifar(source, r, true);
}

static lks_status open_folder(lks_source **source, const request *r)
{
  lks_folder_options options = {.folder = r->input[0],
                                .channels = r->s->colour == COLOUR_GREY  ? 1
                                            : r->s->colour == COLOUR_RGB ? 3
                                                                         : 0};
  lks_status status =
      r->s->size[0] ? lks_size_read(&options.height, &options.width, "--size", r->s->size) : LKS_OK;
  return status ? status : lks_source_folder_open(source, &options);
}

static lks_status open_h5(lks_source **source, const request *r)
{
  return lks_source_h5_open(source, r->input[0], &r->s->names);
}

typedef struct format {
  const char *name, *example;
  int least, most; /* inputs */
  lks_status (*open)(lks_source **source, const request *r);
} format;

static const format formats[] = {
    {"h5", "h5 FILE.h5 -o OUT.h5", 1, 1, open_h5},
    {"csv", "csv TRAIN.csv --label class --test-fraction 0.2 -o OUT.h5", 1, 1, open_csv},
    {"npz", "npz FILE.npz -o OUT.h5", 1, 1, open_npz},
    {"npy", "npy SAMPLES.npy LABELS.npy --test-fraction 0.2 -o OUT.h5", 2, 4, open_npy},
    {"folder", "folder PICTURES --size 64x64 --test-fraction 0.2 -o OUT.h5", 1, 1, open_folder},
    {"cifar10", "cifar10 FOLDER -o OUT.h5", 1, 64, open_cifar10},
    {"cifar100", "cifar100 FOLDER -o OUT.h5", 1, 64, open_cifar100},
    {"idx", "idx --train-images F --train-labels F --test-images F --test-labels F -o OUT.h5", 0, 0,
     open_idx},
};
enum { FORMATS = sizeof formats / sizeof *formats };

const lks_syntax *lks_import_syntax(void)
{
  static const lks_syntax syntax = {
      "import",
      "FORMAT [INPUT...] -o OUT.h5",
      "Makes a dataset of files in other formats.",
      "These are the formats, each with an example. "
      "h5, any dataset in HDF5 that `lockstep info` understands: import h5 FILE.h5 -o OUT.h5. "
      "csv, tables of text with a sample a line: import csv TRAIN.csv --label class --test-fraction 0.2 -o OUT.h5. "
      "npz, arrays of NumPy named x_train, y_train, x_test, y_test or the like: import npz FILE.npz -o OUT.h5. "
      "npy, the same in files of their own: import npy SAMPLES.npy LABELS.npy --test-fraction 0.2 -o OUT.h5. "
      "folder, PNG and JPEG files, a folder a class, or folders train and test of such: import folder PICTURES --size 64x64 --test-fraction 0.2 -o OUT.h5. "
      "cifar10 and cifar100, the unpacked binary versions of these: import cifar10 FOLDER -o OUT.h5. "
      "idx, files like those of MNIST: import idx --train-images F --train-labels F --test-images F --test-labels F -o OUT.h5. "
      "Tables, arrays and IDX files may be compressed by gzip. However large the input is, it is read piece by piece in a few megabytes of memory. The output appears whole or not at all.",
      option,
      OPTIONS,
      0,
      LKS_LIST_MAX,
      {{"lockstep import csv table.csv --label kind --test-fraction 0.2 -o OUT.h5",
        "takes a table whose column kind says the class"},
       {"lockstep import folder PICTURES --size 64x64 -o OUT.h5",
        "takes PNG and JPEG files, in a folder for each class"}}};
  return &syntax;
}

/* An example of each, since an example says most. */
static lks_status fail_format(const char *name_or_null)
{
  char list[900] = "";
  for (size_t i = 0; i < FORMATS; i++)
    lks_append(list, sizeof list, "%s%s", i ? "; " : "", formats[i].example);
  if (!name_or_null) return lks_fail(LKS_ERR_USAGE, "no format given; lockstep import takes: %s", list);
  return lks_fail(LKS_ERR_USAGE, "unknown format '%.40s'; lockstep import takes: %s", name_or_null, list);
}

static const format *find(const char *name)
{
  for (size_t i = 0; i < FORMATS; i++)
    if (strcmp(formats[i].name, name) == 0) return &formats[i];
  return NULL;
}

/* Whether a list "csv, npz" has the word. */
static bool lists(const char *list, const char *word)
{
  const size_t length = strlen(word);
  for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
    if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ',')) return true;
  return false;
}

static lks_status check(const settings *s, const lks_arguments *arguments, const format *chosen)
{
  const int inputs = arguments->count - 1;
  for (size_t i = 0; i < OPTIONS; i++)
    if (arguments->value[i] && option[i].group && !lists(option[i].group, chosen->name))
      return lks_fail(LKS_ERR_USAGE, "--%s is not for %s, but for %s", option[i].name, chosen->name,
                      option[i].group);
  if (inputs < chosen->least || inputs > chosen->most)
    return lks_fail(LKS_ERR_USAGE, "%s takes %s; for example: lockstep import %s", chosen->name,
                    chosen->most == 0   ? "its files as options"
                    : chosen->most == 1 ? "one input"
                                        : "its files, or their folder, behind its name",
                    chosen->example);
  if (!s->output[0])
    return lks_fail(LKS_ERR_USAGE, "no output given; for example: lockstep import %s", chosen->example);
  return lks_dataset_may_write(s->output, s->force);
}

static lks_status import(const request *r, const format *chosen)
{
  const settings *s = r->s;
  const lks_import_options options = {
      .output = s->output, .force = s->force, .test_share = s->test_fraction, .seed = s->seed};
  lks_source *source = NULL;
  lks_layout layout;
  lks_status status = chosen->open(&source, r);
  if (!status) status = lks_import(&layout, source, &options);
  lks_source_destroy(&source);
  if (status) return status;
  lks_say("%s: %zu training and %zu test samples of %zu classes; `lockstep info %s` describes it", s->output,
          layout.count[LKS_SPLIT_TRAIN], layout.count[LKS_SPLIT_TEST], layout.classes, s->output);
  if (!layout.count[LKS_SPLIT_TEST])
    lks_note(
        "%s has no test part: --test-fraction 0.2 would make one here, --holdout N of training keeps samples back",
        s->output);
  return LKS_OK;
}

lks_status lks_import_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_import_syntax(), argc, argv);
  if (status || arguments.help) return status;
  lks_log_quiet(s.quiet);
  const format *chosen = arguments.count ? find(arguments.argument[0]) : NULL;
  if (!chosen) return fail_format(arguments.count ? arguments.argument[0] : NULL);
  request r = {.s = &s, .inputs = arguments.count - 1, .input = arguments.argument + 1};
  status = check(&s, &arguments, chosen);
  if (!status && s.shape[0]) status = lks_shape_read(&r.shape, s.shape);
  return status ? status : import(&r, chosen);
}
