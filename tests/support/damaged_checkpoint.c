#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint_parse.h"
#include "checkpoint/checkpoint_read.h"
#include "damaged_checkpoint.h"
#include "hdf5_edit.h"

char damage_folder[64], damage_good[96], damage_bad[96];

int damage_set_up(void **state)
{
  (void)state;
  strcpy(damage_folder, "/tmp/lockstep-damage-XXXXXX");
  if (!mkdtemp(damage_folder)) return -1;
  snprintf(damage_good, sizeof damage_good, "%s/good.h5", damage_folder);
  snprintf(damage_bad, sizeof damage_bad, "%s/bad.h5", damage_folder);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return made_up_save(damage_good, 1.0f) != LKS_OK || !made_up_reads_back(damage_good, 1.0f);
}

int damage_tear_down(void **state)
{
  (void)state;
  unlink(damage_good);
  unlink(damage_bad);
  return rmdir(damage_folder);
}

int damage_nothing_left(void **state)
{
  (void)state;
  return lks_allocations_open() != 0 || hdf5_identifiers() != 0;
}

hid_t damage_begin(void)
{
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, damage_good), LKS_OK);
  FILE *copy = fopen(damage_bad, "w"); /* lks_file_write would wait for the disk */
  assert_true(copy && fwrite(data, bytes, 1, copy) == 1 && fclose(copy) == 0);
  lks_free(data);
  const hid_t file = H5Fopen(damage_bad, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/** What the reading process does, where memory and identifiers can be counted. */
static void parse_here(const char *name)
{
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, damage_bad), LKS_OK);
  const long allocations = lks_allocations_open();
  const hsize_t identifiers = hdf5_identifiers();
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  if (lks_checkpoint_parse(&header, &snapshot, data, bytes) == LKS_OK) {
    lks_checkpoint_header_clear(&header);
    lks_snapshot_clear(&snapshot);
  }
  if (lks_allocations_open() != allocations) fail_msg("%s: memory was left", name);
  if (hdf5_identifiers() != identifiers) fail_msg("%s: identifiers of HDF5 were left", name);
  lks_free(data);
}

static void expect_refused(const char *name, const char *part, bool whole)
{
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  const lks_status status = lks_checkpoint_read(&header, whole ? &snapshot : NULL, damage_bad);
  if (status != LKS_ERR_DATA)
    fail_msg("%s: status %d, message \"%s\"", name, status, status ? lks_message() : "");
  if (!strstr(lks_message(), part) || strncmp(lks_message(), damage_bad, strlen(damage_bad)) != 0 ||
      strchr(lks_message(), '\n'))
    fail_msg("%s: its message is \"%s\"", name, lks_message());
}

void damage_expect(const char *name, const char *part, bool in_header)
{
  if (part) expect_refused(name, part, true);
  if (part && in_header) expect_refused(name, part, false);
  if (!part && !made_up_reads_back(damage_bad, 1.0f)) fail_msg("%s: refused, or read as another", name);
  parse_here(name);
}

void damage_end(hid_t file, const char *name, const char *part, bool in_header)
{
  assert_true(H5Fclose(file) >= 0);
  damage_expect(name, part, in_header);
}

void damage_try(const damage *list, size_t count, bool in_header)
{
  for (size_t i = 0; i < count; i++) {
    const hid_t file = damage_begin();
    if (!list[i].spoil(file)) fail_msg("%s: the file could not be changed so", list[i].name);
    damage_end(file, list[i].name, list[i].part, in_header);
  }
}
