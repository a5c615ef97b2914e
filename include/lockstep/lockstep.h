#ifndef LOCKSTEP_LOCKSTEP_H
#define LOCKSTEP_LOCKSTEP_H

/* The whole library. A program begins with lks_fork_server_start, MPI_Init_thread (MPI_THREAD_FUNNELED is
 * enough), lks_comm_create_all and lks_log_enable; then lks_train_all does what `lockstep train` does, and the
 * parts that it is made of can be called one by one. Batch norm and reductions alone (batch_norm.h, reduce.h)
 * need MPI_Init and lks_comm_create_all. A function that fails returns a status and leaves a
 * sentence in lks_message. */

/** The version of these headers, which the build takes from here. */
#define LOCKSTEP_VERSION_MAJOR 0
#define LOCKSTEP_VERSION_MINOR 1
#define LOCKSTEP_VERSION_PATCH 0
#define LOCKSTEP_VERSION "0.1.0"

#include "lockstep/batch.h"
#include "lockstep/batch_norm.h"
#include "lockstep/checkpoint.h"
#include "lockstep/comm.h"
#include "lockstep/config.h"
#include "lockstep/dataset.h"
#include "lockstep/exact_sum.h"
#include "lockstep/fork_server.h"
#include "lockstep/log.h"
#include "lockstep/memory.h"
#include "lockstep/model.h"
#include "lockstep/network.h"
#include "lockstep/norm_layers.h"
#include "lockstep/optimizer.h"
#include "lockstep/profile.h"
#include "lockstep/reduce.h"
#include "lockstep/settings.h"
#include "lockstep/status.h"
#include "lockstep/trainer.h"

#endif
