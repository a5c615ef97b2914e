#include "dataset/corrupt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/dataset_rows.h"
#include "dataset/dataset_file.h"

typedef enum splits { SPLITS_TEST, SPLITS_TRAIN, SPLITS_ALL } splits;

typedef struct settings {
  char output[LKS_TEXT_MAX], affine[LKS_TEXT_MAX], relabel[LKS_TEXT_MAX];
  double contrast, noise;
  bool invert, force;
  splits split;
  uint64_t seed;
  lks_dataset_names names;
} settings;

enum {
  OUTPUT,
  FORCE,
  AFFINE,
  CONTRAST,
  NOISE,
  INVERT,
  RELABEL,
  SPLIT,
  SEED,
  NAMES,
  OPTIONS = NAMES + LKS_DATASET_ROW_COUNT
};

#define AT(field) offsetof(settings, field)

static const lks_option option[] = {
    [OUTPUT] = {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL, "dataset to be written"},
    [FORCE] = {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL,
               "replace a file that is there"},
    [AFFINE] = {"affine", "A,B", LKS_OPTION_TEXT, AT(affine), "", NULL, 0, 0, NULL,
                "every value x becomes A x + B; pixels on the scale 0 to 255, rounded"},
    [CONTRAST] = {"contrast", "X", LKS_OPTION_REAL, AT(contrast), "1", NULL, 0, 100, NULL,
                  "every pixel's distance from the mean of its channel in its picture is multiplied by X"},
    [NOISE] = {"noise", "X", LKS_OPTION_REAL, AT(noise), "0", NULL, 0, 100, NULL,
               "adds normal noise of standard deviation X; pixels on the scale 0 to 1, rounded afterwards"},
    [INVERT] = {"invert", NULL, LKS_OPTION_SWITCH, AT(invert), "off", NULL, 0, 0, NULL,
                "every pixel x becomes 255 - x"},
    [RELABEL] = {"relabel", "A:B,...", LKS_OPTION_TEXT, AT(relabel), "", NULL, 0, 0, NULL,
                 "label A becomes B, and so on: a permutation, such as 0:1,1:0; labels not named stay"},
    [SPLIT] = {"split", "test|train|all", LKS_OPTION_CHOICE, AT(split), "test", "test|train|all", 0, 0, NULL,
               "what is changed; the rest is copied as it is"},
    [SEED] = {"seed", "N", LKS_OPTION_SEED, AT(seed), "1", NULL, 0, 0, NULL, "seed of the noise"},
    [NAMES] = LKS_DATASET_ROWS(offsetof(settings, names)),
};

const lks_syntax *lks_corrupt_syntax(void)
{
  static const lks_syntax syntax = {
      "corrupt",
      "DATA.h5 -o OUT.h5",
      "Makes a dataset with shifted inputs, or other labels, of another one.",
      "One of --affine, --contrast, --noise and --invert, and --relabel with it or alone. Affine and noise also work on features, on their own scale. "
      "The new file's mean and standard deviation are those of its own training split. A network that was trained before scales its inputs as in training, whatever this file says, and so sees the shift; `lockstep evaluate --input-from OUT.h5` lets it see inputs that are normalized anew, which takes --split all.",
      option,
      OPTIONS,
      1,
      1,
      {{"lockstep corrupt DATA.h5 -o darker.h5 --affine 0.5,0", "halves every pixel"},
       {"lockstep corrupt DATA.h5 -o noisy.h5 --noise 0.1", "adds noise to every pixel"}}};
  return &syntax;
}

static lks_status choose_kind(lks_corruption *corruption, const lks_arguments *arguments, const settings *s)
{
  static const struct {
    int option;
    lks_corruption_kind kind;
  } kinds[] = {{AFFINE, LKS_CORRUPTION_AFFINE},
               {CONTRAST, LKS_CORRUPTION_CONTRAST},
               {NOISE, LKS_CORRUPTION_NOISE},
               {INVERT, LKS_CORRUPTION_INVERT}};
  int chosen = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (!arguments->value[kinds[i].option] || (kinds[i].option == INVERT && !s->invert)) continue;
    corruption->kind = kinds[i].kind;
    chosen++;
  }
  if (chosen > 1)
    return lks_fail(
        LKS_ERR_USAGE,
        "--affine, --contrast, --noise and --invert exclude each other; corrupt twice to combine two");
  if (chosen == 0 && s->relabel[0] == '\0')
    return lks_fail(LKS_ERR_USAGE,
                    "nothing to change; give --affine, --contrast, --noise, --invert or --relabel");
  corruption->scale = corruption->kind == LKS_CORRUPTION_CONTRAST ? s->contrast : s->noise;
  return LKS_OK;
}

static lks_status read_affine(lks_corruption *corruption, const char *text)
{
  char *end = NULL;
  if (corruption->kind != LKS_CORRUPTION_AFFINE) return LKS_OK;
  bool good = strspn(text, "+-.0123456789eE,") == strlen(text);
  corruption->scale = strtod(text, &end);
  good = good && end != text && *end == ',';
  if (good) {
    const char *second = end + 1;
    corruption->shift = strtod(second, &end);
    good = end != second && *end == '\0';
  }
  return good ? LKS_OK
              : lks_fail(LKS_ERR_USAGE, "--affine: '%.100s' is not two numbers such as 0.5,64", text);
}

/* A number of at most nine digits, and what stands behind it. */
static bool read_label(int32_t *label, const char **text)
{
  char *end;
  if (!isdigit((unsigned char)**text) || strspn(*text, "0123456789") > 9) return false;
  *label = (int32_t)strtol(*text, &end, 10);
  *text = end;
  return true;
}

static bool read_pairs(int32_t *label, size_t classes, const char *text)
{
  for (;; text++) {
    int32_t from, to;
    if (!read_label(&from, &text) || *text++ != ':' || !read_label(&to, &text)) return false;
    if ((size_t)from >= classes) return false;
    label[from] = to;
    if (*text == '\0') return true;
    if (*text != ',') return false;
  }
}

static lks_status count_classes(size_t *classes, const char *path, const lks_dataset_names *names)
{
  lks_dataset_file *file = NULL;
  lks_status status = lks_dataset_file_open(&file, path, names);
  if (!status) *classes = lks_dataset_file_header(file)->layout.classes;
  lks_dataset_file_close(&file);
  return status;
}

static lks_status read_relabelling(lks_corruption *corruption, int32_t **label, const char *text,
                                   size_t classes)
{
  if (text[0] == '\0') return LKS_OK;
  *label = lks_new(classes, sizeof **label);
  if (!*label) return LKS_ERR_RANK;
  for (size_t c = 0; c < classes; c++) (*label)[c] = (int32_t)c;
  if (!read_pairs(*label, classes, text))
    return lks_fail(LKS_ERR_USAGE, "--relabel: '%.100s' is not a list A:B,... of labels from 0 to %zu", text,
                    classes - 1);
  corruption->label = *label;
  corruption->labels = classes;
  return LKS_OK;
}

lks_status lks_corrupt_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_corrupt_syntax(), argc, argv);
  if (status || arguments.help) return status;
  if (s.output[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no output given; usage: lockstep corrupt DATA.h5 -o OUT.h5");
  lks_corruption corruption = {
      .seed = s.seed, .names = &s.names, .split = {s.split != SPLITS_TEST, s.split != SPLITS_TRAIN}};
  int32_t *label = NULL;
  size_t classes = 0;
  const char *input = arguments.argument[0];
  status = choose_kind(&corruption, &arguments, &s);
  if (!status) status = read_affine(&corruption, s.affine);
  if (!status && s.relabel[0] != '\0') status = count_classes(&classes, input, &s.names);
  if (!status) status = read_relabelling(&corruption, &label, s.relabel, classes);
  if (!status) status = lks_corrupt(s.output, input, &corruption, s.force);
  if (!status) lks_say("%s: written; `lockstep info %s` describes it", s.output, s.output);
  lks_free(label);
  return status;
}
