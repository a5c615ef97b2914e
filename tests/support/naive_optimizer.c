#include "naive_optimizer.h"

#include <math.h>

void naive_sgd(naive_parameter *p, double g, double lr, double momentum, double decay, bool nesterov)
{
  g += decay * p->w;
  p->velocity = p->steps++ == 0 ? g : momentum * p->velocity + g;
  p->w -= lr * (nesterov ? g + momentum * p->velocity : p->velocity);
}

void naive_adam(naive_parameter *p, double g, double lr, double beta1, double beta2, double epsilon,
                double decay, bool decoupled)
{
  p->steps++;
  if (decoupled)
    p->w -= lr * decay * p->w;
  else
    g += decay * p->w;
  p->m = beta1 * p->m + (1 - beta1) * g;
  p->v = beta2 * p->v + (1 - beta2) * g * g;
  const double m_hat = p->m / (1 - pow(beta1, p->steps)), v_hat = p->v / (1 - pow(beta2, p->steps));
  p->w -= lr * m_hat / (sqrt(v_hat) + epsilon);
}
