#ifndef LKS_EXPORT_ONNX_BUILDER_H
#define LKS_EXPORT_ONNX_BUILDER_H

#include <onnx.pb-c.h>
#include <stdbool.h>

#include "export/network_file.h"

/** An ONNX model that is put together: all that its messages point to is the builder's. When memory runs out, it remembers that, and calls
 * go on with nothing. */
typedef struct lks_onnx_builder lks_onnx_builder;

/** Local. Room for so many nodes, and as many arrays. LKS_ERR_RANK. */
lks_status lks_onnx_builder_create(lks_onnx_builder **builder, size_t nodes);
void lks_onnx_builder_destroy(lks_onnx_builder **builder); /* takes NULL, sets NULL */

/** Local. A text that lasts as long as the builder. */
char *lks_onnx_print(lks_onnx_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Local. Zeroed memory that lasts as long as the builder; NULL when there is none. */
void *lks_onnx_room(lks_onnx_builder *b, size_t count, size_t size);

enum { LKS_ONNX_INPUTS_MAX = 5 };

/** Local. Appends a node of one output, which is returned. Names are borrowed; input ends with NULL. */
char *lks_onnx_node(lks_onnx_builder *b, const char *type, const char *name, char *output,
                    char *const input[LKS_ONNX_INPUTS_MAX + 1]);
/** Local. Give the last node an attribute. */
void lks_onnx_put_int(lks_onnx_builder *b, const char *name, int64_t value);
void lks_onnx_put_ints(lks_onnx_builder *b, const char *name, const int64_t *value, size_t count);
void lks_onnx_put_float(lks_onnx_builder *b, const char *name, double value);

/** Local. An array of the model, float or int64; data is borrowed. Returns the name. */
char *lks_onnx_floats(lks_onnx_builder *b, char *name, const float *data, const size_t *extent,
                      int dimensions);
char *lks_onnx_ints(lks_onnx_builder *b, char *name, const int64_t *data, size_t count);
/** Local. A single number. */
char *lks_onnx_number(lks_onnx_builder *b, char *name, double value);

/** Local. What goes in, or comes out: its first dimension is the batch, then the extents. */
void lks_onnx_input(lks_onnx_builder *b, char *name, bool bytes, const size_t *extent, int dimensions,
                    char *what);
void lks_onnx_output(lks_onnx_builder *b, char *name, const size_t *extent, int dimensions, char *what);

/** Local. Gives what a node made last the name of an output; false when that was not made last. */
bool lks_onnx_rename_last(lks_onnx_builder *b, const char *from, char *to);

/** Local. Writes the model with what is said of it. LKS_ERR_DATA when it is larger than protobuf allows, LKS_ERR_IO, LKS_ERR_RANK. */
lks_status lks_onnx_write(lks_onnx_builder *b, const char *path, bool replace,
                          const lks_network_facts *facts);

#endif
