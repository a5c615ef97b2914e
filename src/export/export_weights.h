#ifndef LKS_EXPORT_EXPORT_WEIGHTS_H
#define LKS_EXPORT_EXPORT_WEIGHTS_H

#include "export/network_file.h"

/* Weights as files of other programs: names, shapes and order of axes are those of PyTorch's state_dict, with num_batches_tracked of each batch
 * norm that is left. All of a file or nothing. replace: a file that is there; without it, one that comes to be there meanwhile is LKS_ERR_USAGE. Other
 * errors are LKS_ERR_IO and LKS_ERR_RANK. */

/** Local. An .npz archive for numpy.load, not compressed. */
lks_status lks_export_weights_npz(const lks_network_file *file, const char *path, bool replace);

/** Local. A file of safetensors; its __metadata__ has what lks_network_facts says and "format": "pt".
 *  Source: the format's README, github.com/huggingface/safetensors. */
lks_status lks_export_safetensors(const lks_network_file *file, const char *path, bool replace);

#endif
