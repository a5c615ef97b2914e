#include "sums/partition.h"

#include "base/integers.h"

size_t lks_partition_begin(size_t items, size_t parts, size_t part)
{
  size_t larger = items % parts; /* so many parts have one item more */
  return part * (items / parts) + lks_min(part, larger);
}

size_t lks_partition_owner(size_t items, size_t parts, size_t item)
{
  size_t least = items / parts, larger = items % parts;
  size_t in_larger = larger * (least + 1);
  if (item < in_larger) return item / (least + 1);
  return larger + (item - in_larger) / least;
}
