#include "dataset/generate.h"

#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/shape.h"

typedef struct settings {
  char shape[LKS_TEXT_MAX], output[LKS_TEXT_MAX];
  size_t classes, train, test;
  double noise;
  uint64_t seed;
  bool force;
} settings;

#define AT(field) offsetof(settings, field)

const lks_syntax *lks_generate_syntax(void)
{
  static const lks_option option[] = {
      {"output", "FILE", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, NULL, "dataset to be written"},
      {"force", NULL, LKS_OPTION_SWITCH, AT(force), "off", NULL, 0, 0, NULL, "replace a file that is there"},
      {"shape", "HxWxC|D", LKS_OPTION_TEXT, AT(shape), "8x8x1", NULL, 0, 0, NULL,
       "shape of a sample: an image of HxWxC pixels, or D features"},
      {"classes", "N", LKS_OPTION_SIZE, AT(classes), "10", NULL, 2, 1e6, NULL, "number of classes"},
      {"train", "N", LKS_OPTION_SIZE, AT(train), "1000", NULL, 1, 1e9, NULL, "training samples"},
      {"test", "N", LKS_OPTION_SIZE, AT(test), "200", NULL, 1, 1e9, NULL, "test samples"},
      {"noise", "X", LKS_OPTION_REAL, AT(noise), "0.5", NULL, 0, 1, NULL,
       "share of noise in a sample; 0: every sample is its class's pattern; 1: noise alone"},
      {"seed", "N", LKS_OPTION_SEED, AT(seed), "1", NULL, 0, 0, NULL, "seed of patterns and noise"},
  };
  static const lks_syntax syntax = {"generate",
                                    "-o OUT.h5",
                                    "Makes up a dataset: a random pattern for each class, and noise.",
                                    NULL,
                                    option,
                                    sizeof option / sizeof *option,
                                    0,
                                    0};
  return &syntax;
}

lks_status lks_generate_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_generate_syntax(), argc, argv);
  if (status || arguments.help) return status;
  if (s.output[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no output given; usage: lockstep generate -o OUT.h5");
  lks_generate_options options = {.classes = s.classes,
                                  .train = s.train,
                                  .test = s.test,
                                  .noise = (unsigned)(s.noise * 256 + 0.5),
                                  .seed = s.seed};
  status = lks_shape_read(&options.shape, s.shape);
  options.features = strchr(s.shape, 'x') == NULL;
  if (!status) status = lks_generate(s.output, &options, s.force);
  if (!status)
    lks_say("%s: %zu training and %zu test samples of %zu classes", s.output, s.train, s.test, s.classes);
  return status;
}
