#ifndef LKS_TRAIN_SETUP_H
#define LKS_TRAIN_SETUP_H

#include <stdbool.h>

#include "lockstep/config.h"
#include "lockstep/dataset.h"
#include "lockstep/network.h"

/** A network made as a configuration says, with the model it stands on and the scaling of its inputs. */
typedef struct lks_setup {
  lks_model *model;
  lks_network *network;
  lks_input_scaling scaling;
  double *mean, *scale;         /* what scaling points to */
  void (*pulse)(void *context); /* after each mini-batch that is evaluated; NULL: nobody wants to know */
  void *context;
} lks_setup;

/** What a network is made for: from a dataset, or from a checkpoint's header. Borrowed. */
typedef struct lks_setup_input {
  const char *model_text, *model_name; /* the name is for messages */
  lks_shape shape;
  size_t classes;
  bool features;            /* f32 features; else u8 pixels */
  const double *mean, *std; /* a channel, or a feature */
} lks_setup_input;

/** Local. A model text for the samples of a dataset; all borrowed. */
lks_setup_input lks_setup_input_of(const char *model_text, const char *model_name,
                                   const lks_dataset *dataset);

/** Collective; all arguments equal on all ranks. config->threads 0 stands for lks_threads_default. */
lks_status lks_setup_create_all(lks_setup **setup, lks_comm *comm, const lks_config *config,
                                const lks_setup_input *input);
/** Collective. The same, with the configuration's normalization batch for batch norms that name another, too. */
lks_status lks_setup_create_alike_all(lks_setup **setup, lks_comm *comm, const lks_config *config,
                                      const lks_setup_input *input);
void lks_setup_destroy_all(lks_setup **setup);

/** Local. mean, scale [channels] out: how a network's inputs are scaled with the mean and std of `input`. */
void lks_setup_scale(double *mean, double *scale, const lks_setup_input *input, bool normalize);

/** Local. The part of a configuration that a network is made with; its strings are borrowed. threads: of a
 * rank. */
lks_network_options lks_setup_options(const lks_config *config, int threads);

/** Collective. The text of a model, which rank 0 looks up; *text is freed with lks_free. LKS_ERR_USAGE when another
 * rank finds another text under that name; it may find none. */
lks_status lks_model_text_all(char **text, lks_comm *comm, const char *name_or_path);

/** Local. Cores that this rank may use: those it is bound to, or its part of the node's. At least 1. */
int lks_threads_default(const lks_comm *comm);

/** Local. Threads of this rank: what the configuration says, or the default. */
int lks_setup_threads(const lks_comm *comm, const lks_config *config);

#endif
