#include "checkpoint/checkpoint_read.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint_check.h"
#include "checkpoint/checkpoint_header.h"
#include "checkpoint/checkpoint_parse.h"
#include "hdf5/child.h"

/** In the child, whose memory ends with it. */
static lks_status serve(int output, const char *image, size_t image_bytes, bool whole)
{
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  char *block;
  size_t bytes;
  lks_status status = lks_checkpoint_parse(&header, whole ? &snapshot : NULL, image, image_bytes);
  if (!status) status = lks_checkpoint_header_pack(&block, &bytes, &header);
  if (!status) status = lks_child_send(output, &bytes, sizeof bytes);
  if (!status) status = lks_child_send(output, block, bytes);
  if (status || !whole) return status;
  status = lks_child_send(output, &snapshot, sizeof snapshot);
  if (!status) status = lks_child_send(output, snapshot.array, snapshot.arrays * sizeof *snapshot.array);
  if (!status) status = lks_child_send(output, snapshot.block, snapshot.elements * sizeof *snapshot.block);
  return status;
}

static lks_status serve_header(int output, const void *image, size_t bytes)
{
  return serve(output, image, bytes, false);
}

static lks_status serve_whole(int output, const void *image, size_t bytes)
{
  return serve(output, image, bytes, true);
}

static lks_status receive_header(lks_checkpoint_header *header, lks_child *child)
{
  size_t bytes = 0;
  lks_status status = lks_child_receive(child, &bytes, sizeof bytes);
  if (status) return status;
  char *block = lks_new(bytes, 1);
  if (!block) return LKS_ERR_RANK;
  status = lks_child_receive(child, block, bytes);
  if (!status) status = lks_checkpoint_header_unpack(header, block);
  lks_free(block);
  return status;
}

static lks_status receive_snapshot(lks_snapshot *snapshot, lks_child *child)
{
  lks_snapshot there;
  lks_status status = lks_child_receive(child, &there, sizeof there);
  if (status) return status;
  *snapshot = there;
  snapshot->array = NULL;
  snapshot->block = NULL;
  status = lks_snapshot_allocate(snapshot, there.arrays);
  if (!status) status = lks_child_receive(child, snapshot->array, snapshot->arrays * sizeof *snapshot->array);
  if (!status) status = lks_snapshot_place(snapshot);
  if (!status)
    status = lks_child_receive(child, snapshot->block, snapshot->elements * sizeof *snapshot->block);
  return status;
}

static lks_status start(lks_child **child, bool whole, const char *path)
{
  char *image = NULL;
  size_t bytes = 0;
  lks_status status = lks_file_read(&image, &bytes, path);
  if (status) return status;
  const lks_child_limits limits = lks_child_limits_for(bytes);
  status = lks_child_start(child, whole ? serve_whole : serve_header, image, bytes, &limits);
  lks_free(image);
  return status ? lks_fail_in(status, "%s: ", path) : LKS_OK;
}

lks_status lks_checkpoint_read(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *path)
{
  memset(header, 0, sizeof *header);
  if (snapshot) *snapshot = (lks_snapshot){0};
  lks_child *child = NULL;
  lks_status status = start(&child, snapshot != NULL, path);
  if (status) return status;
  status = receive_header(header, child);
  if (!status && snapshot) status = receive_snapshot(snapshot, child);
  if (!status) status = lks_child_finish(child);
  lks_child_destroy(&child);
  if (!status) status = lks_checkpoint_check_header(header);
  if (!status && snapshot) status = lks_checkpoint_check_snapshot(header, snapshot);
  if (!status) return LKS_OK;
  lks_checkpoint_header_clear(header);
  if (snapshot) lks_snapshot_clear(snapshot);
  return lks_fail_in(status, "%s: ", path);
}
