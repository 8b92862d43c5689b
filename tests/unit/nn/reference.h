/* tests/unit/nn/reference.h - the whole network in plain double loops: slow, obvious, the truth
 * that the fast engine is compared with.  Tensors are (n, h, w, c). */
#pragma once

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/graph.h"

struct reference {
    const struct nn_graph *graph;
    int batch;
    bool training; /* norms use the batch's statistics, else the running ones */
    double *outputs[NN_NODES_MAX];
};

static inline size_t reference_count(const struct reference *r, int i)
{
    const struct nn_node *node = &r->graph->nodes[i];

    return (size_t)r->batch * (size_t)node->channels * (size_t)node->height * (size_t)node->width;
}

static inline void reference_open(struct reference *r, const struct nn_graph *graph, int batch,
                                  bool training)
{
    *r = (struct reference){.graph = graph, .batch = batch, .training = training};
    for (int i = 0; i < graph->node_count; i++)
        r->outputs[i] = mem_alloc(reference_count(r, i), sizeof(double));
}

static inline void reference_close(struct reference *r)
{
    for (int i = 0; i < r->graph->node_count; i++)
        mem_free(r->outputs[i]);
}

static inline double *reference_at(const struct reference *r, int i, int n, int y, int x, int c)
{
    const struct nn_node *node = &r->graph->nodes[i];

    return &r->outputs[i][(((size_t)n * (size_t)node->height + (size_t)y) * (size_t)node->width +
                           (size_t)x) *
                              (size_t)node->channels +
                          (size_t)c];
}

/* One output value of a convolution or linear layer. */
static inline double reference_dot(const struct reference *r, const double *values,
                                   const struct nn_node *node, int n, int y, int x, int c)
{
    const struct nn_node *in = &r->graph->nodes[node->from];
    const double *weight = values + r->graph->parameters[node->weight].offset;
    int depth = node->depthwise ? 1 : in->channels;
    double sum =
        node->offset >= 0 ? values[r->graph->parameters[node->offset].offset + (size_t)c] : 0;

    for (int k = 0; k < depth * node->kernel * node->kernel; k++) {
        int channel = k / (node->kernel * node->kernel);
        int row = y * node->stride - node->pad + k / node->kernel % node->kernel;
        int column = x * node->stride - node->pad + k % node->kernel;
        if (row < 0 || column < 0 || row >= in->height || column >= in->width)
            continue;
        sum += weight[(size_t)c * (size_t)(depth * node->kernel * node->kernel) + (size_t)k] *
               *reference_at(r, node->from, n, row, column, node->depthwise ? c : channel);
    }
    return sum;
}

static inline double reference_pool(const struct reference *r, const struct nn_node *node, int n,
                                    int y, int x, int c)
{
    double top = -INFINITY;
    double sum = 0;

    for (int k = 0; k < node->kernel * node->kernel; k++) {
        double v = *reference_at(r, node->from, n, y * node->stride + k / node->kernel,
                                 x * node->stride + k % node->kernel, c);
        top = fmax(top, v);
        sum += v;
    }
    return node->op == NN_MAX_POOL ? top : sum / (node->kernel * node->kernel);
}

static inline double reference_plain(const struct reference *r, const struct nn_node *node, int n,
                                     int y, int x, int c)
{
    if (node->op == NN_UPSAMPLE)
        return *reference_at(r, node->from, n, y / 2, x / 2, c);
    double in = *reference_at(r, node->from, n, y, x, c);
    return node->op == NN_SOFT_CLAMP ? node->limit * tanh(in / node->limit) : in;
}

/* Over (map, group) of one input; outputs[i] holds what comes in. */
static inline void reference_group_norm(const struct reference *r, const double *values, int i)
{
    const struct nn_node *node = &r->graph->nodes[i];
    const double *scale = values + r->graph->parameters[node->norm_weight].offset;
    const double *shift = values + r->graph->parameters[node->norm_bias].offset;
    size_t channels = (size_t)node->channels;
    size_t map = (size_t)node->height * (size_t)node->width * channels;
    size_t each = channels / (size_t)node->groups;
    double count = (double)(map / channels * each);

    for (size_t g = 0; g < (size_t)(r->batch * node->groups); g++) {
        double *at = r->outputs[i] + g / (size_t)node->groups * map;
        size_t group = g % (size_t)node->groups;
        double mean = 0;
        double variance = 0;
        for (size_t k = 0; k < map; k++)
            mean += k % channels / each == group ? at[k] / count : 0;
        for (size_t k = 0; k < map; k++)
            variance += k % channels / each == group ? pow(at[k] - mean, 2) / count : 0;
        for (size_t k = 0; k < map; k++)
            if (k % channels / each == group)
                at[k] = (at[k] - mean) / sqrt(variance + (double)NN_NORM_EPSILON) *
                            scale[k % channels] +
                        shift[k % channels];
    }
}

static inline void reference_norm(const struct reference *r, const double *values, int i)
{
    const struct nn_node *node = &r->graph->nodes[i];
    const struct nn_parameter *parameters = r->graph->parameters;
    size_t channels = (size_t)node->channels;
    size_t rows = reference_count(r, i) / channels;

    for (size_t c = 0; c < channels; c++) {
        double mean = values[parameters[node->norm_mean].offset + c];
        double variance = values[parameters[node->norm_variance].offset + c];
        double *at = r->outputs[i] + c;
        if (r->training) {
            mean = variance = 0;
            for (size_t k = 0; k < rows; k++)
                mean += at[k * channels] / (double)rows;
            for (size_t k = 0; k < rows; k++)
                variance += pow(at[k * channels] - mean, 2) / (double)rows;
        }
        for (size_t k = 0; k < rows; k++)
            at[k * channels] = (at[k * channels] - mean) /
                                   sqrt(variance + (double)NN_NORM_EPSILON) *
                                   values[parameters[node->norm_weight].offset + c] +
                               values[parameters[node->norm_bias].offset + c];
    }
}

static inline double reference_value(const struct reference *r, const double *values,
                                     const struct nn_node *node, int n, int y, int x, int c)
{
    if (node->weight >= 0)
        return reference_dot(r, values, node, n, y, x, c);
    return nn_op_is_trainable(node->op) ? reference_pool(r, node, n, y, x, c)
                                        : reference_plain(r, node, n, y, x, c);
}

static inline void reference_node(const struct reference *r, const double *values, int i)
{
    const struct nn_node *node = &r->graph->nodes[i];

    for (int n = 0; n < r->batch; n++)
        for (int y = 0; y < node->height; y++)
            for (int x = 0; x < node->width; x++)
                for (int c = 0; c < node->channels; c++)
                    *reference_at(r, i, n, y, x, c) = reference_value(r, values, node, n, y, x, c);
    if (node->op == NN_GROUP_NORM)
        reference_group_norm(r, values, i);
    if (node->norm)
        reference_norm(r, values, i);
    for (size_t k = 0; k < reference_count(r, i); k++) {
        if (node->add >= 0)
            r->outputs[i][k] += r->outputs[node->add][k];
        if (node->relu)
            r->outputs[i][k] = fmax(r->outputs[i][k], 0);
    }
}

/* What is before node `first` stays. */
static inline void reference_run_from(const struct reference *r, const double *values, int first)
{
    for (int i = first; i < r->graph->node_count; i++)
        reference_node(r, values, i);
}

/* outputs[0] is the input, written by the caller. */
static inline void reference_run(const struct reference *r, const double *values)
{
    reference_run_from(r, values, 1);
}
