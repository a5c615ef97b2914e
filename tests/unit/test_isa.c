#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/isa.h"
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

static void test_best_agrees_with_the_kernel(void **state)
{
  (void)state;
  if (!linux_lists("sse2")) skip(); /* no such list here */
  static const char *const flags[] = {"avx2", "avx512dq", "avx512_vnni", "avx512_bf16", "amx_tile"};
  int level = LKS_ISA_BASELINE;
  while (level < LKS_ISA_AMX && linux_lists(flags[level])) ++level;
  assert_int_equal(lks_isa_best(), level);
}

static void test_best_is_used_unless_said_otherwise(void **state)
{
  (void)state;
  assert_int_equal(lks_isa_used(), lks_isa_best());
}

static void test_names(void **state)
{
  (void)state;
  assert_string_equal(lks_isa_name(LKS_ISA_BASELINE), "baseline");
  assert_string_equal(lks_isa_name(LKS_ISA_AMX), "amx");
  assert_string_equal(lks_isa_name((lks_isa)99), "unknown");
}

static void test_what_the_processor_lacks_is_refused(void **state)
{
  (void)state;
  assert_int_equal(lks_isa_set((lks_isa)(lks_isa_best() + 1)), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), lks_isa_name(lks_isa_best())));
  assert_int_equal(lks_isa_used(), lks_isa_best());
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
  lks_vector_use(LKS_ISA_AVX512_VNNI);
  assert_ptr_equal(lks_vector(), &lks_vector_kernels_avx512);
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
  assert_int_equal(lks_isa_set(LKS_ISA_BASELINE), LKS_OK);
  assert_int_equal(lks_isa_used(), LKS_ISA_BASELINE);
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_best_agrees_with_the_kernel),
      cmocka_unit_test(test_best_is_used_unless_said_otherwise),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_what_the_processor_lacks_is_refused),
      cmocka_unit_test(test_tables_follow_the_level),
      cmocka_unit_test(test_same_bits_notices_a_difference),
      cmocka_unit_test(test_setting_the_lowest_level),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
