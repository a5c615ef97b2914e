#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/temporary.h"
#include "export/export_weights.h"
#include "export/weight_list.h"

enum { LENGTH = 8, ALIGNMENT = 8 };

static void print_metadata(lks_json *json, const lks_network_facts *facts)
{
  lks_json_open(json, "__metadata__", '{');
  lks_json_text(json, "format", "pt");
  for (size_t i = 0; i < facts->count; i++) lks_json_text(json, facts->name[i], facts->value[i]);
  lks_json_close(json);
}

static void print_weight(lks_json *json, const lks_weight *weight, size_t offset)
{
  lks_json_open(json, weight->name, '{');
  lks_json_text(json, "dtype", weight->whole ? "I64" : "F32");
  lks_json_open(json, "shape", '[');
  for (int d = 0; d < weight->dimensions; d++) lks_json_print(json, NULL, "%zu", weight->extent[d]);
  lks_json_close(json);
  lks_json_print(json, "data_offsets", "[%zu, %zu]", offset, offset + weight->bytes);
  lks_json_close(json);
}

/* The length of the header in 8 bytes, low ones first, and the header, which ends with blanks: the numbers begin aligned. *block is freed
 * with free. */
static lks_status make_head(char **block, size_t *bytes, const lks_weight_list *list,
                            const lks_network_facts *facts)
{
  FILE *out = open_memstream(block, bytes);
  if (!out) return lks_fail(LKS_ERR_RANK, "not enough memory for a header of safetensors");
  lks_json json = {.out = out, .one_line = true};
  fprintf(out, "%*s", LENGTH, "");
  lks_json_open(&json, NULL, '{');
  print_metadata(&json, facts);
  for (size_t i = 0, offset = 0; i < list->count; offset += list->weight[i++].bytes)
    print_weight(&json, &list->weight[i], offset);
  lks_json_close(&json);
  while (ftell(out) % ALIGNMENT) putc(' ', out);
  if (fclose(out) != 0) return lks_fail(LKS_ERR_RANK, "not enough memory for a header of safetensors");
  const uint64_t length = *bytes - LENGTH;
  for (int b = 0; b < LENGTH; b++) (*block)[b] = (char)(length >> 8 * b & 255);
  return LKS_OK;
}

static lks_status write_all_parts(const char *path, bool replace, const char *head, size_t bytes,
                                  const lks_weight_list *list)
{
  lks_file_writer *writer = NULL;
  lks_temporary_tidy_file(path);
  lks_status status = lks_file_writer_open(&writer, path);
  if (!status) status = lks_file_writer_append(writer, head, bytes);
  for (size_t i = 0; i < list->count && !status; i++)
    status = lks_file_writer_append(writer, list->weight[i].data, list->weight[i].bytes);
  if (!status) status = lks_file_writer_commit_as(writer, replace);
  lks_file_writer_close(&writer);
  return status;
}

lks_status lks_export_safetensors(const lks_network_file *file, const char *path, bool replace)
{
  char *head = NULL;
  size_t bytes = 0;
  lks_weight_list list = {0};
  lks_network_facts facts;
  lks_status status = lks_network_facts_make(&facts, file);
  if (status) return status;
  status = lks_weight_list_make(&list, file);
  if (!status) status = make_head(&head, &bytes, &list, &facts);
  if (!status) status = write_all_parts(path, replace, head, bytes, &list);
  free(head);
  lks_weight_list_clear(&list);
  lks_network_facts_clear(&facts);
  return status;
}
