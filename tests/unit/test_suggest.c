#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/suggest.h"

static void test_suggestions(void **state)
{
  (void)state;
  static const char *const options[] = {"batch-size", "microbatch", "momentum", "epochs",
                                        "seed",       "lr",         "bn",       "weight-decay"};
  static const struct {
    const char *word, *suggested;
  } cases[] = {{"batch-size", "batch-size"},
               {"bacth-size", "batch-size"},
               {"batchsize", "batch-size"},
               {"microbtach", "microbatch"},
               {"mometnum", "momentum"},
               {"epoch", "epochs"},
               {"sede", "seed"},
               {"lt", "lr"},
               {"l", "lr"},
               {"learning_rate", "lr"},
               {"Learning-Rate", "lr"},
               {"batch", "batch-size"},
               {"batch_size", "batch-size"},
               {"wd", "weight-decay"},
               {"max_epochs", "epochs"},
               {"random_state", "seed"},
               {"norm", "bn"},
               {"optim", NULL},
               {"weight", NULL},
               {"sxxx", NULL},
               {"eseeddd", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *suggested = lks_suggest(cases[i].word, options, sizeof options / sizeof options[0]);
    if (cases[i].suggested) {
      assert_non_null(suggested);
      assert_string_equal(suggested, cases[i].suggested);
    } else {
      assert_null(suggested);
    }
  }
  char longest[200];
  memset(longest, 'b', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  const char *const candidates[] = {longest, "seed"};
  assert_null(lks_suggest(longest, candidates, 2));
  assert_string_equal(lks_suggest("seeds", candidates, 2), "seed");
  assert_null(lks_suggest("seed", NULL, 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_suggestions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
