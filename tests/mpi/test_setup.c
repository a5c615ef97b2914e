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

static bool has_form(lks_comm *comm, bool normalize, bool features, const double *mean, const double *scale)
{
  lks_setup *setup = NULL;
  lks_assert_ok_all(comm, create(&setup, comm, normalize, features));
  bool same = !memcmp(setup->scaling.mean, mean, 3 * sizeof *mean) &&
              !memcmp(setup->scaling.scale, scale, 3 * sizeof *scale);
  lks_setup_destroy_all(&setup);
  return same;
}

/* A channel that never varies (std 0) is only shifted. */
static void test_input_scaling(lks_comm *comm)
{
  static const double none[] = {0, 0, 0}, one[] = {1, 1, 1}, byte[] = {1 / 255.0, 1 / 255.0, 1 / 255.0};
  static const double pixel[] = {127.5, 63.75, 31.875}, value[] = {0.5, 0.25, 0.125};
  static const double of_pixel[] = {1 / (255 * 0.25), 1 / 255.0, 1 / (255 * 2.0)}, of_value[] = {4, 1, 0.5};
  lks_assert_all(comm, has_form(comm, true, false, pixel, of_pixel));
  lks_assert_all(comm, has_form(comm, true, true, value, of_value));
  lks_assert_all(comm, has_form(comm, false, false, none, byte));
  lks_assert_all(comm, has_form(comm, false, true, none, one));
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

/* A network of 3 features and 2 classes; freed with lks_setup_destroy_all. */
static lks_status create_of(lks_setup **setup, lks_comm *comm, const char *text, const char *bn,
                            const char *seed)
{
  static const double mean[3], std[] = {1, 1, 1};
  const lks_setup_input input = {text, "test", {1, 1, 3}, 2, true, mean, std};
  lks_config config;
  lks_config_default(&config);
  strcpy(config.data, "none");
  config.threads = 1;
  lks_status status = lks_config_set(&config, "bn", bn);
  if (!status) status = lks_config_set(&config, "seed", seed);
  if (!status) status = lks_config_check(&config);
  return status ? status : lks_setup_create_all(setup, comm, &config, &input);
}

/* Whether the weights of a layer begin the same in both, on this rank. */
static bool shares(const lks_setup *a, const lks_setup *b, const char *name)
{
  enum { MOST = 256 };
  static float of_a[MOST], of_b[MOST];
  const lks_tensor *x = lks_network_find(a->network, name), *y = lks_network_find(b->network, name);
  if (!x || !y || x->elements != y->elements || x->elements > MOST) return false;
  lks_network_export(of_a, a->network, x);
  lks_network_export(of_b, b->network, y);
  return memcmp(of_a, of_b, x->elements * sizeof *of_a) == 0;
}

/* What lks_comparison_pairing says of arms with other models: the n-th convolution or dense layer of both begins
 * with the same weights where its shape and the activation behind it agree. */
static void test_models_share_initial_weights(lks_comm *comm)
{
  static const char plain[] = "dense 8 name=a\nrelu\ndense 6 name=b\nrelu\ndense classes name=c\n";
  static const struct {
    const char *text, *bn, *seed;
    bool a, b, c;
  } other[] = {
      {"dense 8 name=a\nbatchnorm\nrelu\ndense 6 name=b\nbatchnorm\nrelu\ndense classes name=c\n", "sync",
       "1", true, true, true},
      {"dense 8 name=a\nbatchnorm\nrelu\ndense 6 name=b\nbatchnorm\nrelu\ndense classes name=c\n", "none",
       "1", true, true, true},
      {"dense 8 name=a\nrelu\ndropout 0.5\ndense 6 name=b\nrelu\ndense classes name=c\n", "sync", "1", true,
       true, true},
      {"dense 8 name=a\nrelu\ndense 6 name=b\nsigmoid\ndense classes name=c\n", "sync", "1", true, false,
       true},
      {"dense 8 name=a\nrelu\ndense 7 name=b\nrelu\ndense classes name=c\n", "sync", "1", true, false, false},
      {"dense 8 name=a\nrelu\ndense 8 name=x\nrelu\ndense 6 name=b\nrelu\ndense classes name=c\n", "sync",
       "1", true, false, false},
      {plain, "sync", "2", false, false, false}, /* the control */
  };
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
    lks_setup *one = NULL, *two = NULL;
    lks_assert_ok_all(comm, create_of(&one, comm, plain, "sync", "1"));
    lks_assert_ok_all(comm, create_of(&two, comm, other[i].text, other[i].bn, other[i].seed));
    const bool ok = shares(one, two, "a.weight") == other[i].a &&
                    shares(one, two, "b.weight") == other[i].b && shares(one, two, "c.weight") == other[i].c;
    lks_setup_destroy_all(&one);
    lks_setup_destroy_all(&two);
    lks_assert_all(comm, ok);
  }
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_input_scaling),
                                       LKS_MPI_TEST(test_model_text_is_shared),
                                       LKS_MPI_TEST(test_models_share_initial_weights)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
