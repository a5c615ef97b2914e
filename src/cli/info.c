#include <stdio.h>
#include <string.h>

#include "base/wrapped.h"
#include "cli/commands.h"
#include "cli/dataset_rows.h"
#include "cli/info_source.h"
#include "dataset/contact_sheet.h"
#include "dataset/dataset_file.h"
#include "dataset/describe.h"
#include "lockstep/checkpoint.h"

typedef struct settings {
  char sheet[LKS_TEXT_MAX], contact_sheet[LKS_TEXT_MAX];
  char label[LKS_TEXT_MAX], size[LKS_TEXT_MAX];
  lks_split split;
  lks_dataset_names names;
} settings;

const lks_syntax *lks_info_syntax(void)
{
  static const lks_option option[] = {
      {"sheet", "FILE.png", LKS_OPTION_TEXT, offsetof(settings, sheet), "", NULL, 0, 0, NULL,
       "contact sheet to be written: the first pictures of each class of a dataset of images; replaced if it is there"},
      {"split", "train|test", LKS_OPTION_CHOICE, offsetof(settings, split), "train", "train|test", 0, 0, NULL,
       "split whose pictures these are"},
      {"contact-sheet", "FILE.png", LKS_OPTION_TEXT, offsetof(settings, contact_sheet), "", NULL, 0, 0, NULL,
       "another name of --sheet"},
      {"label", "COLUMN", LKS_OPTION_TEXT, offsetof(settings, label), "", NULL, 0, 0, NULL,
       "column of the labels in a table, as import csv takes it"},
      {"size", "HxW", LKS_OPTION_TEXT, offsetof(settings, size), "", NULL, 0, 0, NULL,
       "size to which the pictures of a folder are scaled"},
      LKS_DATASET_ROWS(offsetof(settings, names)),
  };
  static const lks_syntax syntax = {
      "info",
      "FILE",
      "Says in words what a dataset or a checkpoint holds.",
      "FILE is a dataset or a checkpoint in HDF5, or what import would make a dataset of: a table (.csv, .tsv, .txt), an .npz archive of NumPy, a folder of pictures or of CIFAR's files.",
      option,
      sizeof option / sizeof *option,
      1,
      1,
      {{"lockstep info DATA.h5 --sheet pictures.png",
        "what a dataset holds, and a picture of its first samples"},
       {"lockstep info run/last.h5", "what a checkpoint holds: settings, layers, fingerprint"}}};
  return &syntax;
}

static lks_status describe_dataset(const char *path, const settings *s)
{
  const char *sheet = s->sheet[0] != '\0' ? s->sheet : s->contact_sheet;
  lks_fitted fitted;
  lks_status status = lks_dataset_describe(lks_fitted_open(&fitted), path, &s->names);
  lks_fitted_close(&fitted);
  return status || sheet[0] == '\0' ? status : lks_contact_sheet_of_file(sheet, path, &s->names, s->split);
}

static lks_status describe_checkpoint(const char *path)
{
  lks_fitted fitted;
  const lks_status status = lks_checkpoint_describe(lks_fitted_open(&fitted), path);
  lks_fitted_close(&fitted);
  return status;
}

static lks_status describe(const char *path, const settings *s)
{
  char kind[64];
  const lks_source_kind source = lks_source_kind_of(path);
  if (source != LKS_SOURCE_NONE) {
    if (s->sheet[0] != '\0' || s->contact_sheet[0] != '\0')
      return lks_fail(LKS_ERR_USAGE, "%s: --sheet is for datasets in HDF5; import it first", path);
    return lks_info_source(source, path, s->label, s->size, &s->names);
  }
  lks_status status = lks_file_kind(kind, path);
  if (status) return status;
  if (kind[0] == '\0' || strcmp(kind, "lockstep-dataset") == 0) return describe_dataset(path, s);
  if (s->sheet[0] != '\0' || s->contact_sheet[0] != '\0')
    return lks_fail(LKS_ERR_USAGE, "%s: --sheet is for datasets of images", path);
  if (strcmp(kind, "lockstep-checkpoint") == 0) return describe_checkpoint(path);
  return lks_fail(
      LKS_ERR_DATA,
      "%s: its format is '%s'; this program reads lockstep-dataset and lockstep-checkpoint, and datasets without the attribute `format`",
      path, kind);
}

/* Rank 0 works, and the others wait for what comes of it. */
lks_status lks_info_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_info_syntax(), argc, argv);
  if (status || arguments.help) return status;
  return lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? describe(arguments.argument[0], &s) : LKS_OK);
}
