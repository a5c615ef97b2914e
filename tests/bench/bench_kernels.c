/* GB/s of our own kernels for 8 images, at each instruction set and in each type, beside a copy within the
 * same cache: the ceiling. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/batch_norm.h"
#include "kernels/elementwise.h"
#include "kernels/isa.h"
#include "kernels/optimizer.h"
#include "kernels/vector/table.h"
#include "lockstep/profile.h"

enum { MAX_ELEMENTS = 8 * 32 * 32 * 16, MAX_CHANNELS = 64 };

typedef struct bench {
  lks_type type;
  size_t rows, width, channels, count;
  float *a, *b, *c, *d, *coefficient;
  double *sum, *square_sum;
  lks_batch_norm_form form;
} bench;

static void copy(bench *k)
{
  memcpy(k->a, k->b, k->count * lks_type_bytes(k->type));
}
static void sums(bench *k)
{
  lks_batch_norm_sums(k->sum, k->square_sum, k->b, k->rows, k->channels, k->type);
}
static void forward(bench *k)
{
  lks_batch_norm_forward(k->a, k->b, NULL, &k->form, true, k->rows, k->channels, k->type);
}
static void forward_residual(bench *k)
{
  lks_batch_norm_forward(k->a, k->b, k->c, &k->form, true, k->rows, k->channels, k->type);
}
static void backward_sums(bench *k)
{
  lks_batch_norm_backward_sums(k->sum, k->square_sum, k->a, k->a, NULL, k->c, k->b, &k->form, k->rows,
                               k->channels, k->type);
}
static void backward_sums_two(bench *k)
{
  lks_batch_norm_backward_sums(k->sum, k->square_sum, k->a, k->b, k->d, k->c, k->b, &k->form, k->rows,
                               k->channels, k->type);
}
static void backward(bench *k)
{
  lks_batch_norm_backward(k->a, k->a, k->b, &k->form, k->sum, k->sum, k->coefficient, k->rows, k->channels,
                          k->type);
}
/* windows of 2x2; the images are one above the other */
static lks_pool_grid grid_of(const bench *k)
{
  return (lks_pool_grid){k->rows / k->width, k->width, 2, 2};
}
static void pool_forward(bench *k)
{
  const lks_pool_grid grid = grid_of(k);
  lks_batch_norm_pool_forward(k->a, k->d, (uint8_t *)k->c, k->b, &k->form, true, &grid, 1, k->channels,
                              k->type);
}
static void pool_backward(bench *k)
{
  const lks_pool_grid grid = grid_of(k);
  lks_batch_norm_pool_backward(k->a, k->d, (const uint8_t *)k->c, k->b, &k->form, k->sum, k->sum,
                               k->coefficient, &grid, 1, k->channels, k->type);
}
static void relu(bench *k)
{
  lks_relu_forward(k->a, k->b, k->count, k->type);
}
static void relu_backward(bench *k)
{
  lks_relu_backward(k->a, k->b, k->c, k->count, k->type);
}
static void add(bench *k)
{
  lks_add_forward(k->a, k->b, k->c, k->count, k->type);
}
static void sigmoid(bench *k)
{
  lks_sigmoid_forward(k->a, k->b, k->count, k->type);
}
static void gelu(bench *k)
{
  lks_gelu_forward(k->a, k->b, k->count, k->type);
}
static void gelu_backward(bench *k)
{
  lks_gelu_backward(k->a, k->b, k->c, k->count, k->type);
}
static void silu(bench *k)
{
  lks_silu_forward(k->a, k->b, k->count, k->type);
}
static void silu_backward(bench *k)
{
  lks_silu_backward(k->a, k->b, k->c, k->count, k->type);
}
static void hyperbolic_tangent(bench *k)
{
  lks_tanh_forward(k->a, k->b, k->count, k->type);
}
static void tanh_backward(bench *k)
{
  lks_tanh_backward(k->a, k->b, k->c, k->count, k->type);
}
static void dropout(bench *k)
{
  const lks_random_key key = lks_random_key_make(1, LKS_RANDOM_DROPOUT, 0, 1, 1);
  lks_dropout(k->a, k->b, 0.25, &key, k->count, k->type);
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
  static const double mean[4] = {120, 110, 100, 90}, scale[4] = {0.015, 0.016, 0.017, 0.018};
  for (size_t i = 0; i < k->count; i += 32 * 32 * 4)
    lks_input_image((char *)k->a + i * lks_type_bytes(k->type), (const uint8_t *)k->b + i, mean, scale, 2, -3,
                    (i >> 12) & 1, 32, 32, 4, k->type);
}

static const struct kernel {
  const char *name;
  void (*run)(bench *);
  double typed, bytes; /* read and written for an element: values of the type, and bytes besides */
} kernels[] = {
    {"copy", copy, 2, 0},
    {"batch norm sums", sums, 1, 0},
    {"batch norm forward, relu", forward, 2, 0},
    {"... with residual", forward_residual, 3, 0},
    {"batch norm backward sums, relu", backward_sums, 4, 0},
    {"... of two gradients", backward_sums_two, 5, 0},
    {"batch norm backward", backward, 3, 0},
    {"batch norm forward, relu, pool", pool_forward, 1.5, 0.25},
    {"batch norm backward, pool", pool_backward, 2.25, 0.25},
    {"relu", relu, 2, 0},
    {"relu backward", relu_backward, 3, 0},
    {"add", add, 3, 0},
    {"sigmoid", sigmoid, 2, 0},
    {"gelu", gelu, 2, 0},
    {"gelu backward", gelu_backward, 3, 0},
    {"silu", silu, 2, 0},
    {"silu backward", silu_backward, 3, 0},
    {"tanh", hyperbolic_tangent, 2, 0},
    {"tanh backward", tanh_backward, 3, 0},
    {"dropout", dropout, 2, 0},
    {"sgd", sgd, 0, 20},
    {"adam", adam, 0, 28},
    {"input image", input, 1, 1},
};

/* GB/s, the best of some runs of about 2 ms */
static double measure(const struct kernel *kernel, bench *k)
{
  const double bytes = kernel->typed * (double)lks_type_bytes(k->type) + kernel->bytes;
  const lks_type type = kernel->typed > 0 ? k->type : LKS_FP32;
  float *const arrays[] = {k->a, k->b, k->c, k->d};
  double best = 0;
  for (int run = 0; run < 8; run++) {
    /* the gradients in place would grow or die out otherwise */
    for (size_t i = 0; i < k->count; i++)
      for (size_t at = 0; at < sizeof arrays / sizeof *arrays; at++)
        lks_type_store(arrays[at], i, (float)((i * 2654435761u >> 8) % 1000) * 0.002f - 1.0f, type);
    double begin = lks_seconds(), end = begin;
    size_t calls = 0;
    kernel->run(k);
    for (begin = lks_seconds(); end - begin < 2e-3; calls++, end = lks_seconds()) kernel->run(k);
    const double speed = (double)(calls * k->count) * bytes / (end - begin) * 1e-9;
    best = speed > best ? speed : best;
  }
  return best;
}

static lks_status bench_create(lks_arena **arena, bench *k)
{
  *k = (bench){0};
  const lks_status status = lks_arena_create(arena);
  if (status) return status;
  float **const big[] = {&k->a, &k->b, &k->c, &k->d};
  float **const small[] = {&k->form.mean, &k->form.scale, &k->form.shift, &k->form.rstd, &k->form.offset};
  for (size_t i = 0; i < sizeof big / sizeof *big; i++)
    lks_arena_reserve(*arena, big[i], MAX_ELEMENTS, sizeof(float));
  for (size_t i = 0; i < sizeof small / sizeof *small; i++)
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
    size_t width, channels;
  } shapes[] = {{"32x32x16", 32, 16}, {"16x16x32", 16, 32}, {"8x8x64", 8, 64}};
  enum { SHAPES = sizeof shapes / sizeof *shapes };
  printf("%-32s", "GB/s");
  for (size_t s = 0; s < SHAPES; s++) printf("%12s", shapes[s].name);
  printf("\n");
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    if (k->type != LKS_FP32 && kernels[i].typed == 0) continue;
    printf("%-32s", kernels[i].name);
    for (size_t s = 0; s < SHAPES; s++) {
      k->width = shapes[s].width;
      k->rows = 8 * k->width * k->width;
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
  for (int isa = LKS_ISA_BASELINE; isa <= (int)lks_isa_best(); isa++) {
    if (isa == LKS_ISA_AMX) continue; /* nothing here makes use of it */
    lks_vector_use((lks_isa)isa);
    for (int type = LKS_FP32; type <= LKS_BF16; type++) {
      k.type = (lks_type)type;
      printf("\n%s, %s\n", lks_isa_name((lks_isa)isa), lks_type_name(k.type));
      table(&k);
    }
  }
  lks_arena_destroy(&arena);
  return 0;
}
