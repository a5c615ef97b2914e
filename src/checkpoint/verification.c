#include "checkpoint/verification.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "comm/split.h"

enum { NAMED_MAX = 4, RANKS_TEXT = 640, PART_TEXT = LKS_NAME_MAX + 64 };

/** What is compared, cut into numbered parts: every tensor, then every moment of it, one after the other, and the counts
 * last. A moment of running statistics does not exist, and is a part that is always equal. */
typedef struct replica {
  lks_network *network;
  lks_optimizer *optimizer;
  size_t tensors, parts;
} replica;

static replica make_replica(lks_network *network, lks_optimizer *optimizer)
{
  const size_t tensors = lks_network_tensors(network);
  const size_t moments = optimizer ? lks_optimizer_moments(optimizer) : 0;
  return (replica){network, optimizer, tensors, tensors * (1 + moments) + 1};
}

static bool is_parameter(const lks_tensor *tensor)
{
  return tensor->kind <= LKS_TENSOR_BETA;
}

static uint64_t hash_counts(const replica *r)
{
  const int64_t counts[] = {lks_network_batches_tracked(r->network),
                            r->optimizer ? lks_optimizer_steps(r->optimizer) : 0};
  return XXH3_64bits(counts, sizeof counts);
}

static uint64_t hash_part(const replica *r, size_t part)
{
  if (part + 1 == r->parts) return hash_counts(r);
  const lks_tensor *tensor = lks_network_tensor(r->network, part % r->tensors);
  const float *values;
  if (part >= r->tensors && !is_parameter(tensor)) return 0;
  if (part >= r->tensors)
    values = lks_optimizer_moment(r->optimizer, part / r->tensors - 1);
  else
    values = is_parameter(tensor) ? lks_network_parameters(r->network) : lks_network_running(r->network);
  return XXH3_64bits(values + tensor->offset, tensor->elements * sizeof *values);
}

/** "conv1.weight", "momentum of conv1.weight" */
static void print_part(char text[PART_TEXT], const replica *r, size_t part)
{
  if (part + 1 == r->parts) {
    snprintf(text, PART_TEXT, "the number of steps done");
    return;
  }
  const char *name = lks_network_tensor(r->network, part % r->tensors)->name;
  if (part < r->tensors)
    snprintf(text, PART_TEXT, "%s", name);
  else
    snprintf(text, PART_TEXT, "%s of %s", lks_optimizer_moment_name(r->optimizer, part / r->tensors - 1),
             name);
}

lks_status lks_verification_check_all(lks_comm *comm, lks_network *network, lks_optimizer *optimizer)
{
  const replica r = make_replica(network, optimizer);
  uint64_t chain[2] = {0, 0};
  for (size_t part = 0; part < r.parts; part++) {
    chain[1] = hash_part(&r, part);
    chain[0] = XXH3_64bits(chain, sizeof chain);
  }
  return lks_comm_equal_all(comm, chain[0]) ? LKS_OK : lks_verification_blame_all(comm, network, optimizer);
}

/** The hashes of all ranks: those of rank r begin at r * parts. */
static bool alike(const uint64_t *hash, size_t parts, int a, int b)
{
  return memcmp(hash + (size_t)a * parts, hash + (size_t)b * parts, parts * sizeof *hash) == 0;
}

static int count_alike(const uint64_t *hash, size_t parts, int ranks, int with)
{
  int count = 0;
  for (int rank = 0; rank < ranks; rank++) count += alike(hash, parts, rank, with);
  return count;
}

/** A rank that more than half of the ranks agree with, or -1. */
static int find_majority(const uint64_t *hash, size_t parts, int ranks)
{
  for (int rank = 0; rank < ranks; rank++)
    if (2 * count_alike(hash, parts, ranks, rank) > ranks) return rank;
  return -1;
}

/** Whether any rank has another hash of that part than `rank`. */
static bool part_differs(const uint64_t *hash, size_t parts, int ranks, int rank, size_t part)
{
  for (int other = 0; other < ranks; other++)
    if (hash[(size_t)other * parts + part] != hash[(size_t)rank * parts + part]) return true;
  return false;
}

/** "conv1.weight", or "conv1.weight and 3 other tensors" */
static void print_difference(char text[PART_TEXT + 32], const replica *r, const uint64_t *hash, int ranks,
                             int right)
{
  char first[PART_TEXT] = "nothing any more"; /* they agreed again when they were asked */
  size_t count = 0;
  for (size_t part = 0; part < r->parts; part++)
    if (part_differs(hash, r->parts, ranks, right, part) && count++ == 0) print_part(first, r, part);
  if (count > 1)
    snprintf(text, PART_TEXT + 32, "%s and %zu more", first, count - 1);
  else
    snprintf(text, PART_TEXT + 32, "%s", first);
}

/** "ranks 2 (node1), 5 (node3)": those that differ from `right`, or all if that is -1. */
static lks_status print_ranks_all(char text[RANKS_TEXT], lks_comm *comm, const uint64_t *hash, size_t parts,
                                  int right)
{
  const int ranks = lks_comm_size(comm);
  const int count = right < 0 ? ranks : ranks - count_alike(hash, parts, ranks, right);
  int named = 0, length = snprintf(text, RANKS_TEXT, count == 1 ? "rank" : "ranks");
  lks_status status = LKS_OK;
  for (int rank = 0; rank < ranks && named < NAMED_MAX && !status; rank++) {
    char name[140] = "";
    if (right >= 0 && alike(hash, parts, rank, right)) continue;
    if (rank == lks_comm_rank(comm))
      snprintf(name, sizeof name, "%d (%.119s)", lks_comm_job_rank(comm), lks_comm_host(comm));
    status = lks_comm_broadcast_all(comm, name, sizeof name, rank);
    length += snprintf(text + length, RANKS_TEXT - (size_t)length, "%s %s", named ? "," : "", name);
    named++;
  }
  if (count > named) snprintf(text + length, RANKS_TEXT - (size_t)length, " and %d more", count - named);
  return status;
}

/** The message, from all ranks' hashes. */
static lks_status name_them_all(lks_comm *comm, const replica *r, const uint64_t *hash)
{
  const int ranks = lks_comm_size(comm), right = find_majority(hash, r->parts, ranks);
  char who[RANKS_TEXT], what[PART_TEXT + 32];
  lks_status status = print_ranks_all(who, comm, hash, r->parts, right);
  if (status) return status;
  print_difference(what, r, hash, ranks, right < 0 ? 0 : right);
  if (right < 0)
    return lks_fail(
        LKS_ERR_RANK,
        "%s do not hold the same bits: %s; no majority tells which of them are wrong; test the memory and the processors of their hosts, and resume from the newest checkpoint, which was written before",
        who, what);
  const int agree = count_alike(hash, r->parts, ranks, right);
  return lks_fail(
      LKS_ERR_RANK,
      "%s %s other bits than the %d ranks that agree: %s; memory or a processor fails there, or another program runs; resume from the newest checkpoint, which was written before, on other hosts",
      who, ranks - agree == 1 ? "holds" : "hold", agree, what);
}

lks_status lks_verification_blame_all(lks_comm *comm, lks_network *network, lks_optimizer *optimizer)
{
  const replica r = make_replica(network, optimizer);
  uint64_t *mine = lks_new(r.parts, sizeof *mine);
  uint64_t *all = lks_new((size_t)lks_comm_size(comm) * r.parts, sizeof *all);
  lks_status status = lks_comm_agree_all(comm, mine && all ? LKS_OK : LKS_ERR_RANK);
  if (!status && mine && all) {
    for (size_t part = 0; part < r.parts; part++) mine[part] = hash_part(&r, part);
    status = lks_comm_gather_all(comm, all, mine, r.parts * sizeof *mine);
    if (!status) status = name_them_all(comm, &r, all);
  }
  lks_free(mine);
  lks_free(all);
  return status;
}
