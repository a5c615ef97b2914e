/* Flips one bit of a tensor in a running process, as failing memory does. The tensor is found by its values, which are
 * those of a checkpoint: of a run that holds still, as with a learning rate of 0.
 * usage: flip_bit PID CHECKPOINT.h5 NAME    NAME: a tensor that has the same layout in files, "conv1.weight" */
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static float *read_tensor(size_t *bytes, const char *path, const char *name)
{
  char place[256];
  snprintf(place, sizeof place, "parameters/%s", name);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t data = H5Dopen2(file, place, H5P_DEFAULT), space = H5Dget_space(data);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  float *values = count > 0 ? malloc((size_t)count * sizeof *values) : NULL;
  if (values != NULL && H5Dread(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    free(values);
    values = NULL;
  }
  H5Sclose(space);
  H5Dclose(data);
  H5Fclose(file);
  *bytes = (size_t)(count > 0 ? count : 0) * sizeof *values;
  return values;
}

/* Places of the tensor in one mapping at which a bit was flipped. */
static int flip_in(int memory, unsigned long begin, unsigned long end, const void *tensor, size_t bytes)
{
  int flipped = 0;
  char *copy = malloc(end - begin);
  if (copy == NULL) return 0;
  const ssize_t got = pread(memory, copy, end - begin, (off_t)begin);
  for (char *at = copy; got > 0 && (at = memmem(at, (size_t)(copy + got - at), tensor, bytes)) != NULL;
       at += bytes) {
    const char other = (char)(*at ^ 1);
    flipped += pwrite(memory, &other, 1, (off_t)(begin + (unsigned long)(at - copy))) == 1;
  }
  free(copy);
  return flipped;
}

int main(int argc, char **argv)
{
  char path[64], line[512];
  size_t bytes = 0;
  if (argc != 4) return 2;
  float *tensor = read_tensor(&bytes, argv[2], argv[3]);
  snprintf(path, sizeof path, "/proc/%s/mem", argv[1]);
  const int memory = open(path, O_RDWR | O_CLOEXEC);
  snprintf(path, sizeof path, "/proc/%s/maps", argv[1]);
  FILE *maps = fopen(path, "r");
  if (tensor == NULL || memory < 0 || maps == NULL) {
    perror("flip_bit");
    return 1;
  }
  int flipped = 0;
  unsigned long begin, end;
  char may[8];
  while (fgets(line, sizeof line, maps) != NULL)
    if (sscanf(line, "%lx-%lx %7s", &begin, &end, may) == 3 && strncmp(may, "rw", 2) == 0)
      flipped += flip_in(memory, begin, end, tensor, bytes);
  fclose(maps);
  close(memory);
  free(tensor);
  printf("flipped a bit at %d places\n", flipped);
  return flipped == 0;
}
