#include "checkpoint/checkpoint_header.h"

#include <string.h>

#include "base/arena.h"

void lks_checkpoint_header_clear(lks_checkpoint_header *header)
{
  lks_free(header->model_text);
  lks_free(header->mean);
  lks_free(header->std);
  memset(header, 0, sizeof *header);
}

/** What stands in a packed header: this, the model text with its zero byte, means, standard deviations. */
typedef struct packed {
  lks_checkpoint_header header; /* its pointers mean nothing */
  size_t text_bytes;
} packed;

lks_status lks_checkpoint_header_pack(char **block, size_t *bytes, const lks_checkpoint_header *header)
{
  const size_t text_bytes = strlen(header->model_text) + 1, numbers = header->statistics * sizeof(double);
  *bytes = sizeof(packed) + text_bytes + 2 * numbers;
  *block = lks_new(*bytes, 1);
  if (!*block) return LKS_ERR_RANK;
  packed *front = (packed *)*block;
  front->header = *header;
  front->text_bytes = text_bytes;
  char *at = *block + sizeof *front;
  memcpy(at, header->model_text, text_bytes);
  memcpy(at + text_bytes, header->mean, numbers);
  memcpy(at + text_bytes + numbers, header->std, numbers);
  return LKS_OK;
}

lks_status lks_checkpoint_header_unpack(lks_checkpoint_header *header, const char *block)
{
  const packed *front = (const packed *)block;
  const size_t text_bytes = front->text_bytes, numbers = front->header.statistics * sizeof(double);
  *header = front->header;
  header->model_text = lks_new(text_bytes, 1);
  header->mean = lks_new(numbers, 1);
  header->std = lks_new(numbers, 1);
  if (!header->model_text || !header->mean || !header->std) {
    lks_checkpoint_header_clear(header);
    return LKS_ERR_RANK;
  }
  const char *at = block + sizeof *front;
  memcpy(header->model_text, at, text_bytes);
  memcpy(header->mean, at + text_bytes, numbers);
  memcpy(header->std, at + text_bytes + numbers, numbers);
  return LKS_OK;
}
