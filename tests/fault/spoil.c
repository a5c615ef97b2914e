/* Makes a good HDF5 file a bad one, in place. usage: spoil FILE type|label|missing|version|hash|step|
 * edited|ahead|model|link|untested|chunks */
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

static int wrong_type(hid_t file)
{
  static const char letters[1 << 20];
  hid_t old = H5Dopen2(file, "train/images", H5P_DEFAULT), space = H5Dget_space(old);
  H5Dclose(old);
  H5Ldelete(file, "train/images", H5P_DEFAULT);
  hid_t made = H5Dcreate2(file, "train/images", H5T_C_S1, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int failed = made < 0 || H5Sget_simple_extent_npoints(space) > (hssize_t)sizeof letters ||
               H5Dwrite(made, H5T_C_S1, H5S_ALL, H5S_ALL, H5P_DEFAULT, letters) < 0 || H5Dclose(made) < 0;
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

/* Changes a number of a checkpoint wherever it stands. HDF5 1.10.8 loses what is written into an attribute
 * that lies outside of its object's header: it is made anew. */
static int change(hid_t file, const char *name, long long times, long long more)
{
  static const char *const place[] = {".", "state"};
  int failed = 0;
  for (int i = 0; i < 2; i++) {
    long long value = 0;
    hid_t at = H5Gopen2(file, place[i], H5P_DEFAULT), old = H5Aopen(at, name, H5P_DEFAULT);
    failed |= H5Aread(old, H5T_NATIVE_LLONG, &value) < 0;
    value = value * times + more;
    hid_t space = H5Aget_space(old);
    H5Aclose(old);
    H5Adelete(at, name);
    hid_t made = H5Acreate2(at, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    failed |= H5Awrite(made, H5T_NATIVE_LLONG, &value) < 0;
    H5Aclose(made);
    H5Sclose(space);
    H5Gclose(at);
  }
  return failed;
}

/* What is changed below is as in a file of an earlier version, which has no hash of it. */
static int without_hash(hid_t file)
{
  return H5Adelete(file, "state_hash") < 0;
}

/* A place that there is, but not with this dataset. */
static int one_step_more(hid_t file)
{
  return without_hash(file) || change(file, "step", 1, 1);
}

static int step_behind_its_hash(hid_t file)
{
  return change(file, "step", 1, 1);
}

/* A place that the run comes to, but not with this optimizer. */
static int twice_as_far(hid_t file)
{
  return without_hash(file) || change(file, "step", 2, 0) || change(file, "epoch", 2, 0);
}

static int other_model(hid_t file)
{
  const char text[] = "dense classes\nmaxpol 2x2\n";
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, sizeof text);
  H5Adelete(file, "model");
  if (without_hash(file)) return 1;
  H5Adelete(file, "header_hash");
  hid_t model = H5Acreate2(file, "model", type, space, H5P_DEFAULT, H5P_DEFAULT);
  int failed = H5Awrite(model, type, text) < 0;
  H5Aclose(model);
  H5Sclose(space);
  H5Tclose(type);
  return failed;
}

/* What is wanted lies in another file. */
static int link_to_another(hid_t file)
{
  return H5Ldelete(file, "parameters", H5P_DEFAULT) < 0 ||
         H5Lcreate_external("good/last.h5", "/parameters", file, "parameters", H5P_DEFAULT, H5P_DEFAULT) < 0;
}

/* A good file, of training samples alone. */
static int without_test_samples(hid_t file)
{
  return H5Ldelete(file, "test", H5P_DEFAULT) < 0 || H5Adelete(file, "content_hash") < 0;
}

/* A good file, with the training pictures in other chunks. */
static int other_chunks(hid_t file)
{
  static unsigned char pixels[1 << 20];
  hsize_t size[4];
  hid_t old = H5Dopen2(file, "train/images", H5P_DEFAULT), space = H5Dget_space(old);
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  int failed = H5Sget_simple_extent_npoints(space) > (hssize_t)sizeof pixels ||
               H5Dread(old, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) < 0 ||
               H5Dclose(old) < 0 || H5Ldelete(file, "train/images", H5P_DEFAULT) < 0;
  H5Sget_simple_extent_dims(space, size, NULL);
  H5Pset_chunk(properties, 4, (hsize_t[]){32, size[1], size[2], size[3]});
  hid_t made = H5Dcreate2(file, "train/images", H5T_STD_U8LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  failed |= made < 0 || H5Dwrite(made, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) < 0 ||
            H5Dclose(made) < 0;
  H5Pclose(properties);
  H5Sclose(space);
  return failed;
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    int (*spoil)(hid_t file);
  } way[] = {
      {"type", wrong_type},
      {"label", wrong_label},
      {"missing", missing_labels},
      {"version", newer_version},
      {"hash", path_for_hash},
      {"step", one_step_more},
      {"edited", step_behind_its_hash},
      {"ahead", twice_as_far},
      {"model", other_model},
      {"link", link_to_another},
      {"untested", without_test_samples},
      {"chunks", other_chunks},
  };
  hid_t file = argc == 3 ? H5Fopen(argv[1], H5F_ACC_RDWR, H5P_DEFAULT) : H5I_INVALID_HID;
  int failed = 1;
  for (size_t i = 0; i < sizeof way / sizeof *way && file >= 0; i++)
    if (strcmp(argv[2], way[i].name) == 0) failed = way[i].spoil(file);
  if (file >= 0 && H5Fclose(file) < 0) failed = 1;
  if (failed)
    fprintf(
        stderr,
        "usage: spoil FILE type|label|missing|version|hash|step|edited|ahead|model|link|untested|chunks\n");
  return failed;
}
