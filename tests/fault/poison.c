/* Makes a dataset of features, all but normal, in which a few training samples hold one enormous value.
 * usage: poison OUTPUT.h5 VALUE SAMPLE... */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataset/dataset_write.h"

enum { TRAIN = 600, TEST = 60, WIDTH = 8, CLASSES = 3 };

static float value[TRAIN + TEST][WIDTH];
static int32_t label[TRAIN + TEST];

int main(int argc, char **argv)
{
  if (argc < 3) return 2;
  for (int i = 0; i < TRAIN + TEST; i++) {
    label[i] = i * 7 % CLASSES;
    for (int d = 0; d < WIDTH; d++)
      value[i][d] = (float)sin(i * 12.9898 + d * 78.233) + (float)(d % CLASSES == label[i]);
  }
  for (int a = 3; a < argc; a++) value[atoi(argv[a]) % TRAIN][0] = strtof(argv[2], NULL);
  const lks_contents contents = {
      .layout = {.shape = {1, 1, WIDTH}, .features = true, .classes = CLASSES, .count = {TRAIN, TEST}},
      .split = {{.count = TRAIN, .features = value[0], .label = label},
                {.count = TEST, .features = value[TRAIN], .label = label + TRAIN}}};
  const lks_status status = lks_dataset_write(argv[1], &contents, true);
  if (status) fprintf(stderr, "poison: %s\n", lks_message());
  return status;
}
