#ifndef LKS_EXPORT_FOLD_H
#define LKS_EXPORT_FOLD_H

#include "export/network_file.h"

/** Local. Whether a layer is a batch norm that folding makes part of the convolution or dense layer before it: one whose output it alone
 * takes. */
bool lks_fold_takes(const lks_model *model, const lks_layer *norm);

/** Local. Makes every batch norm that has such a layer before it part of that: with the running statistics it is w x + b again, w times
 * gamma/sqrt(var + eps), b = beta + (bias - mean) times that, reckoned in double. The layer gets a bias, the batch norm's tensors go; others
 * stay. LKS_ERR_DATA when a folded value is not finite, LKS_ERR_RANK.
 * Source: Ioffe & Szegedy 2015, section 3.1. */
lks_status lks_fold_batch_norm(lks_network_file *file);

#endif
