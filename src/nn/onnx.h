/* nn/onnx.h - writes a network as an ONNX model, for other runtimes: norms folded into weights,
 * tensors (N, C, H, W) with N free, input "input", output "output" (the last layer).
 * Knows only as much of protobuf as it writes.  Thread-safe. */
#pragma once

#include "nn/graph.h"

#define NN_ONNX_BYTES_MAX (288u << 20)
#define NN_ONNX_IR        7  /* format version of the file */
#define NN_ONNX_OPSET     13 /* version of the operators */

/* Writes atomically.  A linear layer becomes a 1x1 Conv.  The same input gives the same bytes. */
enum status nn_onnx_export(const char *path, const struct nn_graph *graph, const float *values,
                           struct err *err) MUST_USE;
