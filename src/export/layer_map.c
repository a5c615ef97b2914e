#include "export/layer_map.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ini_file.h"
#include "model/layer_patterns.h"

enum { THEIRS_MAX = 200 };

typedef struct line {
  char ours[LKS_ARRAY_NAME_MAX], theirs[THEIRS_MAX];
} line;

struct lks_layer_map {
  const lks_network *network;
  size_t lines;
  line line[]; /* [what most_lines says] */
};

static bool begins_with(const char *name, const char *layer)
{
  const size_t length = strlen(layer);
  return strncmp(name, layer, length) == 0 && name[length] == '.';
}

static lks_status take_line(void *user, const char *ours, const char *theirs)
{
  lks_layer_map *map = user;
  if (strpbrk(ours, "*?[,") || strlen(ours) >= sizeof map->line->ours)
    return lks_fail(LKS_ERR_USAGE, "%.100s: must be the name of one layer; patterns are not taken here",
                    ours);
  lks_status status = lks_layer_patterns_check(ours, map->network, "map");
  if (status) return status;
  if (!*theirs || strlen(theirs) >= THEIRS_MAX)
    return lks_fail(LKS_ERR_USAGE, "%.100s: what it is called in the file must have 1 to %d letters", ours,
                    THEIRS_MAX - 1);
  for (size_t i = 0; i < map->lines; i++)
    if (strcmp(map->line[i].ours, ours) == 0)
      return lks_fail(LKS_ERR_USAGE, "%s stands there twice; which counts? Leave one", ours);
  line *added = &map->line[map->lines++]; /* layers are told apart, so that there is room */
  snprintf(added->ours, sizeof added->ours, "%s", ours);
  snprintf(added->theirs, sizeof added->theirs, "%s", theirs);
  return LKS_OK;
}

/* Names of layers, and what they begin with: at most as many as there are dots in the names of all tensors. */
static size_t most_lines(const lks_network *network)
{
  size_t most = 0;
  for (size_t t = 0; t < lks_network_tensors(network); t++)
    for (const char *at = lks_network_tensor(network, t)->name; *at; at++) most += *at == '.';
  return most;
}

lks_status lks_layer_map_read(lks_layer_map **map, const char *path, const lks_network *network)
{
  const size_t most = most_lines(network);
  lks_layer_map *made = *map = lks_new(1, sizeof *made + most * sizeof *made->line);
  if (!made) return LKS_ERR_RANK;
  made->network = network;
  return *path ? lks_ini_read(path, take_line, made, LKS_ERR_USAGE) : LKS_OK;
}

void lks_layer_map_destroy(lks_layer_map **map)
{
  lks_free(*map);
  *map = NULL;
}

void lks_layer_map_name(char name[LKS_MAPPED_NAME_MAX], const lks_layer_map *map, const char *tensor)
{
  const line *best = NULL;
  for (size_t i = 0; i < map->lines; i++) {
    const line *l = &map->line[i];
    if (begins_with(tensor, l->ours) && (!best || strlen(l->ours) > strlen(best->ours))) best = l;
  }
  snprintf(name, LKS_MAPPED_NAME_MAX, "%s%s", best ? best->theirs : "",
           tensor + (best ? strlen(best->ours) : 0));
}
