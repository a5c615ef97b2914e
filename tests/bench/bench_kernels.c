/* GB/s of our own kernels for 8 images, at each instruction set, beside a copy within the same cache: the
 * ceiling. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/profile.h"
#include "kernels/batch_norm.h"
#include "kernels/elementwise.h"
#include "kernels/isa.h"
#include "kernels/optimizer.h"
#include "kernels/vector/table.h"

enum { MAX_ELEMENTS = 8 * 32 * 32 * 16, MAX_CHANNELS = 64 };

typedef struct bench {
  size_t rows, channels, count;
  float *a, *b, *c, *d, *coefficient;
  double *sum, *square_sum;
  lks_batch_norm_form form;
} bench;

static void copy(bench *k)
{
  memcpy(k->a, k->b, k->count * sizeof(float));
}
static void sums(bench *k)
{
  lks_batch_norm_sums(k->sum, k->square_sum, k->b, k->rows, k->channels);
}
static void forward(bench *k)
{
  lks_batch_norm_forward(k->a, k->b, NULL, &k->form, true, k->rows, k->channels);
}
static void forward_residual(bench *k)
{
  lks_batch_norm_forward(k->a, k->b, k->c, &k->form, true, k->rows, k->channels);
}
static void backward_sums(bench *k)
{
  lks_batch_norm_backward_sums(k->sum, k->square_sum, k->a, k->a, NULL, k->c, k->b, &k->form, k->rows,
                               k->channels);
}
static void backward_sums_two(bench *k)
{
  lks_batch_norm_backward_sums(k->sum, k->square_sum, k->a, k->b, k->d, k->c, k->b, &k->form, k->rows,
                               k->channels);
}
static void backward(bench *k)
{
  lks_batch_norm_backward(k->a, k->a, k->b, &k->form, k->sum, k->sum, k->coefficient, k->rows, k->channels);
}
static void relu(bench *k)
{
  lks_relu_forward(k->a, k->b, k->count);
}
static void relu_backward(bench *k)
{
  lks_relu_backward(k->a, k->b, k->c, k->count);
}
static void add(bench *k)
{
  lks_add_forward(k->a, k->b, k->c, k->count);
}
static void sigmoid(bench *k)
{
  lks_sigmoid_forward(k->a, k->b, k->count);
}
static void dropout(bench *k)
{
  const lks_random_key key = lks_random_key_make(1, LKS_RANDOM_DROPOUT, 0, 1, 1);
  lks_dropout(k->a, k->b, 0.25, &key, k->count);
}
static void sgd(bench *k)
{
  lks_sgd_update(k->a, k->b, k->c, 1e-3f, 0.9f, 1e-4f, false, false, k->count);
}
static void adam(bench *k)
{
  lks_adam_update(k->a, k->b, k->d, k->c, 1e-3f, 0.9f, 0.999f, 1e-8f, 0, false, 0.1, 0.001, k->count);
}
static void input(bench *k)
{
  for (size_t i = 0; i < k->count; i += 32 * 32 * 4)
    lks_input_image(k->a + i, (const uint8_t *)k->b + i, k->form.scale, k->form.shift, 2, -3, (i >> 12) & 1,
                    32, 32, 4);
}

static const struct kernel {
  const char *name;
  void (*run)(bench *);
  int bytes; /* read and written for an element */
} kernels[] = {
    {"copy", copy, 8},
    {"batch norm sums", sums, 4},
    {"batch norm forward, relu", forward, 8},
    {"... with residual", forward_residual, 12},
    {"batch norm backward sums, relu", backward_sums, 16},
    {"... of two gradients", backward_sums_two, 20},
    {"batch norm backward", backward, 12},
    {"relu", relu, 8},
    {"relu backward", relu_backward, 12},
    {"add", add, 12},
    {"sigmoid", sigmoid, 8},
    {"dropout", dropout, 8},
    {"sgd", sgd, 20},
    {"adam", adam, 28},
    {"input image", input, 5},
};

/* GB/s, the best of some runs of about 2 ms */
static double measure(const struct kernel *kernel, bench *k)
{
  double best = 0;
  for (int run = 0; run < 8; ++run) {
    /* the gradients in place would grow or die out otherwise */
    for (size_t i = 0; i < k->count; ++i)
      k->a[i] = k->b[i] = k->c[i] = k->d[i] = (float)((i * 2654435761u >> 8) % 1000) * 0.002f - 1.0f;
    double begin = lks_seconds(), end = begin;
    size_t calls = 0;
    kernel->run(k);
    for (begin = lks_seconds(); end - begin < 2e-3; ++calls, end = lks_seconds()) kernel->run(k);
    const double speed = (double)(calls * k->count) * kernel->bytes / (end - begin) * 1e-9;
    best = speed > best ? speed : best;
  }
  return best;
}

static lks_status bench_create(lks_arena **arena, bench *k)
{
  *k = (bench){0};
  const lks_status status = lks_arena_create(arena);
  if (status != LKS_OK) return status;
  float **const big[] = {&k->a, &k->b, &k->c, &k->d};
  float **const small[] = {&k->form.mean, &k->form.scale, &k->form.shift, &k->form.rstd, &k->form.offset};
  for (size_t i = 0; i < sizeof big / sizeof *big; ++i)
    lks_arena_reserve(*arena, big[i], MAX_ELEMENTS, sizeof(float));
  for (size_t i = 0; i < sizeof small / sizeof *small; ++i)
    lks_arena_reserve(*arena, small[i], MAX_CHANNELS, sizeof(float));
  lks_arena_reserve(*arena, &k->coefficient, 2 * MAX_CHANNELS, sizeof(float));
  lks_arena_reserve(*arena, &k->sum, MAX_CHANNELS, sizeof(double));
  lks_arena_reserve(*arena, &k->square_sum, MAX_CHANNELS, sizeof(double));
  return lks_arena_commit(*arena);
}

static void table(bench *k)
{
  static const struct {
    const char *name;
    size_t rows, channels;
  } shapes[] = {{"32x32x16", 8 * 32 * 32, 16}, {"16x16x32", 8 * 16 * 16, 32}, {"8x8x64", 8 * 8 * 8, 64}};
  enum { SHAPES = sizeof shapes / sizeof *shapes };
  printf("%-32s", "GB/s");
  for (size_t s = 0; s < SHAPES; ++s) printf("%12s", shapes[s].name);
  printf("\n");
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i) {
    printf("%-32s", kernels[i].name);
    for (size_t s = 0; s < SHAPES; ++s) {
      k->rows = shapes[s].rows;
      k->channels = shapes[s].channels;
      k->count = k->rows * k->channels;
      printf("%12.1f", measure(&kernels[i], k));
    }
    printf("\n");
  }
}

int main(void)
{
  lks_arena *arena = NULL;
  bench k;
  if (bench_create(&arena, &k) != LKS_OK) {
    fprintf(stderr, "bench_kernels: %s\n", lks_message());
    lks_arena_destroy(&arena);
    return LKS_ERR_RANK;
  }
  const double mean[MAX_CHANNELS] = {0}, variance[MAX_CHANNELS] = {0};
  lks_batch_norm_form_set(&k.form, mean, variance, NULL, NULL, 1.0, MAX_CHANNELS);
  lks_isa last = lks_isa_best() < LKS_ISA_AVX512 ? lks_isa_best() : LKS_ISA_AVX512;
  for (int isa = LKS_ISA_BASELINE; isa <= (int)last; ++isa) {
    lks_vector_use((lks_isa)isa);
    printf("\n%s\n", lks_isa_name((lks_isa)isa));
    table(&k);
  }
  lks_arena_destroy(&arena);
  return 0;
}
