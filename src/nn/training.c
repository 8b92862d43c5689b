#include "nn/training.h"

#include <string.h>

/* What the passes keep of one layer. */
struct layer {
    struct nn_tensor out;      /* activation */
    struct nn_tensor raw;      /* convolution result that a norm reads; .at NULL without norm */
    struct nn_tensor gradient; /* of the activation; .at NULL until a reader has written it */
    struct nn_norm norm;
    struct nn_pool pool;
};

struct nn_training {
    const struct nn_graph *graph;
    const float *values;
    struct arena *arena;
    struct nn_program *forward;
    struct nn_program *backward;
    float *gradients;  /* trained_count floats */
    float *statistics; /* network_count - trained_count floats */
    int batch;
    struct layer layers[NN_NODES_MAX];
};

/* Every activation up to twice, gradients up to three times, and scratch memory.  An upper bound
 * costs nothing: pages that are never used are never touched. */
static size_t arena_bytes(const struct nn_graph *graph, int batch)
{
    size_t total = graph->float_count * sizeof(float) * 8 + (256u << 20);

    for (int i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        total += 6 * ((size_t)batch * (size_t)node->channels * (size_t)node->height *
                          (size_t)node->width * sizeof(float) +
                      4096);
    }
    return total;
}

static const float *value_of(const struct nn_training *training, int parameter)
{
    return parameter < 0 ? NULL : training->values + training->graph->parameters[parameter].offset;
}

static float *gradient_of(const struct nn_training *training, int parameter)
{
    return parameter < 0 ? NULL
                         : training->gradients + training->graph->parameters[parameter].offset;
}

static float *statistic_of(const struct nn_training *training, int parameter)
{
    return training->statistics + training->graph->parameters[parameter].offset -
           training->graph->trained_count;
}

static struct nn_conv conv_of(const struct nn_node *node)
{
    return (struct nn_conv){.kernel = node->kernel,
                            .stride = node->stride,
                            .pad = node->pad,
                            .depthwise = node->depthwise};
}

static enum status new_tensor(struct nn_tensor *out, struct nn_training *training,
                              const struct nn_node *node, struct err *err)
{
    return nn_program_tensor(out, training->forward, training->batch, node->channels, node->height,
                             node->width, err);
}

/* Forward --------------------------------------------------------------------------------- */

static enum status forward_norm(struct nn_training *training, const struct nn_node *node,
                                struct layer *layer, struct err *err)
{
    layer->norm = (struct nn_norm){
        .scale_shift = value_of(training, node->norm_weight), /* norm_bias follows it */
        .mean = statistic_of(training, node->norm_mean),
        .variance = statistic_of(training, node->norm_variance),
        .epsilon = NN_NORM_EPSILON,
        .relu = node->relu && node->add < 0,
    };
    return nn_program_norm(training->forward, &layer->norm, &layer->raw, &layer->out, err);
}

static enum status forward_conv(struct nn_training *training, const struct nn_node *node,
                                struct layer *layer, struct err *err)
{
    struct nn_conv conv = conv_of(node);
    enum status st = ST_OK;

    if (node->norm)
        st = new_tensor(&layer->raw, training, node, err);
    if (st == ST_OK)
        st = nn_program_conv(training->forward, &conv, &training->layers[node->from].out,
                             value_of(training, node->weight), value_of(training, node->offset),
                             node->norm ? &layer->raw : &layer->out, err);
    if (st == ST_OK && node->norm)
        st = forward_norm(training, node, layer, err);
    bool relu_left = node->relu && !layer->norm.relu;
    if (st == ST_OK && (node->add >= 0 || relu_left))
        st = nn_program_add_relu(training->forward, &layer->out,
                                 node->add >= 0 ? &training->layers[node->add].out : NULL,
                                 relu_left, err);
    return st;
}

static enum status forward_node(struct nn_training *training, int index, struct err *err)
{
    const struct nn_node *node = &training->graph->nodes[index];
    struct layer *layer = &training->layers[index];
    enum status st = ST_OK;

    if (!nn_op_is_trainable(node->op))
        return err_set(err, ST_UNSUPPORTED, "%s is computed in inference only, not trained",
                       nn_op_name(node->op));
    st = new_tensor(&layer->out, training, node, err);
    if (st != ST_OK || node->op == NN_INPUT)
        return st;
    if (node->op == NN_CONV || node->op == NN_LINEAR)
        return forward_conv(training, node, layer, err);
    layer->pool = (struct nn_pool){.kind = node->op == NN_MAX_POOL ? NN_POOL_MAX : NN_POOL_AVERAGE,
                                   .kernel = node->kernel,
                                   .stride = node->stride,
                                   .training = true};
    return nn_program_pool(training->forward, &layer->pool, &training->layers[node->from].out,
                           &layer->out, err);
}

/* Backward -------------------------------------------------------------------------------- */

/* Where a reader of layer `index` writes its share of the gradient: the gradient itself for the
 * first one, else a temporary tensor that add_share() adds to it. */
static enum status take_share(struct nn_tensor *share, struct nn_training *training, int index,
                              struct err *err)
{
    struct layer *layer = &training->layers[index];
    enum status st = new_tensor(share, training, &training->graph->nodes[index], err);

    if (st == ST_OK && !layer->gradient.at)
        layer->gradient = *share;
    return st;
}

static enum status add_share(struct nn_training *training, int index, const struct nn_tensor *share,
                             struct err *err)
{
    struct layer *layer = &training->layers[index];

    if (layer->gradient.at == share->at)
        return ST_OK;
    return nn_program_accumulate(training->backward, &layer->gradient, share, err);
}

/* The added layer receives the sum's gradient as it is: shared memory for the first reader.  The
 * sum's own gradient is read for the last time before anyone accumulates into it. */
static enum status backward_add(struct nn_training *training, const struct nn_node *node,
                                const struct layer *layer, struct err *err)
{
    struct layer *added = &training->layers[node->add];

    if (!added->gradient.at) {
        added->gradient = layer->gradient;
        return ST_OK;
    }
    return nn_program_accumulate(training->backward, &added->gradient, &layer->gradient, err);
}

static enum status backward_norm(struct nn_tensor *raw_gradient, struct nn_training *training,
                                 const struct nn_node *node, struct layer *layer, struct err *err)
{
    struct nn_tensor made = layer->gradient; /* in place, unless another layer shares it */
    enum status st = ST_OK;

    if (node->add >= 0)
        st = new_tensor(&made, training, node, err);
    if (st == ST_OK)
        st = nn_program_norm_backward(training->backward, &layer->norm, &layer->raw, &made,
                                      gradient_of(training, node->norm_weight), &layer->gradient,
                                      err);
    if (st == ST_OK)
        *raw_gradient = made;
    return st;
}

static enum status backward_conv(struct nn_training *training, const struct nn_node *node,
                                 struct layer *layer, struct err *err)
{
    struct nn_conv conv = conv_of(node);
    struct nn_tensor raw_gradient = layer->gradient;
    struct nn_tensor share;
    enum status st = ST_OK;

    if (node->relu && !layer->norm.relu)
        st = nn_program_relu_backward(training->backward, &layer->gradient, &layer->out, err);
    if (st == ST_OK && node->norm)
        st = backward_norm(&raw_gradient, training, node, layer, err);
    if (st == ST_OK)
        st = nn_program_conv_backward_weights(
            training->backward, &conv, &training->layers[node->from].out,
            gradient_of(training, node->weight), gradient_of(training, node->offset), &raw_gradient,
            err);
    if (st == ST_OK && training->graph->nodes[node->from].op != NN_INPUT) {
        st = take_share(&share, training, node->from, err);
        if (st == ST_OK)
            st =
                nn_program_conv_backward_data(training->backward, &conv, &share,
                                              value_of(training, node->weight), &raw_gradient, err);
        if (st == ST_OK)
            st = add_share(training, node->from, &share, err);
    }
    if (st == ST_OK && node->add >= 0)
        st = backward_add(training, node, layer, err);
    return st;
}

static enum status backward_node(struct nn_training *training, int index, struct err *err)
{
    const struct nn_node *node = &training->graph->nodes[index];
    struct layer *layer = &training->layers[index];
    struct nn_tensor share;

    if (node->op == NN_INPUT)
        return ST_OK;
    if (!layer->gradient.at)
        return err_set(err, ST_INVALID, "its output is read by no layer");
    if (node->op == NN_CONV || node->op == NN_LINEAR)
        return backward_conv(training, node, layer, err);
    if (training->graph->nodes[node->from].op == NN_INPUT)
        return ST_OK;
    enum status st = take_share(&share, training, node->from, err);
    if (st == ST_OK)
        st = nn_program_pool_backward(training->backward, &layer->pool, &share, &layer->gradient,
                                      err);
    return st == ST_OK ? add_share(training, node->from, &share, err) : st;
}

/* Life ------------------------------------------------------------------------------------ */

static enum status open_memory(struct nn_training *training, struct err *err)
{
    const struct nn_graph *graph = training->graph;
    enum nn_layout layout = nn_program_layout(graph);
    enum status st = arena_open(&training->arena, arena_bytes(graph, training->batch), err);

    if (st == ST_OK)
        st = nn_program_open(&training->forward, layout, training->arena, err);
    if (st == ST_OK)
        st = nn_program_open(&training->backward, layout, training->arena, err);
    if (st != ST_OK)
        return st;
    training->gradients = ARENA_NEW(training->arena, float, graph->trained_count);
    training->statistics =
        ARENA_NEW(training->arena, float, graph->network_count - graph->trained_count);
    if (!training->gradients || !training->statistics)
        return err_set(err, ST_NOMEM, "no room for %zu gradients", graph->trained_count);
    return ST_OK;
}

static enum status build(struct nn_training *training, struct err *err)
{
    const struct nn_graph *graph = training->graph;
    int last = graph->node_count - 1;
    enum status st = open_memory(training, err);

    for (int i = 0; i <= last && st == ST_OK; i++) {
        st = forward_node(training, i, err);
        if (st != ST_OK)
            err_prefix(err, "layer '%s' forward", graph->nodes[i].name);
    }
    if (st == ST_OK)
        st = new_tensor(&training->layers[last].gradient, training, &graph->nodes[last], err);
    for (int i = last; i >= 0 && st == ST_OK; i--) {
        st = backward_node(training, i, err);
        if (st != ST_OK)
            err_prefix(err, "layer '%s' backward", graph->nodes[i].name);
    }
    if (st == ST_OK)
        st = nn_program_finish(training->forward, err);
    return st == ST_OK ? nn_program_finish(training->backward, err) : st;
}

enum status nn_training_open(struct nn_training **out, const struct nn_graph *graph,
                             const float *values, int batch, struct err *err)
{
    if (batch < 1 || batch > 1024)
        return err_set(err, ST_LIMIT, "a batch of %d is outside 1 to 1024", batch);

    struct nn_training *training = mem_alloc(1, sizeof *training);
    training->graph = graph;
    training->values = values;
    training->batch = batch;
    enum status st = build(training, err);
    if (st != ST_OK) {
        nn_training_close(training);
        return st;
    }
    *out = training;
    return ST_OK;
}

void nn_training_close(struct nn_training *training)
{
    if (!training)
        return;
    nn_program_close(training->forward);
    nn_program_close(training->backward);
    arena_close(training->arena);
    mem_free(training);
}

struct nn_tensor nn_training_input(struct nn_training *training)
{
    return training->layers[0].out;
}

struct nn_tensor nn_training_output(struct nn_training *training)
{
    return training->layers[training->graph->node_count - 1].out;
}

struct nn_tensor nn_training_output_gradient(struct nn_training *training)
{
    return training->layers[training->graph->node_count - 1].gradient;
}

void nn_training_forward(struct nn_training *training)
{
    nn_program_run(training->forward);
}

void nn_training_backward(struct nn_training *training)
{
    nn_program_run(training->backward);
}

const float *nn_training_gradients(const struct nn_training *training)
{
    return training->gradients;
}

/* Batch norm divides by n when it normalises; running statistics estimate the population's
 * variance, which divides by n - 1 (as PyTorch does). */
void nn_training_statistics(float *out, const struct nn_training *training)
{
    const struct nn_graph *graph = training->graph;

    memcpy(out, training->statistics, (graph->network_count - graph->trained_count) * sizeof *out);
    for (int i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        float n = (float)training->batch * (float)node->height * (float)node->width;
        if (!node->norm || n <= 1)
            continue;
        float *variance =
            out + graph->parameters[node->norm_variance].offset - graph->trained_count;
        for (int c = 0; c < node->channels; c++)
            variance[c] *= n / (n - 1);
    }
}

const char *nn_training_describe(const struct nn_training *training)
{
    return nn_program_describe(training->backward);
}
