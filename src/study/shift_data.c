#include "study/shift_data.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/file.h"
#include "dataset/cats.h"
#include "dataset/contact_sheet.h"
#include "dataset/corrupt.h"

const lks_shift_design lks_shift_designs[LKS_SHIFT_DESIGNS] = {
    {"cats", 1, 0.5, false, false, "coloured", {{"cats bn", ""}, {"cats none", "bn=none,lr=0.02"}}},
    {"control",
     0.5,
     0.5,
     false,
     false,
     "coloured",
     {{"control bn", ""}, {"control none", "bn=none,lr=0.02"}}},
    {"colour-tells",
     1,
     0,
     false,
     true,
     "coloured",
     {{"colour tells bn", ""}, {"colour tells none", "bn=none,lr=0.02"}}},
    {"all-black",
     1,
     1,
     false,
     true,
     "coloured",
     {{"all black bn", ""}, {"all black none", "bn=none,lr=0.02"}}},
    {"all-black-light",
     1,
     1,
     true,
     true,
     "coloured-light",
     {{"all black light bn", ""}, {"all black light none", "bn=none,lr=0.02"}}},
};
const char *const lks_shift_corruptions[LKS_SHIFT_CORRUPTIONS] = {"affine", "dark", "contrast", "noise",
                                                                  "inverted"};
static const lks_corruption corruptions[LKS_SHIFT_CORRUPTIONS] = {
    {.kind = LKS_CORRUPTION_AFFINE, .scale = 0.5, .shift = 64, .split = {true, true}},
    {.kind = LKS_CORRUPTION_AFFINE, .scale = 0.25, .split = {true, true}},
    {.kind = LKS_CORRUPTION_CONTRAST, .scale = 0.3, .split = {true, true}},
    {.kind = LKS_CORRUPTION_NOISE, .scale = 0.3, .seed = 1, .split = {true, true}},
    {.kind = LKS_CORRUPTION_INVERT, .split = {true, true}},
};

void lks_shift_path(char path[LKS_SHIFT_PATH], const lks_study_plan *plan, const char *name)
{
  snprintf(path, LKS_SHIFT_PATH, "%.*s/data/%s.h5", LKS_STUDY_FOLDER_MAX, plan->folder, name);
}

static lks_status draw_cats(const lks_study_plan *plan, const char *name, double black_cats,
                            double black_others, bool light)
{
  char path[LKS_SHIFT_PATH];
  const lks_cats_options options = {.train = 4000,
                                    .test = 1000,
                                    .seed = 1,
                                    .black_cats = black_cats,
                                    .black_others = black_others,
                                    .light = light};
  lks_shift_path(path, plan, name);
  return lks_file_exists(path) ? LKS_OK : lks_generate_cats(path, &options, false);
}

bool lks_shift_is_trained(const lks_study_plan *plan, const lks_shift_design *d)
{
  return plan->options.full || !d->full;
}

enum { SHOWN = 12, KINDS = 4 };

/* Cats and others as in training, and coloured ones: the shapes are the same. */
static lks_status draw_pictures(const lks_study_plan *plan)
{
  static const lks_cats_options trained = {.seed = 1, .black_cats = 1, .black_others = 0.5},
                                coloured = {.seed = 1};
  char path[LKS_SHIFT_PATH];
  uint32_t sample[KINDS * SHOWN];
  uint8_t *rgb = lks_new(KINDS * SHOWN, LKS_CATS_BYTES);
  if (rgb == NULL) return LKS_ERR_RANK;
  for (uint32_t i = 0; i < KINDS * SHOWN; i++) {
    const size_t kind = i / SHOWN, number = 2 * (i % SHOWN) + (kind % 2 == 0);
    lks_cats_draw(rgb + (size_t)i * LKS_CATS_BYTES, kind < 2 ? &trained : &coloured, LKS_SPLIT_TRAIN, number);
    sample[i] = i;
  }
  snprintf(path, sizeof path, "%.*s/plots/pictures.png", LKS_STUDY_FOLDER_MAX, plan->folder);
  const lks_contact_sheet sheet = {rgb, {LKS_CATS_SIDE, LKS_CATS_SIDE, 3}, sample, KINDS * SHOWN, SHOWN,
                                   NULL};
  const lks_status status = lks_contact_sheet_write(path, &sheet);
  lks_free(rgb);
  return status;
}

lks_status lks_shift_prepare(const lks_study_plan *plan)
{
  char folder[LKS_SHIFT_PATH], path[LKS_SHIFT_PATH];
  snprintf(folder, sizeof folder, "%.*s/data", LKS_STUDY_FOLDER_MAX, plan->folder);
  lks_status status = lks_folder_make(folder);
  snprintf(folder, sizeof folder, "%.*s/plots", LKS_STUDY_FOLDER_MAX, plan->folder);
  if (!status) status = lks_folder_make_own(folder);
  if (!status) status = draw_pictures(plan);
  for (const lks_shift_design *d = lks_shift_designs; d < lks_shift_designs + LKS_SHIFT_DESIGNS && !status;
       d++) {
    if (!lks_shift_is_trained(plan, d)) continue;
    status = draw_cats(plan, d->name, d->black_cats, d->black_others, d->light);
    if (!status) status = draw_cats(plan, d->target, 0, 0, d->light);
  }
  for (size_t i = 0; i < LKS_SHIFT_CORRUPTIONS && !status; i++) {
    lks_shift_path(path, plan, lks_shift_corruptions[i]);
    if (!lks_file_exists(path)) status = lks_corrupt(path, plan->data, &corruptions[i], false);
  }
  return status;
}
