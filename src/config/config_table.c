#include <math.h>
#include <string.h>

#include "config/config_value.h"
#include "lockstep/config.h"

/* One row a setting. Order and groups are those of the help and of a printed configuration. */

#define AT(field) offsetof(lks_config, field)
#define MANY 2147483647.0 /* counts stay within int: MPI and oneDNN want that */

static const lks_option table[] = {
    {"data", "FILE", LKS_OPTION_TEXT, AT(data), "", NULL, 0, 0, "Data and model", "dataset in HDF5"},
    {"samples", "PATH", LKS_OPTION_TEXT, AT(names.samples), "", NULL, 0, 0, "Data and model",
     "array of training samples in the file, such as /X_train; empty: recognized by its name"},
    {"labels", "PATH", LKS_OPTION_TEXT, AT(names.labels), "", NULL, 0, 0, "Data and model",
     "array of training labels in the file; empty: recognized by its name"},
    {"test-samples", "PATH", LKS_OPTION_TEXT, AT(names.test_samples), "", NULL, 0, 0, "Data and model",
     "array of test samples in the file, or none; empty: recognized by its name, if there is one"},
    {"test-labels", "PATH", LKS_OPTION_TEXT, AT(names.test_labels), "", NULL, 0, 0, "Data and model",
     "array of test labels in the file; empty: recognized by its name, if there is one"},
    {"layout", LKS_DATA_LAYOUTS, LKS_OPTION_CHOICE, AT(names.layout), "auto", LKS_DATA_LAYOUTS, 0, 0,
     "Data and model",
     "order of the axes of images in the file: samples, height, width, channels (nhwc), or channels before height and width (nchw); auto: nhwc, with a warning where it looks like nchw"},
    {"window", "SAMPLES", LKS_OPTION_SIZE, AT(window), "0", NULL, 0, MANY, "Data and model",
     "leave the samples in the file and read it in shuffled chunks, joined to windows of at least SAMPLES samples that are shuffled in memory, for datasets that memory cannot hold; the order of samples, and so the result, depends on it; 0: all samples are in memory"},
    {"model", "NAME|FILE", LKS_OPTION_TEXT, AT(model), "cnn", NULL, 0, 0, "Data and model",
     "a preset (such as mlp, cnn, resnet20, resnet18; 'lockstep help models' lists them) or a file of model text"},
    {"train-samples", "N", LKS_OPTION_SIZE, AT(train_samples), "0", NULL, 0, MANY, "Data and model",
     "train on N samples only, the first ones of each class in proportion; 0: on all"},
    {"holdout", "N", LKS_OPTION_SIZE, AT(holdout), "0", NULL, 0, MANY, "Data and model",
     "keep N training samples back, in proportion to the classes, and test on them instead of the test split"},
    {"normalize-input", NULL, LKS_OPTION_SWITCH, AT(normalize_input), "on", NULL, 0, 0, "Data and model",
     "subtract the dataset's mean and divide by its standard deviation"},

    {"init", "FILE", LKS_OPTION_TEXT, AT(init), "", NULL, 0, 0, "Fine-tuning",
     "begin with the weights of a checkpoint, a file of safetensors or an .npz archive, which have PyTorch's names; a resumed run does not need it any more; empty: weights are drawn from the seed"},
    {"init-except", "LAYERS", LKS_OPTION_TEXT, AT(init_except), "", NULL, 0, 0, "Fine-tuning",
     "layers that do not take their values from that file but begin anew, such as a head for other classes; names and patterns, separated by commas: dense2,layer4.*"},
    {"freeze", "LAYERS", LKS_OPTION_TEXT, AT(freeze), "", NULL, 0, 0, "Fine-tuning",
     "layers whose parameters stay as they are: no gradient (it is not even reckoned), momentum or weight decay moves them; names and patterns, separated by commas. Running statistics go on unless freeze-bn is given too"},
    {"freeze-bn", NULL, LKS_OPTION_SWITCH, AT(freeze_bn), "off", NULL, 0, 0, "Fine-tuning",
     "in training too, batch norm uses its running statistics; these, gamma and beta stay as they are"},

    {"bn", "sync|rank|rank:R|K|none", LKS_OPTION_NORM, AT(bn), "sync", NULL, 0, 0, "Batch norm",
     "normalization batch: the whole mini-batch (sync), this run's shards (rank), the shards of R ranks at any rank count (rank:R), groups of K samples (K), no batch norm at all (none); one sample left over at the end joins the group before it"},
    {"norm", "batch|layer|group:G", LKS_OPTION_NORM_LAYERS, AT(norm), "batch", NULL, 0, 0, "Batch norm",
     "what stands where the model says batchnorm: that, or for comparison layer norm or group norm, which normalize each sample by itself, over all of it or over each of G groups of channels"},
    {"bn-epsilon", "X", LKS_OPTION_REAL, AT(bn_epsilon), "1e-05", NULL, 1e-12, 1, "Batch norm",
     "number added to the variance inside the square root of batch norm"},
    {"bn-momentum", "X", LKS_OPTION_REAL, AT(bn_momentum), "0.1", NULL, 0, 1, "Batch norm",
     "weight of the newest mini-batch in the running statistics"},
    {"bn-disturb", "X", LKS_OPTION_REAL, AT(bn_disturb), "0", NULL, 0, 10, "Batch norm",
     "in training, multiply each batch norm's output by 1 + X n and add X n', n and n' fresh normal deviates for each channel and step: an experiment on moving distributions; 0: off"},

    {"batch-size", "N", LKS_OPTION_SIZE, AT(batch_size), "128", NULL, 1, MANY, "Training",
     "samples of a mini-batch, over all ranks"},
    {"microbatch", "N", LKS_OPTION_SIZE, AT(microbatch), "0", NULL, 0, MANY, "Training",
     "samples of the unit of work, which fixes the order of summation; 0: batch-size/16, at least 8"},
    {"epochs", "N", LKS_OPTION_SIZE, AT(epochs), "10", NULL, 0, 1e6, "Training",
     "passes over the training data; 0 writes the initial checkpoint and stops"},
    {"seed", "N", LKS_OPTION_SEED, AT(seed), "1", NULL, 0, 0, "Training",
     "seed of initial weights, shuffling, augmentation and dropout"},
    {"label-smoothing", "X", LKS_OPTION_REAL, AT(label_smoothing), "0", NULL, 0, 1, "Training",
     "share of the target that is spread over all classes, below 1"},
    {"crop", "PIXELS", LKS_OPTION_SIZE, AT(crop), "0", NULL, 0, 1024, "Training",
     "move training images by up to so many pixels each way"},
    {"flip", NULL, LKS_OPTION_SWITCH, AT(flip), "off", NULL, 0, 0, "Training",
     "mirror half of the training images, left to right"},

    {"optimizer", "sgd|adam|adamw", LKS_OPTION_CHOICE, AT(optimizer), "sgd", "sgd|adam|adamw", 0, 0,
     "Optimizer", "rule that updates the parameters"},
    {"lr", "X", LKS_OPTION_REAL, AT(lr), "0.1", NULL, 0, HUGE_VAL, "Optimizer",
     "learning rate after the warm-up"},
    {"momentum", "X", LKS_OPTION_REAL, AT(momentum), "0.9", NULL, 0, 1, "Optimizer",
     "momentum of sgd, below 1; 0: none"},
    {"nesterov", NULL, LKS_OPTION_SWITCH, AT(nesterov), "off", NULL, 0, 0, "Optimizer",
     "use Nesterov's momentum with sgd"},
    {"beta1", "X", LKS_OPTION_REAL, AT(beta1), "0.9", NULL, 0, 1, "Optimizer",
     "decay of adam's and adamw's first moment, below 1"},
    {"beta2", "X", LKS_OPTION_REAL, AT(beta2), "0.999", NULL, 0, 1, "Optimizer",
     "decay of adam's and adamw's second moment, below 1"},
    {"adam-epsilon", "X", LKS_OPTION_REAL, AT(adam_epsilon), "1e-08", NULL, 0, 1, "Optimizer",
     "number added to the root of adam's and adamw's second moment"},
    {"weight-decay", "X", LKS_OPTION_REAL, AT(weight_decay), "0.0005", NULL, 0, HUGE_VAL, "Optimizer",
     "factor of the weight decay; sgd, adam: X times the weight is added to its gradient; adamw: a weight loses the learning rate times X times itself in each step"},
    {"decay-all", NULL, LKS_OPTION_SWITCH, AT(decay_all), "off", NULL, 0, 0, "Optimizer",
     "apply weight decay to gamma, beta and biases too"},

    {"schedule", "constant|step|cosine", LKS_OPTION_CHOICE, AT(schedule), "cosine", "constant|step|cosine", 0,
     0, "Learning rate schedule", "course of the learning rate after the warm-up"},
    {"step-epochs", "N", LKS_OPTION_SIZE, AT(step_epochs), "30", NULL, 1, MANY, "Learning rate schedule",
     "schedule step: the learning rate changes every N epochs"},
    {"step-factor", "X", LKS_OPTION_REAL, AT(step_factor), "0.1", NULL, 0, 1, "Learning rate schedule",
     "schedule step: the learning rate is multiplied by X each time"},
    {"warmup", "EPOCHS", LKS_OPTION_REAL, AT(warmup), "0", NULL, 0, 1e6, "Learning rate schedule",
     "epochs of linear warm-up, may be a fraction"},

    {"threads", "N", LKS_OPTION_SIZE, AT(threads), "0", NULL, 0, 1024, "Execution",
     "threads of each rank; 0: the node's cores divided by its ranks"},
    {"cache", "DIR", LKS_OPTION_TEXT, AT(cache), "", NULL, 0, 0, "Execution",
     "folder on each node's own disk that keeps the samples in a file, for datasets that memory cannot hold; later runs find them there again; empty: the samples are in memory"},
    {"precision", "fp32|bf16", LKS_OPTION_CHOICE, AT(precision), "fp32", "fp32|bf16", 0, 0, "Execution",
     "precision of activations, their gradients and the arithmetic; parameters, sums and the optimizer have at least fp32 in both"},
    {"isa", LKS_ISA_CHOICES, LKS_OPTION_CHOICE, AT(isa), "auto", LKS_ISA_CHOICES, 0, 0, "Execution",
     "instruction set of all kernels: each has bits of its own. "
     "Every rank must have it; auto: the best that all ranks have (ONEDNN_MAX_CPU_ISA may bound it), in a resumed run that of before if they have it"},
    {"reduce", "tree|mpi", LKS_OPTION_CHOICE, AT(reduce), "tree", "tree|mpi", 0, 0, "Execution",
     "how the gradients are summed: tree gives the same bits at any rank count, mpi (MPI_Allreduce) does not"},
    {"stall-limit", "TIME", LKS_OPTION_TIME, AT(stall_limit), "300", NULL, 0, 0, "Execution",
     "end the job with code 6 when a rank that others wait for gives no sign of life for longer than this, naming it; 0: never"},

    {"output", "DIR", LKS_OPTION_TEXT, AT(output), "", NULL, 0, 0, "Run directory",
     "folder of this run, never overwritten; empty: runs/MODEL-bnBN-seedN, with -2, -3, ... when that is taken"},
    {"resume", NULL, LKS_OPTION_SWITCH, AT(resume), "off", NULL, 0, 0, "Run directory",
     "continue the run in the output folder from its newest checkpoint"},
    {"max-time", "TIME", LKS_OPTION_TIME, AT(max_time), "0", NULL, 0, 0, "Run directory",
     "stop with a checkpoint after this time: 90, 90s, 30m, 2h or HH:MM:SS; 0: no limit"},
    {"stop-margin", "TIME", LKS_OPTION_TIME, AT(stop_margin), "60", NULL, 0, 0, "Run directory",
     "in a batch job, stop with a checkpoint this long before its time limit, but not before half of its time"},
    {"checkpoint-every", "STEPS", LKS_OPTION_SIZE, AT(checkpoint_every), "0", NULL, 0, MANY, "Run directory",
     "write a checkpoint every so many steps; 0: at the end of each epoch"},
    {"verify-every", "STEPS", LKS_OPTION_SIZE, AT(verify_every), "0", NULL, 0, MANY, "Run directory",
     "compare the parameters, moments and running statistics of all ranks every so many steps, as before each checkpoint; a difference ends the run and names rank and tensor; 0: at checkpoints alone"},
    {"on-nan", "stop|rollback", LKS_OPTION_CHOICE, AT(on_nan), "stop", "stop|rollback", 0, 0, "Run directory",
     "when a value is not finite any more: stop, or go back to the newest checkpoint and on without the mini-batch that did it, for a tenth of an epoch's mini-batches at most"},
    {"keep", "N", LKS_OPTION_SIZE, AT(keep), "0", NULL, 0, MANY, "Run directory",
     "keep only the newest N checkpoints; 0: all"},
    {"keep-best", "METRIC", LKS_OPTION_CHOICE, AT(keep_best), "none",
     "none|test-accuracy|test-loss|train-loss|train-accuracy", 0, 0, "Run directory",
     "keep the checkpoint of the best epoch so far as well, best.h5: none, or best in test-accuracy, test-loss (with holdout: of the held-out samples), train-loss or train-accuracy"},
    {"early-stopping", "PATIENCE", LKS_OPTION_SIZE, AT(early_stopping), "0", NULL, 0, 1e6, "Run directory",
     "end the run, with code 0, after so many epochs without a better one by the metric of keep-best, or by test-loss if that is none; choosing by the test samples flatters their result: see holdout; 0: go through all epochs"},
    {"tensorboard", NULL, LKS_OPTION_SWITCH, AT(tensorboard), "off", NULL, 0, 0, "Run directory",
     "write the rows of metrics.csv as scalars of TensorBoard as well, over the steps: tensorboard --logdir DIR shows the runs below DIR"},
    {"noise", NULL, LKS_OPTION_SWITCH, AT(noise), "off", NULL, 0, 0, "Run directory",
     "measure what smaller normalization batches do to the statistics of each batch norm: noise.csv"},
    {"progress", "auto|bar|plain|none", LKS_OPTION_CHOICE, AT(progress), "auto", "auto|bar|plain|none", 0, 0,
     "Run directory", "how progress is shown; auto: a bar on a terminal, plain lines elsewhere"},
    {"quiet", NULL, LKS_OPTION_SWITCH, AT(quiet), "off", NULL, 0, 0, "Run directory", LKS_QUIET_HELP},

    {"log-every", "STEPS", LKS_OPTION_SIZE, AT(log_every), "0", NULL, 0, MANY, "Measurements",
     "write loss and accuracy of the mini-batch every so many steps: steps.csv; 0: never"},
    {"log-test", NULL, LKS_OPTION_SWITCH, AT(log_test), "off", NULL, 0, 0, "Measurements",
     "evaluate on the test samples at each row of steps.csv"},
    {"stop-at", "ACCURACY", LKS_OPTION_REAL, AT(stop_at), "0", NULL, 0, 1, "Measurements",
     "end the run well at the first test accuracy in steps.csv that is at least this, from 0 to 1; needs log-every and log-test; 0: go through all epochs"},
    {"probe", "LIST", LKS_OPTION_SET, AT(probes), "", "activations|drift|gradients|landscape|noise", 0, 0,
     "Measurements",
     "measure inside training, separated by commas: activations, drift, gradients, landscape, noise (at the end): probe-NAME.csv; changes no bit of the result"},
    {"probe-layer", "NAME", LKS_OPTION_TEXT, AT(probe_layer), "", NULL, 0, 0, "Measurements",
     "convolution or dense layer whose input is looked at; empty: the third one of the model, or the last if it has fewer"},
    {"probe-samples", "N", LKS_OPTION_SIZE, AT(probe_samples), "1000", NULL, 2, 1e6, "Measurements",
     "training samples that activations and drift are measured on, the first ones of each class in proportion"},
    {"probe-every", "STEPS", LKS_OPTION_SIZE, AT(probe_every), "1", NULL, 1, MANY, "Measurements",
     "steps between two measurements of the probes"},
    {"probe-draws", "N", LKS_OPTION_SIZE, AT(probe_draws), "200000", NULL, 1000, 1e9, "Measurements",
     "samples that probe noise draws for each size of mini-batch; it draws at least 300 mini-batches"},
};
_Static_assert(sizeof table / sizeof *table <= LKS_OPTIONS_MAX - LKS_OPTIONS_OWN_MAX,
               "commands keep arrays of LKS_OPTIONS_MAX");

const lks_option *lks_config_options(size_t *count)
{
  *count = sizeof table / sizeof *table;
  return table;
}

bool lks_config_is_execution(const char *name)
{
  static const char *const names[] = {
      "output",      "resume",        "threads",        "max-time",    "checkpoint-every",
      "progress",    "stall-limit",   "keep",           "noise",       "stop-margin",
      "cache",       "log-every",     "log-test",       "stop-at",     "probe",
      "probe-layer", "probe-samples", "probe-every",    "probe-draws", "keep-best",
      "on-nan",      "verify-every",  "early-stopping", "tensorboard", "quiet",
      NULL};
  for (const char *const *of_execution = names; *of_execution; of_execution++)
    if (strcmp(name, *of_execution) == 0) return true;
  return false;
}
