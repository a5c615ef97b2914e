#include "import/npz_names.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/log.h"

/* Samples and labels of train, and of test. */
static const char *const known[][LKS_SECTIONS] = {
    {"x_train", "y_train", "x_test", "y_test"},
    {"X_train", "y_train", "X_test", "y_test"},
    {"X_train", "Y_train", "X_test", "Y_test"},
    {"train_x", "train_y", "test_x", "test_y"},
    {"train_images", "train_labels", "test_images", "test_labels"},
    {"train_features", "train_labels", "test_features", "test_labels"},
    {"train_data", "train_labels", "test_data", "test_labels"},
    {"train_samples", "train_labels", "test_samples", "test_labels"},
    {"train_set_x", "train_set_y", "test_set_x", "test_set_y"},
    {"train/images", "train/labels", "test/images", "test/labels"},
    {"train/features", "train/labels", "test/features", "test/labels"},
    {"images", "labels", NULL, NULL},
    {"features", "labels", NULL, NULL},
    {"samples", "labels", NULL, NULL},
    {"data", "labels", NULL, NULL},
    {"data", "label", NULL, NULL},
    {"data", "target", NULL, NULL},
    {"X", "y", NULL, NULL},
    {"x", "y", NULL, NULL},
    {"X", "Y", NULL, NULL},
    {"arr_0", "arr_1", "arr_2", "arr_3"},
};

/* With or without the ending that numpy.savez gives every name. */
static long find(const lks_member_names *members, const char *name)
{
  const size_t length = name ? strlen(name) : 0;
  for (size_t i = 0; i < members->count && length; i++) {
    const char *is = members->name[i];
    if (strncmp(is, name, length) == 0 && (is[length] == '\0' || strcmp(is + length, ".npy") == 0))
      return (long)i;
  }
  return LKS_NPZ_NONE;
}

static lks_status fail_to_find(const lks_member_names *members, const char *archive, const char *wanted)
{
  char names[400] = "";
  for (size_t i = 0; i < members->count; i++)
    lks_append(names, sizeof names, "%s%.50s", i ? ", " : "", members->name[i]);
  return lks_fail(
      LKS_ERR_USAGE,
      "%s: has no %s; name its arrays with --samples and --labels (and --test-samples, --test-labels); it has: %s",
      archive, wanted, names);
}

static lks_status take_given(long member[LKS_SECTIONS], const lks_member_names *members, const char *archive,
                             const char *const given[LKS_SECTIONS])
{
  static const char *const option[LKS_SECTIONS] = {"samples", "labels", "test-samples", "test-labels"};
  for (int i = 0; i < LKS_SECTIONS; i++) {
    const char *partner = given[i ^ 1];
    char wanted[120];
    member[i] = find(members, given[i]);
    snprintf(wanted, sizeof wanted, "array '%.80s'", given[i]);
    if (given[i][0] && member[i] == LKS_NPZ_NONE) return fail_to_find(members, archive, wanted);
    if (!given[i][0] && (partner[0] || i < 2))
      return lks_fail(LKS_ERR_USAGE, "--%s is missing: samples and their labels are named together",
                      option[i]);
  }
  return LKS_OK;
}

lks_status lks_npz_find(long member[LKS_SECTIONS], const lks_member_names *members, const char *archive,
                        const lks_dataset_names *names)
{
  const char *given[LKS_SECTIONS] = {names->samples, names->labels, names->test_samples, names->test_labels};
  bool any = false;
  for (int i = 0; i < LKS_SECTIONS; i++) any |= given[i][0] != '\0';
  if (any) return take_given(member, members, archive, given);
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    for (int i = 0; i < LKS_SECTIONS; i++) member[i] = find(members, known[k][i]);
    if (member[0] == LKS_NPZ_NONE || member[1] == LKS_NPZ_NONE) continue;
    const bool test = member[2] != LKS_NPZ_NONE && member[3] != LKS_NPZ_NONE;
    if (!test) member[2] = member[3] = LKS_NPZ_NONE;
    lks_note("%s: taken are %s and %s%s%s%s%s", archive, known[k][0], known[k][1],
             test ? ", for testing " : "", test ? known[k][2] : "", test ? " and " : "",
             test ? known[k][3] : "");
    return LKS_OK;
  }
  return fail_to_find(members, archive, "well-known pair of arrays such as x_train and y_train");
}
