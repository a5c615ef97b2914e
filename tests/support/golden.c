#include "golden.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { GOLDEN_ROOMS = 64 };

struct golden {
  hid_t file, group;
  void *room[GOLDEN_ROOMS];
  int rooms;
};

golden *golden_open(const char *file, const char *group)
{
  golden *g = calloc(1, sizeof *g);
  assert_non_null(g);
  g->file = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (g->file < 0) fail_msg("%s cannot be opened", file);
  g->group = H5Gopen2(g->file, group, H5P_DEFAULT);
  if (g->group < 0) fail_msg("%s has no group %s", file, group);
  return g;
}

void golden_close(golden **group)
{
  golden *g = *group;
  for (int i = 0; i < g->rooms; i++) free(g->room[i]);
  H5Gclose(g->group);
  H5Fclose(g->file);
  free(g);
  *group = NULL;
}

static void *make_room(golden *g, size_t bytes)
{
  assert_true(g->rooms < GOLDEN_ROOMS);
  void *room = aligned_alloc(64, (bytes / 64 + 1) * 64);
  assert_non_null(room);
  g->room[g->rooms++] = room;
  return room;
}

float *golden_room(golden *group, size_t count)
{
  float *room = make_room(group, count * sizeof *room);
  for (size_t i = 0; i < count; i++) room[i] = NAN;
  return room;
}

static hid_t open_array(golden *g, const char *name)
{
  hid_t array = H5Dopen2(g->group, name, H5P_DEFAULT);
  if (array < 0) fail_msg("there are no golden numbers %s", name);
  return array;
}

size_t golden_size(golden *group, const char *name, size_t extent[GOLDEN_DIMENSIONS])
{
  hid_t array = open_array(group, name), space = H5Dget_space(array);
  hsize_t found[GOLDEN_DIMENSIONS] = {1, 1, 1, 1};
  assert_true(H5Sget_simple_extent_ndims(space) <= GOLDEN_DIMENSIONS);
  H5Sget_simple_extent_dims(space, found, NULL);
  size_t count = 1;
  for (int d = 0; d < GOLDEN_DIMENSIONS; d++) {
    if (extent) extent[d] = found[d];
    count *= found[d];
  }
  H5Sclose(space);
  H5Dclose(array);
  return count;
}

static void *read_array(golden *g, const char *name, hid_t type, size_t size)
{
  void *values = make_room(g, golden_size(g, name, NULL) * size);
  hid_t array = open_array(g, name);
  assert_true(H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(array);
  return values;
}

const double *golden_doubles(golden *group, const char *name)
{
  return read_array(group, name, H5T_NATIVE_DOUBLE, sizeof(double));
}

float *golden_floats(golden *group, const char *name)
{
  return read_array(group, name, H5T_NATIVE_FLOAT, sizeof(float));
}

int32_t *golden_ints(golden *group, const char *name)
{
  return read_array(group, name, H5T_NATIVE_INT32, sizeof(int32_t));
}

uint8_t *golden_bytes(golden *group, const char *name)
{
  return read_array(group, name, H5T_NATIVE_UINT8, sizeof(uint8_t));
}

static hid_t open_attribute(golden *g, const char *name)
{
  hid_t attribute = H5Aopen(g->group, name, H5P_DEFAULT);
  if (attribute < 0) fail_msg("there is no golden attribute %s", name);
  return attribute;
}

double golden_number(golden *group, const char *attribute)
{
  double value = NAN;
  hid_t opened = open_attribute(group, attribute);
  assert_true(H5Aread(opened, H5T_NATIVE_DOUBLE, &value) >= 0);
  H5Aclose(opened);
  return value;
}

const char *golden_text(golden *group, const char *attribute)
{
  hid_t opened = open_attribute(group, attribute), type = H5Aget_type(opened);
  size_t length = H5Tget_size(type);
  char *text = make_room(group, length + 1);
  assert_true(H5Aread(opened, type, text) >= 0);
  text[length] = 0;
  H5Tclose(type);
  H5Aclose(opened);
  return text;
}
