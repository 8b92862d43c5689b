/* nn/training.h - one worker's forward and backward passes with batch statistics.
 * Bound at opening to the shared block of values (read) and to the worker's own block of
 * gradients (overwritten by each backward pass).  One thread at a time. */
#pragma once

#include "nn/graph.h"
#include "nn/program.h"

struct nn_training;

/* `values` must outlive it and may change between passes. */
enum status nn_training_open(struct nn_training **out, const struct nn_graph *graph,
                             const float *values, int batch, struct err *err) MUST_USE;
void nn_training_close(struct nn_training *training); /* NULL is fine */

struct nn_tensor nn_training_input(struct nn_training *training);           /* write, */
void nn_training_forward(struct nn_training *training);                     /* run, */
struct nn_tensor nn_training_output(struct nn_training *training);          /* read; */
struct nn_tensor nn_training_output_gradient(struct nn_training *training); /* write, */
void nn_training_backward(struct nn_training *training);                    /* run, */
const float *nn_training_gradients(const struct nn_training *training);     /* read. */

/* The last forward pass's mean and unbiased variance of every norm, laid out as the tail of the
 * block of values (floats trained_count..network_count): what running statistics average. */
void nn_training_statistics(float *out, const struct nn_training *training);
const char *nn_training_describe(const struct nn_training *training);
