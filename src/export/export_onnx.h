#ifndef LKS_EXPORT_EXPORT_ONNX_H
#define LKS_EXPORT_EXPORT_ONNX_H

#include "export/network_file.h"
#include "lockstep/settings.h"

typedef struct lks_onnx_options {
  bool pixels;         /* inputs are bytes, 0 to 255; else float32 */
  bool channels_first; /* images are (batch,C,H,W); else (batch,H,W,C) */
  bool replace; /* a file that is there; without it, one that comes to be there meanwhile is LKS_ERR_USAGE */
} lks_onnx_options;

/** Local. The network as an ONNX model, for inference: from raw inputs, which it scales as training did, to logits and their softmax; any number of
 * samples. Batch norm has running statistics. All arithmetic is fp32, whatever the precision of training was. All of the file or nothing.
 *  LKS_ERR_USAGE when this build has no protobuf-c; LKS_ERR_DATA beyond 2 GB; LKS_ERR_IO, LKS_ERR_RANK.
 *  Source: the operators' definitions, onnx.ai/onnx/operators, opset 17. */
lks_status lks_export_onnx(lks_network_file *file, const char *path, const lks_onnx_options *options);

#endif
