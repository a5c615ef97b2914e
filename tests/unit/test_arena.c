#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"

/* The sanitizer would end the program where malloc gives NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "allocator_may_return_null=1";
}

static void test_blocks_are_aligned_zeroed_and_apart(void **state)
{
  (void)state;
  enum { BLOCKS = 100 }; /* more than the list of reservations holds at first */
  lks_arena *arena;
  unsigned char *block[BLOCKS];
  assert_int_equal(lks_arena_create(&arena), LKS_OK);
  for (size_t i = 0; i < BLOCKS; i++) lks_arena_reserve(arena, &block[i], i, 3);
  assert_int_equal(lks_arena_bytes(arena), 0);
  assert_int_equal(lks_arena_commit(arena), LKS_OK);
  for (size_t i = 0; i < BLOCKS; i++) {
    assert_non_null(block[i]);
    assert_int_equal((uintptr_t)block[i] % 64, 0);
    for (size_t k = 0; k < 3 * i; k++) assert_int_equal(block[i][k], 0);
    memset(block[i], (int)i, 3 * i);
  }
  for (size_t i = 0; i < BLOCKS; i++) {
    for (size_t k = 0; k < 3 * i; k++) assert_int_equal(block[i][k], i);
  }
  lks_arena_destroy(&arena);
  assert_null(arena);
  lks_arena_destroy(&arena);
}

static void test_each_commit_is_one_allocation(void **state)
{
  (void)state;
  lks_arena *arena;
  double *numbers;
  char *letters, *later;
  assert_int_equal(lks_arena_create(&arena), LKS_OK);
  lks_arena_reserve(arena, &numbers, 5, sizeof *numbers);
  lks_arena_reserve(arena, &letters, 7, 1);
  long open = lks_allocations_open(), made = lks_allocations_made();
  assert_int_equal(lks_arena_commit(arena), LKS_OK);
  assert_int_equal(lks_allocations_made(), made + 1);
  size_t bytes = lks_arena_bytes(arena);
  assert_true(bytes >= 5 * sizeof *numbers + 7 && bytes < 512);
  assert_int_equal(lks_arena_commit(arena), LKS_OK); /* nothing reserved: nothing made */
  assert_int_equal(lks_allocations_made(), made + 1);
  numbers[4] = 3;
  lks_arena_reserve(arena, &later, 1000, 1);
  assert_int_equal(lks_arena_commit(arena), LKS_OK);
  assert_true(numbers[4] == 3);
  assert_int_equal(later[999], 0);
  assert_int_equal(lks_allocations_open(), open + 2);
  assert_true(lks_arena_bytes(arena) >= bytes + 1000);
  lks_arena_destroy(&arena);
  assert_int_equal(lks_allocations_open(), open - 1);
}

static void test_too_much_is_an_error(void **state)
{
  (void)state;
  lks_arena *arena;
  char *block = NULL, *small = NULL;
  assert_int_equal(lks_arena_create(&arena), LKS_OK);

  lks_arena_reserve(arena, &block, SIZE_MAX / 2, 3);
  lks_arena_reserve(arena, &small, 1, 1);
  assert_int_equal(lks_arena_commit(arena), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), "out of memory"));

  lks_arena_reserve(arena, &block, SIZE_MAX - 70, 1);
  assert_int_equal(lks_arena_commit(arena), LKS_ERR_RANK);

  lks_arena_reserve(arena, &block, PTRDIFF_MAX / 2, 1);
  lks_arena_reserve(arena, &small, PTRDIFF_MAX / 2, 1);
  assert_int_equal(lks_arena_commit(arena), LKS_ERR_RANK);

  lks_arena_reserve(arena, &block, (size_t)1 << 60, 1);
  assert_int_equal(lks_arena_commit(arena), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), "11529215046068470")); /* the bytes asked for */
  assert_null(block);
  assert_null(small);
  assert_int_equal(lks_arena_bytes(arena), 0);

  lks_arena_reserve(arena, &small, 1, 1); /* the arena is as good as before */
  assert_int_equal(lks_arena_commit(arena), LKS_OK);
  assert_non_null(small);
  lks_arena_destroy(&arena);
}

static void test_objects_are_counted(void **state)
{
  (void)state;
  long open = lks_allocations_open(), made = lks_allocations_made();
  int *numbers = lks_new(10, sizeof *numbers);
  void *nothing = lks_new(0, 8);
  assert_non_null(numbers);
  assert_non_null(nothing);
  for (int i = 0; i < 10; i++) assert_int_equal(numbers[i], 0);
  assert_int_equal(lks_allocations_open(), open + 2);
  lks_free(numbers);
  lks_free(nothing);
  lks_free(NULL);
  assert_int_equal(lks_allocations_open(), open);
  assert_int_equal(lks_allocations_made(), made + 2);

  assert_null(lks_new(SIZE_MAX, 2));
  assert_non_null(strstr(lks_message(), "18446744073709551615"));
  assert_null(lks_new((size_t)1 << 60, 1));
  assert_non_null(strstr(lks_message(), "1152921504606846976"));
  assert_int_equal(lks_allocations_made(), made + 2);
}

static void test_nothing_is_left(void **state)
{
  (void)state;
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_are_aligned_zeroed_and_apart),
      cmocka_unit_test(test_each_commit_is_one_allocation),
      cmocka_unit_test(test_too_much_is_an_error),
      cmocka_unit_test(test_objects_are_counted),
      cmocka_unit_test(test_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
