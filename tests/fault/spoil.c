/* Makes a good HDF5 file a bad one, in place. usage: spoil FILE type|label|missing|version|hash */
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

static int wrong_type(hid_t file)
{
  hid_t old = H5Dopen2(file, "train/images", H5P_DEFAULT), space = H5Dget_space(old);
  H5Dclose(old);
  H5Ldelete(file, "train/images", H5P_DEFAULT);
  hid_t made = H5Dcreate2(file, "train/images", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int failed = made < 0 || H5Dclose(made) < 0;
  H5Sclose(space);
  return failed;
}

static int wrong_label(hid_t file)
{
  const int value = 99;
  const hsize_t place = 5, one = 1;
  hid_t labels = H5Dopen2(file, "train/labels", H5P_DEFAULT), space = H5Dget_space(labels);
  hid_t memory = H5Screate_simple(1, &one, NULL);
  H5Sselect_elements(space, H5S_SELECT_SET, 1, &place);
  int failed = H5Dwrite(labels, H5T_NATIVE_INT, memory, space, H5P_DEFAULT, &value) < 0;
  H5Sclose(memory);
  H5Sclose(space);
  H5Dclose(labels);
  return failed;
}

static int missing_labels(hid_t file)
{
  return H5Ldelete(file, "test/labels", H5P_DEFAULT) < 0;
}

static int newer_version(hid_t file)
{
  const int value = 999;
  hid_t version = H5Aopen(file, "format_version", H5P_DEFAULT);
  int failed = H5Awrite(version, H5T_NATIVE_INT, &value) < 0;
  H5Aclose(version);
  return failed;
}

/* A hash that would lead out of a folder. */
static int path_for_hash(hid_t file)
{
  char text[256] = "../../lockstep";
  hid_t hash = H5Aopen(file, "content_hash", H5P_DEFAULT), type = H5Aget_type(hash);
  int failed =
      H5Tis_variable_str(type) != 0 || H5Tget_size(type) > sizeof text || H5Awrite(hash, type, text) < 0;
  H5Tclose(type);
  H5Aclose(hash);
  return failed;
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    int (*spoil)(hid_t file);
  } way[] = {
      {"type", wrong_type},       {"label", wrong_label},  {"missing", missing_labels},
      {"version", newer_version}, {"hash", path_for_hash},
  };
  hid_t file = argc == 3 ? H5Fopen(argv[1], H5F_ACC_RDWR, H5P_DEFAULT) : H5I_INVALID_HID;
  int failed = 1;
  for (size_t i = 0; i < sizeof way / sizeof *way && file >= 0; i++)
    if (strcmp(argv[2], way[i].name) == 0) failed = way[i].spoil(file);
  if (file >= 0 && H5Fclose(file) < 0) failed = 1;
  if (failed) fprintf(stderr, "usage: spoil FILE type|label|missing|version|hash\n");
  return failed;
}
