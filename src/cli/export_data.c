#include <string.h>

#include "base/ending.h"
#include "base/log.h"
#include "cli/commands.h"
#include "dataset/dataset_writer.h"
#include "import/export.h"
#include "import/source_h5.h"

typedef struct settings {
  char output[LKS_TEXT_MAX];
  lks_dataset_names names;
  lks_split part;
  bool words, force;
} settings;

#define AT(field) offsetof(settings, field)

static const char for_csv[] = "OUT.csv";

static const lks_option option[] = {
    {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL,
     "file to be written: FILE.npz for numpy.load, FILE.csv for a table"},
    {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
    {"samples", "PATH", LKS_OPTION_TEXT, AT(names.samples), "", NULL, 0, 0, NULL,
     "array of training samples in the file, such as /X_train; empty: recognized by its name"},
    {"labels", "PATH", LKS_OPTION_TEXT, AT(names.labels), "", NULL, 0, 0, NULL, "array of their labels"},
    {"test-samples", "PATH", LKS_OPTION_TEXT, AT(names.test_samples), "", NULL, 0, 0, NULL,
     "array of test samples"},
    {"test-labels", "PATH", LKS_OPTION_TEXT, AT(names.test_labels), "", NULL, 0, 0, NULL,
     "array of their labels"},
    {"layout", LKS_DATA_LAYOUTS, LKS_OPTION_CHOICE, AT(names.layout), "auto", LKS_DATA_LAYOUTS, 0, 0, NULL,
     "order of the axes of images in the file"},
    {"part", "train|test", LKS_OPTION_CHOICE, AT(part), "train", "train|test", 0, 0, for_csv,
     "the part that becomes a table; an .npz file has both"},
    {"words", NULL, LKS_OPTION_SWITCH, AT(words), "off", NULL, 0, 0, for_csv,
     "write labels as the names of their classes, not as their numbers"},
};
enum { OPTIONS = sizeof option / sizeof *option };

const lks_syntax *lks_export_data_syntax(void)
{
  static const lks_syntax syntax = {
      "export-data",
      "DATA.h5 -o OUT.npz|OUT.csv",
      "Writes a dataset as arrays of NumPy or as a table.",
      "An .npz file has the arrays x_train, y_train, x_test and y_test; a table has a heading, and a sample a line: its label, then its values in the order height, width, channels. "
      "Numbers are written so that they read back as they were: `lockstep import npz`, or `import csv` with --shape, gives a file with the same content_hash.",
      option,
      OPTIONS,
      1,
      1,
      {{"lockstep export-data DATA.h5 -o OUT.npz", "arrays for NumPy: x_train, y_train, x_test, y_test"},
       {"lockstep export-data DATA.h5 -o OUT.csv", "a table with a sample a line"}}};
  return &syntax;
}

static lks_status check(const settings *s, const lks_arguments *arguments)
{
  const bool npz = lks_before_ending(s->output, ".npz");
  if (!npz && !lks_before_ending(s->output, ".csv"))
    return lks_fail(LKS_ERR_USAGE, "-o '%.200s' must end with .npz or .csv, which says what is written",
                    s->output);
  for (size_t i = 0; i < OPTIONS && npz; i++)
    if (arguments->value[i] && option[i].group == for_csv)
      return lks_fail(LKS_ERR_USAGE, "--%s is for tables (.csv) alone", option[i].name);
  return lks_dataset_may_write(s->output, s->force);
}

lks_status lks_export_data_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_source *source = NULL;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_export_data_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = check(&s, &arguments);
  if (!status) status = lks_source_h5_open(&source, arguments.argument[0], &s.names);
  const lks_export_csv_options options = {.part = s.part, .words = s.words, .replace = s.force};
  if (!status)
    status = lks_before_ending(s.output, ".npz") ? lks_export_npz(source, s.output, s.force)
                                                 : lks_export_csv(source, s.output, &options);
  lks_source_destroy(&source);
  if (!status) lks_say("%s: written", s.output);
  return status;
}
