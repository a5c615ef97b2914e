#include "train/checkpoint_writer.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/thread.h"
#include "train/checkpoint_files.h"

struct lks_checkpoint_writer {
  pthread_t thread;
  bool runs;        /* there is a thread to be joined */
  atomic_bool done; /* it has nothing to do any more */
  lks_checkpoint_order order;
  lks_checkpoint_written written;
};

lks_status lks_checkpoint_writer_create(lks_checkpoint_writer **writer)
{
  *writer = lks_new(1, sizeof **writer);
  if (!*writer) return LKS_ERR_RANK;
  atomic_store(&(*writer)->done, true);
  return LKS_OK;
}

/* The rows before a checkpoint are on the disk before it is: a resumed run does not write them again. */
static lks_status write_file(const lks_checkpoint_order *order)
{
  lks_status status = lks_run_tables_sync(order->tables);
  if (!status) status = lks_checkpoint_draft_write(order->draft, true);
  return status ? status : lks_checkpoint_files_link(order->folder, order->step);
}

static void keep_message(char message[512], lks_status status)
{
  snprintf(message, 512, "%s", status ? lks_message() : "");
}

/* Nothing is removed before the new file, and the links to it, are there for good. */
static void write_checkpoint(lks_checkpoint_writer *w)
{
  const lks_checkpoint_order *order = &w->order;
  lks_checkpoint_written *written = &w->written;
  *written = (lks_checkpoint_written){.status = write_file(order)};
  keep_message(written->message[0], written->status);
  if (!written->status && order->best)
    written->linked = lks_checkpoint_files_link_best(order->folder, order->step);
  keep_message(written->message[1], written->linked);
  if (!written->status && !written->linked)
    written->pruned = lks_checkpoint_files_prune(order->folder, order->keep, order->step);
  keep_message(written->message[2], written->pruned);
  lks_checkpoint_draft_destroy(&w->order.draft);
}

static void *work(void *argument)
{
  lks_checkpoint_writer *w = argument;
  write_checkpoint(w);
  atomic_store(&w->done, true);
  return NULL;
}

void lks_checkpoint_writer_start(lks_checkpoint_writer *w, const lks_checkpoint_order *order)
{
  w->order = *order;
  atomic_store(&w->done, false);
  w->runs = lks_thread_start(&w->thread, work, w) == 0;
  if (!w->runs) work(w);
}

bool lks_checkpoint_writer_is_done(lks_checkpoint_writer *w)
{
  return atomic_load(&w->done);
}

void lks_checkpoint_writer_wait(lks_checkpoint_writer *w, lks_checkpoint_written *written)
{
  if (w->runs) pthread_join(w->thread, NULL);
  w->runs = false;
  *written = w->written;
}

void lks_checkpoint_writer_destroy(lks_checkpoint_writer **writer)
{
  lks_checkpoint_written unread;
  if (!*writer) return;
  lks_checkpoint_writer_wait(*writer, &unread);
  lks_free(*writer);
  *writer = NULL;
}
