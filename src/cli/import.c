#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "dataset/import_idx.h"

typedef struct settings {
  char train_images[LKS_TEXT_MAX], train_labels[LKS_TEXT_MAX];
  char test_images[LKS_TEXT_MAX], test_labels[LKS_TEXT_MAX];
  char output[LKS_TEXT_MAX];
  bool force;
} settings;

#define AT(field) offsetof(settings, field)

static const lks_option option[] = {
    {"train-images", "FILE", LKS_OPTION_TEXT, AT(train_images), "", NULL, 0, 0, NULL, "images to train on"},
    {"train-labels", "FILE", LKS_OPTION_TEXT, AT(train_labels), "", NULL, 0, 0, NULL,
     "labels of the images to train on"},
    {"test-images", "FILE", LKS_OPTION_TEXT, AT(test_images), "", NULL, 0, 0, NULL, "images to test with"},
    {"test-labels", "FILE", LKS_OPTION_TEXT, AT(test_labels), "", NULL, 0, 0, NULL,
     "labels of the images to test with"},
    {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL, "dataset to be written"},
    {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
};

const lks_syntax *lks_import_syntax(void)
{
  static const lks_syntax syntax = {
      "import",
      "idx --train-images F --train-labels F --test-images F --test-labels F -o OUT.h5",
      "Makes a dataset of files in other formats.",
      "idx is the format of MNIST and its successors; compressed files (.gz) are read as they are.",
      option,
      sizeof option / sizeof *option,
      1,
      1};
  return &syntax;
}

static lks_status check(const settings *s, const char *format)
{
  if (strcmp(format, "idx") != 0)
    return lks_fail(LKS_ERR_USAGE, "unknown format '%.100s'; the one that can be imported is idx", format);
  for (size_t i = 0; i < sizeof option / sizeof *option; i++) {
    const char *value = (const char *)s + option[i].offset;
    if (option[i].type == LKS_OPTION_TEXT && value[0] == '\0')
      return lks_fail(LKS_ERR_USAGE, "--%s is missing; usage: lockstep import %s", option[i].name,
                      lks_import_syntax()->arguments);
  }
  return LKS_OK;
}

lks_status lks_import_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_import_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = check(&s, arguments.argument[0]);
  const lks_idx_paths paths = {s.train_images, s.train_labels, s.test_images, s.test_labels};
  if (!status) status = lks_import_idx(&paths, s.output, s.force);
  if (!status) lks_say("%s: written; `lockstep info %s` describes it", s.output, s.output);
  return status;
}
