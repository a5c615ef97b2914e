#include "dataset/h5_list.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/plain_text.h"
#include "dataset/dataset_storage.h"
#include "dataset/h5_type.h"

enum { DEPTH_MOST = 12, VISITS_MOST = 4096, LISTED_MOST = 12 };

typedef struct walk {
  lks_h5_list *list;
  hid_t file;
  size_t visits;
} walk;

static void add(lks_h5_list *list, const char *path, hid_t data)
{
  char shape[48];
  if (list->count == LKS_H5_LIST_MOST) {
    list->cut = true;
    return;
  }
  lks_h5_entry *entry = &list->entry[list->count++];
  const hid_t type = H5Dget_type(data), space = H5Dget_space(data);
  snprintf(entry->path, sizeof entry->path, "%s", path);
  lks_h5_type_name(entry->what, sizeof entry->what / 3, type);
  lks_h5_shape_text(shape, sizeof shape, space);
  lks_append(entry->what, sizeof entry->what, " %s", shape);
  entry->texts = H5Tget_class(type) == H5T_STRING;
  H5Tclose(type);
  H5Sclose(space);
}

static void visit_group(walk *w, const char *path, int depth);

/* References of MATLAB are in groups whose names begin with #. */
static void visit(walk *w, const char *parent, const char *name, int depth)
{
  char path[LKS_ARRAY_PATH];
  const int length = snprintf(path, sizeof path, "%s/%s", parent, name);
  if (length >= (int)sizeof path || !lks_text_is_plain(path, false) || name[0] == '#') return;
  if (lks_storage_check_link(w->file, path) != LKS_OK) return;
  const hid_t object = H5Oopen(w->file, path, H5P_DEFAULT);
  if (object < 0) return;
  const H5I_type_t type = H5Iget_type(object);
  if (type == H5I_DATASET) add(w->list, path, object);
  if (type == H5I_GROUP && depth < DEPTH_MOST) visit_group(w, path, depth + 1);
  H5Oclose(object);
}

static void visit_group(walk *w, const char *path, int depth)
{
  H5G_info_t info;
  char name[LKS_ARRAY_PATH];
  const char *group = path[0] ? path : "/";
  if (H5Gget_info_by_name(w->file, group, &info, H5P_DEFAULT) < 0) return;
  for (hsize_t i = 0; i < info.nlinks && !w->list->cut; i++) {
    if (++w->visits > VISITS_MOST) {
      w->list->cut = true;
      return;
    }
    const ssize_t length =
        H5Lget_name_by_idx(w->file, group, H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (length > 0 && (size_t)length < sizeof name) visit(w, path, name, depth);
  }
}

void lks_h5_list_make(lks_h5_list *list, hid_t file)
{
  walk w = {list, file, 0};
  visit_group(&w, "", 0);
}

void lks_h5_list_text(char *text, size_t size, const lks_h5_list *list)
{
  text[0] = '\0';
  for (size_t i = 0; i < list->count && i < LISTED_MOST; i++)
    lks_append(text, size, "%s%s %s", i ? ", " : "", list->entry[i].path, list->entry[i].what);
  if (list->count > LISTED_MOST || list->cut) lks_append(text, size, " and more");
  if (list->count == 0) lks_append(text, size, "no array at all");
}
