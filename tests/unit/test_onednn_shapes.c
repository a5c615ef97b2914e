/* Layers of many shapes against naive twins, with guards around every array, at every instruction set that
 * this processor has: each shape in a child of its own once anything is wrong with the children of many.
 *
 *   test_unit_onednn_shapes                    a few hundred shapes, those known as bad among them
 *   test_unit_onednn_shapes --whole            thousands; every pair of parameters meets
 *   test_unit_onednn_shapes --soak S [SEED]    other shapes for S seconds
 *   test_unit_onednn_shapes --trust ...        refuses nothing, and so prints what oneDNN alone gets wrong
 *
 * ONEDNN_MAX_CPU_ISA keeps it from the levels above. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/isa.h"
#include "kernels/onednn_refused.h"
#include "support/shape_sample.h"

static const struct {
  const char *name; /* as oneDNN's environment has it */
  lks_isa needs;    /* AVX is not one of Lockstep's levels, but in oneDNN's way up to AVX2 */
} levels[] = {
#if defined(__aarch64__)
    {"ADVANCED_SIMD", LKS_ISA_BASELINE}};
#else
    {"SSE41", LKS_ISA_BASELINE},
    {"AVX", LKS_ISA_AVX2},
    {"AVX2", LKS_ISA_AVX2},
    {"AVX512_CORE", LKS_ISA_AVX512},
    {"AVX512_CORE_BF16", LKS_ISA_AVX512_BF16},
    {"AVX512_CORE_AMX", LKS_ISA_AMX}};
#endif
enum { LEVELS = sizeof levels / sizeof levels[0], GROUP = 32, CHILD_SECONDS = 300 };

static bool trusting;
static unsigned seed = 1;
static size_t tried, wrong;

/* How often each primitive ran, and was wrong. */
static struct count {
  int level, pass;
  char implementation[40];
  size_t tried, wrong;
} counts[256];
static size_t counted;

static struct count *count_of(int level, int pass, const char *implementation)
{
  size_t i = 0;
  while (i < counted && (counts[i].level != level || counts[i].pass != pass ||
                         strcmp(counts[i].implementation, implementation) != 0))
    i++;
  if (i == sizeof counts / sizeof *counts) return &counts[i - 1];
  if (i < counted) return &counts[i];
  counts[counted] = (struct count){.level = level, .pass = pass};
  snprintf(counts[counted].implementation, sizeof counts[counted].implementation, "%s", implementation);
  return &counts[counted++];
}

static const char *const passes[] = {"y", "dx", "dw"};

static void count_result(const shape_result *r, int level)
{
  bool bad = false;
  tried++;
  for (int pass = 0; pass < SHAPE_PASSES; pass++) {
    if (!r->implementation[pass][0]) continue;
    struct count *c = count_of(level, pass, r->implementation[pass]);
    c->tried++;
    c->wrong += r->faults[pass] != 0;
    bad = bad || r->faults[pass] != 0;
  }
  wrong += bad;
}

static int by_level(const void *a, const void *b)
{
  const struct count *x = a, *y = b;
  if (x->level != y->level) return x->level - y->level;
  if (x->pass != y->pass) return x->pass - y->pass;
  return strcmp(x->implementation, y->implementation);
}

static void print_counts(void)
{
  qsort(counts, counted, sizeof *counts, by_level);
  printf(
      "| oneDNN | instruction set | pass | implementation | shapes | wrong |\n|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < counted; i++)
    printf("| %s | %s | %s | %s | %zu | %zu |\n", lks_onednn_version(), levels[counts[i].level].name,
           passes[counts[i].pass], counts[i].implementation, counts[i].tried, counts[i].wrong);
}

/* Of Lockstep's: bf16 wants a processor that multiplies it. */
static bool applies(const shape *s, int level)
{
  return s->type == LKS_FP32 || levels[level].needs >= LKS_ISA_AVX512_BF16;
}

static int highest_level(void)
{
  const char *most = getenv("ONEDNN_MAX_CPU_ISA");
  int highest = 0;
  for (int i = 0; i < LEVELS; i++) {
    if (levels[i].needs <= lks_isa_best()) highest = i;
    if (most && strcmp(most, levels[i].name) == 0) break;
  }
  return highest;
}

static void work(shape_result *results, const shape *shapes, const shape_twin *twins, size_t count, int level)
{
  alarm(CHILD_SECONDS);
  setenv("ONEDNN_MAX_CPU_ISA", levels[level].name, 1);
  lks_onednn_trust(trusting);
  for (size_t i = 0; i < count; i++)
    if (applies(&shapes[i], level)) shape_try(&results[i], &shapes[i], &twins[i]);
  exit(0);
}

static pid_t start_child(shape_result *results, const shape *shapes, const shape_twin *twins, size_t count,
                         int level)
{
  memset(results, 0, count * sizeof *results);
  fflush(NULL);
  const pid_t child = fork();
  if (child == 0) work(results, shapes, twins, count, level);
  return child;
}

/* False if the child ended otherwise than by itself. */
static bool end_child(pid_t child)
{
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool faultless(const shape_result *r)
{
  return !r->faults[SHAPE_Y] && !r->faults[SHAPE_DX] && !r->faults[SHAPE_DW];
}

static void tell(const shape *s, const shape_result *r, int level)
{
  char text[200], faults[100];
  shape_print(text, sizeof text, s);
  for (int pass = 0; pass < SHAPE_PASSES; pass++)
    if (r->faults[pass]) {
      shape_print_faults(faults, sizeof faults, r->faults[pass]);
      printf("wrong: %-16s %-2s %-24s %s: %s\n", levels[level].name, passes[pass], r->implementation[pass],
             text, faults);
    }
}

/* A shape of a group with which something went wrong. */
static void try_alone(shape_result *r, const shape *s, const shape_twin *twin, int level)
{
  if (!end_child(start_child(r, s, twin, 1, level))) r->faults[r->pass < 0 ? 0 : r->pass] |= SHAPE_CRASHED;
  if (!faultless(r)) tell(s, r, level);
}

/* What a child of many shapes found at a level; if that is anything, each of them again by itself. */
static void judge_group(shape_result *results, const shape *shapes, const shape_twin *twins, size_t count,
                        int level, bool ended_well)
{
  bool good = ended_well;
  for (size_t i = 0; i < count; i++)
    if (applies(&shapes[i], level)) good = good && results[i].done && faultless(&results[i]);
  for (size_t i = 0; i < count; i++) {
    if (!applies(&shapes[i], level)) continue;
    if (!good) try_alone(&results[i], &shapes[i], &twins[i], level);
    count_result(&results[i], level);
  }
}

static void try_group(shape_result results[][GROUP], const shape *shapes, size_t count)
{
  static shape_twin twins[GROUP];
  const int highest = highest_level();
  pid_t child[LEVELS];
  for (size_t i = 0; i < count; i++)
    if (!shape_twin_make(&twins[i], &shapes[i], seed)) exit(2);
  for (int level = 0; level <= highest; level++)
    child[level] = start_child(results[level], shapes, twins, count, level);
  for (int level = 0; level <= highest; level++)
    judge_group(results[level], shapes, twins, count, level, end_child(child[level]));
  for (size_t i = 0; i < count; i++) shape_twin_free(&twins[i]);
}

static void try_list(shape_result results[][GROUP], const shape_list *list)
{
  for (size_t i = 0; i < list->count; i += GROUP)
    try_group(results, list->shape + i, list->count - i < GROUP ? list->count - i : GROUP);
}

static bool add_whole(shape_list *list)
{
  for (size_t stride = 1; stride <= 2; stride++) {
    shape_add_grid(list, 1, stride);
    shape_add_grid(list, 3, stride);
  }
  shape_add_strided(list);
  shape_add_narrow(list);
  shape_add_rows(list);
  shape_add_gaps(list);
  shape_add_tens(list);
  shape_add_groups(list);
  shape_add_dilated(list);
  shape_add_sample(list, 6000, seed);
  const size_t missed = shape_add_missing_pairs(list, seed);
  if (missed) printf("%zu pairs of parameters never meet in a convolution\n", missed);
  return missed == 0;
}

static void add_quick(shape_list *list)
{
  shape_add_known_bad(list);
  shape_add_rows(list);
  shape_add_gaps(list);
  shape_add_tens(list);
  shape_add_sample(list, 250, seed);
}

static void soak(shape_result results[][GROUP], double seconds)
{
  const time_t end = time(NULL) + (time_t)seconds;
  for (shape_list list = {0}; time(NULL) < end; seed++) {
    shape_add_sample(&list, 10 * GROUP, seed);
    try_list(results, &list);
    shape_list_free(&list);
  }
  printf("the next seed would be %u\n", seed);
}

static int usage(void)
{
  fputs("test_unit_onednn_shapes [--trust] [--whole [SEED] | --soak SECONDS [SEED]]\n", stderr);
  return 2;
}

int main(int argc, char **argv)
{
  shape_list list = {0};
  shape_result(*results)[GROUP] =
      mmap(NULL, LEVELS * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (results == MAP_FAILED) return 2;
  int at = 1;
  bool complete = true;
  if (at < argc && strcmp(argv[at], "--trust") == 0) trusting = true, at++;
  const char *mode = at < argc ? argv[at++] : "";
  const char *seconds = strcmp(mode, "--soak") == 0 && at < argc ? argv[at++] : NULL;
  if (at < argc) seed = (unsigned)strtoul(argv[at], NULL, 10);
  if (seconds)
    soak(results, strtod(seconds, NULL));
  else if (strcmp(mode, "--whole") == 0)
    complete = add_whole(&list);
  else if (*mode == 0)
    add_quick(&list);
  else
    return usage();
  try_list(results, &list);
  if (trusting || *mode) print_counts();
  printf("oneDNN %s: %zu shapes at levels up to %s, %zu wrong\n", lks_onednn_version(), tried,
         levels[highest_level()].name, wrong);
  shape_list_free(&list);
  return complete && wrong == 0 && tried > 0 ? 0 : 1;
}
