#include "study/picture.h"
#include "study/study_list.h"

/* The pairs of mini-batch and normalization batch tell which of the two it is: at the same mini-batch only the noise of
 * mean and variance differs. */

static const lks_study_arm arms[] = {
    {"256 whole", "batch-size=256"},
    {"256 in groups of 64", "batch-size=256,bn=64"},
    {"256 in groups of 16", "batch-size=256,bn=16"},
    {"64 whole", "batch-size=64,lr=0.05"},
    {"64 in groups of 16", "batch-size=64,lr=0.05,bn=16"},
    {"16 whole", "batch-size=16,lr=0.0125"},
    {"none", "bn=none"},
    {"none + dropout", "bn=none,model=mlp3-dropout"},
    {"none + decay", "bn=none,weight-decay=0.01"},
    {"256 whole + dropout", "model=mlp3-dropout"},
};

static lks_status plan(lks_study_plan *p)
{
  lks_comparison *c;
  lks_status status = lks_study_part_add(
      &c, p, "",
      p->options.full
          ? "model=mlp3,batch-size=256,train-samples=500,epochs=120,warmup=4,lr=0.2,checkpoint-every=100000"
          : "model=mlp3,batch-size=256,train-samples=500,epochs=60,warmup=4,lr=0.2,checkpoint-every=100000");
  return status ? status : lks_study_arms_add(c, p, arms, sizeof arms / sizeof *arms);
}

enum { NOISE, TRAINING, BATCH, BATCH_ALONE, GROUP_ALONE, NORM, DROPOUT, BOTH, DECAY, ACCURACY };

static const lks_effect effects[] = {
    [NOISE] = {.name = "Test loss, groups of 16 instead of the whole mini-batch of 256",
               .arm = "256 in groups of 16",
               .quantity = "test_loss",
               .reference = "256 whole",
               .margin = 0.01},
    [TRAINING] = {.name = "Training loss, the same",
                  .arm = "256 in groups of 16",
                  .quantity = "train_loss",
                  .reference = "256 whole",
                  .margin = 0.001},
    [BATCH] = {.name = "Test loss, mini-batches of 16 instead of 256, each normalized as a whole",
               .arm = "16 whole",
               .quantity = "test_loss",
               .reference = "256 whole",
               .margin = 0.01},
    [BATCH_ALONE] = {.name = "Test loss, mini-batches of 64 instead of 256, groups of 64 in both",
                     .arm = "64 whole",
                     .quantity = "test_loss",
                     .reference = "256 in groups of 64",
                     .margin = 0.01},
    [GROUP_ALONE] = {.name = "Test loss, mini-batches of 16 instead of 256, groups of 16 in both",
                     .arm = "16 whole",
                     .quantity = "test_loss",
                     .reference = "256 in groups of 16",
                     .margin = 0.01},
    [NORM] = {.name = "Test loss, batch norm over all 256 instead of none",
              .arm = "256 whole",
              .quantity = "test_loss",
              .reference = "none",
              .margin = 0.01},
    [DROPOUT] = {.name = "Test loss, dropout of 25% instead of nothing, both without batch norm",
                 .arm = "none + dropout",
                 .quantity = "test_loss",
                 .reference = "none",
                 .margin = 0.01},
    [BOTH] = {.name = "Test loss, dropout of 25% added to batch norm over all 256",
              .arm = "256 whole + dropout",
              .quantity = "test_loss",
              .reference = "256 whole",
              .margin = 0.01},
    [DECAY] = {.name = "Test loss, weight decay of 0.01 instead of 0.0005, both without batch norm",
               .arm = "none + decay",
               .quantity = "test_loss",
               .reference = "none",
               .margin = 0.01},
    [ACCURACY] = {.name = "Test accuracy, groups of 16 instead of the whole mini-batch of 256",
                  .arm = "256 in groups of 16",
                  .quantity = "test_accuracy",
                  .reference = "256 whole",
                  .unit = "points",
                  .margin = 0.15},
};

static void print_other_methods(FILE *out, const lks_study_outcome *o)
{
  if (lks_finding_less(&o->finding[BOTH]))
    fprintf(out,
            " Other methods are worth having as well: dropout on top of batch norm makes the test loss %s.",
            o->finding[BOTH].sentence);
  else if (lks_finding_more(&o->finding[BOTH]))
    fprintf(out, " Dropout on top of batch norm does not help here: the test loss becomes %s.",
            o->finding[BOTH].sentence);
}

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *noise = &o->finding[NOISE], *batch = &o->finding[BATCH];
  lks_claim claim = LKS_CLAIM_UNDECIDED;
  if (lks_finding_less(noise)) {
    claim = lks_finding_less(batch) ? LKS_CLAIM_SHOWN : LKS_CLAIM_PARTLY;
    fprintf(
        out,
        "The noise of a small normalization batch regularizes: with the same mini-batches of 256, statistics of 16 samples make the test loss %s.",
        noise->sentence);
  } else if (lks_finding_more(noise)) {
    claim = LKS_CLAIM_CONTRADICTED;
    fprintf(out,
            "More noise did not regularize, it harmed: the test loss with statistics of 16 samples is %s.",
            noise->sentence);
  } else if (noise->verdict == LKS_VERDICT_EQUIVALENT) {
    claim = LKS_CLAIM_NOT_SHOWN;
    fprintf(out, "No regularization was found: between statistics of 16 and of 256 samples there is %s.",
            noise->sentence);
  } else {
    fprintf(out, "These seeds do not tell whether the noise regularizes; test loss %s.", noise->sentence);
  }
  if (lks_finding_less(batch))
    fprintf(
        out,
        " A larger mini-batch regularizes less: the test loss with mini-batches of 16 is %s than with 256.",
        batch->sentence);
  if (lks_finding_less(&o->finding[BATCH_ALONE]))
    fprintf(out,
            " That is not its statistics alone: with groups of 64 in both, mini-batches of 64 make it %s.",
            o->finding[BATCH_ALONE].sentence);
  print_other_methods(out, o);
  return claim;
}

static bool print_losses(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_row row[] = {
      {"256 whole", "256 whole", "test_loss"},
      {"256 in groups of 64", "256 in groups of 64", "test_loss"},
      {"256 in groups of 16", "256 in groups of 16", "test_loss"},
      {"64 whole", "64 whole", "test_loss"},
      {"64 in groups of 16", "64 in groups of 16", "test_loss"},
      {"16 whole", "16 whole", "test_loss"},
      {"no batch norm", "none", "test_loss"},
      {"none + weight decay", "none + decay", "test_loss"},
      {"none + dropout", "none + dropout", "test_loss"},
      {"256 whole + dropout", "256 whole + dropout", "test_loss"},
  };
  const lks_picture picture = {.outcome = context,
                               .name = "losses",
                               .title = "Test loss by mini-batch and normalization batch",
                               .note = "the mini-batch, and the groups that share mean and variance",
                               .across = "test loss (lower is better)"};
  return lks_picture_rows(data, script, &picture, row, sizeof row / sizeof *row);
}

static bool print_groups(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_point large[] = {{16, "256 in groups of 16", "test_loss"},
                                            {64, "256 in groups of 64", "test_loss"},
                                            {256, "256 whole", "test_loss"}};
  static const lks_picture_point middle[] = {{16, "64 in groups of 16", "test_loss"},
                                             {64, "64 whole", "test_loss"}};
  static const lks_picture_point small[] = {{16, "16 whole", "test_loss"}};
  static const lks_picture_line line[] = {
      {"mini-batch 256", large, 3}, {"mini-batch 64", middle, 2}, {"mini-batch 16", small, 1}};
  const lks_picture picture = {.outcome = context,
                               .name = "groups",
                               .title = "Is it the mini-batch, or the samples that share mean and variance?",
                               .up = "test loss",
                               .across = "samples that share mean and variance",
                               .octaves = true};
  return lks_picture_lines(data, script, &picture, line, 3);
}

static const lks_study_figure figures[] = {
    {"losses", "Test loss of each arm",
     "A large dot with its bar is the mean over the seeds and its 95% interval, a small dot is one seed. Further to the left generalizes better.",
     print_losses},
    {"groups", "Mini-batch or normalization batch?",
     "Where the lines lie on each other, only the number of samples that share mean and variance counts; where they lie apart, the size of the mini-batch counts too.",
     print_groups},
};

static const lks_study_column columns[] = {
    {"train_loss", "Training loss", 0},
    {"test_loss", "Test loss", 0},
    {"train_accuracy", "Training accuracy, %", 0},
    {"test_accuracy", "Test accuracy, %", 0},
};

static const lks_study_published published[] = {
    {"Error of a ResNet-50 on ImageNet by samples a normalization batch",
     "lowest validation error at 32 to 128", "Wu & Johnson 2021, section 3", NOISE, NULL, NULL, 0, NULL},
    {"Groups smaller than the mini-batch, CIFAR-100", "accuracy higher by 0.84 points",
     "Summers & Dinneen 2020", ACCURACY, NULL, NULL, 0, NULL},
    {"Dropout in front of batch norm", "the two can work against each other: dropout shifts the variances",
     "Li et al. 2019", BOTH, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Train on all 1,437 digits instead of 500.",
     "There is less to overfit, so everything that regularizes does less.",
     "lockstep compare data/digits.h5 --arm whole:bn=sync --arm groups:bn=16 --model mlp3 --batch-size 256 --epochs 60 --lr 0.2 --warmup 4 --seeds 5 -o runs/all-digits"},
    {"Take groups of 4.",
     "The noise becomes too much at some point: the training loss rises, and in the end the test loss as well.",
     "lockstep compare data/digits.h5 --bn sync,16,8,4,2 --model mlp3 --train-samples 500 --batch-size 256 --epochs 60 --lr 0.2 --warmup 4 --seeds 5 -o runs/small-groups"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  const lks_finding *accuracy = &o->finding[ACCURACY];
  fprintf(lines,
          "Loss answers sooner than accuracy: test accuracy with groups of 16 is, in the same runs, %s.\n",
          accuracy->sentence);
  fprintf(
      lines,
      "Mini-batches of 16 take 16 times as many steps in the same epochs as those of 256: the pairs at the same mini-batch alone show the noise.\n");
  fprintf(
      lines,
      "Without batch norm the network is another one, not only less noisy: its test loss tells nothing of noise.\n");
  fprintf(
      lines,
      "This is a small network on few pictures, which overfits at once. With much data there is little to regularize.\n");
}

const lks_study lks_study_regularization = {
    .name = "regularization",
    .claim =
        "Batch norm has a slight regularization effect, as dropout has: mean and variance of just this mini-batch add noise. A larger mini-batch has less noise and regularizes less; use other methods as well.",
    .question =
        "Networks that overfit 500 pictures are trained with mini-batches of several sizes, each cut into groups that share mean and variance. At the same mini-batch, fewer samples in a group mean more noise and nothing else.",
    .time = "half a minute",
    .data = "500 handwritten digits (8x8)",
    .plan = plan,
    .effect = effects,
    .effects = sizeof effects / sizeof *effects,
    .judge = judge,
    .figure = figures,
    .figures = sizeof figures / sizeof *figures,
    .column = columns,
    .columns = sizeof columns / sizeof *columns,
    .published = published,
    .publisheds = sizeof published / sizeof *published,
    .change = changes,
    .changes = sizeof changes / sizeof *changes,
    .limits = limits,
};
