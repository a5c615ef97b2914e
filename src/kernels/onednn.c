#include "kernels/onednn.h"

#include <omp.h>
#include <stdio.h>

#include "base/arena.h"
#include "kernels/onednn_engine.h"
#include "kernels/onednn_refused.h"

static const char *status_word(dnnl_status_t status)
{
  switch (status) {
  case dnnl_out_of_memory: return "out of memory";
  case dnnl_invalid_arguments: return "invalid arguments";
  case dnnl_unimplemented: return "not implemented";
  default: return "runtime error";
  }
}

lks_status lks_onednn_check(dnnl_status_t status, const char *what)
{
  if (status == dnnl_success) return LKS_OK;
  return lks_fail(LKS_ERR_RANK, "oneDNN %s: %s: %s", lks_onednn_version(), what, status_word(status));
}

lks_status lks_onednn_accept(const dnnl_version_t *library)
{
  if (library->major != DNNL_VERSION_MAJOR)
    return lks_fail(
        LKS_ERR_RANK,
        "oneDNN %d.%d.%d was loaded, but this program is compiled for oneDNN %d: let it find that library (LD_LIBRARY_PATH), or compile it again",
        library->major, library->minor, library->patch, DNNL_VERSION_MAJOR);
  if (library->cpu_runtime == DNNL_RUNTIME_OMP || library->cpu_runtime == DNNL_RUNTIME_SEQ) return LKS_OK;
  const char *runtime = library->cpu_runtime == DNNL_RUNTIME_TBB          ? "TBB"
                        : library->cpu_runtime == DNNL_RUNTIME_THREADPOOL ? "thread pools"
                        : library->cpu_runtime == DNNL_RUNTIME_SYCL       ? "SYCL"
                                                                          : "an unknown runtime";
  return lks_fail(
      LKS_ERR_RANK,
      "oneDNN %d.%d.%d was loaded, which computes with %s: Lockstep needs one that is built for OpenMP or for one thread (ONEDNN_CPU_RUNTIME=OMP or SEQ)",
      library->major, library->minor, library->patch, runtime);
}

lks_status lks_onednn_library(void)
{
  return lks_onednn_accept(dnnl_version());
}

lks_status lks_onednn_layout(lks_layout *layout, int dimensions, const dnnl_dims_t extent, lks_type type,
                             dnnl_format_tag_t tag)
{
  dnnl_data_type_t element = type == LKS_BF16 ? dnnl_bf16 : dnnl_f32;
  return lks_onednn_check(lks_layout_create(layout, dimensions, extent, element, tag), "layout of an array");
}

int lks_onednn_threads_swap(int threads)
{
  int before = omp_get_max_threads();
  if (before != threads) omp_set_num_threads(threads);
  return before;
}

lks_status lks_onednn_host_open(lks_onednn_host *host, int threads)
{
  *host = (lks_onednn_host){.threads = threads};
  lks_status usable = lks_onednn_library();
  if (usable) return usable;
  host->stream = lks_new((size_t)threads, sizeof(dnnl_stream_t));
  if (!host->stream) return LKS_ERR_RANK;
  dnnl_status_t status = dnnl_engine_create(&host->engine, dnnl_cpu, 0);
  for (int t = 0; t < threads && status == dnnl_success; t++)
    status = dnnl_stream_create(&host->stream[t], host->engine, dnnl_stream_in_order);
  return lks_onednn_check(status, "opening the engine");
}

void lks_onednn_host_close(lks_onednn_host *host)
{
  for (int t = 0; host->stream && t < host->threads; t++)
    if (host->stream[t]) dnnl_stream_destroy(host->stream[t]);
  if (host->engine) dnnl_engine_destroy(host->engine);
  lks_free(host->stream);
  *host = (lks_onednn_host){0};
}

lks_layout_view lks_onednn_layout_of(const lks_onednn_op *op, int argument)
{
  return dnnl_primitive_desc_query_md(op->desc, dnnl_query_exec_arg_md, argument);
}

size_t lks_onednn_bytes(const lks_onednn_op *op, int argument)
{
  lks_layout_view layout = op->desc ? lks_onednn_layout_of(op, argument) : NULL;
  return layout ? dnnl_memory_desc_get_size(layout) : 0;
}

static dnnl_status_t create_memories(lks_onednn_op *op)
{
  for (int t = 0; t < op->host->threads; t++)
    for (int i = 0; i < op->arguments; i++) {
      dnnl_exec_arg_t *a = &op->argument[t * op->arguments + i];
      a->arg = op->argument[i].arg;
      dnnl_status_t status = dnnl_memory_create(&a->memory, lks_onednn_layout_of(op, a->arg),
                                                op->host->engine, DNNL_MEMORY_NONE);
      if (status != dnnl_success) return status;
    }
  return dnnl_success;
}

/* Takes op->desc, and makes the primitive and its arguments. */
static lks_status finish_op(lks_onednn_op *op, const int *list, int count)
{
  size_t objects = (size_t)op->host->threads * (size_t)count;
  op->argument = lks_new(objects, sizeof *op->argument);
  op->pointer = lks_new(objects, sizeof *op->pointer);
  if (!op->argument || !op->pointer) return LKS_ERR_RANK;
  for (int i = 0; i < count; i++)
    if (lks_onednn_bytes(op, list[i]) > 0) {
      op->place[op->arguments] = i;
      op->argument[op->arguments++].arg = list[i];
    }
  dnnl_status_t status = dnnl_primitive_create(&op->primitive, op->desc);
  if (status == dnnl_success) status = create_memories(op);
  return lks_onednn_check(status, "creating a primitive");
}

/* Summation in fp32 throughout, whatever the environment says; scratchpads come from the caller. */
static dnnl_status_t create_attributes(dnnl_primitive_attr_t *attributes)
{
  dnnl_status_t status = dnnl_primitive_attr_create(attributes);
  if (status == dnnl_success)
    status = dnnl_primitive_attr_set_fpmath_mode(*attributes, dnnl_fpmath_mode_strict);
  if (status == dnnl_success)
    status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
  return status;
}

const char *lks_onednn_implementation(const_dnnl_primitive_desc_t choice)
{
  const char *name = NULL;
  if (choice) dnnl_primitive_desc_query(choice, dnnl_query_impl_info_str, 0, (void *)&name);
  return name ? name : "";
}

/* The first of oneDNN's implementations that is not known to be wrong. */
static lks_status choose(lks_onednn_op *op, const lks_task *task, const_dnnl_primitive_attr_t attributes,
                         const lks_onednn_op *hint)
{
  for (int nth = 0;; nth++) {
    dnnl_status_t status =
        lks_task_choose(&op->desc, task, nth, op->host->engine, attributes, hint ? hint->desc : NULL);
    if (status == dnnl_unimplemented && nth > 0)
      return lks_fail(
          LKS_ERR_RANK,
          "oneDNN %s: each of its %d implementations of a layer is known to compute wrong numbers",
          lks_onednn_version(), nth);
    if (status != dnnl_success) return lks_onednn_check(status, "choosing a primitive");
    if (!lks_onednn_refuses(task, lks_onednn_implementation(op->desc))) return LKS_OK;
    dnnl_primitive_desc_destroy(op->desc);
    op->desc = NULL;
  }
}

lks_status lks_onednn_op_create(lks_onednn_op *op, const lks_onednn_host *host, const lks_task *task,
                                const lks_onednn_op *hint, const int *list, int count)
{
  *op = (lks_onednn_op){.host = host};
  dnnl_primitive_attr_t attributes = NULL;
  lks_status status = lks_onednn_check(create_attributes(&attributes), "attributes of a primitive");
  if (!status) status = choose(op, task, attributes, hint);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  return status ? status : finish_op(op, list, count);
}

lks_status lks_onednn_reorder_create(lks_onednn_op *op, const lks_onednn_host *host, lks_layout_view from,
                                     lks_layout_view to)
{
  *op = (lks_onednn_op){.host = host};
  dnnl_status_t status =
      dnnl_reorder_primitive_desc_create(&op->desc, from, host->engine, to, host->engine, NULL);
  if (status != dnnl_success) return lks_onednn_check(status, "choosing a reorder");
  return finish_op(op, (const int[]){DNNL_ARG_FROM, DNNL_ARG_TO}, 2);
}

void lks_onednn_op_destroy(lks_onednn_op *op)
{
  for (int i = 0; op->argument && i < op->host->threads * op->arguments; i++)
    if (op->argument[i].memory) dnnl_memory_destroy(op->argument[i].memory);
  if (op->primitive) dnnl_primitive_destroy(op->primitive);
  if (op->desc) dnnl_primitive_desc_destroy(op->desc);
  lks_free(op->argument);
  lks_free(op->pointer);
  *op = (lks_onednn_op){0};
}

/* oneDNN clears the padding of a blocked array whenever its address is set: so only when it changes. */
static dnnl_status_t set_pointers(lks_onednn_op *op, int thread, const void *const *pointers)
{
  for (int i = 0; i < op->arguments; i++) {
    int at = thread * op->arguments + i;
    const void *pointer = pointers[op->place[i]];
    if (!pointer) return dnnl_invalid_arguments;
    if (pointer == op->pointer[at]) continue;
    dnnl_status_t status = dnnl_memory_set_data_handle(op->argument[at].memory, (void *)(size_t)pointer);
    if (status != dnnl_success) return status;
    op->pointer[at] = pointer;
  }
  return dnnl_success;
}

lks_status lks_onednn_run(lks_onednn_op *op, int thread, const void *const *pointers)
{
  if (!op->primitive) return lks_fail(LKS_ERR_RANK, "oneDNN: an operation that was not created is run");
  int before = lks_onednn_threads_swap(1);
  dnnl_status_t status = set_pointers(op, thread, pointers);
  if (status == dnnl_success)
    status = dnnl_primitive_execute(op->primitive, op->host->stream[thread], op->arguments,
                                    op->argument + (ptrdiff_t)thread * op->arguments);
  lks_onednn_threads_swap(before);
  return lks_onednn_check(status, "executing a primitive");
}

const char *lks_onednn_version(void)
{
  static _Thread_local char text[32];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
  return text;
}
