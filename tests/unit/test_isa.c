#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/isa.h"
#include "kernels/isa_bound.h"
#include "kernels/vector/table.h"
#include "support/kernel_test.h"

/* What Linux lists for the processor, the last word of a level that needs several. */
static bool linux_lists(const char *flag)
{
  static char line[1 << 14];
  char word[64];
  bool found = false;
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (!file) return false;
  snprintf(word, sizeof word, " %s ", flag);
  while (!found && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = ' ';
    found = strncmp(line, "flags", 5) == 0 && strstr(line, word);
  }
  fclose(file);
  return found;
}

enum { VARIABLES = 2 };
static const char *const variables[VARIABLES] = {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"};

/* The environment's bounds: what they were, and new ones; NULL is none. */
static void take_bounds(char *kept[VARIABLES])
{
  for (int v = 0; v < VARIABLES; v++) {
    kept[v] = getenv(variables[v]) ? strdup(getenv(variables[v])) : NULL;
    unsetenv(variables[v]);
  }
}

static void put_bounds(char *kept[VARIABLES])
{
  for (int v = 0; v < VARIABLES; v++) {
    unsetenv(variables[v]);
    if (kept[v]) setenv(variables[v], kept[v], 1);
    free(kept[v]);
  }
}

static lks_isa best_with(const char *first, const char *second)
{
  const char *const word[VARIABLES] = {first, second};
  for (int v = 0; v < VARIABLES; v++) {
    unsetenv(variables[v]);
    if (word[v]) setenv(variables[v], word[v], 1);
  }
  return lks_isa_best();
}

static void test_best_agrees_with_the_kernel(void **state)
{
  (void)state;
#if !defined(__x86_64__)
  skip(); /* where an emulator may also show its host's list */
#endif
  if (!linux_lists("sse2")) skip(); /* no such list here */
  static const char *const flags[] = {"avx2", "avx512dq", "avx512_bf16", "amx_tile"};
  char *kept[VARIABLES];
  int level = LKS_ISA_BASELINE;
  while (level < LKS_ISA_AMX && linux_lists(flags[level])) level++;
  take_bounds(kept);
  const lks_isa best = lks_isa_best();
  put_bounds(kept);
  assert_int_equal(best, level);
}

/* Each word of oneDNN's, as its manual orders them. */
static void test_the_environment_bounds_the_best(void **state)
{
  (void)state;
  static const struct {
    const char *word;
    lks_isa isa;
  } cases[] = {{"SSE41", LKS_ISA_BASELINE},
               {"AVX", LKS_ISA_BASELINE},
               {"avx2", LKS_ISA_AVX2},
               {"AVX2_VNNI", LKS_ISA_AVX2},
               {"AVX512_CORE", LKS_ISA_AVX512},
               {"Avx512_Core_VNNI", LKS_ISA_AVX512},
               {"AVX512_CORE_BF16", LKS_ISA_AVX512_BF16},
               {"AVX512_CORE_FP16", LKS_ISA_AVX512_BF16},
               {"AVX512_CORE_AMX", LKS_ISA_AMX},
               {"ALL", LKS_ISA_AMX},
               {"DEFAULT", LKS_ISA_AMX},
               {"", LKS_ISA_AMX},
               {"AVX3", LKS_ISA_AMX}};
  char *kept[VARIABLES];
  take_bounds(kept);
  const lks_isa here = best_with(NULL, NULL), over = best_with("", "SSE41");
  bool ok = over == LKS_ISA_BASELINE;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const lks_isa want = cases[i].isa < here ? cases[i].isa : here;
    const bool same = best_with(cases[i].word, NULL) == want && best_with(NULL, cases[i].word) == want;
    if (!same) print_error("%s: not %s\n", cases[i].word, lks_isa_name(want));
    ok = ok && same;
  }
  const lks_isa first = best_with("AVX2", "SSE41"), unknown = best_with("AVX3", "SSE41");
  const lks_isa_bound bound = lks_isa_bound_read();
  put_bounds(kept);
  assert_true(ok);
  assert_int_equal(first, here < LKS_ISA_AVX2 ? here : LKS_ISA_AVX2);
  assert_int_equal(unknown, here);
  assert_false(bound.known);
  assert_string_equal(bound.variable, "ONEDNN_MAX_CPU_ISA");
}

static void test_best_is_used_unless_said_otherwise(void **state)
{
  (void)state;
  assert_int_equal(lks_isa_used(), lks_isa_best());
}

static void test_names(void **state)
{
  (void)state;
  static const char *const names[] = {"avx2", "avx512", "avx512_bf16", "amx"};
  lks_isa isa;
  for (int i = 0; i < 4; i++) {
    assert_string_equal(lks_isa_name((lks_isa)(LKS_ISA_AVX2 + i)), names[i]);
    assert_true(lks_isa_find(&isa, names[i]));
    assert_int_equal(isa, LKS_ISA_AVX2 + i);
  }
#if defined(__x86_64__)
  assert_string_equal(lks_isa_name(LKS_ISA_BASELINE), "sse41");
#elif defined(__aarch64__)
  assert_string_equal(lks_isa_name(LKS_ISA_BASELINE), "neon");
#endif
  assert_string_equal(lks_isa_name((lks_isa)99), "unknown");
  assert_false(lks_isa_find(&isa, "auto") || lks_isa_find(&isa, "avx") || lks_isa_find(&isa, ""));
}

static void test_what_the_processor_lacks_is_refused(void **state)
{
  (void)state;
  const lks_isa above = (lks_isa)(lks_isa_best() + 1);
  assert_false(lks_isa_settable(above));
  assert_int_equal(lks_isa_set(above), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), lks_isa_name(lks_isa_best())));
  assert_int_equal(lks_isa_used(), lks_isa_best());
  assert_int_equal(lks_isa_offered(), lks_isa_best());
}

static void test_tables_follow_the_level(void **state)
{
  (void)state;
  lks_vector_use(LKS_ISA_BASELINE);
  assert_ptr_equal(lks_vector(), &lks_vector_kernels_baseline);
#if defined(__x86_64__)
  lks_vector_use(LKS_ISA_AVX2);
  assert_ptr_equal(lks_vector(), &lks_vector_kernels_avx2);
  lks_vector_use(LKS_ISA_AVX512);
  assert_ptr_equal(lks_vector(), &lks_vector_kernels_avx512);
  lks_vector_use(LKS_ISA_AVX512_BF16);
  assert_ptr_equal(lks_vector(), &lks_vector_kernels_avx512_bf16);
  lks_vector_use(LKS_ISA_AMX);
  assert_ptr_equal(lks_vector(), &lks_vector_kernels_avx512_bf16);
#endif
  lks_vector_use(lks_isa_best());
}

static void write_level(void *out, void *context)
{
  (void)context;
  *(int *)out = lks_isa_used();
}

/* The check that all kernel tests rest on must be able to fail. */
static void test_same_bits_notices_a_difference(void **state)
{
  (void)state;
  if (lks_isa_best() == LKS_ISA_BASELINE) skip();
  assert_false(kernel_test_same_bits(write_level, NULL, sizeof(int)));
  assert_int_equal(lks_isa_used(), lks_isa_best());
}

/* Last: oneDNN takes it once. */
static void test_setting_the_lowest_level(void **state)
{
  (void)state;
  assert_true(lks_isa_settable(lks_isa_best()));
  assert_int_equal(lks_isa_set(LKS_ISA_BASELINE), LKS_OK);
  assert_int_equal(lks_isa_used(), LKS_ISA_BASELINE);
  lks_vector_use(lks_isa_best()); /* is no setting */
  assert_int_equal(lks_isa_offered(), LKS_ISA_BASELINE);
  assert_int_equal(lks_isa_set(LKS_ISA_BASELINE), LKS_OK);
  assert_int_equal(lks_isa_used(), LKS_ISA_BASELINE);
  if (lks_isa_best() > LKS_ISA_BASELINE) {
    assert_false(lks_isa_settable(lks_isa_best()));
    assert_int_equal(lks_isa_set(lks_isa_best()), LKS_ERR_USAGE);
    assert_non_null(strstr(lks_message(), "takes one a process"));
  }
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_best_agrees_with_the_kernel),
      cmocka_unit_test(test_the_environment_bounds_the_best),
      cmocka_unit_test(test_best_is_used_unless_said_otherwise),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_what_the_processor_lacks_is_refused),
      cmocka_unit_test(test_tables_follow_the_level),
      cmocka_unit_test(test_same_bits_notices_a_difference),
      cmocka_unit_test(test_setting_the_lowest_level),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
