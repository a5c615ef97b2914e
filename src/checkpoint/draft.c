#include "checkpoint/draft.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_write.h"
#include "checkpoint/class_lines.h"
#include "checkpoint/fingerprint.h"
#include "dataset/sample_reader.h"

struct lks_checkpoint_draft {
  lks_checkpoint_header header; /* borrows all but class_names */
  lks_snapshot snapshot;
  char path[];
};

/** A header that borrows what it points to. */
static lks_checkpoint_header make_header(const lks_config *config, const lks_model *model,
                                         const lks_dataset *dataset, const lks_run_state *state,
                                         const char *fingerprint)
{
  lks_checkpoint_header header = {
      .config = *config,
      .model_text = (char *)lks_model_source(model),
      .state = *state,
      .input = lks_dataset_shape(dataset),
      .classes = lks_dataset_classes(dataset),
      .parameters = (int64_t)lks_model_parameters(model),
      .mean = (double *)lks_dataset_mean(dataset),
      .std = (double *)lks_dataset_std(dataset),
  };
  header.statistics = header.input.channels;
  const lks_window *window = lks_dataset_window(dataset);
  header.window_chunk = window ? window->chunk[LKS_SPLIT_TRAIN] : 0;
  snprintf(header.fingerprint, sizeof header.fingerprint, "%s", fingerprint);
  snprintf(header.data_hash, sizeof header.data_hash, "%s", lks_dataset_hash(dataset));
  return header;
}

/** Nobody could go on from what is not finite. */
static lks_status check_finite(const lks_snapshot *snapshot, const char *path)
{
  if (lks_snapshot_check(snapshot) == LKS_OK) return LKS_OK;
  return lks_fail(LKS_ERR_DIVERGED, "%s is not written: %s", path, lks_message());
}

lks_status lks_checkpoint_draft_take_all(lks_checkpoint_draft **draft, lks_comm *comm, const char *path,
                                         const lks_config *config, const lks_model *model,
                                         const lks_dataset *dataset, lks_network *network,
                                         lks_optimizer *optimizer, const lks_run_state *state)
{
  lks_snapshot snapshot;
  char fingerprint[33];
  *draft = NULL;
  lks_status status = lks_snapshot_take_all(&snapshot, fingerprint, comm, network, optimizer);
  if (status) return status;
  if (lks_comm_rank(comm) == 0) {
    const size_t bytes = strlen(path) + 1;
    status = check_finite(&snapshot, path);
    if (!status) *draft = lks_new(sizeof **draft + bytes, 1);
    if (!status && !*draft) status = LKS_ERR_RANK;
    if (*draft) memcpy((*draft)->path, path, bytes);
  }
  if (*draft) {
    (*draft)->header = make_header(config, model, dataset, state, fingerprint);
    (*draft)->snapshot = snapshot;
    status = lks_class_lines_make(&(*draft)->header.class_names, dataset);
  } else {
    lks_snapshot_clear(&snapshot);
  }
  status = lks_comm_agree_all(comm, status);
  if (status) lks_checkpoint_draft_destroy(draft);
  return status;
}

lks_status lks_checkpoint_draft_write(const lks_checkpoint_draft *draft, bool replace)
{
  return lks_checkpoint_save(draft->path, replace, &draft->header, &draft->snapshot);
}

void lks_checkpoint_draft_destroy(lks_checkpoint_draft **draft)
{
  if (!*draft) return;
  lks_free((*draft)->header.class_names);
  lks_snapshot_clear(&(*draft)->snapshot);
  lks_free(*draft);
  *draft = NULL;
}

lks_status lks_checkpoint_write_as_all(lks_comm *comm, const char *path, bool replace,
                                       const lks_config *config, const lks_model *model,
                                       const lks_dataset *dataset, lks_network *network,
                                       lks_optimizer *optimizer, const lks_run_state *state)
{
  lks_checkpoint_draft *draft;
  lks_status status =
      lks_checkpoint_draft_take_all(&draft, comm, path, config, model, dataset, network, optimizer, state);
  if (status) return status;
  if (draft) status = lks_checkpoint_draft_write(draft, replace);
  lks_checkpoint_draft_destroy(&draft);
  return lks_comm_agree_all(comm, status);
}
