#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "lockstep/exact_sum.h"
#include "lockstep/reduce.h"
#include "sums/sum_tree.h"
#include "support/mpi_test.h"

/* Reductions for programs of others: known sums, and the same bits however the terms are dealt out. */

enum { TERMS = 601, LEAVES = 37, ELEMENTS = 133 };

static double terms[TERMS], factors[TERMS];

/* Of very different magnitudes and both signs, in pairs that cancel but for a rest, which a plain sum loses. */
static void draw_terms(void)
{
  for (int i = 0; i < TERMS; i++) {
    const double magnitude = ldexp(1 + (i * 29 % 64) / 64.0, i * 7 % 60);
    terms[i] = i % 2 ? -terms[i - 1] + ldexp(1, -20) : magnitude;
    factors[i] = i % 2 ? factors[i - 1] : 1 + ldexp(i * 31 % 97, -30);
  }
  terms[TERMS - 1] = 0.5;
}

static size_t share(size_t count, int rank, int size)
{
  return count * (size_t)rank * (size_t)rank / ((size_t)size * (size_t)size);
}

__extension__ typedef __int128 wide_integer;

/* In units of 2^-20, of which each term has a whole number. */
static double expected_sum(void)
{
  wide_integer sum = 0;
  for (int i = 0; i < TERMS; i++) sum += (wide_integer)ldexp(terms[i], 20);
  return ldexp((double)sum, -20);
}

static void test_sum(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  const size_t begin = share(TERMS, rank, size), end = share(TERMS, rank + 1, size);
  double sum, naive = 0;
  draw_terms();
  for (int i = 0; i < TERMS; i += 2) naive += terms[i];
  for (int i = 1; i < TERMS; i += 2) naive += terms[i];
  lks_assert_ok_all(comm, lks_reduce_sum_all(comm, &sum, terms + begin, end - begin));
  lks_assert_all(comm, sum == expected_sum() && naive != sum);
  lks_assert_ok_all(comm, lks_reduce_sum_all(comm, &sum, NULL, 0));
  lks_assert_all(comm, sum == 0);
  const double bad = rank == size - 1 ? INFINITY : 1;
  lks_assert_all(comm, lks_reduce_sum_all(comm, &sum, &bad, 1) == LKS_ERR_DIVERGED && isnan(sum));
  lks_assert_all(comm, strstr(lks_message(), "1 terms") != NULL);
}

/* Products are not rounded: (1 + e)^2 - (1 + 2e) = e^2, which is lost in double. */
static void test_dot(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  const double e = ldexp(1, -40), a[2] = {1 + e, -(1 + 2 * e)}, b[2] = {1 + e, 1};
  double dot, whole, rounded = a[0] * b[0];
  rounded += a[1] * b[1];
  lks_assert_ok_all(comm, lks_reduce_dot_all(comm, &dot, a, b, rank == 0 ? 2 : 0));
  lks_assert_all(comm, dot == e * e && rounded == 0);
  lks_comm *self = NULL;
  const size_t begin = share(TERMS, rank, size), end = share(TERMS, rank + 1, size);
  draw_terms();
  lks_assert_ok_all(comm, lks_comm_create_all(&self, MPI_COMM_SELF));
  lks_assert_ok_all(comm, lks_reduce_dot_all(self, &whole, terms, factors, TERMS));
  lks_assert_ok_all(comm, lks_reduce_dot_all(comm, &dot, terms + begin, factors + begin, end - begin));
  lks_assert_all(comm, memcmp(&dot, &whole, sizeof dot) == 0 && dot != 0);
  lks_comm_destroy_all(&self);
}

static void test_vector(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  double values[3] = {ldexp(1, 60) * (rank % 2 ? -1 : 1), 1e-3 * (rank + 1), rank == size - 1};
  const double odd = size % 2 ? ldexp(1, 60) : 0;
  lks_assert_ok_all(comm, lks_reduce_vector_all(comm, values, 3));
  lks_assert_all(comm, values[0] == odd && values[2] == 1 &&
                           fabs(values[1] - 1e-3 * (0.5 * size * (size + 1))) < 1e-17 * size);
  if (size > 1) lks_assert_all(comm, lks_reduce_vector_all(comm, values, rank == 0 ? 2 : 3) == LKS_ERR_USAGE);
  values[1] = NAN;
  lks_assert_all(comm, lks_reduce_vector_all(comm, values, 2) == LKS_ERR_DIVERGED && isnan(values[1]) &&
                           !isnan(values[0]));
}

static float leaf_value(size_t leaf, size_t element)
{
  return (float)((leaf * 7919 + element * 104729) % 1000) * 1e-3f + 1e3f * (float)(leaf % 3);
}

/* The tree by the book, one element at a time. */
static float naive_tree(size_t first, size_t width, size_t leaves, size_t element)
{
  if (width == 1) return leaf_value(first, element);
  const float left = naive_tree(first, width / 2, leaves, element);
  return first + width / 2 < leaves ? left + naive_tree(first + width / 2, width / 2, leaves, element) : left;
}

static lks_status add_leaves(lks_tree_sum *sum, size_t leaves, size_t more)
{
  float leaf[ELEMENTS];
  size_t first, count;
  lks_status status = lks_tree_sum_begin(sum, leaves, &first, &count);
  for (size_t i = first; i < first + count + more && !status; i++) {
    for (size_t e = 0; e < ELEMENTS; e++) leaf[e] = leaf_value(i, e);
    lks_tree_sum_add(sum, leaf);
  }
  return status;
}

static void test_tree(lks_comm *comm)
{
  lks_tree_sum *sum = NULL;
  float out[ELEMENTS];
  lks_assert_ok_all(comm, lks_tree_sum_create_all(&sum, comm, ELEMENTS, LEAVES));
  for (size_t leaves = 1; leaves <= LEAVES; leaves += 6) {
    size_t width = 1, in_order = 0;
    bool ok = true;
    while (width < leaves) width *= 2;
    lks_assert_ok_all(comm, add_leaves(sum, leaves, 0));
    lks_assert_ok_all(comm, lks_tree_sum_finish_all(sum, out));
    for (size_t e = 0; e < ELEMENTS; e++) {
      float plain = 0;
      for (size_t i = 0; i < leaves; i++) plain += leaf_value(i, e);
      in_order += plain == out[e];
      ok = ok && out[e] == naive_tree(0, width, leaves, e);
    }
    lks_assert_all(comm, ok && (leaves < 8 || in_order < ELEMENTS)); /* another order gives other bits */
  }
  lks_tree_sum_destroy_all(&sum);
}

static void test_tree_mistakes(lks_comm *comm)
{
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  lks_tree_sum *sum = NULL;
  float out[ELEMENTS];
  if (size > 1)
    lks_assert_all(comm, lks_tree_sum_create_all(&sum, comm, rank == 0 ? 3 : 4, 2) == LKS_ERR_USAGE && !sum);
  lks_assert_all(comm, lks_tree_sum_create_all(&sum, comm, 0, 2) == LKS_ERR_USAGE && !sum);
  lks_assert_ok_all(comm, lks_tree_sum_create_all(&sum, comm, ELEMENTS, LEAVES));
  lks_assert_all(comm, lks_tree_sum_finish_all(sum, out) == LKS_ERR_USAGE); /* not begun */
  lks_assert_all(comm, add_leaves(sum, 0, 0) == LKS_ERR_USAGE);
  lks_assert_all(comm, add_leaves(sum, LEAVES + 1, 0) == LKS_ERR_USAGE);
  lks_assert_ok_all(comm, add_leaves(sum, LEAVES, rank == size - 1));
  lks_assert_all(comm, lks_tree_sum_finish_all(sum, out) == LKS_ERR_USAGE);
  lks_assert_all(comm, strstr(lks_message(), "leaves were added") != NULL);
  if (size > 1) {
    lks_assert_ok_all(comm, add_leaves(sum, rank == 0 ? 5 : 6, 0));
    lks_assert_all(comm, lks_tree_sum_finish_all(sum, out) == LKS_ERR_USAGE);
  }
  lks_assert_ok_all(comm, add_leaves(sum, LEAVES, 0));
  lks_assert_ok_all(comm, lks_tree_sum_finish_all(sum, out));
  lks_tree_sum_destroy_all(&sum);
}

static void test_fortran_handle(lks_comm *comm)
{
  lks_comm *same = NULL;
  lks_assert_ok_all(comm, lks_comm_create_fortran_all(&same, MPI_Comm_c2f(lks_comm_handle(comm))));
  lks_assert_all(comm,
                 lks_comm_rank(same) == lks_comm_rank(comm) && lks_comm_size(same) == lks_comm_size(comm));
  lks_comm_destroy_all(&same);
}

static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_sum),           LKS_MPI_TEST(test_dot),
                                     LKS_MPI_TEST(test_vector),        LKS_MPI_TEST(test_tree),
                                     LKS_MPI_TEST(test_tree_mistakes), LKS_MPI_TEST(test_fortran_handle)};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
