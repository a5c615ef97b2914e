/* The library's batch norm beside the memory's bandwidth: GB/s of what a pass has to move through memory, once for each
 * time that it goes over an array, and its time as a multiple of a copy's of as many bytes, on all ranks at once.
 * usage: mpirun -np N build/bench/bench_batch_norm [SECONDS] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lockstep/batch_norm.h"
#include "lockstep/memory.h"
#include "lockstep/profile.h"

typedef struct bench {
  lks_comm *comm;
  lks_batch_norm *norm;
  size_t samples, pixels, channels, bytes; /* bytes of an array */
  bool residual;
  char *x, *y, *dy, *dx, *r;
  float *dgamma, *dbeta;
} bench;

static lks_status copy(bench *b)
{
  memcpy(b->y, b->x, b->bytes);
  return LKS_OK;
}

static lks_status forward(bench *b)
{
  return lks_batch_norm_forward_all(b->norm, b->y, b->x, b->residual ? b->r : NULL, NULL, NULL, b->samples,
                                    b->pixels);
}

static lks_status backward(bench *b)
{
  return lks_batch_norm_backward_all(b->norm, b->dx, NULL, b->dgamma, b->dbeta, b->dy, b->x, b->y);
}

static lks_status running(bench *b)
{
  return lks_batch_norm_forward_running(b->norm, b->y, b->x, b->residual ? b->r : NULL, NULL, NULL,
                                        b->samples, b->pixels);
}

/* One rank waits for nobody, so its processor's time counts, which other programs on the machine do not lengthen. */
static double now_seconds(const bench *b)
{
  struct timespec time;
  if (lks_comm_size(b->comm) > 1 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return lks_seconds();
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* The best of many: others who use the machine make none faster. The slowest rank counts. */
static double best_seconds(bench *b, lks_status (*work)(bench *), double seconds)
{
  double best = 1e9, now, begin = lks_seconds();
  int go = 1;
  for (int run = 0; go; run++) {
    MPI_Barrier(MPI_COMM_WORLD);
    now = now_seconds(b);
    if (work(b) != LKS_OK) {
      fprintf(stderr, "%s\n", lks_message());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    now = now_seconds(b) - now;
    MPI_Allreduce(MPI_IN_PLACE, &now, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (now < best) best = now;
    go = run < 3 || lks_seconds() - begin < seconds;
    MPI_Bcast(&go, 1, MPI_INT, 0, MPI_COMM_WORLD);
  }
  return best;
}

static void line(bench *b, const char *name, lks_status (*work)(bench *), double arrays, double copy_rate,
                 double seconds)
{
  const double took = best_seconds(b, work, seconds), rate = arrays * (double)b->bytes / took * 1e-9;
  if (lks_comm_rank(b->comm) == 0)
    printf("  %-34s %8.2f ms %7.1f GB/s   %.2f of a copy's time\n", name, took * 1e3, rate, copy_rate / rate);
}

static void fill(char *array, size_t bytes, lks_type type)
{
  for (size_t i = 0; i < bytes / (type == LKS_BF16 ? 2 : 4); i++) {
    const float value = (float)((i * 2654435761u >> 8) % 1000) * 0.002f - 1.0f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (type == LKS_BF16)
      ((uint16_t *)array)[i] = (uint16_t)(bits >> 16);
    else
      ((float *)array)[i] = value;
  }
}

static void shape(bench *b, const char *name, int type, size_t microbatch, bool fused, double seconds)
{
  lks_batch_norm_options o;
  lks_batch_norm_options_default(&o);
  o.type = type;
  o.microbatch = microbatch;
  o.relu = fused;
  b->residual = fused;
  b->bytes = b->samples * b->pixels * b->channels * (type == LKS_BF16 ? 2 : 4);
  char **arrays[] = {&b->x, &b->y, &b->dy, &b->dx, &b->r};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    *arrays[i] = aligned_alloc(64, (b->bytes + 63) / 64 * 64);
    if (!*arrays[i]) MPI_Abort(MPI_COMM_WORLD, 1);
    fill(*arrays[i], b->bytes, (lks_type)type);
  }
  b->dgamma = calloc(2 * b->channels, sizeof(float));
  b->dbeta = b->dgamma + b->channels;
  if (lks_batch_norm_create_all(&b->norm, b->comm, b->channels, &o) != LKS_OK) MPI_Abort(MPI_COMM_WORLD, 1);
  const double copied = best_seconds(b, copy, seconds), rate = 2 * (double)b->bytes / copied * 1e-9;
  if (lks_comm_rank(b->comm) == 0)
    printf("%s, microbatch %zu, %.0f MB an array; a copy: %.2f ms, %.1f GB/s\n", name, microbatch,
           (double)b->bytes * 1e-6, copied * 1e3, rate);
  line(b, fused ? "forward, add, relu: 4 arrays" : "forward: 3 arrays", forward, fused ? 4 : 3, rate,
       seconds);
  line(b, fused ? "backward, relu: 7 arrays" : "backward: 5 arrays", backward, fused ? 7 : 5, rate, seconds);
  line(b, fused ? "running, add, relu: 3 arrays" : "running statistics: 2 arrays", running, fused ? 3 : 2,
       rate, seconds);
  lks_batch_norm_destroy_all(&b->norm);
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(*arrays[i]);
  free(b->dgamma);
}

int main(int argc, char **argv)
{
  bench b = {0};
  const double seconds = argc > 1 ? atof(argv[1]) : 0.5;
  MPI_Init(&argc, &argv);
  if (lks_comm_create_all(&b.comm, MPI_COMM_WORLD) != LKS_OK) MPI_Abort(MPI_COMM_WORLD, 1);
  if (lks_comm_rank(b.comm) == 0)
    printf("%d ranks, each with all of this; one rank: its processor's time, best of some\n",
           lks_comm_size(b.comm));
  b.samples = 32, b.pixels = 56 * 56, b.channels = 64;
  shape(&b, "32x56x56x64 fp32", LKS_FP32, 1, false, seconds);
  shape(&b, "32x56x56x64 fp32", LKS_FP32, 1, true, seconds);
  shape(&b, "32x56x56x64 bf16", LKS_BF16, 1, false, seconds);
  b.samples = 8, b.pixels = 8 * 8, b.channels = 64;
  shape(&b, "8x8x8x64 fp32, in cache", LKS_FP32, 1, false, seconds);
  b.samples = 8192, b.pixels = 1, b.channels = 1024;
  shape(&b, "8192x1024 fp32", LKS_FP32, 64, false, seconds);
  shape(&b, "8192x1024 fp32", LKS_FP32, 8, false, seconds);
  shape(&b, "8192x1024 fp32", LKS_FP32, 1, false, seconds);
  lks_comm_destroy_all(&b.comm);
  MPI_Finalize();
  return lks_allocations_open() != 0;
}
