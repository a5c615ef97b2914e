#include "model/layer_patterns.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/suggest.h"

enum { TENSOR_NAME_MAX = LKS_NAME_MAX + 16 };

/* pattern [LKS_TEXT_MAX] out: the next one, without blanks around it; false behind the last. */
static bool next_pattern(char *pattern, const char **patterns)
{
  const char *at = *patterns + strspn(*patterns, ", ");
  size_t length = strcspn(at, ",");
  *patterns = at + length;
  while (length && at[length - 1] == ' ') length--;
  snprintf(pattern, LKS_TEXT_MAX, "%.*s", (int)lks_min(length, LKS_TEXT_MAX - 1), at);
  return length > 0;
}

/* The name, and what it is cut off to at each dot. */
static bool takes(const char *pattern, const char *layer)
{
  char name[TENSOR_NAME_MAX];
  snprintf(name, sizeof name, "%s", layer);
  for (char *dot = name + strlen(name); dot; dot = strrchr(name, '.')) {
    *dot = '\0';
    if (fnmatch(pattern, name, 0) == 0) return true;
  }
  return false;
}

bool lks_layer_patterns_take(const char *patterns, const char *layer)
{
  char pattern[LKS_TEXT_MAX];
  while (next_pattern(pattern, &patterns))
    if (takes(pattern, layer)) return true;
  return false;
}

static void layer_of(char layer[TENSOR_NAME_MAX], const char *tensor)
{
  const char *dot = strrchr(tensor, '.');
  snprintf(layer, TENSOR_NAME_MAX, "%.*s", (int)(dot ? dot - tensor : (long)strlen(tensor)), tensor);
}

bool lks_layer_patterns_take_tensor(const char *patterns, const char *tensor)
{
  char layer[TENSOR_NAME_MAX];
  layer_of(layer, tensor);
  return lks_layer_patterns_take(patterns, layer);
}

/* All layers that have parameters; the texts are in *block, too. */
static lks_status list_layers(const char ***layers, size_t *count, const lks_network *network)
{
  const size_t tensors = lks_network_tensors(network);
  const char **layer = *layers = lks_new(tensors + 1, sizeof *layer + TENSOR_NAME_MAX);
  *count = 0;
  if (!layer) return LKS_ERR_RANK;
  char *text = (char *)(layer + tensors + 1);
  for (size_t t = 0; t < tensors; t++) {
    layer_of(text, lks_network_tensor(network, t)->name);
    if (*count && strcmp(layer[*count - 1], text) == 0) continue;
    layer[(*count)++] = text;
    text += TENSOR_NAME_MAX;
  }
  return LKS_OK;
}

static lks_status refuse(const char *pattern, const char *option, const char *const *layer, size_t layers)
{
  const char *near = lks_suggest(pattern, layer, layers);
  if (near)
    return lks_fail(LKS_ERR_USAGE, "--%s: no layer that has parameters is called '%s'; did you mean '%s'?",
                    option, pattern, near);
  return lks_fail(LKS_ERR_USAGE,
                  "--%s: no layer that has parameters is called '%s'; the first one is '%s', the last '%s'",
                  option, pattern, layer[0], layer[layers - 1]);
}

lks_status lks_layer_patterns_check(const char *patterns, const lks_network *network, const char *option)
{
  char pattern[LKS_TEXT_MAX];
  const char **layer;
  size_t layers;
  lks_status status = list_layers(&layer, &layers, network);
  while (!status && next_pattern(pattern, &patterns)) {
    bool any = false;
    for (size_t l = 0; l < layers && !any; l++) any = takes(pattern, layer[l]);
    if (!any) status = refuse(pattern, option, layer, layers);
  }
  lks_free(layer);
  return status;
}
