#ifndef LKS_COMPARE_ARM_DATA_H
#define LKS_COMPARE_ARM_DATA_H

#include "compare/comparison.h"
#include "lockstep/comm.h"
#include "lockstep/dataset.h"

/** The datasets of a comparison's arms, each opened once. Begins zeroed. */
typedef struct lks_arm_data {
  size_t count;
  struct {
    char path[LKS_TEXT_MAX];
    const lks_dataset_names *names; /* of the first arm that wants it; borrowed */
    lks_dataset *dataset;
  } opened[LKS_ARMS_MAX];
  size_t of_arm[LKS_ARMS_MAX]; /* number of an arm's dataset; LKS_ARMS_MAX: not opened */
} lks_arm_data;

/** Collective; comparison and wanted[arms] equal on all ranks. Opens the datasets of the wanted arms and checks
 * that each arm's model fits its dataset, so that no run fails late for a slip of the pen: LKS_ERR_USAGE or
 * what lks_dataset_open_all returns, with the arm's name. */
lks_status lks_arm_data_open_all(lks_arm_data *data, lks_comm *comm, const lks_comparison *comparison,
                                 const bool *wanted);
void lks_arm_data_close_all(lks_arm_data *data);

/** Local. Borrowed; NULL when it was not wanted. */
const lks_dataset *lks_arm_data_of(const lks_arm_data *data, size_t arm);

/** Local. Steps of an epoch of a run with these settings. LKS_ERR_DATA: there are too few samples. */
lks_status lks_arm_data_steps(size_t *steps, const lks_arm_data *data, size_t arm, const lks_config *config);

#endif
