#include "lockstep/norm_layers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

lks_status lks_norm_layers_parse(lks_norm_layers *layers, const char *text)
{
  static const char *const word[] = {"batch", "layer", "group:8"};
  if (strcmp(text, "batch") == 0 || strcmp(text, "layer") == 0) {
    *layers = (lks_norm_layers){*text == 'b' ? LKS_NORM_LAYERS_BATCH : LKS_NORM_LAYERS_LAYER, 0};
    return LKS_OK;
  }
  if (strncmp(text, "group:", 6) == 0) {
    char *end = NULL;
    const long groups = isdigit((unsigned char)text[6]) ? strtol(text + 6, &end, 10) : 0;
    if (groups < 1 || groups > 65536 || *end != '\0')
      return lks_fail(LKS_ERR_USAGE, "group norm '%s': give a number of groups from 1 to 65536", text);
    *layers = (lks_norm_layers){LKS_NORM_LAYERS_GROUP, (size_t)groups};
    return LKS_OK;
  }
  const char *near = lks_suggest(text, word, 3);
  return lks_fail(
      LKS_ERR_USAGE,
      "normalization '%s' is not known%s%s; write batch, layer, or group:G for G groups of channels", text,
      near ? ": did you mean " : "", near ? near : "");
}

lks_norm_words lks_norm_layers_text(lks_norm_layers layers)
{
  lks_norm_words words = {{0}};
  switch (layers.kind) {
  case LKS_NORM_LAYERS_BATCH: strcpy(words.text, "batch"); break;
  case LKS_NORM_LAYERS_LAYER: strcpy(words.text, "layer"); break;
  case LKS_NORM_LAYERS_GROUP: snprintf(words.text, sizeof words.text, "group:%zu", layers.groups); break;
  case LKS_NORM_LAYERS_NONE: strcpy(words.text, "none"); break;
  }
  return words;
}

lks_norm_words lks_norm_layers_say(lks_norm_layers layers, lks_norm bn)
{
  lks_norm_words words = {{0}};
  switch (layers.kind) {
  case LKS_NORM_LAYERS_LAYER: strcpy(words.text, "layer norm"); break;
  case LKS_NORM_LAYERS_GROUP:
    snprintf(words.text, sizeof words.text, "group norm of %zu group%s", layers.groups,
             layers.groups == 1 ? "" : "s");
    break;
  case LKS_NORM_LAYERS_BATCH:
  case LKS_NORM_LAYERS_NONE:
    snprintf(words.text, sizeof words.text, "batch norm %.32s", lks_norm_text(bn).text);
    break;
  }
  return words;
}
