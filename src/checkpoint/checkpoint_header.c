#include "checkpoint/checkpoint_header.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"

void lks_checkpoint_header_clear(lks_checkpoint_header *header)
{
  lks_free(header->model_text);
  lks_free(header->mean);
  lks_free(header->std);
  lks_free(header->class_names);
  memset(header, 0, sizeof *header);
}

/** What stands in a packed header: this, means, standard deviations, the model text and the names of
 * the classes with their zero bytes. */
typedef struct packed {
  lks_checkpoint_header header;   /* its pointers mean nothing */
  size_t text_bytes, names_bytes; /* names: 0, there are none */
} packed;

static char *put(char *at, const void *from, size_t bytes)
{
  if (bytes > 0) memcpy(at, from, bytes);
  return at + bytes;
}

lks_status lks_checkpoint_header_pack(char **block, size_t *bytes, const lks_checkpoint_header *header)
{
  const size_t numbers = header->statistics * sizeof(double), text = strlen(header->model_text) + 1,
               names = header->class_names ? strlen(header->class_names) + 1 : 0;
  *bytes = sizeof(packed) + 2 * numbers + text + names;
  *block = lks_new(*bytes, 1);
  if (!*block) return LKS_ERR_RANK;
  packed *front = (packed *)*block;
  *front = (packed){*header, text, names};
  char *at = *block + sizeof *front;
  at = put(at, header->mean, numbers);
  at = put(at, header->std, numbers);
  at = put(at, header->model_text, text);
  put(at, header->class_names, names);
  return LKS_OK;
}

/* Advances *at; *copy is NULL when there is no memory. */
static bool take(void **copy, const char **at, size_t bytes)
{
  *copy = lks_new(bytes, 1);
  if (*copy) memcpy(*copy, *at, bytes);
  *at += bytes;
  return *copy != NULL;
}

lks_status lks_checkpoint_header_unpack(lks_checkpoint_header *header, const char *block)
{
  const packed *front = (const packed *)block;
  const size_t numbers = front->header.statistics * sizeof(double);
  void *copy[4] = {NULL};
  const char *at = block + sizeof *front;
  bool ok =
      take(&copy[0], &at, numbers) && take(&copy[1], &at, numbers) && take(&copy[2], &at, front->text_bytes);
  if (ok && front->names_bytes > 0) ok = take(&copy[3], &at, front->names_bytes);
  *header = front->header;
  header->mean = copy[0];
  header->std = copy[1];
  header->model_text = copy[2];
  header->class_names = copy[3];
  if (ok) return LKS_OK;
  lks_checkpoint_header_clear(header);
  return LKS_ERR_RANK;
}
