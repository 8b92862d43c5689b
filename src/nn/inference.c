#include "nn/inference.h"

#include <math.h>
#include <string.h>

#define REACH_DEVIATIONS 6 /* of a norm's output; what is beyond is clipped */

struct nn_inference {
    const struct nn_graph *graph;
    struct arena *arena;
    struct nn_program *program;
    struct nn_inference_options options;
    struct nn_tensor outputs[NN_NODES_MAX];
    struct nn_tensor input, output; /* the two ends, channels-last */
};

/* Bytes that one activation of a node takes, its channels rounded up to whole blocks. */
static size_t node_bytes(const struct nn_node *node, int batch)
{
    size_t channels = ((size_t)node->channels + NN_BLOCK - 1) / NN_BLOCK * NN_BLOCK;

    return (size_t)batch * channels * (size_t)node->height * (size_t)node->width * sizeof(float);
}

/* An upper bound: every activation apart, weights three times (folded, packed, rounding up), and
 * room for scratch memory.  Pages that are never used are never touched. */
static size_t arena_bytes(const struct nn_graph *graph, int batch)
{
    size_t total = graph->float_count * sizeof(float) * 4 + (64u << 20);

    for (int i = 0; i < graph->node_count; i++)
        total += node_bytes(&graph->nodes[i], batch) + (64u << 10);
    return total + node_bytes(&graph->nodes[0], batch) +
           node_bytes(&graph->nodes[graph->node_count - 1], batch);
}

/* Memory of activations that nothing will read again, to be used by later layers. */
struct pool {
    struct {
        float *at;
        size_t bytes;
        int free_after; /* index of the last layer that reads it; -1: free */
    } blocks[NN_NODES_MAX];
    int count;
};

/* The smallest free block that is large enough, else new memory. */
static enum status take_block(float **out, struct pool *pool, struct nn_inference *inference,
                              int index, struct err *err)
{
    const struct nn_node *node = &inference->graph->nodes[index];
    size_t bytes = node_bytes(node, inference->options.batch);
    int best = -1;

    for (int i = 0; i < pool->count; i++)
        if (pool->blocks[i].free_after < index && pool->blocks[i].bytes >= bytes &&
            (best < 0 || pool->blocks[i].bytes < pool->blocks[best].bytes))
            best = i;
    if (best < 0) {
        void *at = arena_try(inference->arena, bytes, 1);
        if (!at)
            return err_set(err, ST_NOMEM, "no room for layer '%s'", node->name);
        best = pool->count++;
        pool->blocks[best].at = at;
        pool->blocks[best].bytes = bytes;
    }
    pool->blocks[best].free_after =
        index == inference->graph->node_count - 1 ? NN_NODES_MAX : MAX_OF(node->last_use, index);
    *out = pool->blocks[best].at;
    return ST_OK;
}

/* A layer that adds another one in place takes over its memory. */
static void keep_block(struct pool *pool, const float *at, int until)
{
    for (int i = 0; i < pool->count; i++)
        if (pool->blocks[i].at == at)
            pool->blocks[i].free_after = until;
}

static enum status fold(float **weight, float **bias, struct nn_inference *inference,
                        const struct nn_node *node, const float *values, struct err *err)
{
    const struct nn_parameter *plain = &inference->graph->parameters[node->weight];
    float *w = ARENA_NEW(inference->arena, float, plain->count);
    float *b = ARENA_NEW(inference->arena, float, (size_t)node->channels);

    if (!w || !b)
        return err_set(err, ST_NOMEM, "no room for the weights of layer '%s'", node->name);
    nn_graph_fold(w, b, inference->graph, node, values);
    *weight = w;
    *bias = b;
    return ST_OK;
}

static enum status add_conv(struct nn_inference *inference, const struct nn_node *node,
                            const struct nn_tensor *out, const float *values, struct err *err)
{
    const struct nn_conv conv = {.added_step =
                                     node->add >= 0 ? inference->outputs[node->add].step : 0,
                                 .kernel = node->kernel,
                                 .stride = node->stride,
                                 .pad = node->pad,
                                 .depthwise = node->depthwise,
                                 .add = node->add >= 0,
                                 .relu = node->relu,
                                 .constant = true};
    float *weight = NULL;
    float *bias = NULL;
    enum status st = fold(&weight, &bias, inference, node, values, err);

    if (st != ST_OK)
        return st;
    return nn_program_conv(inference->program, &conv, &inference->outputs[node->from], weight, bias,
                           out, err);
}

static const float *value_of(const struct nn_inference *inference, const float *values, int index)
{
    return values + inference->graph->parameters[index].offset;
}

/* Scale and shift are copied: `values` is read during opening only. */
static enum status add_group_norm(struct nn_inference *inference, const struct nn_node *node,
                                  const struct nn_tensor *out, const float *values, struct err *err)
{
    size_t count = (size_t)node->channels;
    float *both = ARENA_NEW(inference->arena, float, 2 * count);

    if (!both)
        return err_set(err, ST_NOMEM, "no room for the weights of layer '%s'", node->name);
    memcpy(both, value_of(inference, values, node->norm_weight), count * sizeof *both);
    memcpy(both + count, value_of(inference, values, node->norm_bias), count * sizeof *both);
    const struct nn_group_norm norm = {.groups = node->groups,
                                       .scale = both,
                                       .shift = both + count,
                                       .epsilon = NN_NORM_EPSILON,
                                       .relu = node->relu};
    return nn_program_group_norm(inference->program, &norm, &inference->outputs[node->from], out,
                                 err);
}

static enum status add_step(struct nn_inference *inference, const struct nn_node *node,
                            const struct nn_tensor *out, const float *values, struct err *err)
{
    const struct nn_tensor *in = &inference->outputs[MAX_OF(node->from, 0)]; /* not of an input */
    struct nn_pool pool = {.kind = node->op == NN_MAX_POOL ? NN_POOL_MAX : NN_POOL_AVERAGE,
                           .kernel = node->kernel,
                           .stride = node->stride};

    switch (node->op) {
    case NN_CONV:
    case NN_LINEAR:
        return add_conv(inference, node, out, values, err);
    case NN_MAX_POOL:
    case NN_AVERAGE_POOL:
        return nn_program_pool(inference->program, &pool, in, out, err);
    case NN_UPSAMPLE:
        return nn_program_upsample(inference->program, in, out, err);
    case NN_SOFT_CLAMP:
        return nn_program_soft_clamp(inference->program, (float)node->limit, in, out, err);
    case NN_GROUP_NORM:
        return add_group_norm(inference, node, out, values, err);
    case NN_INPUT:
    case NN_OP_COUNT:
        break;
    }
    return ST_OK;
}

/* The largest output to expect of a layer with a norm and relu: over the training photos, a norm's
 * outputs have its shift as mean and its scale as deviation. */
static float reach_of(const struct nn_inference *inference, const struct nn_node *node,
                      const float *values)
{
    const float *scale = value_of(inference, values, node->norm_weight);
    const float *shift = value_of(inference, values, node->norm_bias);
    float reach = 0;

    for (int c = 0; c < node->channels; c++)
        reach = MAX_OF(reach, shift[c] + REACH_DEVIATIONS * fabsf(scale[c]));
    if (node->add >= 0)
        reach += inference->outputs[node->add].step * UINT8_MAX;
    return reach > 0 ? reach : 1;
}

static void choose_element(struct nn_tensor *out, const struct nn_inference *inference, int index,
                           const float *values)
{
    const struct nn_node *node = &inference->graph->nodes[index];
    enum nn_precision precision = inference->options.precision;

    if (precision == NN_FP32 || index == inference->graph->node_count - 1)
        return;
    if (precision == NN_BF16) {
        out->element = NN_BFLOAT16;
    } else if (index == 0) {
        out->element = NN_SIGNED_BYTE;
        out->step = inference->options.input_max / INT8_MAX;
    } else {
        out->element = NN_UNSIGNED_BYTE;
        out->step = reach_of(inference, node, values) / UINT8_MAX;
    }
}

static enum status add_node(struct nn_inference *inference, struct pool *memory, int index,
                            const float *values, struct err *err)
{
    const struct nn_node *node = &inference->graph->nodes[index];
    struct nn_tensor out = {
        .n = inference->options.batch, .c = node->channels, .h = node->height, .w = node->width};
    enum status st = ST_OK;

    if (node->add >= 0) {
        out.at = inference->outputs[node->add].at;
        keep_block(memory, out.at,
                   index == inference->graph->node_count - 1 ? NN_NODES_MAX : node->last_use);
    } else {
        st = take_block(&out.at, memory, inference, index, err);
    }
    if (st != ST_OK)
        return st;
    choose_element(&out, inference, index, values);
    inference->outputs[index] = out;
    return add_step(inference, node, &out, values, err);
}

/* Channels-last memory of an end: the tensor itself, or apart when it is padded or in blocks. */
static enum status open_end(struct nn_tensor *end, struct nn_inference *inference, int index,
                            enum nn_layout layout, struct err *err)
{
    const struct nn_node *node = &inference->graph->nodes[index];
    struct nn_tensor tensor = inference->outputs[index];

    if (tensor.element != NN_FLOAT ||
        (layout == NN_BLOCKED && !nn_node_fits_blocks(node, NN_BLOCK))) {
        tensor.element = NN_FLOAT;
        tensor.at = ARENA_NEW(inference->arena, float, nn_tensor_count(&tensor));
        if (!tensor.at)
            return err_set(err, ST_NOMEM, "no room for layer '%s'", node->name);
    }
    *end = tensor;
    return ST_OK;
}

static enum status add_input(struct nn_inference *inference, enum nn_layout layout, struct err *err)
{
    enum status st = open_end(&inference->input, inference, 0, layout, err);

    if (st != ST_OK || inference->input.at == inference->outputs[0].at)
        return st;
    if (inference->outputs[0].element != NN_FLOAT)
        return nn_program_convert(inference->program, &inference->outputs[0], &inference->input,
                                  err);
    return nn_program_import(inference->program, &inference->outputs[0], &inference->input, err);
}

static enum status add_output(struct nn_inference *inference, enum nn_layout layout,
                              struct err *err)
{
    int last = inference->graph->node_count - 1;
    enum status st = open_end(&inference->output, inference, last, layout, err);

    if (st != ST_OK || inference->output.at == inference->outputs[last].at)
        return st;
    return nn_program_export(inference->program, &inference->output, &inference->outputs[last],
                             err);
}

static enum status build(struct nn_inference *inference, const float *values, struct err *err)
{
    struct pool memory = {0};
    enum nn_layout layout = inference->options.precision == NN_INT8
                                ? NN_CHANNELS_LAST /* blocks have no fast kernels for bytes */
                                : nn_program_forward_layout(inference->graph);
    enum status st =
        arena_open(&inference->arena, arena_bytes(inference->graph, inference->options.batch), err);

    if (st == ST_OK)
        st = nn_program_open(&inference->program, layout, inference->arena, err);
    for (int i = 0; i < inference->graph->node_count && st == ST_OK; i++) {
        st = add_node(inference, &memory, i, values, err);
        if (st == ST_OK && i == 0)
            st = add_input(inference, layout, err);
        if (st != ST_OK)
            err_prefix(err, "layer '%s'", inference->graph->nodes[i].name);
    }
    if (st == ST_OK)
        st = add_output(inference, layout, err);
    return st == ST_OK ? nn_program_finish(inference->program, err) : st;
}

const char *nn_precision_name(enum nn_precision precision)
{
    static const char *const names[] = {"fp32", "bf16", "int8"};
    _Static_assert(ARRAY_LEN(names) == NN_PRECISION_COUNT, "one name for each");

    return names[precision];
}

static bool has_bounded_output(const struct nn_graph *graph, const struct nn_node *node)
{
    return node->norm && node->relu && (node->add < 0 || graph->nodes[node->add].op != NN_INPUT);
}

static enum status check_precision(const struct nn_graph *graph,
                                   const struct nn_inference_options *options, struct err *err)
{
    enum nn_precision precision = options->precision;
    const char *name = nn_precision_name(precision);

    if (precision == NN_FP32)
        return ST_OK;
    if (!nn_program_has_elements(precision == NN_BF16 ? NN_BFLOAT16 : NN_UNSIGNED_BYTE))
        return err_set(err, ST_UNSUPPORTED, "this processor has no fast %s arithmetic", name);
    if (precision == NN_INT8 && !(options->input_max > 0))
        return err_set(err, ST_INVALID, "int8 needs the largest input, not %g",
                       (double)options->input_max);
    for (int i = 1; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if ((node->op != NN_CONV && node->op != NN_LINEAR) || node->depthwise)
            return err_set(err, ST_UNSUPPORTED, "layer '%s' is no dense convolution: no %s",
                           node->name, name);
        if (i + 1 == graph->node_count && node->add >= 0)
            return err_set(err, ST_UNSUPPORTED, "layer '%s', the last one, adds another: no %s",
                           node->name, name);
        if (precision == NN_INT8 && i + 1 < graph->node_count && !has_bounded_output(graph, node))
            return err_set(err, ST_UNSUPPORTED, "layer '%s' has no norm and relu: no int8",
                           node->name);
    }
    return ST_OK;
}

enum status nn_inference_open(struct nn_inference **out, const struct nn_graph *graph,
                              const float *values, const struct nn_inference_options *options,
                              struct err *err)
{
    if (options->batch < 1 || options->batch > 256)
        return err_set(err, ST_LIMIT, "a batch of %d is outside 1 to 256", options->batch);
    enum status st = check_precision(graph, options, err);
    if (st != ST_OK)
        return st;

    struct nn_inference *inference = mem_alloc(1, sizeof *inference);
    inference->graph = graph;
    inference->options = *options;
    st = build(inference, values, err);
    if (st != ST_OK) {
        nn_inference_close(inference);
        return st;
    }
    *out = inference;
    return ST_OK;
}

void nn_inference_close(struct nn_inference *inference)
{
    if (!inference)
        return;
    nn_program_close(inference->program);
    arena_close(inference->arena);
    mem_free(inference);
}

struct nn_tensor nn_inference_input(struct nn_inference *inference)
{
    return inference->input;
}

struct nn_tensor nn_inference_output(struct nn_inference *inference)
{
    return inference->output;
}

void nn_inference_run(struct nn_inference *inference)
{
    nn_program_run(inference->program);
}

const char *nn_inference_describe(const struct nn_inference *inference)
{
    return nn_program_describe(inference->program);
}
