#include "kernels/vector/table.h"

const lks_vector_kernels LKS_OF_ISA(vector) = {&LKS_OF_ISA(batch_norm),
                                               &LKS_OF_ISA(batch_norm_sums),
                                               &LKS_OF_ISA(batch_norm_pool),
                                               &LKS_OF_ISA(elementwise),
                                               &LKS_OF_ISA(exp),
                                               &LKS_OF_ISA(activation),
                                               &LKS_OF_ISA(optimizer)};
