#include "train/probe_noise_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "lockstep/exact_sum.h"

/* Fixed samples through a network whose batch norms all have the statistics of a drawn mini-batch. Each rank follows the
 * probe samples of its shard. */

enum { MOST_DRAWS = 300 };

/* One batch norm: the probes' values, and sums over the draws of their normalized values' distances from the first draw's. */
typedef struct follower {
  lks_noise layer;
  size_t values; /* of this rank's probes */
  float *x;
  double *first, *sum, *square;
} follower;

static void destroy_followers(follower *f, size_t norms)
{
  for (size_t n = 0; f && n < norms; n++) {
    lks_free(f[n].x);
    lks_free(f[n].first);
  }
  lks_free(f);
}

static lks_status create_followers(follower **followers, const lks_noise_probe *p, size_t own)
{
  lks_status status = LKS_OK;
  follower *f = *followers = lks_new(p->norms, sizeof *f);
  if (!f) return LKS_ERR_RANK;
  for (size_t n = 0; n < p->norms && !status; n++) {
    f[n].layer = lks_network_noise(p->setup->network, n);
    f[n].values = own * f[n].layer.values * f[n].layer.channels;
    f[n].x = lks_new(f[n].values + 1, sizeof *f[n].x);
    f[n].first = lks_new(3 * f[n].values + 1, sizeof *f[n].first);
    if (!f[n].x || !f[n].first) return LKS_ERR_RANK;
    f[n].sum = f[n].first + f[n].values;
    f[n].square = f[n].sum + f[n].values;
  }
  return status;
}

static float *running_of(const lks_noise_probe *p, const char *layer, const char *which)
{
  char name[LKS_NAME_MAX + 16];
  snprintf(name, sizeof name, "%s.%s", layer, which);
  return lks_network_running(p->setup->network) + lks_network_find(p->setup->network, name)->offset;
}

/* The variance of test time is unbiased; that of training, which is wanted here, is not. */
static void make_biased(const lks_noise_probe *p, const follower *f, size_t m)
{
  for (size_t n = 0; n < p->norms; n++) {
    const double values = (double)(m * f[n].layer.values);
    float *variance = running_of(p, f[n].layer.layer, "running_var");
    for (size_t c = 0; c < f[n].layer.channels; c++)
      variance[c] = (float)(variance[c] * ((values - 1) / values));
  }
  lks_network_parameters_changed(p->setup->network);
}

static lks_status take_statistics_all(lks_noise_probe *p, const follower *f, size_t m, size_t draw)
{
  uint32_t sample[LKS_NOISE_FIRST_SIZE << (LKS_NOISE_SIZES_MAX - 1)];
  lks_pass_result result;
  for (size_t i = 0; i < m; i++)
    sample[i] = p->population->train[lks_noise_draw(p->config->seed, m, draw, i, p->population->train_count)];
  const lks_batch batch = lks_probe_feed_batch(&p->feed, sample, m);
  lks_network_precise_begin(p->setup->network);
  lks_status status =
      lks_network_pass_all(p->setup->network, &result, LKS_PASS_PRECISE, &batch, &p->setup->scaling, 0, 0);
  if (!status) status = lks_network_precise_set_all(p->setup->network);
  if (!status) make_biased(p, f, m);
  return status;
}

static void follow(const lks_noise_probe *p, follower *f, bool first)
{
  const size_t channels = f->layer.channels;
  const float *mean = running_of(p, f->layer.layer, "running_mean"),
              *variance = running_of(p, f->layer.layer, "running_var");
  for (size_t i = 0; i < f->values; i++) {
    const size_t c = i % channels;
    const double x_hat = ((double)f->x[i] - mean[c]) / sqrt(variance[c] + f->layer.epsilon);
    if (first) {
      f->first[i] = x_hat;
      f->sum[i] = f->square[i] = 0;
    }
    const double distance = x_hat - f->first[i];
    f->sum[i] += distance;
    f->square[i] += distance * distance;
  }
}

/* Mean over all ranks' values of channels that vary. */
static lks_status mean_variance_all(double *mean, const lks_noise_probe *p, const follower *f, size_t norm,
                                    double draws)
{
  int64_t sums[2 * LKS_EXACT_LIMBS] = {0};
  for (size_t i = 0; i < f->values; i++) {
    if (!lks_noise_varies(p->variance[norm][i % f->layer.channels], f->layer.epsilon)) continue;
    const double average = f->sum[i] / draws;
    lks_exact_sum_add(sums, fmax(0, f->square[i] / draws - average * average) * draws / (draws - 1));
    lks_exact_sum_add(sums + LKS_EXACT_LIMBS, 1);
  }
  lks_status status = lks_comm_exact_sum_all(p->comm, sums, 2, LKS_TRAFFIC_OTHER);
  const double count = lks_exact_sum_value(sums + LKS_EXACT_LIMBS);
  *mean = count > 0 ? lks_exact_sum_value(sums) / count : NAN;
  return status;
}

static lks_status one_size_all(lks_noise_probe *p, follower *f, size_t size)
{
  lks_network *network = p->setup->network;
  const size_t m = p->size[size], draws = lks_min(MOST_DRAWS, lks_noise_draws(p->config->probe_draws, m));
  lks_status status = LKS_OK;
  for (size_t d = 0; d < draws && !status; d++) {
    lks_pass_result result;
    status = take_statistics_all(p, f, m, d);
    if (status) break;
    const lks_batch batch = lks_probe_feed_batch(&p->feed, p->probe->train, p->probe->train_count);
    for (size_t n = 0; n < p->norms; n++)
      lks_network_tap(network, f[n].layer.layer, LKS_TAP_INPUT, f[n].x); /* which cannot fail any more */
    status = lks_network_pass_all(network, &result, LKS_PASS_RUNNING, &batch, &p->setup->scaling, 0, 0);
    for (size_t n = 0; n < p->norms; n++) lks_network_tap(network, f[n].layer.layer, LKS_TAP_INPUT, NULL);
    for (size_t n = 0; n < p->norms && !status; n++) follow(p, &f[n], d == 0);
  }
  for (size_t n = 0; n < p->norms && !status; n++)
    status = mean_variance_all(&p->row[n * p->sizes + size].end_to_end, p, &f[n], n, (double)draws);
  return status;
}

lks_status lks_noise_end_to_end_all(lks_noise_probe *p)
{
  follower *f = NULL;
  lks_network *network = p->setup->network;
  size_t first, own;
  lks_network_shard(network, p->probe->train_count, &first, &own);
  lks_status status = create_followers(&f, p, own);
  if (!status) status = lks_network_tap(network, f[0].layer.layer, LKS_TAP_INPUT, NULL); /* makes room */
  status = lks_comm_agree_all(p->comm, status);
  for (size_t s = 0; s < p->sizes && !status; s++) status = one_size_all(p, f, s);
  lks_network_taps_end(network);
  destroy_followers(f, p->norms);
  return status;
}
