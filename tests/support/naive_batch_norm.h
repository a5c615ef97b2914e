#ifndef LKS_TESTS_SUPPORT_NAIVE_BATCH_NORM_H
#define LKS_TESTS_SUPPORT_NAIVE_BATCH_NORM_H

#include <stdbool.h>
#include <stddef.h>

/** Batch norm by the book, in double, over one normalization batch of rows x channels. Arrays are
 * [rows,channels] or [channels]; gamma, beta, residual may be NULL. */
void naive_batch_norm_moments(double *mean, double *variance, const float *x, size_t rows, size_t channels);

/** y = act(gamma*(x - mean)/sqrt(variance + epsilon) + beta + residual) */
void naive_batch_norm_forward(double *y, const float *x, const float *residual, const double *mean,
                              const double *variance, const float *gamma, const float *beta, double epsilon,
                              bool relu, size_t rows, size_t channels);

/** The gradients of y without an activation: dx, dgamma, dbeta out; g the gradient of y. */
void naive_batch_norm_backward(double *dx, double *dgamma, double *dbeta, const float *g, const float *x,
                               const double *mean, const double *variance, const float *gamma, double epsilon,
                               size_t rows, size_t channels);

#endif
