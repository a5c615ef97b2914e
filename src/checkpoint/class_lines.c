#include "checkpoint/class_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/plain_text.h"
#include "lockstep/checkpoint.h"

lks_status lks_class_lines_make(char **lines, const lks_dataset *dataset)
{
  const size_t classes = lks_dataset_classes(dataset);
  size_t bytes = 1;
  *lines = NULL;
  if (!lks_dataset_class_name(dataset, 0)) return LKS_OK;
  for (size_t k = 0; k < classes; k++) bytes += strlen(lks_dataset_class_name(dataset, k)) + 1;
  *lines = lks_new(bytes, 1);
  if (!*lines) return LKS_ERR_RANK;
  char *at = *lines;
  for (size_t k = 0; k < classes; k++) {
    const size_t length = strlen(lks_dataset_class_name(dataset, k));
    memcpy(at, lks_dataset_class_name(dataset, k), length + 1);
    lks_text_make_plain(at);
    at += length;
    *at++ = '\n';
  }
  return LKS_OK;
}

void lks_class_lines_hash(char hash[17], const char *lines)
{
  snprintf(hash, 17, "%016" PRIx64, XXH3_64bits(lines, strlen(lines)));
}

const char *lks_checkpoint_class_name(const lks_checkpoint_header *header, size_t k, size_t *length)
{
  const char *line = header->class_names;
  *length = 0;
  for (size_t i = 0; line && i < k; i++) {
    line = strchr(line, '\n');
    if (line) line++;
  }
  const char *end = line ? strchr(line, '\n') : NULL;
  if (!end) return NULL;
  *length = (size_t)(end - line);
  return line;
}
