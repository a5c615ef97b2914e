#ifndef LKS_TESTS_SUPPORT_NAIVE_OPTIMIZER_H
#define LKS_TESTS_SUPPORT_NAIVE_OPTIMIZER_H

#include <stdbool.h>

/** One parameter, in double, as the documentation of torch.optim states the algorithms. */
typedef struct naive_parameter {
  double w, velocity, m, v;
  int steps;
} naive_parameter;

void naive_sgd(naive_parameter *p, double g, double lr, double momentum, double decay, bool nesterov);
void naive_adam(naive_parameter *p, double g, double lr, double beta1, double beta2, double epsilon,
                double decay, bool decoupled);

#endif
