#include "checkpoint/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "checkpoint/verification.h"
#include "lockstep/checkpoint.h"

static void add_text(XXH3_state_t *state, const char *text)
{
  XXH3_128bits_update(state, text, strlen(text) + 1);
}

static void add_count(XXH3_state_t *state, int64_t count)
{
  XXH3_128bits_update(state, &count, sizeof count);
}

static void add_snapshot(XXH3_state_t *state, const lks_snapshot *snapshot)
{
  for (int moment = LKS_NO_MOMENT; moment < (int)snapshot->moments; moment++) {
    if (moment != LKS_NO_MOMENT) add_text(state, snapshot->moment_name[moment]);
    for (size_t a = 0; a < snapshot->arrays; a++) {
      const lks_snapshot_array *array = &snapshot->array[a];
      if (array->moment != moment) continue;
      add_text(state, array->name);
      XXH3_128bits_update(state, array->data, array->elements * sizeof *array->data);
    }
    if (moment == LKS_NO_MOMENT) add_count(state, snapshot->batches_tracked);
  }
  if (snapshot->optimizer) add_count(state, snapshot->steps);
}

static lks_status hash_snapshot(uint64_t half[2], const lks_snapshot *snapshot)
{
  XXH3_state_t *state = XXH3_createState();
  if (!state) return lks_fail(LKS_ERR_RANK, "not enough memory to take a fingerprint");
  XXH3_128bits_reset(state);
  add_snapshot(state, snapshot);
  const XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  half[0] = hash.high64;
  half[1] = hash.low64;
  return LKS_OK;
}

static void print_hash(char fingerprint[33], const uint64_t half[2])
{
  snprintf(fingerprint, 33, "%016" PRIx64 "%016" PRIx64, half[0], half[1]);
}

lks_status lks_snapshot_fingerprint(char fingerprint[33], const lks_snapshot *snapshot)
{
  uint64_t half[2] = {0, 0};
  lks_status status = hash_snapshot(half, snapshot);
  if (!status) print_hash(fingerprint, half);
  return status;
}

lks_status lks_snapshot_take_all(lks_snapshot *snapshot, char fingerprint[33], lks_comm *comm,
                                 lks_network *network, lks_optimizer *optimizer)
{
  uint64_t half[2] = {0, 0};
  lks_status status = lks_snapshot_take(snapshot, network, optimizer);
  if (!status) status = hash_snapshot(half, snapshot);
  status = lks_comm_agree_all(comm, status);
  if (!status) {
    const bool high = lks_comm_equal_all(comm, half[0]), low = lks_comm_equal_all(comm, half[1]);
    print_hash(fingerprint, half);
    if (!high || !low) status = lks_verification_blame_all(comm, network, optimizer);
  }
  if (status) lks_snapshot_clear(snapshot);
  return status;
}

lks_status lks_fingerprint_all(char fingerprint[33], lks_comm *comm, lks_network *network,
                               lks_optimizer *optimizer)
{
  lks_snapshot snapshot;
  lks_status status = lks_snapshot_take_all(&snapshot, fingerprint, comm, network, optimizer);
  if (!status) lks_snapshot_clear(&snapshot);
  return status;
}
