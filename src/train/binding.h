#ifndef LKS_TRAIN_BINDING_H
#define LKS_TRAIN_BINDING_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

/** Local. Reads a list of processors as the kernel writes them, "0-3,8,10-11"; false if it is none. */
bool lks_cpu_list_read(cpu_set_t *set, const char *text);

/** Local. Writes one; what does not fit into size - 1 characters becomes "...". size is 8 at least. */
void lks_cpu_list_print(char *text, size_t size, const cpu_set_t *set);

/** Local. How many memory nodes (NUMA) the processors of a set belong to, as `folder` describes them, which
 * is /sys/devices/system/node on Linux; 0 when that cannot be read. */
int lks_numa_nodes(const cpu_set_t *set, const char *folder);

#endif
