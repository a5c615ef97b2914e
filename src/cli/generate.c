#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/shape.h"
#include "dataset/cats.h"
#include "dataset/contact_sheet.h"
#include "dataset/generate.h"

typedef enum background { BACKGROUND_ANY, BACKGROUND_LIGHT } background;

typedef struct settings {
  char shape[LKS_TEXT_MAX], output[LKS_TEXT_MAX], sheet[LKS_TEXT_MAX];
  size_t classes, train, test, first;
  double noise, black_cats, black_others;
  background background;
  uint64_t seed;
  bool force;
} settings;

#define AT(field) offsetof(settings, field)

static const lks_option option[] = {
    {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL, "dataset to be written"},
    {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
    {"train", "N", LKS_OPTION_SIZE, AT(train), "1000", NULL, 1, 1e9, NULL,
     "training samples; of cats 4000 if not said"},
    {"test", "N", LKS_OPTION_SIZE, AT(test), "200", NULL, 1, 1e9, NULL,
     "test samples; of cats 1000 if not said"},
    {"seed", "N", LKS_OPTION_SEED, AT(seed), "1", NULL, 0, 0, NULL, "seed of all that is drawn by chance"},
    {"sheet", "FILE.png", LKS_OPTION_TEXT, AT(sheet), "", NULL, 0, 0, NULL,
     "contact sheet to be written too: pictures of each class; replaced if it is there"},
    {"shape", "HxWxC|D", LKS_OPTION_TEXT, AT(shape), "8x8x1", NULL, 0, 0, "patterns",
     "shape of a sample: an image of HxWxC pixels, or D features"},
    {"classes", "N", LKS_OPTION_SIZE, AT(classes), "10", NULL, 2, 1e6, "patterns", "number of classes"},
    {"noise", "X", LKS_OPTION_REAL, AT(noise), "0.5", NULL, 0, 1, "patterns",
     "share of noise in a sample; 0: every sample is its class's pattern; 1: noise alone"},
    {"black-cats", "SHARE", LKS_OPTION_REAL, AT(black_cats), "1", NULL, 0, 1, "cats",
     "share of the cats that are black, exactly; the others have any strong colour"},
    {"black-others", "SHARE", LKS_OPTION_REAL, AT(black_others), "0.5", NULL, 0, 1, "cats",
     "the same of what is no cat"},
    {"background", "any|light", LKS_OPTION_CHOICE, AT(background), "any", "any|light", 0, 0, "cats",
     "brightness of the background"},
    {"first", "N", LKS_OPTION_SIZE, AT(first), "0", NULL, 0, 4294967295.0, "cats",
     "number of the first picture of each split: another range of numbers is other pictures"},
};
enum { TRAIN_ROW = 2, TEST_ROW = 3, CATS_TRAIN = 4000, CATS_TEST = 1000 };
enum { OPTIONS = sizeof option / sizeof *option };

const lks_syntax *lks_generate_syntax(void)
{
  static const lks_syntax syntax = {
      "generate",
      "[cats] -o OUT.h5",
      "Makes up a dataset: a random pattern for each class, and noise; or pictures of cats.",
      "cats are drawn heads of 32x32 RGB pixels: half of them are cats (label 1), with two triangles for ears; the others (label 0) have round, hanging or no ears, or the triangles of a cat pointing down. "
      "The same number is the same head whatever the colours and backgrounds are, so that a second file can show the same cats in other colours.",
      option,
      OPTIONS,
      0,
      1,
      {{"lockstep generate -o made-up.h5 --shape 32x32x3 --train 5000 --test 1000",
        "images of random patterns, to try out speed and settings"},
       {"lockstep generate cats -o cats.h5 --sheet cats.png",
        "drawn cats and others, and a picture of some of them"}}};
  return &syntax;
}

/* An option of the one kind means nothing for the other. */
static lks_status check_groups(const lks_arguments *arguments, bool cats)
{
  for (size_t i = 0; i < OPTIONS; i++) {
    if (!arguments->value[i] || !option[i].group || (strcmp(option[i].group, "cats") == 0) == cats) continue;
    return lks_fail(LKS_ERR_USAGE,
                    cats ? "--%s is not for cats" : "--%s is for `lockstep generate cats` alone",
                    option[i].name);
  }
  return LKS_OK;
}

static lks_status generate_patterns(const settings *s)
{
  lks_generate_options options = {.classes = s->classes,
                                  .train = s->train,
                                  .test = s->test,
                                  .noise = (unsigned)(s->noise * 256 + 0.5),
                                  .seed = s->seed};
  lks_status status = lks_shape_read(&options.shape, s->shape);
  options.features = strchr(s->shape, 'x') == NULL;
  return status ? status : lks_generate(s->output, &options, s->force);
}

static lks_status generate_cats(const settings *s)
{
  const lks_cats_options options = {.train = s->train,
                                    .test = s->test,
                                    .seed = s->seed,
                                    .first = s->first,
                                    .black_cats = s->black_cats,
                                    .black_others = s->black_others,
                                    .light = s->background == BACKGROUND_LIGHT};
  return lks_generate_cats(s->output, &options, s->force);
}

lks_status lks_generate_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_generate_syntax(), argc, argv);
  if (status || arguments.help) return status;
  const bool cats = arguments.count == 1;
  if (cats && strcmp(arguments.argument[0], "cats") != 0)
    return lks_fail(LKS_ERR_USAGE,
                    "'%.100s' is nothing that can be generated; cats can, and, without a word, patterns",
                    arguments.argument[0]);
  if (s.output[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no output given; usage: lockstep generate -o OUT.h5");
  if (cats && !arguments.value[TRAIN_ROW]) s.train = CATS_TRAIN;
  if (cats && !arguments.value[TEST_ROW]) s.test = CATS_TEST;
  status = check_groups(&arguments, cats);
  if (!status) status = cats ? generate_cats(&s) : generate_patterns(&s);
  if (!status)
    lks_say("%s: %zu training and %zu test samples of %zu classes", s.output, s.train, s.test,
            cats ? (size_t)2 : s.classes);
  if (!status && s.sheet[0] != '\0')
    status = lks_contact_sheet_of_file(s.sheet, s.output, NULL, LKS_SPLIT_TRAIN);
  return status;
}
