#include "train/probe_noise_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"

/* The claim that mean and variance of just this mini-batch add noise: how much the normalized value of a fixed sample varies
 * with the mini-batch that it is normalized with. Weights are frozen; mini-batches are drawn with replacement. Here each layer
 * alone, its input normalized with the population's statistics, which are found layer by layer; rank 0 does the sums. */

/* What rank 0 knows of one batch norm's input over the population. */
typedef struct layer_data {
  lks_noise layer;
  double *mean, *square;    /* [samples, channels] of the values of a sample */
  float *z_mean, *z_square; /* the same of standardized values */
  double *moments;          /* [2*channels] of the population: on every rank */
  double *probe;            /* [2*channels] means of z and z^2 over the probes */
} layer_data;

static lks_status create_layer(layer_data *d, const lks_noise_probe *p, size_t norm)
{
  *d = (layer_data){.layer = lks_network_noise(p->setup->network, norm)};
  const size_t channels = d->layer.channels,
               count = lks_comm_rank(p->comm) == 0 ? p->population->train_count * channels : 0;
  d->mean = lks_new(2 * count + 1, sizeof *d->mean);
  d->z_mean = lks_new(2 * count + 1, sizeof *d->z_mean);
  d->moments = lks_new(4 * channels, sizeof *d->moments);
  if (!d->mean || !d->z_mean || !d->moments) return LKS_ERR_RANK;
  d->square = d->mean + count;
  d->z_square = d->z_mean + count;
  d->probe = d->moments + 2 * channels;
  return LKS_OK;
}

static void destroy_layer(layer_data *d)
{
  lks_free(d->mean);
  lks_free(d->z_mean);
  lks_free(d->moments);
}

/* Values of a layer's input for samples begin .. begin + count - 1 of a list, on rank 0; taken in mini-batches. */
typedef void take_values(void *user, const float *values, size_t begin, size_t count);

static lks_status for_batches_all(lks_noise_probe *p, const char *layer, size_t elements,
                                  const lks_selection *of, take_values *take, void *user)
{
  const size_t room = p->config->batch_size;
  const bool root = lks_comm_rank(p->comm) == 0;
  float *values = root ? lks_new(room * elements, sizeof *values) : NULL;
  lks_status status = lks_comm_agree_all(p->comm, root && !values ? LKS_ERR_RANK : LKS_OK);
  for (size_t begin = 0; begin < of->train_count && !status; begin += room) {
    const size_t count = lks_min(room, of->train_count - begin);
    status =
        lks_probe_feed_gather_all(values, &p->feed, layer, LKS_PASS_RUNNING, 0, of->train + begin, count);
    if (!status && values) take(user, values, begin, count);
  }
  lks_free(values);
  return status;
}

/* Mean and mean square over the pixels of each sample. */
static void take_population(void *user, const float *values, size_t begin, size_t count)
{
  layer_data *d = user;
  const size_t channels = d->layer.channels, pixels = d->layer.values;
  for (size_t i = 0; i < count; i++) {
    double *mean = d->mean + (begin + i) * channels, *square = d->square + (begin + i) * channels;
    for (size_t at = 0; at < pixels * channels; at++) {
      const double x = values[i * pixels * channels + at];
      mean[at % channels] += x / (double)pixels;
      square[at % channels] += x * x / (double)pixels;
    }
  }
}

static void take_probes(void *user, const float *values, size_t begin, size_t count)
{
  layer_data *d = user;
  const size_t channels = d->layer.channels, pixels = d->layer.values;
  (void)begin;
  for (size_t at = 0; at < count * pixels * channels; at++) {
    const size_t c = at % channels;
    const double z = (values[at] - d->moments[c]) / sqrt(fmax(d->moments[channels + c], 1e-300));
    d->probe[c] += z / (double)(count * pixels);
    d->probe[channels + c] += z * z / (double)(count * pixels);
  }
}

static void standardize(layer_data *d, size_t samples)
{
  const size_t channels = d->layer.channels;
  double *mean = d->moments, *variance = d->moments + channels;
  for (size_t i = 0; i < samples * channels; i++) mean[i % channels] += d->mean[i] / (double)samples;
  for (size_t i = 0; i < samples * channels; i++) {
    const double center = mean[i % channels];
    variance[i % channels] += (d->square[i] - 2 * center * d->mean[i] + center * center) / (double)samples;
  }
  for (size_t i = 0; i < samples * channels; i++) {
    const double center = mean[i % channels], v = fmax(variance[i % channels], 1e-300);
    d->z_mean[i] = (float)((d->mean[i] - center) / sqrt(v));
    d->z_square[i] = (float)((d->square[i] - 2 * center * d->mean[i] + center * center) / v);
  }
}

static void set_running(const lks_noise_probe *p, const layer_data *d)
{
  static const char *const which[] = {"running_mean", "running_var"};
  for (int k = 0; k < 2; k++) {
    char name[LKS_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s.%s", d->layer.layer, which[k]);
    float *running =
        lks_network_running(p->setup->network) + lks_network_find(p->setup->network, name)->offset;
    for (size_t c = 0; c < d->layer.channels; c++)
      running[c] = (float)d->moments[(size_t)k * d->layer.channels + c];
  }
  lks_network_parameters_changed(p->setup->network);
}

/* The layer that feeds a batch norm if it is a convolution or dense, else NULL. */
static const lks_layer *layer_in_front(const lks_model *model, const char *norm)
{
  for (size_t l = 0; l < lks_model_layers(model); l++) {
    const lks_layer *layer = lks_model_layer(model, l);
    if (layer->kind != LKS_LAYER_BATCH_NORM || strcmp(layer->name, norm) != 0) continue;
    const lks_layer *front = lks_model_layer(model, (size_t)layer->input[0]);
    return front->kind == LKS_LAYER_CONV || front->kind == LKS_LAYER_DENSE ? front : NULL;
  }
  return NULL;
}

typedef struct front_data {
  double *square; /* [elements] sums of h^2, of a convolution [channels] */
  size_t elements, columns;
} front_data;

static void take_front(void *user, const float *values, size_t begin, size_t count)
{
  front_data *f = user;
  (void)begin;
  for (size_t i = 0; i < count * f->elements; i++) f->square[i % f->columns] += (double)values[i] * values[i];
}

/* Sum over the inputs of a channel of w^2 E[h^2], over its variance, averaged over the channels that vary. A dropout of rate p sets
 * inputs to 0 and scales the others by 1/(1 - p), which adds p/(1 - p) times that. The edges of a convolution are taken for
 * inner places. */
static double dropout_noise(const lks_noise_probe *p, const front_data *f, const lks_layer *front,
                            const layer_data *d)
{
  const double *variance = d->moments + d->layer.channels;
  char name[LKS_NAME_MAX + 16];
  snprintf(name, sizeof name, "%s.weight", front->name);
  const lks_tensor *tensor = lks_network_find(p->setup->network, name);
  const float *w = lks_network_parameters(p->setup->network) + tensor->offset;
  const size_t channels = front->out.channels, inputs = tensor->elements / channels;
  const size_t window = front->kind == LKS_LAYER_CONV ? front->kernel[0] * front->kernel[1] : 1;
  const size_t pixels = f->elements / f->columns;
  const double places = (double)(p->population->train_count * pixels);
  double sum = 0, varying = 0;
  for (size_t c = 0; c < channels; c++) {
    if (!lks_noise_varies(variance[c], d->layer.epsilon)) continue;
    double noise = 0;
    const size_t first =
        front->kind == LKS_LAYER_CONV ? c / (channels / front->groups) * (inputs / window) : 0;
    for (size_t j = 0; j < inputs; j++) { /* convolutions are OIHW, dense weights (in,out) */
      const double weight = front->kind == LKS_LAYER_CONV ? w[c * inputs + j] : w[j * channels + c];
      noise += weight * weight * f->square[first + j / window] / places;
    }
    sum += noise / variance[c];
    varying++;
  }
  return varying > 0 ? sum / varying : NAN;
}

static lks_status dropout_noise_all(double *noise, lks_noise_probe *p, const layer_data *d)
{
  const lks_layer *front = layer_in_front(p->setup->model, d->layer.layer);
  *noise = NAN;
  if (!front) return LKS_OK;
  front_data f = {.elements = front->in.height * front->in.width * front->in.channels};
  f.columns = front->kind == LKS_LAYER_CONV ? front->in.channels : f.elements;
  f.square = lks_new(f.columns, sizeof *f.square);
  lks_status status = lks_comm_agree_all(p->comm, f.square ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = for_batches_all(p, front->name, f.elements, p->population, take_front, &f);
  if (!status && f.square && lks_comm_rank(p->comm) == 0) *noise = dropout_noise(p, &f, front, d);
  lks_free(f.square);
  return status;
}

/* Rank 0. */
static lks_status fill_rows(lks_noise_probe *p, const layer_data *d, size_t norm, double noise_of_dropout)
{
  const size_t channels = d->layer.channels;
  const lks_noise_law law = {p->population->train_count,
                             channels,
                             d->moments + channels,
                             d->layer.epsilon,
                             d->z_mean,
                             d->z_square,
                             d->probe,
                             d->probe + channels};
  lks_status status = LKS_OK;
  for (size_t s = 0; s < p->sizes && !status; s++) {
    lks_probe_noise_row *row = &p->row[norm * p->sizes + s];
    const size_t m = p->size[s], draws = lks_noise_draws(p->config->probe_draws, m);
    snprintf(row->layer, sizeof row->layer, "%s", d->layer.layer);
    row->m = (double)m;
    row->draws = (double)draws;
    row->dropout_noise = noise_of_dropout;
    row->theory = lks_noise_theory(&law, m);
    status = lks_noise_isolated(&row->isolated, &law, p->config->seed, m, draws, p->threads);
  }
  return status;
}

/* One layer alone; those below have the population's statistics already, and it gets them too. */
static lks_status one_layer_all(lks_noise_probe *p, size_t norm)
{
  layer_data d;
  double noise = NAN;
  const bool root = lks_comm_rank(p->comm) == 0;
  lks_status status = lks_comm_agree_all(p->comm, create_layer(&d, p, norm));
  const size_t elements = d.layer.values * d.layer.channels;
  if (!status) status = for_batches_all(p, d.layer.layer, elements, p->population, take_population, &d);
  if (!status && root) standardize(&d, p->population->train_count);
  if (!status)
    status = lks_comm_broadcast_all(p->comm, d.moments, 2 * d.layer.channels * sizeof *d.moments, 0);
  if (!status) set_running(p, &d);
  if (!status) memcpy(p->variance[norm], d.moments + d.layer.channels, d.layer.channels * sizeof(double));
  if (!status) status = for_batches_all(p, d.layer.layer, elements, p->probe, take_probes, &d);
  if (!status) status = dropout_noise_all(&noise, p, &d);
  if (!status) status = lks_comm_agree_all(p->comm, root ? fill_rows(p, &d, norm, noise) : LKS_OK);
  destroy_layer(&d);
  return status;
}

/* The equivalent dropout is that of the noise end to end: v = p/(1 - p) noise. */
static lks_status write_table(lks_noise_probe *p)
{
  for (size_t i = 0; i < p->norms * p->sizes; i++) {
    lks_probe_noise_row *row = &p->row[i];
    row->dropout = row->end_to_end / (row->dropout_noise + row->end_to_end);
  }
  return lks_probe_noise_write(p->config->output, p->row, p->norms * p->sizes);
}

/* Mini-batches of any size up to the largest, always normalized as a whole. */
static lks_status create_setup_all(lks_noise_probe *p, lks_config *config, const lks_probes *probes)
{
  const lks_setup_input input =
      lks_setup_input_of(lks_model_source(probes->setup->model), config->model, probes->dataset);
  config->batch_size = lks_max(p->size[p->sizes - 1], p->probe->train_count);
  config->microbatch = lks_min(config->batch_size, LKS_NOISE_FIRST_SIZE);
  config->bn = (lks_norm){LKS_NORM_SYNC, 0};
  config->bn_disturb = 0;
  config->noise = false;
  lks_status status = lks_setup_create_alike_all(&p->setup, p->comm, config, &input);
  if (status) return status;
  memcpy(lks_network_parameters(p->setup->network), lks_network_parameters(probes->setup->network),
         lks_network_parameter_count(p->setup->network) * sizeof(float));
  lks_network_parameters_changed(p->setup->network);
  return LKS_OK;
}

static lks_status choose_samples(lks_noise_probe *p, const lks_probes *probes)
{
  const size_t samples = lks_min(probes->trained, LKS_NOISE_POPULATION);
  lks_status status = lks_probe_choose(&p->population, probes->dataset, p->config, samples);
  if (!status)
    status = lks_probe_choose(&p->probe, probes->dataset, p->config, lks_min(samples, LKS_NOISE_PROBES));
  for (size_t m = LKS_NOISE_FIRST_SIZE; p->sizes < LKS_NOISE_SIZES_MAX && m <= samples; m *= 2)
    p->size[p->sizes++] = m;
  if (!status && !p->sizes)
    status =
        lks_fail(LKS_ERR_USAGE, "probe noise draws mini-batches of at least %d samples, and the run has %zu",
                 LKS_NOISE_FIRST_SIZE, samples);
  return status;
}

static lks_status make_room(lks_noise_probe *p)
{
  p->norms = lks_network_norms(p->setup->network);
  if (!p->norms) return lks_fail(LKS_ERR_USAGE, "probe noise measures batch norm, and the model has none");
  p->row = lks_new(p->norms * p->sizes, sizeof *p->row);
  p->variance = lks_new(p->norms, sizeof *p->variance);
  if (!p->row || !p->variance) return LKS_ERR_RANK;
  for (size_t n = 0; n < p->norms; n++) {
    p->variance[n] = lks_new(lks_network_noise(p->setup->network, n).channels, sizeof(double));
    if (!p->variance[n]) return LKS_ERR_RANK;
  }
  return LKS_OK;
}

static lks_status measure_all(lks_noise_probe *p, lks_config *config, const lks_probes *probes)
{
  lks_status status = lks_comm_agree_all(p->comm, choose_samples(p, probes));
  if (!status) status = create_setup_all(p, config, probes);
  if (status) return status;
  status = make_room(p);
  if (!status)
    status = lks_probe_feed_create(&p->feed, p->comm, p->setup, probes->dataset, config->batch_size);
  status = lks_comm_agree_all(p->comm, status);
  for (size_t n = 0; n < p->norms && !status; n++) status = one_layer_all(p, n);
  if (!status) status = lks_noise_end_to_end_all(p);
  const bool root = lks_comm_rank(p->comm) == 0;
  return status ? status : lks_comm_agree_all(p->comm, root ? write_table(p) : LKS_OK);
}

lks_status lks_probe_noise_all(lks_probes *probes)
{
  lks_config config = *probes->config;
  lks_noise_probe p = {
      .comm = probes->comm, .config = &config, .threads = lks_setup_threads(probes->comm, &config)};
  lks_status status = measure_all(&p, &config, probes);
  for (size_t n = 0; n < p.norms && p.variance; n++) lks_free(p.variance[n]);
  lks_free(p.variance);
  lks_free(p.row);
  lks_probe_feed_clear(&p.feed);
  lks_selection_destroy(&p.population);
  lks_selection_destroy(&p.probe);
  lks_setup_destroy_all(&p.setup);
  return status;
}
