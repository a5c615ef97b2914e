/* Alone in its program, because oneDNN takes an instruction set but once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "kernels/onednn.h"

static void test_isa_is_set_once(void **state)
{
  (void)state;
  assert_int_equal(lks_onednn_isa_set(LKS_ISA_BASELINE), LKS_OK);
  assert_int_equal(lks_onednn_isa_set(LKS_ISA_BASELINE), LKS_OK);
#if defined(__x86_64__)
  const char *lowest = "SSE4.1", *highest = "AMX";
#else
  const char *lowest = "Advanced SIMD", *highest = "only x86 has";
#endif
  assert_string_equal(lks_onednn_isa(), lowest);
  for (lks_isa other = LKS_ISA_AVX2; other <= LKS_ISA_AMX; other++)
    assert_int_equal(lks_onednn_isa_set(other), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), highest));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_isa_is_set_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
