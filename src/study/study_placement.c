#include "study/picture.h"
#include "study/study_list.h"

static const lks_study_arm arms[] = {
    {"before", ""},
    {"after", "model=mlp3-after"},
    {"none", "bn=none"},
};

static lks_status plan(lks_study_plan *p)
{
  lks_comparison *c;
  lks_status status = lks_study_part_add(
      &c, p, "",
      p->options.full ? "model=mlp3,batch-size=64,epochs=60,warmup=1,lr=0.1,checkpoint-every=100000"
                      : "model=mlp3,batch-size=64,epochs=30,warmup=1,lr=0.1,checkpoint-every=100000");
  return status ? status : lks_study_arms_add(c, p, arms, sizeof arms / sizeof *arms);
}

enum { ACCURACY, LOSS, AGAINST_NONE };

static const lks_effect effects[] = {
    [ACCURACY] = {.name = "Test accuracy, batch norm behind the activation instead of in front of it",
                  .arm = "after",
                  .quantity = "test_accuracy",
                  .reference = "before",
                  .unit = "points",
                  .margin = 0.5},
    [LOSS] = {.name = "Test loss, the same",
              .arm = "after",
              .quantity = "test_loss",
              .reference = "before",
              .margin = 0.01},
    [AGAINST_NONE] = {.name = "Test loss, batch norm in front of the activation instead of none",
                      .arm = "before",
                      .quantity = "test_loss",
                      .reference = "none",
                      .margin = 0.01},
};

static lks_claim judge(FILE *out, const lks_study_outcome *o)
{
  const lks_finding *accuracy = &o->finding[ACCURACY], *loss = &o->finding[LOSS];
  lks_claim claim = LKS_CLAIM_UNDECIDED;
  if (lks_finding_less(accuracy) || lks_finding_more(loss)) {
    claim = LKS_CLAIM_SHOWN;
    fputs("In front of the activation is the better place here", out);
  } else if (lks_finding_more(accuracy) || lks_finding_less(loss)) {
    claim = LKS_CLAIM_CONTRADICTED;
    fputs("Behind the activation is the better place here", out);
  } else if (accuracy->verdict == LKS_VERDICT_EQUIVALENT) {
    claim = LKS_CLAIM_NOT_SHOWN;
    fputs("It makes no difference that would matter here", out);
  } else {
    fputs("These seeds do not tell the two places apart", out);
  }
  fprintf(out, ". Behind it, test accuracy: %s; test loss: %s.", accuracy->sentence, loss->sentence);
  return claim;
}

static bool print_losses(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_row row[] = {{"before the activation", "before", "test_loss"},
                                        {"after the activation", "after", "test_loss"},
                                        {"no batch norm", "none", "test_loss"}};
  const lks_picture picture = {.outcome = context,
                               .name = "losses",
                               .title = "Batch norm before or after the activation",
                               .across = "test loss (lower is better)"};
  return lks_picture_rows(data, script, &picture, row, 3);
}

static bool print_accuracies(FILE *data, FILE *script, const void *context)
{
  static const lks_picture_row row[] = {{"before the activation", "before", "test_accuracy"},
                                        {"after the activation", "after", "test_accuracy"},
                                        {"no batch norm", "none", "test_accuracy"}};
  const lks_picture picture = {.outcome = context,
                               .name = "accuracies",
                               .title = "Batch norm before or after the activation",
                               .across = "test accuracy, % (higher is better)"};
  return lks_picture_rows(data, script, &picture, row, 3);
}

static const lks_study_figure figures[] = {
    {"losses", "Test loss",
     "A large dot with its bar is the mean over the seeds and its 95% interval, a small dot is one seed.",
     print_losses},
    {"accuracies", "Test accuracy", "The same runs, judged by accuracy, which is coarser.", print_accuracies},
};

static const lks_study_column columns[] = {
    {"train_loss", "Training loss", 0},
    {"test_loss", "Test loss", 0},
    {"test_accuracy", "Test accuracy, %", 0},
};

static const lks_study_published published[] = {
    {"Accuracy of a CaffeNet on ImageNet", "0.478 before, 0.493 to 0.499 after the activation",
     "Mishkin et al. 2016, Systematic evaluation of CNN advances", ACCURACY, NULL, NULL, 0, NULL},
};

static const lks_study_change changes[] = {
    {"Take sigmoid instead of relu.",
     "In front of a sigmoid, batch norm keeps its inputs where it has a slope; behind it, it cannot.",
     "sed 's/relu/sigmoid/' data/models/mlp3.model > before.model; sed 's/relu/sigmoid/' data/models/mlp3-after.model > after.model; lockstep compare data/digits.h5 --arm before:model=before.model --arm after:model=after.model --batch-size 64 --epochs 30 --seeds 5 -o runs/sigmoid"},
};

static void limits(FILE *lines, const lks_study_outcome *o)
{
  (void)o;
  fputs(
      "Both networks begin with the same weights, but not with the same function: what a pair shares is the seed.\n",
      lines);
  fputs("One network and one learning rate: a rate tuned for each place might decide otherwise.\n", lines);
}

const lks_study lks_study_placement = {
    .name = "placement",
    .claim =
        "Some put batch norm behind the activation; in front of it is done much more often and is the default choice.",
    .question =
        "The same three hidden layers with batch norm in front of each relu, behind it, and without batch norm.",
    .time = "ten seconds",
    .data = "1,437 handwritten digits (8x8)",
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
