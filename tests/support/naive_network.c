#include "naive_network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "naive_random.h"

static size_t elements_of(lks_shape shape)
{
  return shape.height * shape.width * shape.channels;
}

static size_t place_of(const naive_network *n, const lks_layer *layer, const char *suffix)
{
  char name[2 * LKS_NAME_MAX];
  snprintf(name, sizeof name, "%s.%s", layer->name, suffix);
  const lks_tensor *tensor = lks_network_find(n->network, name);
  return tensor ? tensor->offset : SIZE_MAX;
}

static bool describe(naive_network *n, naive_layer *l, const lks_layer *layer)
{
  const bool dense = layer->kind == LKS_LAYER_DENSE, norm = layer->kind == LKS_LAYER_BATCH_NORM;
  *l = (naive_layer){.layer = layer,
                     .pixels = dense ? 1 : layer->out.height * layer->out.width,
                     .in = dense ? elements_of(layer->in) : layer->in.channels,
                     .out = layer->out.channels};
  const size_t values = n->samples * elements_of(layer->out);
  l->y = lks_new(values, sizeof *l->y);
  l->dy = lks_new(values, sizeof *l->dy);
  l->x_hat = lks_new(norm ? values : 1, sizeof *l->x_hat);
  l->deviation = lks_new(norm ? n->samples * l->out : 1, sizeof *l->deviation);
  l->sum = lks_new(l->out, sizeof *l->sum);
  l->square = lks_new(l->out, sizeof *l->square);
  l->first = place_of(n, layer, "weight");
  l->second = place_of(n, layer, "bias");
  l->mean = place_of(n, layer, "running_mean");
  l->variance = place_of(n, layer, "running_var");
  const bool pointwise = layer->kind != LKS_LAYER_CONV || (layer->kernel[0] == 1 && layer->kernel[1] == 1 &&
                                                           layer->stride[0] == 1 && layer->stride[1] == 1);
  const bool known = layer->kind <= LKS_LAYER_TANH || layer->kind == LKS_LAYER_DROPOUT;
  return known && pointwise && l->y && l->dy && l->x_hat && l->deviation && l->sum && l->square;
}

naive_network *naive_network_create(const lks_model *model, lks_network *network, size_t samples)
{
  naive_network *n = lks_new(1, sizeof *n);
  if (!n) return NULL;
  *n = (naive_network){.network = network, .samples = samples, .classes = lks_model_classes(model)};
  n->layer = lks_new(lks_model_layers(model), sizeof *n->layer);
  n->gradient = lks_new(lks_network_parameter_count(network), sizeof *n->gradient);
  n->updated = lks_new(lks_network_running_count(network) + 1, sizeof *n->updated);
  bool ok = n->layer && n->gradient && n->updated;
  uint32_t dropouts = 0, norms = 0;
  for (; ok && n->layers < lks_model_layers(model); n->layers++) {
    naive_layer *l = &n->layer[n->layers];
    ok = describe(n, l, lks_model_layer(model, n->layers));
    l->dropout = dropouts;
    l->norm = norms;
    dropouts += l->layer->kind == LKS_LAYER_DROPOUT;
    norms += l->layer->kind == LKS_LAYER_BATCH_NORM;
  }
  if (ok) n->logits = n->layer[n->layers - 1].y;
  if (!ok) naive_network_destroy(&n);
  return n;
}

void naive_network_destroy(naive_network **naive)
{
  if (!*naive) return;
  for (size_t i = 0; i < (*naive)->layers; i++) {
    naive_layer *l = &(*naive)->layer[i];
    lks_free(l->y), lks_free(l->dy), lks_free(l->x_hat), lks_free(l->deviation);
    lks_free(l->sum), lks_free(l->square);
  }
  lks_free((*naive)->layer), lks_free((*naive)->gradient), lks_free((*naive)->updated);
  lks_free(*naive);
  *naive = NULL;
}

/* A picture's pixel, or black outside of it. */
static uint8_t pixel_at(const uint8_t *picture, lks_shape shape, long row, long column, size_t channel)
{
  if (row < 0 || row >= (long)shape.height || column < 0 || column >= (long)shape.width) return 0;
  return picture[((size_t)row * shape.width + (size_t)column) * shape.channels + channel];
}

static void features(const naive_layer *l, const lks_batch *batch, const lks_input_scaling *scaling)
{
  for (size_t i = 0; i < batch->total * l->out; i++)
    l->y[i] = (batch->features[i] - scaling->mean[i % l->out]) * scaling->scale[i % l->out];
}

static void pictures(const naive_layer *l, const lks_batch *batch, const lks_input_scaling *scaling,
                     const naive_settings *set)
{
  const lks_shape shape = l->layer->out;
  double *y = l->y;
  for (size_t s = 0; s < batch->total; s++) {
    const naive_move move = naive_random_move(set->seed, set->step, batch->sample[s], set->crop, set->flip);
    const uint8_t *picture = batch->pixels + s * elements_of(shape);
    for (size_t row = 0; row < shape.height; row++)
      for (size_t column = 0; column < shape.width; column++)
        for (size_t c = 0; c < shape.channels; c++) {
          const long across = (long)(move.mirrored ? shape.width - 1 - column : column);
          const double pixel = pixel_at(picture, shape, (long)row - move.down, across - move.right, c);
          *y++ = (pixel - scaling->mean[c]) * scaling->scale[c];
        }
  }
}

static size_t weight_at(const naive_layer *l, size_t in, size_t out)
{
  return l->first + (l->layer->kind == LKS_LAYER_DENSE ? in * l->out + out : out * l->in + in);
}

static void linear_forward(const naive_layer *l, const float *w, const double *x, size_t samples)
{
  for (size_t row = 0; row < samples * l->pixels; row++)
    for (size_t out = 0; out < l->out; out++) {
      double sum = l->second == SIZE_MAX ? 0 : w[l->second + out];
      for (size_t in = 0; in < l->in; in++) sum += x[row * l->in + in] * w[weight_at(l, in, out)];
      l->y[row * l->out + out] = sum;
    }
}

static void linear_backward(const naive_layer *l, double *dw, double *dx, const float *w, const double *x,
                            size_t samples)
{
  for (size_t row = 0; row < samples * l->pixels; row++)
    for (size_t out = 0; out < l->out; out++) {
      const double dy = l->dy[row * l->out + out];
      if (l->second != SIZE_MAX) dw[l->second + out] += dy;
      for (size_t in = 0; in < l->in; in++) {
        dw[weight_at(l, in, out)] += x[row * l->in + in] * dy;
        dx[row * l->in + in] += w[weight_at(l, in, out)] * dy;
      }
    }
}

/* Mean, and variance over n - less, of rows begin..end-1 of one channel, in two passes. */
static void moments(double *mean, double *variance, const double *x, size_t begin, size_t end,
                    size_t channels, size_t less)
{
  const double n = (double)(end - begin);
  *mean = *variance = 0;
  for (size_t row = begin; row < end; row++) *mean += x[row * channels] / n;
  for (size_t row = begin; row < end; row++)
    *variance += (x[row * channels] - *mean) * (x[row * channels] - *mean) / (n - (double)less);
}

static void update(naive_network *n, const naive_layer *l, const double *x, size_t rows, double momentum)
{
  const float *running = lks_network_running(n->network);
  for (size_t c = 0; c < l->out; c++) {
    double mean, variance;
    moments(&mean, &variance, x + c, 0, rows, l->out, 1);
    n->updated[l->mean + c] = (1 - momentum) * running[l->mean + c] + momentum * mean;
    n->updated[l->variance + c] = (1 - momentum) * running[l->variance + c] + momentum * variance;
    for (size_t row = 0; row < rows; row++) {
      l->sum[c] += x[row * l->out + c];
      l->square[c] += (long double)x[row * l->out + c] * x[row * l->out + c];
    }
  }
}

/* What a disturbed batch norm's output is multiplied with, and what is added to it. */
static void disturbance(double *factor, double *summand, const naive_layer *l, size_t c,
                        const naive_settings *set)
{
  const naive_key key = {set->seed, NAIVE_DISTURB, l->norm, set->step, 0};
  *factor = set->disturb > 0 ? 1 + set->disturb * naive_random_normal(key, c) : 1;
  *summand = set->disturb > 0 ? set->disturb * naive_random_normal(key, l->out + c) : 0;
}

/* Where the normalization batches of a batch norm begin. Returns how many there are. */
static size_t groups_of(const size_t **bound, const naive_layer *l, const naive_settings *set)
{
  const bool own = l->norm < NAIVE_NORMS && set->own[l->norm].groups > 0;
  *bound = own ? set->own[l->norm].bound : set->bound;
  return own ? set->own[l->norm].groups : set->groups;
}

static void norm_forward(naive_network *n, naive_layer *l, const double *x, size_t samples,
                         const naive_settings *set)
{
  const float *w = lks_network_parameters(n->network), *running = lks_network_running(n->network);
  const bool fixed = set->running || set->frozen;
  const size_t whole[2] = {0, samples}, *bound, groups = groups_of(&bound, l, set);
  if (fixed) bound = whole;
  for (size_t g = 0; g < (fixed ? 1 : groups); g++)
    for (size_t c = 0; c < l->out; c++) {
      double mean = running[l->mean + c], variance = running[l->variance + c], factor, summand;
      disturbance(&factor, &summand, l, c, set);
      const size_t begin = bound[g] * l->pixels, end = bound[g + 1] * l->pixels;
      if (!fixed) moments(&mean, &variance, x + c, begin, end, l->out, 0);
      const double deviation = l->deviation[g * l->out + c] = sqrt(variance + set->epsilon);
      for (size_t at = begin * l->out + c; at < end * l->out; at += l->out) {
        l->x_hat[at] = (x[at] - mean) / deviation;
        l->y[at] = factor * (w[l->first + c] * l->x_hat[at] + w[l->second + c]) + summand;
      }
    }
  update(n, l, x, samples * l->pixels, set->frozen ? 0 : set->momentum);
  l->count += (long double)(samples * l->pixels);
}

/* Statistics, gamma and beta are constants. */
static void frozen_backward(naive_network *n, const naive_layer *l, double *dx, size_t samples)
{
  const float *w = lks_network_parameters(n->network);
  for (size_t i = 0; i < samples * l->pixels * l->out; i++)
    dx[i] += l->dy[i] * w[l->first + i % l->out] / l->deviation[i % l->out];
}

/* Through the statistics of each group. */
static void norm_backward(naive_network *n, const naive_layer *l, double *dx, const naive_settings *set)
{
  const float *w = lks_network_parameters(n->network);
  const size_t *bound, groups = groups_of(&bound, l, set);
  for (size_t g = 0; g < groups; g++)
    for (size_t c = 0; c < l->out; c++) {
      const size_t begin = bound[g] * l->pixels * l->out + c, end = bound[g + 1] * l->pixels * l->out;
      const double rows = (double)((bound[g + 1] - bound[g]) * l->pixels);
      double sum = 0, dot = 0, factor, summand;
      disturbance(&factor, &summand, l, c, set);
      for (size_t at = begin; at < end; at += l->out) {
        sum += factor * l->dy[at];
        dot += factor * l->dy[at] * l->x_hat[at];
      }
      for (size_t at = begin; at < end; at += l->out)
        dx[at] += w[l->first + c] / l->deviation[g * l->out + c] *
                  (factor * l->dy[at] - sum / rows - l->x_hat[at] * dot / rows);
      n->gradient[l->first + c] += dot;
      n->gradient[l->second + c] += sum;
    }
}

/* What dropout multiplies an element with. */
static double kept(const naive_layer *l, const lks_batch *batch, size_t at, const naive_settings *set)
{
  if (!set->dropout) return 1;
  const size_t elements = elements_of(l->layer->out);
  const naive_key key = {set->seed, NAIVE_DROPOUT, l->dropout, set->step, batch->sample[at / elements]};
  return naive_random_keeps(key, at % elements, l->layer->rate) ? 1 / (1 - l->layer->rate) : 0;
}

static double normal_below(double x)
{
  return erfc(-x / sqrt(2)) / 2;
}

/* Of gelu, silu or tanh. */
static double curve(lks_layer_kind kind, double x)
{
  if (kind == LKS_LAYER_GELU) return x * normal_below(x);
  return kind == LKS_LAYER_SILU ? x / (1 + exp(-x)) : tanh(x);
}

static double curve_slope(lks_layer_kind kind, double x)
{
  const double s = 1 / (1 + exp(-x));
  if (kind == LKS_LAYER_GELU) return normal_below(x) + x * exp(-x * x / 2) / sqrt(2 * acos(-1));
  return kind == LKS_LAYER_SILU ? s + x * s * (1 - s) : 1 - tanh(x) * tanh(x);
}

static void forward(naive_network *n, naive_layer *l, const lks_batch *batch, const naive_settings *set)
{
  const double *x = (l - 1)->y;
  const size_t values = batch->total * l->pixels * l->out;
  switch (l->layer->kind) {
  case LKS_LAYER_CONV:
  case LKS_LAYER_DENSE: linear_forward(l, lks_network_parameters(n->network), x, batch->total); break;
  case LKS_LAYER_BATCH_NORM: norm_forward(n, l, x, batch->total, set); break;
  case LKS_LAYER_RELU:
    for (size_t i = 0; i < values; i++) l->y[i] = x[i] > 0 ? x[i] : 0;
    break;
  case LKS_LAYER_SIGMOID:
    for (size_t i = 0; i < values; i++) l->y[i] = 1 / (1 + exp(-x[i]));
    break;
  case LKS_LAYER_GELU:
  case LKS_LAYER_SILU:
  case LKS_LAYER_TANH:
    for (size_t i = 0; i < values; i++) l->y[i] = curve(l->layer->kind, x[i]);
    break;
  default:
    for (size_t i = 0; i < values; i++) l->y[i] = x[i] * kept(l, batch, i, set);
  }
}

static void backward(naive_network *n, const naive_layer *l, const lks_batch *batch,
                     const naive_settings *set)
{
  const double *x = (l - 1)->y;
  double *dx = (l - 1)->dy;
  const size_t values = batch->total * l->pixels * l->out;
  memset(dx, 0, batch->total * elements_of(l->layer->in) * sizeof *dx);
  switch (l->layer->kind) {
  case LKS_LAYER_CONV:
  case LKS_LAYER_DENSE:
    linear_backward(l, n->gradient, dx, lks_network_parameters(n->network), x, batch->total);
    break;
  case LKS_LAYER_BATCH_NORM:
    if (set->frozen)
      frozen_backward(n, l, dx, batch->total);
    else
      norm_backward(n, l, dx, set);
    break;
  case LKS_LAYER_RELU:
    for (size_t i = 0; i < values; i++) dx[i] = x[i] > 0 ? l->dy[i] : 0;
    break;
  case LKS_LAYER_SIGMOID:
    for (size_t i = 0; i < values; i++) dx[i] = l->dy[i] * l->y[i] * (1 - l->y[i]);
    break;
  case LKS_LAYER_GELU:
  case LKS_LAYER_SILU:
  case LKS_LAYER_TANH:
    for (size_t i = 0; i < values; i++) dx[i] = l->dy[i] * curve_slope(l->layer->kind, x[i]);
    break;
  default:
    for (size_t i = 0; i < values; i++) dx[i] = l->dy[i] * kept(l, batch, i, set);
  }
}

/* Softmax cross-entropy against (1 - smoothing) one-hot + smoothing/classes. */
static void loss(naive_network *n, const lks_batch *batch, double smoothing)
{
  n->loss = 0;
  n->correct = 0;
  for (size_t s = 0; s < batch->total; s++) {
    const double *z = n->logits + s * n->classes;
    size_t best = 0, label = (size_t)batch->label[s];
    double sum = 0;
    for (size_t k = 0; k < n->classes; k++) best = z[k] > z[best] ? k : best;
    for (size_t k = 0; k < n->classes; k++) sum += exp(z[k] - z[best]);
    for (size_t k = 0; k < n->classes; k++) {
      const double target = smoothing / (double)n->classes + (k == label ? 1 - smoothing : 0);
      const double log_probability = z[k] - z[best] - log(sum);
      n->loss -= target * log_probability;
      n->layer[n->layers - 1].dy[s * n->classes + k] = (exp(log_probability) - target) / (double)batch->total;
    }
    n->correct += best == label;
  }
}

void naive_network_pass(naive_network *n, const lks_batch *batch, const lks_input_scaling *scaling,
                        const naive_settings *settings)
{
  memset(n->gradient, 0, lks_network_parameter_count(n->network) * sizeof *n->gradient);
  if (batch->features)
    features(&n->layer[0], batch, scaling);
  else
    pictures(&n->layer[0], batch, scaling, settings);
  for (size_t l = 1; l < n->layers; l++) forward(n, &n->layer[l], batch, settings);
  loss(n, batch, settings->smoothing);
  for (size_t l = n->layers - 1; l > 0 && !settings->running; l--) backward(n, &n->layer[l], batch, settings);
}

void naive_network_forget(naive_network *n)
{
  for (size_t i = 0; i < n->layers; i++) {
    naive_layer *l = &n->layer[i];
    memset(l->sum, 0, l->out * sizeof *l->sum);
    memset(l->square, 0, l->out * sizeof *l->square);
    l->count = 0;
  }
}

void naive_network_gathered(double *running, const naive_network *n)
{
  for (size_t i = 0; i < n->layers; i++) {
    const naive_layer *l = &n->layer[i];
    for (size_t c = 0; c < l->out && l->layer->kind == LKS_LAYER_BATCH_NORM; c++) {
      const long double mean = l->sum[c] / l->count;
      running[l->mean + c] = (double)mean;
      running[l->variance + c] = (double)((l->square[c] - l->sum[c] * mean) / (l->count - 1));
    }
  }
}

double naive_distance(const float *got, const double *want, size_t count)
{
  double error = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    size += want[i] * want[i];
  }
  return sqrt(error / size);
}
