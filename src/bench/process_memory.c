#include "bench/process_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/integers.h"

/* The number behind `key` in a file of lines "Key:  123 kB", in bytes; 0: there is none. */
static size_t find_kilobytes(const char *path, const char *key)
{
  char line[256];
  unsigned long long kilobytes = 0;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), ": %llu kB", &kilobytes) == 1)
      break;
  if (file) fclose(file);
  return (size_t)kilobytes * 1024;
}

lks_process_memory lks_process_memory_read(void)
{
  static const char path[] = "/proc/self/status";
  return (lks_process_memory){.now = find_kilobytes(path, "VmRSS"),
                              .peak = find_kilobytes(path, "VmHWM"),
                              .files = find_kilobytes(path, "RssFile")};
}

/* A limit of the control group, as containers and batch systems set it; SIZE_MAX: none. */
static size_t read_group(const char *name)
{
  char path[64];
  unsigned long long bytes;
  snprintf(path, sizeof path, "/sys/fs/cgroup/%s", name);
  FILE *file = fopen(path, "r");
  int found = file ? fscanf(file, "%llu", &bytes) : 0;
  if (file) fclose(file);
  return found == 1 ? (size_t)bytes : SIZE_MAX;
}

size_t lks_host_memory_available(void)
{
  size_t host = find_kilobytes("/proc/meminfo", "MemAvailable");
  size_t limit = read_group("memory.max"), used = read_group("memory.current");
  if (limit == SIZE_MAX || used == SIZE_MAX) return host;
  size_t left = limit > used ? limit - used : 0;
  return lks_min(left, host);
}
