#include "checkpoint/header_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* Each part begins with the hash of those before it, so that none can pass for another. */
static void add(XXH128_hash_t *hash, const void *part, size_t bytes)
{
  const XXH128_hash_t own = XXH3_128bits(part, bytes);
  const uint64_t chain[] = {hash->high64, hash->low64, own.high64, own.low64, bytes};
  *hash = XXH3_128bits(chain, sizeof chain);
}

void lks_header_hash(char hash[33], const lks_checkpoint_header *header, const char *config)
{
  XXH128_hash_t all = {0, 0};
  add(&all, config, strlen(config));
  add(&all, header->model_text, strlen(header->model_text));
  add(&all, header->mean, header->statistics * sizeof *header->mean);
  add(&all, header->std, header->statistics * sizeof *header->std);
  add(&all, header->state.noise, header->state.noises * sizeof *header->state.noise);
  snprintf(hash, 33, "%016" PRIx64 "%016" PRIx64, all.high64, all.low64);
}
