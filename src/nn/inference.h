/* nn/inference.h - forward passes of a trained network: norms folded into weights, additions and
 * relu fused into the convolutions, memory reused layer by layer, all in one arena.
 * One thread at a time; many may share one graph and its values. */
#pragma once

#include "nn/graph.h"
#include "nn/program.h"

/* How activations and weights are held; inputs and outputs are floats in any.  The short ones are
 * for networks of dense convolutions on processors that multiply them faster.  Bytes need a norm
 * and a relu in each layer but the last: what the norm learned says how far its outputs reach. */
enum nn_precision { NN_FP32, NN_BF16, NN_INT8, NN_PRECISION_COUNT };
const char *nn_precision_name(enum nn_precision precision); /* "fp32", "bf16", "int8" */

struct nn_inference_options {
    int batch; /* inputs a run, 1..256; baked in */
    enum nn_precision precision;
    float input_max; /* NN_INT8: inputs are clipped to +- this */
};

struct nn_inference;

/* `values` is read during opening only.  Errors: ST_UNSUPPORTED names what the precision lacks. */
enum status nn_inference_open(struct nn_inference **out, const struct nn_graph *graph,
                              const float *values, const struct nn_inference_options *options,
                              struct err *err) MUST_USE;
void nn_inference_close(struct nn_inference *inference); /* NULL is fine */

/* (batch, height, width, channels): write here, run, read the output (the last layer).  Later
 * layers use the input's memory: write it before each run. */
struct nn_tensor nn_inference_input(struct nn_inference *inference);
struct nn_tensor nn_inference_output(struct nn_inference *inference);
void nn_inference_run(struct nn_inference *inference);
const char *nn_inference_describe(const struct nn_inference *inference);
