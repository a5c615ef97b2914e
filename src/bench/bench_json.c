#include "bench/bench.h"

#include "base/json.h"
#include "kernels/onednn.h"
#include "statistics/statistics.h"

static const char *const work_name[LKS_WORKS] = {
    [LKS_WORK_FORWARD] = "forward",   [LKS_WORK_SUMS] = "sums",       [LKS_WORK_BACKWARD] = "backward",
    [LKS_WORK_DX] = "input_gradient", [LKS_WORK_WEIGHTS] = "weights",
};
static const char *const traffic_name[LKS_TRAFFICS] = {
    [LKS_TRAFFIC_NORM] = "batch_norm",
    [LKS_TRAFFIC_GRADIENT] = "gradients",
    [LKS_TRAFFIC_STEP] = "end_of_step",
    [LKS_TRAFFIC_OTHER] = "other",
};

static void print_work(lks_json *json, const lks_bench_layer *layer)
{
  for (int w = 0; w < LKS_WORKS; w++) {
    const lks_bench_work *work = &layer->work[w];
    if (work->seconds <= 0 || work->flops + work->bytes <= 0) continue;
    lks_json_open(json, work_name[w], '{');
    lks_json_number(json, "seconds", work->seconds);
    lks_json_number(json, "flops", work->flops);
    lks_json_number(json, "bytes", work->bytes);
    lks_json_number(json, layer->arithmetic && work->flops > 0 ? "ceiling_flops" : "ceiling_bytes",
                    work->ceiling);
    lks_json_close(json);
  }
}

static void print_layers(lks_json *json, const lks_bench_arm *arm)
{
  lks_json_open(json, "layers", '[');
  for (size_t l = 0; l < arm->layers; l++) {
    lks_json_open(json, NULL, '{');
    lks_json_text(json, "name", arm->layer[l].name);
    lks_json_text(json, "kind", arm->layer[l].kind);
    print_work(json, &arm->layer[l]);
    lks_json_close(json);
  }
  lks_json_close(json);
}

static void print_parts(lks_json *json, const lks_bench_arm *arm)
{
  lks_json_open(json, "parts", '{');
  for (int p = 0; p < LKS_PARTS; p++) {
    lks_json_open(json, p == LKS_PART_OTHER ? "end of step" : lks_part_name((lks_part)p), '{');
    const lks_bench_part *part = &arm->part[p];
    lks_json_number(json, "min", part->seconds.low);
    lks_json_number(json, "mean", part->seconds.mean);
    lks_json_number(json, "max", part->seconds.high);
    if (part->flops > 0) lks_json_number(json, "flops", part->flops);
    if (part->bytes > 0) lks_json_number(json, "bytes", part->bytes);
    if (part->alone > 0) lks_json_number(json, "alone", part->alone);
    lks_json_close(json);
  }
  lks_json_close(json);
  lks_json_open(json, "communication", '{');
  for (int t = 0; t < LKS_TRAFFICS; t++) {
    lks_json_open(json, traffic_name[t], '{');
    lks_json_number(json, "calls", arm->traffic[t].calls);
    lks_json_number(json, "bytes", arm->traffic[t].bytes);
    lks_json_close(json);
  }
  lks_json_close(json);
}

static void print_arm(lks_json *json, const lks_bench *bench, const lks_bench_arm *arm)
{
  lks_json_open(json, NULL, '{');
  lks_json_text(json, "bn", lks_norm_text(arm->config.bn).text);
  lks_json_text(json, "reduce", lks_reduce_name(arm->config.reduce));
  lks_json_text(json, "precision", lks_type_name(arm->config.precision));
  lks_json_number(json, "images_per_second", lks_quantile(arm->rate, bench->options.repeats, 0.5));
  lks_json_numbers(json, "repeats", arm->rate, bench->options.repeats);
  lks_json_number(json, "seconds", arm->seconds);
  lks_json_number(json, "arithmetic_seconds", arm->arithmetic);
  lks_json_number(json, "not_arithmetic", lks_bench_not_arithmetic(arm));
  print_parts(json, arm);
  print_layers(json, arm);
  lks_json_close(json);
}

void lks_bench_print_json(lks_json *json, const lks_bench *bench)
{
  const lks_config *config = &bench->arm[0].config;
  lks_json_text(json, "model", config->model);
  lks_json_text(json, "data", config->data);
  const double shape[] = {(double)bench->shape.height, (double)bench->shape.width,
                          (double)bench->shape.channels};
  lks_json_numbers(json, "shape", shape, 3);
  lks_json_number(json, "classes", (double)bench->classes);
  lks_json_number(json, "batch_size", (double)bench->batch);
  lks_json_number(json, "microbatch", (double)bench->microbatch);
  lks_json_number(json, "ranks", bench->ranks);
  lks_json_number(json, "threads", bench->threads);
  lks_json_number(json, "hosts", bench->hosts);
  lks_json_text(json, "onednn", lks_onednn_version());
  lks_json_text(json, "instructions", lks_onednn_isa());
  lks_json_text(json, "isa", lks_isa_name(lks_isa_used()));
  lks_json_open(json, "arms", '[');
  for (size_t a = 0; a < bench->arms; a++) print_arm(json, bench, &bench->arm[a]);
  lks_json_close(json);
}
