#include <math.h>

#include "base/log.h"
#include "report/plot.h"
#include "report/report.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

static const lks_plot plots[] = {
    {"error", "Test error",
     "Lower is better. A dot is the mean over the seeds, its bar the 95% interval, a small dot one seed. "
     "To the right more samples share one mean and variance; the axis above tells how many ranks with per-rank batch norm that stands for. "
     "The arm without batch norm has no place on this axis: it is the dashed line, with its interval in grey.",
     "To the left is better. A small dot is one seed, a large one with its bar the mean over the seeds and its 95% interval.",
     lks_plot_error},
    {"differences", "Paired differences in test accuracy",
     "To the right of 0 an arm is better than the reference. A small dot is one seed, both runs of a pair. "
     "A large dot with its bar is the mean and its 95% interval, taken alone. "
     "It is filled where the difference stands when it is corrected for the number of arms; a hollow one shows no difference, even if its bar leaves out 0. "
     "Within the grey band a difference is held to be too small to matter.",
     NULL, lks_plot_differences},
    {"loss", "Paired differences in test loss",
     "To the left of 0 an arm is better than the reference. Dots and bars are as for the accuracy. "
     "The loss moves with every probability that the network gives, so that it often answers with fewer seeds; it also weighs how sure a wrong answer was.",
     NULL, lks_plot_loss},
    {"gap", "Generalization gap",
     "Training minus test accuracy: a larger gap means that more of what was learned holds for the training set alone. "
     "A small dot is one seed, a large one with its bar the mean and its 95% interval.",
     NULL, lks_plot_gap},
    {"curves", "Training loss and test accuracy",
     "Lines are means over the seeds, shades reach from the lowest to the highest seed. "
     "The axis of the accuracy begins a little below the accuracies of the second half of the epochs.",
     NULL, lks_plot_curves},
    {"noise", "How far the groups' means scatter in a mini-batch",
     "How far the means of the normalization batches scatter around the mini-batch's own mean: the variance of that distance, divided by the variance of the values. "
     "Both axes are logarithmic. "
     "The line, 1/K - 1/B, is for K of B independent values; a convolution has many values in a sample and lies below it. "
     "An arm that normalizes over the whole mini-batch has no groups, and no scatter. "
     "This is not yet the noise on a sample: behind another batch norm the means have little left to scatter, for that one has already removed each group's own mean, and a layer there lies far below the line although its samples get more noise, not less. "
     "How much a fixed sample varies with its mini-batch is measured by --probe noise and by the study noise.",
     NULL, lks_plot_noise},
};

const lks_plot *lks_plot_list(size_t *count)
{
  *count = sizeof plots / sizeof plots[0];
  return plots;
}

void lks_plot_group_axis(FILE *script, const lks_canvas *canvas, lks_range x, size_t batch)
{
  const int first = (int)ceil(log2(x.low)), last = (int)floor(log2(x.high));
  const int step = (last - first) / 8 + 1;
  lks_range_print_octaves(script, "x", x);
  lks_range_print(script, "x2", x);
  fprintf(script,
          "set logscale x2 2\nset label 2 'ranks that it stands for' at screen 0.965, screen %.4f right\n"
          "set x2tics (",
          lks_plot_place(canvas, 14));
  for (int i = first; i <= last && exp2(i) <= (double)batch; i += step)
    fprintf(script, "%s'%.3g' %.0f", i == first ? "" : ", ", (double)batch / exp2(i), exp2(i));
  fprintf(script, ")\n");
}

lks_status lks_plots_write(bool *drawn, const lks_table *table, const lks_results *results)
{
  char folder[PATH_SIZE];
  size_t count;
  const lks_pictured pictured = {table, results};
  const lks_plot *plot = lks_plot_list(&count);
  lks_status status = LKS_OK;
  snprintf(folder, sizeof folder, "%s/plots", results->comparison.directory);
  *drawn = true;
  for (size_t i = 0; i < count && !status; i++) {
    bool found = true;
    status = lks_figure_write(&found, folder, plot[i].name, plot[i].print, &pictured);
    *drawn = *drawn && found;
  }
  if (!status && !*drawn)
    lks_warn(
        "there is no gnuplot: the report has no plots; install it (Debian: apt-get install gnuplot-nox) and run `lockstep report %s` again",
        results->comparison.directory);
  return status;
}
