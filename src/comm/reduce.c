#include "lockstep/reduce.h"

#include <math.h>

#include "base/arena.h"
#include "lockstep/exact_sum.h"

enum { OFTEN = 1 << 30 }; /* a digit holds twice as many addends */

static lks_status verdict(int64_t nonfinite)
{
  if (nonfinite == 0) return LKS_OK;
  return lks_fail(LKS_ERR_DIVERGED,
                  "an exact sum has %lld terms that are not finite or not below 2^80 in magnitude",
                  (long long)nonfinite);
}

static lks_status finish_all(lks_comm *comm, double *sum, int64_t *limbs)
{
  lks_exact_sum_carry(limbs);
  *sum = NAN;
  lks_status status = lks_comm_exact_sum_all(comm, limbs, 1, LKS_TRAFFIC_OTHER);
  if (status) return status;
  *sum = lks_exact_sum_value(limbs);
  return verdict(lks_exact_sum_nonfinite(limbs, 1));
}

lks_status lks_reduce_sum_all(lks_comm *comm, double *sum, const double *values, size_t count)
{
  int64_t limbs[LKS_EXACT_LIMBS] = {0};
  for (size_t i = 0; i < count; i++) {
    lks_exact_sum_add(limbs, values[i]);
    if (i % OFTEN == OFTEN - 1) lks_exact_sum_carry(limbs);
  }
  return finish_all(comm, sum, limbs);
}

lks_status lks_reduce_dot_all(lks_comm *comm, double *dot, const double *a, const double *b, size_t count)
{
  int64_t limbs[LKS_EXACT_LIMBS] = {0};
  for (size_t i = 0; i < count; i++) {
    lks_exact_sum_add_product(limbs, a[i], b[i]);
    if (i % (OFTEN / 2) == OFTEN / 2 - 1) lks_exact_sum_carry(limbs);
  }
  return finish_all(comm, dot, limbs);
}

static lks_status vector_all(lks_comm *comm, double *values, size_t count, int64_t *limbs)
{
  for (size_t i = 0; i < count; i++) lks_exact_sum_add(limbs + i * LKS_EXACT_LIMBS, values[i]);
  lks_status status = lks_comm_exact_sum_all(comm, limbs, count, LKS_TRAFFIC_OTHER);
  if (status) return status;
  for (size_t i = 0; i < count; i++) values[i] = lks_exact_sum_value(limbs + i * LKS_EXACT_LIMBS);
  return verdict(lks_exact_sum_nonfinite(limbs, count));
}

lks_status lks_reduce_vector_all(lks_comm *comm, double *values, size_t count)
{
  int64_t *limbs = lks_new(count * LKS_EXACT_LIMBS + 1, sizeof *limbs);
  const bool alike = lks_comm_equal_all(comm, count);
  lks_status status = limbs ? LKS_OK : LKS_ERR_RANK;
  if (!alike)
    status = lks_fail(LKS_ERR_USAGE, "the vectors to be added have different lengths: %zu here", count);
  status = lks_comm_agree_all(comm, status);
  if (!status && limbs) status = vector_all(comm, values, count, limbs);
  lks_free(limbs);
  return status;
}
