#ifndef LKS_TESTS_SUPPORT_SHAPE_SAMPLE_H
#define LKS_TESTS_SUPPORT_SHAPE_SAMPLE_H

#include "shape.h"

/** Shapes to try; grows. */
typedef struct shape_list {
  shape *shape;
  size_t count, room;
} shape_list;

void shape_list_free(shape_list *list);

/** Square convolutions of 4 samples with every pair of 19 numbers of channels, at four sizes of image. */
void shape_add_grid(shape_list *list, size_t kernel, size_t stride);
/** The family that oneDNN 2.6 gets wrong with AVX2: 1x1, stride 2, even images, 1 to 6 channels in. */
void shape_add_known_bad(shape_list *list);

/** Kernels of 1x1 that skip pixels, on larger images and with few channels. */
void shape_add_strided(shape_list *list);
/** Kernels of one row. */
void shape_add_rows(shape_list *list);
/** Kernels of one or two rows, in bf16, with strides that leave rows out. */
void shape_add_gaps(shape_list *list);
/** Kernels of 1x1, in bf16, most of them on images of a multiple of 30 pixels. */
void shape_add_tens(shape_list *list);
/** Convolutions in groups, depthwise ones among them. */
void shape_add_groups(shape_list *list);
/** Convolutions whose kernels leave pixels out, depthwise ones among them. */
void shape_add_dilated(shape_list *list);
/** Images of a few columns under kernels that are as wide or wider. */
void shape_add_narrow(shape_list *list);

/** `count` shapes by chance, the same for the same seed: of several tries each, the one that brings together
 * the most pairs of parameters that have not met yet. */
void shape_add_sample(shape_list *list, size_t count, unsigned seed);

/** Convolutions in which those pairs of parameters meet (channels in and out, kernel and stride, ...) that do
 * not yet meet in one of the list. Returns how many cannot be had. */
size_t shape_add_missing_pairs(shape_list *list, unsigned seed);

#endif
