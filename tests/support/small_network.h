#ifndef LKS_TESTS_SMALL_NETWORK_H
#define LKS_TESTS_SMALL_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/network.h"

/* Small networks with everything in them, and data that fit them: for tests that hold a network over all
 * ranks against the same one in a single process. */

enum { HEIGHT = 8, WIDTH = 10, CHANNELS = 3, CLASSES = 7, MICROBATCH = 4, BATCH = 37, STEPS = 3, DATA = 97 };

extern const char residual_text[], before_text[], pooled_text[], kinds_text[], own_groups_text[];

/** Fills the data; once, before anything else. Local. */
void make_data(void);

typedef struct subject {
  lks_comm *self; /* NULL when it runs over all ranks */
  lks_model *model;
  lks_network *network;
} subject;

lks_network_options options(const char *norm, int threads);

/** Collective over comm; NULL: in this process alone. */
lks_status subject_create(subject *s, lks_comm *comm, const char *text, const lks_network_options *o);
void subject_destroy(subject *s);

/** Local. Samples first .. first + count - 1 of the data, as a part of a mini-batch of `total`. */
lks_batch samples(size_t first, size_t count, size_t total);
extern const lks_input_scaling input_scaling;

/** Collective over the subject's ranks. One pass over `total` samples from sample `first` on. */
lks_status pass(subject *s, lks_pass_result *result, lks_pass kind, size_t first, size_t total,
                uint32_t step);
/** Collective over the subject's ranks. A few steps of gradient descent, the last one on a smaller
 * mini-batch. */
lks_status train(subject *s, lks_pass_result *result);

/** Collective over comm. How much is allocated by steps behind the first ones. */
lks_status allocations_in_steps(long *made, lks_comm *comm, const lks_network_options *o);

/** Local. Whether a trained network, with running statistics, gives each sample the same logits alone as in
 * company. */
lks_status samples_alone(bool *same, const lks_network_options *o);

/** Local. Whether parameters, gradients and running statistics agree to the bit. */
bool same_bits(subject *a, subject *b);

/** Local. Between the gradients of two networks of equal parameters, in units of a's: 0: they agree; 1: they
 * have nothing to do with each other; no finite number when a's are all 0. */
double gradient_distance(subject *a, subject *b);

#endif
