/* nn/graph.h - a network as data: a small text names its layers, shapes follow from it.
 *
 *     input crop  channels=16 side=128
 *     conv  stem  out=32 kernel=3 norm relu
 *     conv  left  out=32 kernel=3 norm relu
 *     conv  right out=32 kernel=3 norm add=stem relu
 *     conv  head  out=16 kernel=1 bias
 *     table statistics rows=5 columns=839
 *
 * A layer reads the one above it unless from=NAME says otherwise.  A conv layer is
 * y = convolution(x) [+ bias], then [norm], then [+ add], then [relu].  A table is no layer:
 * numbers of another classifier that travel in the same file, as tensor NAME.values. Immutable
 * after parsing, shared by threads.  Must not know how layers are computed. */

/* Layers of generators, computed in inference only (nn_op_is_trainable):
 *
 *     input latent channels=4 height=32 width=48
 *     soft_clamp bounded limit=3          limit * tanh(x / limit)
 *     upsample up                         nearest, twice as high and wide
 *     group_norm even groups=4 relu       normalised over the map and a group of channels, scaled
 */
#pragma once

#include "base/base.h"

#define NN_NAME_SIZE      32
#define NN_NODES_MAX      128
#define NN_PARAMETERS_MAX 512
#define NN_TABLES_MAX     8
#define NN_TABLE_SIDE_MAX 65536 /* rows, columns */
#define NN_CHANNELS_MAX   2048
#define NN_SIDE_MAX       2048
#define NN_FLOATS_MAX     (64u << 20) /* parameters of one network */
#define NN_TEXT_MAX       (16u << 10) /* description, bytes */
#define NN_NORM_EPSILON   1e-5f       /* as in PyTorch's BatchNorm2d */

enum nn_op {
    NN_INPUT,
    NN_CONV,
    NN_MAX_POOL,
    NN_AVERAGE_POOL,
    NN_LINEAR,
    NN_UPSAMPLE,
    NN_SOFT_CLAMP,
    NN_GROUP_NORM,
    NN_OP_COUNT
};
const char *nn_op_name(enum nn_op op);  /* as in a description: "conv" */
bool nn_op_is_trainable(enum nn_op op); /* has a backward pass */

/* One layer.  Tensors are (n, height, width, channels) in memory; n is chosen by the executor. */
struct nn_node {
    char name[NN_NAME_SIZE];
    enum nn_op op;
    int from;                    /* index of the layer it reads; -1 for the input */
    int add;                     /* index of the layer added before relu; -1 for none */
    int channels, height, width; /* of its output */
    int kernel, stride, pad;     /* conv and pools; square */
    bool depthwise;              /* conv: one 3x3 filter a channel */
    bool bias, norm, relu;
    int limit;          /* soft_clamp */
    int groups;         /* group_norm; divides channels */
    int last_use;       /* index of the last layer that reads the output; its own when none does */
    int weight, offset; /* parameter indices: conv and linear weight, bias; -1 */
    int norm_weight, norm_bias;   /* batch and group norm: scale and shift; -1 without */
    int norm_mean, norm_variance; /* batch norm running statistics: not trained; -1 */
};

struct nn_table {
    char name[NN_NAME_SIZE];
    int rows, columns;
    int parameter; /* index; never trained by the network's optimiser */
};

/* One named tensor inside the single block of floats that holds the whole network. */
struct nn_parameter {
    char
        name[2 * NN_NAME_SIZE]; /* "stem.weight", "stem.norm.running_mean", as PyTorch names them */
    int dims[4];                /* (out, in / groups, kernel, kernel), (out, in) or (channels) */
    int dim_count;
    size_t offset, count; /* floats */
    bool trained;         /* false for running statistics */
    bool decayed;         /* weight decay applies: weights yes, bias and norm no */
};

struct nn_graph {
    struct nn_node nodes[NN_NODES_MAX];
    int node_count; /* nodes[0] is the input, the last one the output */
    struct nn_table tables[NN_TABLES_MAX];
    int table_count;
    struct nn_parameter parameters[NN_PARAMETERS_MAX];
    int parameter_count;
    size_t trained_count;   /* floats; trained tensors come first in the block */
    size_t network_count;   /* floats, running statistics included; tables follow */
    size_t float_count;     /* floats of the whole block */
    char text[NN_TEXT_MAX]; /* the description it was parsed from */
};

/* Out: *out is the caller's, free with nn_graph_close.  Errors name the line. */
enum status nn_graph_open(struct nn_graph **out, struct str text, struct err *err) MUST_USE;
void nn_graph_close(struct nn_graph *graph); /* NULL is fine */

/* NULL when the network has no table of that name. */
const struct nn_table *nn_graph_table(const struct nn_graph *graph, const char *name);

/* Multiply-adds of one forward pass of one input. */
uint64_t nn_graph_multiply_adds(const struct nn_graph *graph);

/* Whether every layer can be computed in blocks of `block` channels, with an input and an output
 * that lie in memory as if there were none: channel counts are multiples of it, and the two outer
 * tensors are one block deep or one pixel large. */
bool nn_graph_fits_blocks(const struct nn_graph *graph, int block);

/* Whether a layer's output lies in memory the same with and without blocks. */
bool nn_node_fits_blocks(const struct nn_node *node, int block);

/* Whether a forward pass may be computed with channel counts rounded up to multiples of `block`:
 * no layer mixes channels in a way that padding disturbs, and at most half as much work is added.
 */
bool nn_graph_pads_to_blocks(const struct nn_graph *graph, int block);

/* A conv or linear layer with its norm folded in: weight' = weight * scale / sqrt(variance +
 * epsilon), bias' = shift + (bias - mean) * the same factor.  As many floats as the parameter has,
 * and one bias a channel. */
void nn_graph_fold(float *weight, float *bias, const struct nn_graph *graph,
                   const struct nn_node *node, const float *values);

struct rng;
/* Fills the block: He-normal weights (He et al. 2015), zero biases, unit norm scale - zero for the
 * last norm before an add, so that a residual block begins as the identity (Goyal et al. 2017). */
void nn_graph_initialise(float *values, const struct nn_graph *graph, struct rng *rng);
