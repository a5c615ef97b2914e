#ifdef LKS_HAVE_ONNX

#include "export/onnx_builder.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/temporary.h"

enum { IR_VERSION = 8, OPSET = 17, ATTRIBUTES_MAX = 8, VALUES_MAX = 2 };

/* A piece of memory that goes when the builder does. */
typedef struct block {
  struct block *next;
  max_align_t data[];
} block;

struct lks_onnx_builder {
  block *blocks;
  bool failed;
  size_t most; /* nodes, and arrays */
  LksOnnx__ModelProto model;
  LksOnnx__GraphProto graph;
  LksOnnx__OperatorSetIdProto opset, *opsets[1];
  LksOnnx__ValueInfoProto *input[VALUES_MAX], *output[VALUES_MAX];
};

void *lks_onnx_room(lks_onnx_builder *b, size_t count, size_t size)
{
  block *made = count > SIZE_MAX / 2 / size ? NULL : lks_new(sizeof *made + count * size, 1);
  b->failed |= !made;
  if (!made) return NULL;
  made->next = b->blocks;
  b->blocks = made;
  return made->data;
}

char *lks_onnx_print(lks_onnx_builder *b, const char *format, ...)
{
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int length = vsnprintf(NULL, 0, format, arguments);
  char *text = length < 0 ? NULL : lks_onnx_room(b, (size_t)length + 1, 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  va_end(arguments);
  return text;
}

lks_status lks_onnx_builder_create(lks_onnx_builder **builder, size_t nodes)
{
  lks_onnx_builder *b = *builder = lks_new(1, sizeof *b);
  if (!b) return LKS_ERR_RANK;
  b->most = nodes;
  lks_onnx__model_proto__init(&b->model);
  lks_onnx__graph_proto__init(&b->graph);
  lks_onnx__operator_set_id_proto__init(&b->opset);
  b->opsets[0] = &b->opset;
  b->opset.domain = lks_onnx_print(b, "%s", "");
  b->opset.has_version = true;
  b->opset.version = OPSET;
  b->model.has_ir_version = true;
  b->model.ir_version = IR_VERSION;
  b->model.producer_name = lks_onnx_print(b, "lockstep");
  b->model.producer_version = lks_onnx_print(b, LKS_VERSION);
  b->model.opset_import = b->opsets;
  b->model.n_opset_import = 1;
  b->model.graph = &b->graph;
  b->graph.name = lks_onnx_print(b, "network");
  b->graph.input = b->input;
  b->graph.output = b->output;
  b->graph.node = lks_onnx_room(b, nodes, sizeof *b->graph.node);
  b->graph.initializer = lks_onnx_room(b, nodes, sizeof *b->graph.initializer);
  if (!b->failed) return LKS_OK;
  lks_onnx_builder_destroy(builder);
  return LKS_ERR_RANK;
}

void lks_onnx_builder_destroy(lks_onnx_builder **builder)
{
  if (!*builder) return;
  for (block *at = (*builder)->blocks; at;) {
    block *next = at->next;
    lks_free(at);
    at = next;
  }
  lks_free(*builder);
  *builder = NULL;
}

char *lks_onnx_node(lks_onnx_builder *b, const char *type, const char *name, char *output,
                    char *const input[LKS_ONNX_INPUTS_MAX + 1])
{
  LksOnnx__NodeProto *node = lks_onnx_room(b, 1, sizeof *node);
  char **names = lks_onnx_room(b, LKS_ONNX_INPUTS_MAX + 1, sizeof *names);
  if (!node || !names || b->graph.n_node == b->most) {
    b->failed = true;
    return output;
  }
  lks_onnx__node_proto__init(node);
  while (input[node->n_input]) {
    names[node->n_input] = input[node->n_input];
    node->n_input++;
  }
  names[LKS_ONNX_INPUTS_MAX] = output;
  node->input = names;
  node->output = names + LKS_ONNX_INPUTS_MAX;
  node->n_output = 1;
  node->name = lks_onnx_print(b, "%s", name);
  node->op_type = lks_onnx_print(b, "%s", type);
  b->graph.node[b->graph.n_node++] = node;
  return output;
}

static LksOnnx__AttributeProto *put(lks_onnx_builder *b, const char *name,
                                    LksOnnx__AttributeProto__AttributeType type)
{
  LksOnnx__AttributeProto *attribute = lks_onnx_room(b, 1, sizeof *attribute);
  if (!attribute || b->failed || !b->graph.n_node) return NULL;
  LksOnnx__NodeProto *node = b->graph.node[b->graph.n_node - 1];
  if (!node->attribute) node->attribute = lks_onnx_room(b, ATTRIBUTES_MAX, sizeof(void *));
  if (!node->attribute || node->n_attribute == ATTRIBUTES_MAX) return NULL;
  lks_onnx__attribute_proto__init(attribute);
  attribute->name = lks_onnx_print(b, "%s", name);
  attribute->has_type = true;
  attribute->type = type;
  node->attribute[node->n_attribute++] = attribute;
  return attribute;
}

void lks_onnx_put_int(lks_onnx_builder *b, const char *name, int64_t value)
{
  LksOnnx__AttributeProto *attribute = put(b, name, LKS_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  if (!attribute) return;
  attribute->has_i = true;
  attribute->i = value;
}

void lks_onnx_put_ints(lks_onnx_builder *b, const char *name, const int64_t *value, size_t count)
{
  LksOnnx__AttributeProto *attribute = put(b, name, LKS_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  int64_t *copy = lks_onnx_room(b, count, sizeof *copy);
  if (!attribute || !copy) return;
  memcpy(copy, value, count * sizeof *copy);
  attribute->ints = copy;
  attribute->n_ints = count;
}

void lks_onnx_put_float(lks_onnx_builder *b, const char *name, double value)
{
  LksOnnx__AttributeProto *attribute = put(b, name, LKS_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  if (!attribute) return;
  attribute->has_f = true;
  attribute->f = (float)value;
}

static LksOnnx__TensorProto *add_tensor(lks_onnx_builder *b, char *name, int type, const void *data,
                                        size_t bytes, int dimensions)
{
  LksOnnx__TensorProto *tensor = lks_onnx_room(b, 1, sizeof *tensor);
  int64_t *dims = lks_onnx_room(b, (size_t)dimensions + 1, sizeof *dims);
  if (!tensor || !dims || b->graph.n_initializer == b->most) {
    b->failed = true;
    return NULL;
  }
  lks_onnx__tensor_proto__init(tensor);
  tensor->name = name;
  tensor->has_data_type = true;
  tensor->data_type = type;
  tensor->dims = dims;
  tensor->n_dims = (size_t)dimensions;
  tensor->has_raw_data = true;
  tensor->raw_data = (ProtobufCBinaryData){.len = bytes, .data = (uint8_t *)(uintptr_t)data};
  b->graph.initializer[b->graph.n_initializer++] = tensor;
  return tensor;
}

char *lks_onnx_floats(lks_onnx_builder *b, char *name, const float *data, const size_t *extent,
                      int dimensions)
{
  size_t elements = 1;
  for (int d = 0; d < dimensions; d++) elements *= extent[d];
  LksOnnx__TensorProto *tensor = add_tensor(b, name, LKS_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, data,
                                            elements * sizeof *data, dimensions);
  for (int d = 0; d < dimensions && tensor; d++) tensor->dims[d] = (int64_t)extent[d];
  return name;
}

char *lks_onnx_ints(lks_onnx_builder *b, char *name, const int64_t *data, size_t count)
{
  int64_t *copy = lks_onnx_room(b, count, sizeof *copy);
  if (copy) memcpy(copy, data, count * sizeof *copy);
  LksOnnx__TensorProto *tensor =
      add_tensor(b, name, LKS_ONNX__TENSOR_PROTO__DATA_TYPE__INT64, copy, count * sizeof *copy, 1);
  if (tensor) tensor->dims[0] = (int64_t)count;
  return name;
}

char *lks_onnx_number(lks_onnx_builder *b, char *name, double value)
{
  float *copy = lks_onnx_room(b, 1, sizeof *copy);
  if (copy) *copy = (float)value;
  return lks_onnx_floats(b, name, copy, NULL, 0);
}

static LksOnnx__TensorShapeProto__Dimension *dimension(lks_onnx_builder *b)
{
  LksOnnx__TensorShapeProto__Dimension *made = lks_onnx_room(b, 1, sizeof *made);
  if (made) lks_onnx__tensor_shape_proto__dimension__init(made);
  return made;
}

static LksOnnx__TensorShapeProto *shape_of(lks_onnx_builder *b, const size_t *extent, int dimensions)
{
  LksOnnx__TensorShapeProto *shape = lks_onnx_room(b, 1, sizeof *shape);
  if (!shape) return NULL;
  lks_onnx__tensor_shape_proto__init(shape);
  shape->dim = lks_onnx_room(b, (size_t)dimensions + 1, sizeof *shape->dim);
  for (int d = 0; d <= dimensions && !b->failed; d++) {
    LksOnnx__TensorShapeProto__Dimension *dim = dimension(b);
    if (!dim) return NULL;
    if (d == 0) dim->dim_param = lks_onnx_print(b, "batch");
    dim->has_dim_value = d > 0;
    dim->dim_value = d ? (int64_t)extent[d - 1] : 0;
    shape->dim[shape->n_dim++] = dim;
  }
  return shape;
}

static LksOnnx__ValueInfoProto *describe(lks_onnx_builder *b, char *name, int type, const size_t *extent,
                                         int dimensions, char *what)
{
  LksOnnx__ValueInfoProto *info = lks_onnx_room(b, 1, sizeof *info);
  LksOnnx__TypeProto *of = lks_onnx_room(b, 1, sizeof *of);
  LksOnnx__TypeProto__Tensor *tensor = lks_onnx_room(b, 1, sizeof *tensor);
  if (!info || !of || !tensor) return NULL;
  lks_onnx__value_info_proto__init(info);
  lks_onnx__type_proto__init(of);
  lks_onnx__type_proto__tensor__init(tensor);
  info->name = name;
  info->doc_string = what;
  info->type = of;
  of->tensor_type = tensor;
  tensor->has_elem_type = true;
  tensor->elem_type = type;
  tensor->shape = shape_of(b, extent, dimensions);
  return info;
}

void lks_onnx_input(lks_onnx_builder *b, char *name, bool bytes, const size_t *extent, int dimensions,
                    char *what)
{
  const int type =
      bytes ? LKS_ONNX__TENSOR_PROTO__DATA_TYPE__UINT8 : LKS_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
  b->input[b->graph.n_input++] = describe(b, name, type, extent, dimensions, what);
}

void lks_onnx_output(lks_onnx_builder *b, char *name, const size_t *extent, int dimensions, char *what)
{
  b->output[b->graph.n_output++] =
      describe(b, name, LKS_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, extent, dimensions, what);
}

bool lks_onnx_rename_last(lks_onnx_builder *b, const char *from, char *to)
{
  if (b->failed || !b->graph.n_node) return true; /* which writing tells */
  char **output = b->graph.node[b->graph.n_node - 1]->output;
  if (strcmp(*output, from) != 0) return false;
  *output = to;
  return true;
}

static void take_facts(lks_onnx_builder *b, const lks_network_facts *facts)
{
  b->model.metadata_props = lks_onnx_room(b, facts->count + 1, sizeof *b->model.metadata_props);
  for (size_t i = 0; i < facts->count && !b->failed; i++) {
    LksOnnx__StringStringEntryProto *entry = lks_onnx_room(b, 1, sizeof *entry);
    if (!entry) return;
    lks_onnx__string_string_entry_proto__init(entry);
    entry->key = lks_onnx_print(b, "%s", facts->name[i]);
    entry->value = facts->value[i];
    b->model.metadata_props[b->model.n_metadata_props++] = entry;
  }
}

enum { ROOM = 1 << 14 };

/* Hands the bytes on to a file as they are made, those of names and numbers, a few at a time, together. */
typedef struct file_buffer {
  ProtobufCBuffer base;
  lks_file_writer *writer;
  lks_status status;
  size_t held;
  uint8_t room[ROOM];
} file_buffer;

static void flush(file_buffer *to)
{
  if (!to->status && to->held > 0) to->status = lks_file_writer_append(to->writer, to->room, to->held);
  to->held = 0;
}

static void append(ProtobufCBuffer *buffer, size_t bytes, const uint8_t *data)
{
  file_buffer *to = (file_buffer *)buffer;
  if (bytes > ROOM - to->held) flush(to);
  if (bytes > ROOM) {
    if (!to->status) to->status = lks_file_writer_append(to->writer, data, bytes);
    return;
  }
  memcpy(to->room + to->held, data, bytes);
  to->held += bytes;
}

lks_status lks_onnx_write(lks_onnx_builder *b, const char *path, bool replace, const lks_network_facts *facts)
{
  file_buffer buffer = {.base = {.append = append}, .status = LKS_OK, .held = 0};
  take_facts(b, facts);
  if (b->failed) return lks_fail(LKS_ERR_RANK, "not enough memory to make an ONNX model");
  const size_t bytes = protobuf_c_message_get_packed_size(&b->model.base);
  if (bytes > INT_MAX)
    return lks_fail(LKS_ERR_DATA,
                    "%s: %zu bytes, and a file of ONNX has 2 GB at most; export safetensors instead", path,
                    bytes);
  lks_temporary_tidy_file(path);
  lks_status status = lks_file_writer_open(&buffer.writer, path);
  if (!status) {
    protobuf_c_message_pack_to_buffer(&b->model.base, &buffer.base);
    flush(&buffer);
    status = buffer.status;
  }
  if (!status) status = lks_file_writer_commit_as(buffer.writer, replace);
  lks_file_writer_close(&buffer.writer);
  return status;
}

#endif
