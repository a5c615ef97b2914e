#include "train/binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lks_cpu_list_read(cpu_set_t *set, const char *text)
{
  CPU_ZERO(set);
  for (const char *at = text; *at && *at != '\n';) {
    char *end;
    unsigned long first = strtoul(at, &end, 10), last = first;
    if (end == at) return false;
    if (*end == '-') {
      at = end + 1;
      last = strtoul(at, &end, 10);
      if (end == at) return false;
    }
    if (first > last || last >= CPU_SETSIZE) return false;
    for (unsigned long cpu = first; cpu <= last; cpu++) CPU_SET(cpu, set);
    at = *end == ',' ? end + 1 : end;
  }
  return true;
}

void lks_cpu_list_print(char *text, size_t size, const cpu_set_t *set)
{
  size_t length = 0;
  text[0] = '\0';
  for (int first = 0; first < CPU_SETSIZE; first++) {
    if (!CPU_ISSET(first, set)) continue;
    int last = first;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set)) last++;
    char range[32];
    size_t wanted = (size_t)snprintf(range, sizeof range, last > first ? "%s%d-%d" : "%s%d",
                                     length ? "," : "", first, last);
    if (length + wanted + sizeof "..." > size) {
      strcpy(text + length, "...");
      return;
    }
    memcpy(text + length, range, wanted + 1);
    length += wanted;
    first = last;
  }
}

static bool read_list_file(cpu_set_t *set, const char *path)
{
  char text[4096];
  FILE *file = fopen(path, "r");
  if (!file) return false;
  const bool ok = fgets(text, sizeof text, file) != NULL;
  fclose(file);
  return ok && lks_cpu_list_read(set, text);
}

int lks_numa_nodes(const cpu_set_t *set, const char *folder)
{
  cpu_set_t online, cpus, both; /* the nodes are listed as processors are */
  char path[512];
  int nodes = 0;
  snprintf(path, sizeof path, "%.400s/online", folder);
  if (!read_list_file(&online, path)) return 0;
  for (int node = 0; node < CPU_SETSIZE; node++) {
    if (!CPU_ISSET(node, &online)) continue;
    snprintf(path, sizeof path, "%.400s/node%d/cpulist", folder, node);
    if (!read_list_file(&cpus, path)) continue;
    CPU_AND(&both, &cpus, set);
    nodes += CPU_COUNT(&both) > 0;
  }
  return nodes;
}
