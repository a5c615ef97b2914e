#include <string.h>

#include "base/arena.h"
#include "support/mpi_test.h"
#include "train/setup.h"

/* A network made from settings, and the scaling of its inputs. */

static lks_status create(lks_setup **setup, lks_comm *comm, bool normalize, bool features)
{
  static const double mean[] = {0.5, 0.25, 0.125}, std[] = {0.25, 0, 2};
  const lks_setup_input input = {"dense classes\n", "test", {1, 1, 3}, 2, features, mean, std};
  lks_config config;
  lks_config_default(&config);
  strcpy(config.data, "none");
  config.normalize_input = normalize;
  config.threads = 1;
  lks_status status = lks_config_check(&config);
  return status ? status : lks_setup_create_all(setup, comm, &config, &input);
}

static bool has_form(lks_comm *comm, bool normalize, bool features, const float *scale, const float *offset)
{
  lks_setup *setup = NULL;
  lks_assert_ok_all(comm, create(&setup, comm, normalize, features));
  bool same = !memcmp(setup->scaling.scale, scale, 3 * sizeof *scale) &&
              !memcmp(setup->scaling.offset, offset, 3 * sizeof *offset);
  lks_setup_destroy_all(&setup);
  return same;
}

/* A channel that never varies (std 0) is only shifted. */
static void test_input_scaling(lks_comm *comm)
{
  static const float one[] = {1, 1, 1}, none[] = {0, 0, 0}, offset[] = {-2, -0.25F, -0.0625F};
  static const float pixel[] = {(float)(1 / (255 * 0.25)), (float)(1 / 255.0), (float)(1 / (255 * 2.0))};
  static const float feature[] = {4, 1, 0.5F},
                     byte[] = {(float)(1 / 255.0), (float)(1 / 255.0), (float)(1 / 255.0)};
  lks_assert_all(comm, has_form(comm, true, false, pixel, offset));
  lks_assert_all(comm, has_form(comm, true, true, feature, offset));
  lks_assert_all(comm, has_form(comm, false, false, byte, none));
  lks_assert_all(comm, has_form(comm, false, true, one, none));
}

static void test_model_text_is_shared(lks_comm *comm)
{
  char *text = NULL, *again = NULL;
  lks_assert_ok_all(comm, lks_model_text_all(&text, comm, "resnet8"));
  bool ok = strstr(text, "residual layer3.0");
  lks_status status = lks_model_text_all(&again, comm, "resnet9");
  ok = ok && status == LKS_ERR_USAGE && !again && strstr(lks_message(), "resnet8");
  lks_free(text);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_input_scaling),
                                       LKS_MPI_TEST(test_model_text_is_shared)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
