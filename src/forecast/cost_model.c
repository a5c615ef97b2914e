#include "forecast/cost_model.h"

#include <math.h>

#include "lockstep/exact_sum.h"
#include "statistics/student_t.h"
#include "sums/partition.h"

enum { LAST_ACCUMULATORS = 5 }; /* loss, correct, samples, stop, failed */

static double rounds(double ranks)
{
  return ranks > 1 ? ceil(log2(ranks)) : 0;
}

/* Recursive doubling sends the whole array in each round; recursive halving, half of what the round before
 * had, and then gathers the parts. */
static double reduce_on(const lks_cost_link *link, double ranks, double bytes)
{
  double n = rounds(ranks);
  double whole = n * (link->latency + bytes * link->second_byte);
  double halving =
      2 * n * link->latency + (ranks > 1 ? 2 * bytes * (ranks - 1) / ranks * link->second_byte : 0);
  return fmin(whole, halving);
}

lks_cost_link lks_cost_link_assumed(double latency, double bandwidth)
{
  return (lks_cost_link){.latency = latency, .second_byte = 1 / bandwidth, .overhead = latency / 4};
}

static bool is_oversubscribed(const lks_cost_machine *m, size_t ranks, size_t hosts)
{
  return (double)ranks / (double)hosts > m->host_ranks;
}

double lks_cost_reduction(const lks_cost_machine *m, size_t ranks, size_t hosts, double bytes)
{
  double on_host = (double)ranks / (double)hosts;
  double near = is_oversubscribed(m, ranks, hosts)
                    ? on_host * m->oversubscribed_latency + bytes * m->inside.second_byte
                    : reduce_on(&m->inside, on_host, bytes);
  return near + reduce_on(&m->between, (double)hosts, bytes);
}

static double accumulators_bytes(double count)
{
  return count * LKS_EXACT_LIMBS * sizeof(int64_t);
}

static double channels_of(const lks_stages *stages, int stage)
{
  double channels = 0;
  for (int o = stages->begin[stage]; o < stages->begin[stage + 1]; o++)
    if (stages->op[o].kind == LKS_OP_NORM) channels += (double)stages->op[o].out.channels;
  return channels;
}

/* Sums that normalize wait for their reduction; those of the backward pass travel while weight gradients of
 * the stage above are computed, each stage its share. */
static double norm_seconds(const lks_cost_machine *m, const lks_cost_run *run, const lks_stages *stages,
                           const lks_batch_plan *plan, double weights)
{
  double seconds = 0;
  for (int stage = 1; stage < stages->stages && plan->spanning; stage++) {
    double bytes = accumulators_bytes(2 * channels_of(stages, stage) * (double)plan->spanning);
    double one = lks_cost_reduction(m, run->ranks, run->hosts, bytes);
    seconds += one + fmax(one - weights / stages->stages, 0);
  }
  return seconds;
}

static double elements_of(const lks_op *op)
{
  const lks_layer *l = op->layer;
  double inputs = l->kind == LKS_LAYER_CONV
                      ? (double)(l->kernel[0] * l->kernel[1] * l->in.channels) / (double)l->groups
                      : (double)(l->in.height * l->in.width * l->in.channels);
  return (inputs + l->bias) * (double)l->out.channels;
}

/* What a gradient costs the processor, and the time that it is under way between hosts. */
typedef struct transfer {
  double own, wire;
} transfer;

/* Two messages to each of `far` ranks on other hosts, and so many bytes. The ranks of a host share its
 * network, which passes their messages one by one; the gap between two is taken to be the overhead of one.
 *  Source: Alexandrov et al. 1995, "LogGP". By this and the standard link, MPI_Alltoallv of 1 byte over 4
 * hosts of 96 ranks lasts 13.8 ms; pull request 11628 of Open MPI measured 14.3. */
static double send_between(const lks_cost_machine *m, const lks_cost_run *run, double far, double bytes)
{
  double sharing = (double)run->ranks / (double)run->hosts;
  return 2 * (m->between.latency + far * (sharing - 1) * m->between.overhead) +
         sharing * bytes * m->between.second_byte;
}

/* Every rank sends its blocks to all others, slice by slice, sums a slice and sends it to all others. */
static transfer send_flat(const lks_cost_machine *m, const lks_cost_run *run, double blocks, double bytes)
{
  double ranks = (double)run->ranks, near = ranks / (double)run->hosts - 1, far = ranks - 1 - near;
  double moved = (blocks + 1) * bytes / ranks;
  return (transfer){2 * (near * m->inside.overhead + far * m->between.overhead) +
                        moved * (ranks - 1) * m->inside.exchange,
                    far > 0 ? send_between(m, run, far, moved * far) : 2 * m->inside.latency};
}

/* The same inside each host first, and then between those that hold the same slice on each; a host's ranks
 * together hold about one block. */
static transfer send_tree(const lks_cost_machine *m, const lks_cost_run *run, double blocks, double bytes)
{
  double ranks = (double)run->ranks, hosts = (double)run->hosts, near = ranks / hosts - 1, far = hosts - 1;
  if (near <= 0 || far <= 0 || run->ranks % run->hosts != 0) return send_flat(m, run, blocks, bytes);
  double inside = (blocks + 1) * bytes / (near + 1) * near, between = 2 * bytes / ranks * far;
  return (transfer){2 * (near * m->inside.overhead + far * m->between.overhead) +
                        (inside + between) * m->inside.exchange,
                    send_between(m, run, far, between)};
}

/* On a host the processor copies; between hosts others do. */
static transfer send_mpi(const lks_cost_machine *m, const lks_cost_run *run, double bytes)
{
  double whole = lks_cost_reduction(m, run->ranks, run->hosts, bytes);
  double wire = reduce_on(&m->between, (double)run->hosts, bytes);
  return (transfer){whole - wire, wire};
}

/* Blocks of the canonical tree that a rank has, mean. */
static double blocks_of(const lks_batch_plan *plan, size_t ranks)
{
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  double blocks = 0;
  for (size_t r = 0; r < ranks; r++) {
    size_t first = lks_partition_begin(plan->microbatches, ranks, r);
    blocks += lks_tree_blocks(block, first, lks_partition_begin(plan->microbatches, ranks, r + 1) - first);
  }
  return blocks / (double)ranks;
}

/* Gradients travel during the backward pass, but those of the lowest layer, which come last. */
static double gradient_seconds(const lks_cost_machine *m, const lks_cost_run *run, const lks_stages *stages,
                               const lks_batch_plan *plan, double hidden)
{
  double own = 0, wire = 0, last = 0, blocks = blocks_of(plan, run->ranks);
  for (int o = stages->ops - 1; o >= 0 && run->ranks > 1; o--) {
    if (stages->op[o].kind != LKS_OP_LINEAR) continue;
    double bytes = elements_of(&stages->op[o]) * sizeof(float);
    transfer t = run->reduce == LKS_REDUCE_MPI ? send_mpi(m, run, bytes) : send_tree(m, run, blocks, bytes);
    own += t.own;
    wire += last = t.wire;
  }
  return own + fmax(last, wire - hidden);
}

/* Mean of the largest of so many normal numbers, in standard deviations.
 *  Source: Blom 1958, "Statistical estimates and transformed beta-variables". */
static double largest_normal(double count)
{
  const double normal = 1e9; /* degrees of freedom: Student's t is the normal distribution then */
  return count > 1 ? lks_student_t_quantile((count - 0.375) / (count + 0.25), normal) : 0;
}

/* Between two reductions each rank is late or early by itself. On an oversubscribed host another rank has the
 * core meanwhile: nothing is lost. */
static double waiting_seconds(const lks_cost_machine *m, const lks_cost_work *work, const lks_cost_run *run,
                              const lks_stages *stages, const lks_batch_plan *plan, double microbatches)
{
  if (is_oversubscribed(m, run->ranks, run->hosts)) return 0;
  double meetings = plan->spanning ? 2 * stages->stages - 1 : 1;
  return work->scatter * sqrt(microbatches) * sqrt(meetings) * largest_normal((double)run->ranks);
}

static double end_seconds(const lks_cost_machine *m, const lks_cost_run *run, const lks_stages *stages,
                          const lks_batch_plan *plan)
{
  bool pooled_known = plan->groups == 1 && plan->spanning == 1;
  double channels = 0;
  for (int stage = 1; stage < stages->stages && !pooled_known; stage++)
    channels += channels_of(stages, stage);
  return lks_cost_reduction(m, run->ranks, run->hosts, accumulators_bytes(LAST_ACCUMULATORS + 4 * channels));
}

lks_status lks_cost_step(lks_cost *cost, const lks_cost_machine *m, const lks_cost_work *work,
                         const lks_cost_run *run, const lks_stages *stages)
{
  lks_batch_plan *plan;
  lks_status status =
      lks_batch_plan_create(&plan, run->batch, run->microbatch, run->norm, (int)run->ranks, 0);
  if (status) return status;
  double turns = fmax(1, (double)run->ranks / (double)run->hosts / fmax(m->host_ranks, work->at_work));
  double microbatches = (double)plan->count * turns; /* rank 0 has a largest shard */
  *cost = (lks_cost){.compute = work->fixed * turns + work->microbatch * microbatches};
  cost->norm = norm_seconds(m, run, stages, plan, work->weights * microbatches);
  cost->gradient = gradient_seconds(m, run, stages, plan, cost->compute / 2);
  cost->end = end_seconds(m, run, stages, plan);
  cost->waiting = waiting_seconds(m, work, run, stages, plan, microbatches);
  cost->forward = work->forward * microbatches + cost->end;
  cost->total = cost->compute + cost->norm + cost->gradient + cost->end + cost->waiting;
  lks_batch_plan_destroy(&plan);
  return LKS_OK;
}
