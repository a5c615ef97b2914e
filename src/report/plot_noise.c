#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/model.h"
#include "report/plot.h"
#include "report/words.h"

enum { SERIES_MOST = 6, LAYERS_MOST = 512 };

/* What noise.csv calls a layer, as one word that a script can quote. */
static void print_word(char word[LKS_NAME_MAX], const char *layer)
{
  snprintf(word, LKS_NAME_MAX, "%s", layer);
  for (char *c = word; *c != '\0'; c++)
    if (!isalnum((unsigned char)*c) && strchr("._:+-", *c) == NULL) *c = '-';
}

/* The first run that measured noise: the others have the same layers. */
static const lks_run *noisy_run(const lks_results *results)
{
  const size_t runs = results->comparison.arms * results->comparison.seeds;
  for (size_t i = 0; i < runs; i++)
    if (results->run[i].done && results->run[i].noises > 0) return &results->run[i];
  return NULL;
}

/* Mean over the seeds of an arm; NaN: not measured, or 0, which has no place on a logarithmic axis. */
static double noise_of(const lks_results *results, size_t arm, size_t layer)
{
  double total = 0;
  size_t count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    if (!run->done || layer >= run->noises || !isfinite(run->noise[layer].variance_of_mean)) continue;
    total += run->noise[layer].variance_of_mean;
    count++;
  }
  return total > 0 ? total / (double)count : NAN;
}

typedef struct lks_noise_plot {
  const lks_results *results;
  size_t arms, order[LKS_ARMS_MAX], layers;
  lks_range x, y;
  size_t series;
  char title[SERIES_MOST][LKS_NAME_MAX];
} lks_noise_plot;

static void take(lks_noise_plot *plot, size_t arm, double noise)
{
  const double batch = (double)plot->results->comparison.base.batch_size;
  const double group = (double)plot->results->comparison.arm[arm].group;
  lks_range_take(&plot->x, group);
  lks_range_take(&plot->y, noise);
  if (group < batch) lks_range_take(&plot->y, 1 / group - 1 / batch);
}

static void print_layers(FILE *data, lks_noise_plot *plot, const lks_noise_row *row)
{
  for (size_t layer = 0; layer < plot->layers; layer++) {
    size_t printed = 0;
    char word[LKS_NAME_MAX];
    print_word(word, row[layer].layer);
    for (size_t i = 0; i < plot->arms; i++) {
      const lks_arm *arm = &plot->results->comparison.arm[plot->order[i]];
      const double noise = noise_of(plot->results, plot->order[i], layer);
      if (!isfinite(noise)) continue;
      if (printed++ == 0)
        fprintf(data, "%s# layer, arm, normalization batch (samples), scatter of the groups' means\n",
                plot->series == 0 ? "" : "\n\n");
      fprintf(data, "%s ", word);
      lks_plot_word(data, arm->name);
      fprintf(data, " %zu %.8g\n", arm->group, noise);
      take(plot, plot->order[i], noise);
    }
    if (printed > 0) strcpy(plot->title[plot->series++], word);
  }
}

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_median(FILE *data, lks_noise_plot *plot)
{
  fprintf(
      data,
      "# layers, arm, normalization batch (samples), scatter of the groups' means: median, lowest, highest layer\n");
  for (size_t i = 0; i < plot->arms; i++) {
    const lks_arm *arm = &plot->results->comparison.arm[plot->order[i]];
    double noise[LAYERS_MOST];
    size_t count = 0;
    for (size_t layer = 0; layer < plot->layers; layer++) {
      noise[count] = noise_of(plot->results, plot->order[i], layer);
      if (isfinite(noise[count])) count++;
    }
    if (count == 0) continue;
    qsort(noise, count, sizeof *noise, compare);
    const double median = (noise[count / 2] + noise[(count - 1) / 2]) / 2;
    fprintf(data, "%zu ", count);
    lks_plot_word(data, arm->name);
    fprintf(data, " %zu %.8g %.8g %.8g\n", arm->group, median, noise[0], noise[count - 1]);
    take(plot, plot->order[i], noise[0]);
    take(plot, plot->order[i], noise[count - 1]);
    plot->series = 1;
  }
  snprintf(plot->title[0], sizeof plot->title[0], "median of %zu layers", plot->layers);
}

static size_t key_letters(const lks_noise_plot *plot)
{
  size_t longest = 10; /* 1/K - 1/B, all layers */
  for (size_t i = 0; i < plot->series; i++)
    if (strlen(plot->title[i]) > longest) longest = strlen(plot->title[i]);
  return longest;
}

static void print_script(FILE *script, const char *note, const lks_noise_plot *plot, bool median)
{
  const size_t batch = plot->results->comparison.base.batch_size;
  const lks_canvas canvas = {.title = "How far the groups' means scatter in a mini-batch",
                             .note = note,
                             .up = "scatter of the groups' means",
                             .across = "normalization batch (samples)",
                             .height = 300,
                             .left = 70,
                             .top = 62,
                             .keys = plot->series + (median ? 2 : 1),
                             .key_letters = key_letters(plot)};
  lks_plot_begin(script, "noise", plot->series, &canvas);
  lks_plot_group_axis(script, &canvas, (lks_range){plot->x.low / 1.5, plot->x.high * 1.5}, batch);
  lks_range_print_decades(script, "y", (lks_range){plot->y.low / 1.5, plot->y.high * 1.5});
  fprintf(script, "set format y '%%g'\nset samples 400\n");
  lks_plot_draw(script, "noise");
  fprintf(script, "plot ");
  if (median)
    fprintf(script, "data index 0 using 3:5:6 with filledcurves fc rgb '#dcdcdc' title 'all layers', \\\n  ");
  fprintf(script,
          "(x < %zu ? 1. / x - 1. / %zu : NaN) with lines lw 1.5 dt solid lc rgb '#000000' title '1/K - 1/B'",
          batch, batch);
  for (size_t i = 0; i < plot->series; i++)
    fprintf(script, ", \\\n  data index %zu using 3:4 with linespoints ls %zu title '%s'", i, i + 1,
            plot->title[i]);
  fprintf(script, "\n");
  lks_plot_end(script);
}

bool lks_plot_noise(FILE *data, FILE *script, const void *context)
{
  const lks_results *results = ((const lks_pictured *)context)->results;
  const lks_run *run = noisy_run(results);
  char note[LKS_WORDS_MAX], whole[LKS_WORDS_MAX + 128];
  lks_noise_plot plot = {.results = results, .x = lks_range_none(), .y = lks_range_none()};
  if (run == NULL || !lks_comparison_of_norms(&results->comparison)) return false;
  plot.arms = lks_arms_by_group(plot.order, results);
  plot.layers = run->noises < LAYERS_MOST ? run->noises : LAYERS_MOST;
  const bool median = plot.layers > SERIES_MOST;
  if (median)
    print_median(data, &plot);
  else
    print_layers(data, &plot, run->noise);
  if (plot.series == 0) return false;
  lks_words_note(note, ((const lks_pictured *)context)->table, results);
  snprintf(
      whole, sizeof whole,
      "%s. Variance of the groups' means, in shares of that of the values; not the noise on a sample, which grows with depth",
      note);
  print_script(script, whole, &plot, median);
  return true;
}
