#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "export/network_file.h"
#include "export/utf8.h"

/* The value becomes the facts' own, made UTF-8. */
static void add(lks_network_facts *facts, const char *name, char *value)
{
  if (!value) return;
  lks_utf8_make(value);
  facts->name[facts->count] = name;
  facts->value[facts->count++] = value;
}

static char *print_numbers(const double *value, size_t count)
{
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  if (!out) return NULL;
  lks_json json = {.out = out, .one_line = true};
  lks_json_numbers(&json, NULL, value, count);
  fclose(out);
  if (text) text[strcspn(text, "\n")] = '\0';
  return text;
}

static char *print_shape(lks_shape s)
{
  char text[96];
  snprintf(text, sizeof text, "%zux%zux%zu", s.height, s.width, s.channels);
  return strdup(text);
}

static char *print_count(size_t count)
{
  char text[32];
  snprintf(text, sizeof text, "%zu", count);
  return strdup(text);
}

static lks_status add_scaling(lks_network_facts *facts, const lks_network_file *file)
{
  const size_t channels = file->header->statistics;
  double *mean = lks_new(2 * channels + 1, sizeof *mean);
  if (!mean) return LKS_ERR_RANK;
  lks_network_file_scaling(mean, mean + channels, file);
  add(facts, "mean", print_numbers(mean, channels));
  add(facts, "std", print_numbers(mean + channels, channels));
  lks_free(mean);
  return LKS_OK;
}

lks_status lks_network_facts_make(lks_network_facts *facts, const lks_network_file *file)
{
  const lks_checkpoint_header *header = file->header;
  *facts = (lks_network_facts){0};
  add(facts, "producer", strdup("lockstep " LKS_VERSION));
  add(facts, "model", strdup(header->model_text));
  add(facts, "input", print_shape(header->input));
  add(facts, "classes", print_count(header->classes));
  if (header->class_names) add(facts, "class_names", strdup(header->class_names));
  lks_status status = add_scaling(facts, file);
  add(facts, "batch_norm",
      strdup(header->config.bn.kind == LKS_NORM_NONE ? "none"
             : file->folded                          ? "folded"
                                                     : "running statistics"));
  add(facts, "fingerprint", strdup(header->fingerprint));
  const size_t expected = 8 + (header->class_names != NULL);
  if (!status && facts->count == expected) return LKS_OK;
  lks_network_facts_clear(facts);
  return lks_fail(LKS_ERR_RANK, "not enough memory to describe the network");
}

void lks_network_facts_clear(lks_network_facts *facts)
{
  for (size_t i = 0; i < facts->count; i++) free(facts->value[i]);
  facts->count = 0;
}
