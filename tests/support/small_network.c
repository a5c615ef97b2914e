#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "kernels/optimizer.h"
#include "small_network.h"

const char residual_text[] =
    "conv 6 3x3\nbatchnorm\nrelu\n"
    "residual layer1.0\n conv 6 3x3\n batchnorm\n relu\n conv 6 3x3\n batchnorm\nend\nrelu\n"
    "residual layer2.0\n conv 9 3x3 stride=2\n batchnorm\n relu\n conv 9 3x3\n batchnorm\nend\n"
    "relu\nmaxpool 2x2\nconv 17 1x1\nrelu\nbatchnorm\navgpool 2x2\ndense 20\nbatchnorm\nrelu\n"
    "dropout 0.3\ndense classes\n";
const char before_text[] =
    "conv 5 3x3\nresidual a\n batchnorm\n relu\n conv 5 3x3\n batchnorm\n relu\n conv 5 3x3\nend\n"
    "residual b\n batchnorm\n relu\n conv 8 3x3 stride=2\nend\nbatchnorm\nsigmoid\nglobalavgpool\n"
    "dense classes\n";
const char pooled_text[] =
    "conv 5 3x3\nbatchnorm\nrelu\nmaxpool 3x2\nconv 18 1x1\nbatchnorm\nmaxpool 1x2\nrelu\n"
    "conv 6 1x1\nbatchnorm\nrelu\nmaxpool 2x2 stride=1\ndense classes\n";

const char kinds_text[] =
    "conv 6 3x3\nbatchnorm\ngelu\nconv 7 3x3\nsilu\ndropout 0.2\nconv 5 1x1\ntanh\nbatchnorm\nsilu\nmaxpool 2\n"
    "residual a\n residual b\n  conv 5 3 groups=5\n  batchnorm momentum=0.3 eps=0.01\n  groupnorm 5\n end\n relu\n conv 5 3 dilation=2\n"
    " batchnorm\n relu\nend\nrepeat 2\n residual c0 shortcut=conv\n  conv 10 3x2 groups=5 dilation=1x2\n"
    "  batchnorm gamma=0\n end\n silu\nend\ndense 11\ngelu\ndense classes\n";

/* Batch norms whose sums meet in one reduction, of which one spans ranks where the other does not. */
const char own_groups_text[] =
    "conv 6 3x3\nbatchnorm group=3\nrelu\nresidual a\n conv 9 3x3 stride=2\n batchnorm group=6\nend\nrelu\n"
    "residual b shortcut=conv\n conv 9 1\n batchnorm group=sync\nend\nmaxpool 2\nconv 5 1\nbatchnorm group=rank:5\nrelu\nmaxpool 2\n"
    "batchnorm group=none\ndense 20\nbatchnorm\nrelu\ndense classes\n";

static const lks_shape shape = {HEIGHT, WIDTH, CHANNELS};

static struct {
  uint8_t pixels[DATA][HEIGHT * WIDTH * CHANNELS];
  int32_t label[DATA];
  uint32_t sample[DATA];
} data;

void make_data(void)
{
  for (uint32_t i = 0; i < DATA; i++) {
    lks_random_key key = lks_random_key_make(7, LKS_RANDOM_GENERATE, 0, 0, i);
    data.label[i] = (int32_t)lks_random_below(&key, 100000, CLASSES);
    data.sample[i] = 3 * i + 1;
    for (uint32_t p = 0; p < sizeof data.pixels[0]; p++)
      data.pixels[i][p] =
          (uint8_t)((lks_random_below(&key, p, 200) + (uint64_t)(8 * data.label[i]) * (p % 5)) % 256);
  }
}

static const double mean[CHANNELS] = {100, 99.5, 105.25}, scale[CHANNELS] = {0.02, 0.015, 0.018};
const lks_input_scaling input_scaling = {mean, scale};

lks_network_options options(const char *norm, int threads)
{
  lks_norm groups = {LKS_NORM_SIZE, 0}; /* which no network takes */
  lks_norm_parse(&groups, norm);
  return (lks_network_options){.batch_size = BATCH,
                               .microbatch = MICROBATCH,
                               .norm = groups,
                               .epsilon = 1e-5,
                               .momentum = 0.1,
                               .smoothing = 0.1,
                               .crop = 1,
                               .flip = true,
                               .seed = 5,
                               .threads = threads};
}

lks_status subject_create(subject *s, lks_comm *comm, const char *text, const lks_network_options *o)
{
  *s = (subject){0};
  lks_status status = comm ? LKS_OK : lks_comm_create_all(&s->self, MPI_COMM_SELF);
  if (!status)
    status = lks_model_parse(&s->model, text, "test", shape, CLASSES, o->norm.kind == LKS_NORM_NONE);
  if (!status) status = lks_network_create_all(&s->network, s->model, comm ? comm : s->self, o);
  return status;
}

void subject_destroy(subject *s)
{
  lks_network_destroy_all(&s->network);
  lks_model_destroy(&s->model);
  lks_comm_destroy_all(&s->self);
}

lks_batch samples(size_t first, size_t count, size_t total)
{
  return (lks_batch){.samples = count,
                     .total = total,
                     .pixels = data.pixels[first % DATA],
                     .label = data.label + first % DATA,
                     .sample = data.sample + first % DATA};
}

lks_status pass(subject *s, lks_pass_result *result, lks_pass kind, size_t first, size_t total, uint32_t step)
{
  size_t begin, count;
  lks_network_shard(s->network, total, &begin, &count);
  lks_batch batch = samples(first + begin, count, total);
  return lks_network_pass_all(s->network, result, kind, &batch, &input_scaling, step, false);
}

lks_status train(subject *s, lks_pass_result *result)
{
  static const size_t total[STEPS] = {BATCH, BATCH, 22};
  lks_status status = LKS_OK;
  for (uint32_t step = 0; step < STEPS && !status; step++) {
    status = pass(s, result, LKS_PASS_TRAIN, step * BATCH, total[step], step);
    lks_sgd_update(lks_network_parameters(s->network), NULL, lks_network_gradients(s->network), 0.1f, 0, 0,
                   false, true, lks_network_parameter_count(s->network));
    lks_network_parameters_changed(s->network);
  }
  return status;
}

lks_status allocations_in_steps(long *made, lks_comm *comm, const lks_network_options *o)
{
  subject s;
  lks_pass_result result;
  lks_status status = subject_create(&s, comm, residual_text, o);
  if (!status) status = train(&s, &result);
  *made = lks_allocations_made();
  if (!status) status = train(&s, &result);
  *made = lks_allocations_made() - *made;
  subject_destroy(&s);
  return status;
}

lks_status samples_alone(bool *same, const lks_network_options *o)
{
  subject s;
  lks_pass_result result;
  float together[BATCH][CLASSES];
  lks_status status = subject_create(&s, NULL, residual_text, o);
  if (!status) status = train(&s, &result);
  if (!status) status = pass(&s, &result, LKS_PASS_RUNNING, 0, BATCH, 0);
  if (!status) memcpy(together, lks_network_logits(s.network), sizeof together);
  *same = true;
  for (size_t i = 0; i < BATCH && !status; i++) {
    status = pass(&s, &result, LKS_PASS_RUNNING, i, 1, 0);
    *same = *same && !memcmp(together[i], lks_network_logits(s.network), sizeof together[i]);
  }
  subject_destroy(&s);
  return status;
}

bool same_bits(subject *a, subject *b)
{
  size_t parameters = lks_network_parameter_count(a->network),
         running = lks_network_running_count(a->network);
  return parameters == lks_network_parameter_count(b->network) &&
         !memcmp(lks_network_parameters(a->network), lks_network_parameters(b->network),
                 parameters * sizeof(float)) &&
         !memcmp(lks_network_gradients(a->network), lks_network_gradients(b->network),
                 parameters * sizeof(float)) &&
         !memcmp(lks_network_running(a->network), lks_network_running(b->network), running * sizeof(float));
}

double gradient_distance(subject *a, subject *b)
{
  double difference = 0, size = 0;
  for (size_t i = 0; i < lks_network_parameter_count(a->network); i++) {
    double g = lks_network_gradients(a->network)[i], h = lks_network_gradients(b->network)[i];
    difference += (g - h) * (g - h);
    size += g * g;
  }
  return sqrt(difference / size);
}
