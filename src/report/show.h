#ifndef LKS_REPORT_SHOW_H
#define LKS_REPORT_SHOW_H

#include <stdio.h>

#include "lockstep/config.h"
#include "lockstep/network.h"
#include "model/stages.h"

/* A network on paper: its layers by stage, and what they take. Nothing is trained, no parameters are made. */

/** What one layer takes. The layers that an operator carries out with its own, as a batch norm does the relu behind it, follow
 * it. */
typedef struct lks_show_layer {
  const lks_layer *layer; /* borrowed */
  size_t number;          /* in the model */
  int op, stage;
  size_t parameters;
  size_t bytes;             /* of values kept for the backward pass, a sample; 0: none of its own */
  double forward, backward; /* multiplications with an addition, a sample */
} lks_show_layer;

typedef struct lks_show {
  lks_config config;  /* checked */
  const char *name;   /* of the model; borrowed */
  lks_model *model;   /* owned */
  lks_stages *stages; /* owned */
  size_t layers;
  lks_show_layer *layer;     /* [layers], by stage; owned */
  lks_show_layer sum;        /* over all of them */
  lks_network_memory memory; /* on one rank */
  size_t optimizer;          /* bytes of moments */
} lks_show;

/** Local. text: the model's; name: in messages. LKS_ERR_USAGE, LKS_ERR_DATA as lks_model_parse. */
lks_status lks_show_create(lks_show **show, const lks_config *config, const char *name, const char *text,
                           lks_shape shape, size_t classes);
/** Local. Takes NULL, sets NULL. */
void lks_show_destroy(lks_show **show);

/** Local. In words, for 80 columns. */
void lks_show_print(FILE *out, const lks_show *show);
/** Local. Kind, window and step of a layer: "conv 3x3/2". */
void lks_show_kind(char out[64], const lks_layer *layer);
/** Local. A shape as "32x32x3", or "10" where it is one number a channel. */
void lks_show_shape(char out[64], lks_shape shape);
/** Local. Three digits and a unit of thousands: "1.23M". */
void lks_show_number(char out[16], double value);

/** Local. A drawing in the language of graphviz: a node a layer, a frame a stage. */
void lks_show_dot(FILE *out, const lks_show *show);
/** Local. Writes it to a file, by the end of its name: .dot as it is; .svg, .png or .pdf drawn by `dot`. LKS_ERR_USAGE for
 * another end; LKS_ERR_IO, also when there is no `dot`. */
lks_status lks_show_draw(const char *path, const lks_show *show);

#endif
