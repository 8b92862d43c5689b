#include "nn/graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define LIMIT_MAX 1000 /* of a soft clamp */

/* Attributes of one line, before they become a node. */
struct attributes {
    int64_t channels, side, height, width, out, kernel, stride, limit, groups, rows, columns;
    struct str from, add;
    bool norm, relu, bias, depthwise;
};

static const char *const op_names[] = {
    [NN_INPUT] = "input",           [NN_CONV] = "conv",
    [NN_MAX_POOL] = "max_pool",     [NN_AVERAGE_POOL] = "average_pool",
    [NN_LINEAR] = "linear",         [NN_UPSAMPLE] = "upsample",
    [NN_SOFT_CLAMP] = "soft_clamp", [NN_GROUP_NORM] = "group_norm",
};
_Static_assert(ARRAY_LEN(op_names) == NN_OP_COUNT, "one name for each layer kind");

const char *nn_op_name(enum nn_op op)
{
    return op_names[op];
}

bool nn_op_is_trainable(enum nn_op op)
{
    return op != NN_UPSAMPLE && op != NN_SOFT_CLAMP && op != NN_GROUP_NORM;
}

static int find_op(struct str name)
{
    for (int i = 0; i < NN_OP_COUNT; i++)
        if (str_equal(name, op_names[i]))
            return i;
    return -1;
}

static int find_node(const struct nn_graph *graph, struct str name)
{
    for (int i = 0; i < graph->node_count; i++)
        if (str_equal(name, graph->nodes[i].name))
            return i;
    return -1;
}

/* `word` is a flag or key=value. */
static enum status parse_attribute(struct attributes *at, struct str word, struct err *err)
{
    struct str value = word;
    struct str key = str_split(&value, '=');
    struct {
        const char *name;
        bool *flag;
        int64_t *number;
        struct str *text;
        int64_t top;
    } known[] = {
        {.name = "norm", .flag = &at->norm},
        {.name = "relu", .flag = &at->relu},
        {.name = "bias", .flag = &at->bias},
        {.name = "depthwise", .flag = &at->depthwise},
        {.name = "channels", .number = &at->channels, .top = NN_CHANNELS_MAX},
        {.name = "out", .number = &at->out, .top = NN_CHANNELS_MAX},
        {.name = "side", .number = &at->side, .top = NN_SIDE_MAX},
        {.name = "height", .number = &at->height, .top = NN_SIDE_MAX},
        {.name = "width", .number = &at->width, .top = NN_SIDE_MAX},
        {.name = "limit", .number = &at->limit, .top = LIMIT_MAX},
        {.name = "groups", .number = &at->groups, .top = NN_CHANNELS_MAX},
        {.name = "kernel", .number = &at->kernel, .top = 7},
        {.name = "stride", .number = &at->stride, .top = 4},
        {.name = "rows", .number = &at->rows, .top = NN_TABLE_SIDE_MAX},
        {.name = "columns", .number = &at->columns, .top = NN_TABLE_SIDE_MAX},
        {.name = "from", .text = &at->from},
        {.name = "add", .text = &at->add},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!str_equal(key, known[i].name))
            continue;
        if (known[i].flag && key.len != word.len)
            return err_set(err, ST_INVALID, "%s takes no value", known[i].name);
        if (known[i].flag)
            *known[i].flag = true;
        if (known[i].text)
            *known[i].text = value; /* `at` is not NULL now, even when nothing follows the '=' */
        if (known[i].number && !str_to_int(known[i].number, value, 1, known[i].top))
            return err_set(err, ST_INVALID, "%s takes a whole number from 1 to %lld", known[i].name,
                           (long long)known[i].top);
        return ST_OK;
    }
    return err_set(err, ST_INVALID, "unknown attribute '%.*s'", (int)MIN_OF(key.len, 40u), key.at);
}

static enum status resolve_inputs(struct nn_node *node, const struct nn_graph *graph,
                                  const struct attributes *at, struct err *err)
{
    node->from = at->from.at ? find_node(graph, at->from) : graph->node_count - 1;
    node->add = at->add.at ? find_node(graph, at->add) : -1;
    if (node->op == NN_INPUT)
        return ST_OK;
    if (node->from < 0)
        return err_set(err, ST_INVALID, "from= names no layer above");
    if (at->add.at && node->add < 0)
        return err_set(err, ST_INVALID, "add= names no layer above");
    return ST_OK;
}

static enum status shape_conv(struct nn_node *node, const struct nn_node *in,
                              const struct attributes *at, struct err *err)
{
    node->channels = (int)(at->depthwise ? in->channels : at->out);
    if (node->channels < 1)
        return err_set(err, ST_INVALID, "conv needs out=");
    if (node->kernel != 1 && node->kernel != 3)
        return err_set(err, ST_UNSUPPORTED, "conv takes kernel=1 or 3, not %d", node->kernel);
    if (node->stride > 2)
        return err_set(err, ST_UNSUPPORTED, "conv takes stride=1 or 2, not %d", node->stride);
    if (at->depthwise && node->kernel != 3)
        return err_set(err, ST_UNSUPPORTED, "depthwise takes kernel=3");
    node->pad = node->kernel / 2;
    node->height = (in->height + 2 * node->pad - node->kernel) / node->stride + 1;
    node->width = (in->width + 2 * node->pad - node->kernel) / node->stride + 1;
    return ST_OK;
}

static enum status shape_pool(struct nn_node *node, const struct nn_node *in, struct err *err)
{
    if (node->kernel == 1 && in->height != in->width)
        return err_set(err, ST_UNSUPPORTED, "a pool over the whole map of %dx%d: not square",
                       in->width, in->height);
    if (node->kernel == 1) /* no kernel given: the whole map */
        node->kernel = node->stride = in->height;
    if (node->kernel > in->height || node->kernel > in->width)
        return err_set(err, ST_INVALID, "a pool of %d is over its input of %d", node->kernel,
                       MIN_OF(in->height, in->width));
    node->channels = in->channels;
    node->height = (in->height - node->kernel) / node->stride + 1;
    node->width = (in->width - node->kernel) / node->stride + 1;
    return ST_OK;
}

static enum status shape_input(struct nn_node *node, const struct nn_graph *graph,
                               const struct attributes *at, struct err *err)
{
    bool sides = at->height && at->width && !at->side;

    if (graph->node_count || !at->channels || sides == (at->side && !at->height && !at->width))
        return err_set(err, ST_INVALID,
                       "the first line is: input NAME channels=C side=S, or height=H width=W");
    node->channels = (int)at->channels;
    node->height = (int)(sides ? at->height : at->side);
    node->width = (int)(sides ? at->width : at->side);
    return ST_OK;
}

/* Layers that keep the number of channels. */
static enum status shape_like(struct nn_node *node, const struct nn_node *in,
                              const struct attributes *at, struct err *err)
{
    int factor = node->op == NN_UPSAMPLE ? 2 : 1;

    if (in->height > NN_SIDE_MAX / factor || in->width > NN_SIDE_MAX / factor)
        return err_set(err, ST_LIMIT, "a map of %dx%d, twice as large, is over %d a side",
                       in->width, in->height, NN_SIDE_MAX);
    if (node->op == NN_SOFT_CLAMP && !at->limit)
        return err_set(err, ST_INVALID, "soft_clamp needs limit=");
    if (node->op == NN_GROUP_NORM && (!at->groups || in->channels % at->groups != 0))
        return err_set(err, ST_INVALID, "group_norm needs groups=, a divisor of %d channels",
                       in->channels);
    node->channels = in->channels;
    node->height = in->height * factor;
    node->width = in->width * factor;
    node->limit = (int)at->limit;
    node->groups = (int)at->groups;
    return ST_OK;
}

static enum status shape_node(struct nn_node *node, const struct nn_graph *graph,
                              const struct attributes *at, struct err *err)
{
    const struct nn_node *in = &graph->nodes[MAX_OF(node->from, 0)]; /* not of an input */

    switch (node->op) {
    case NN_INPUT:
        return shape_input(node, graph, at, err);
    case NN_CONV:
        return shape_conv(node, in, at, err);
    case NN_MAX_POOL:
    case NN_AVERAGE_POOL:
        return shape_pool(node, in, err);
    case NN_LINEAR:
        if (!at->out || in->height != 1 || in->width != 1)
            return err_set(err, ST_INVALID, "linear needs out= and a 1x1 input: pool first");
        node->channels = (int)at->out;
        node->height = node->width = 1;
        return ST_OK;
    case NN_UPSAMPLE:
    case NN_SOFT_CLAMP:
    case NN_GROUP_NORM:
        return shape_like(node, in, at, err);
    case NN_OP_COUNT:
        break;
    }
    return err_set(err, ST_INVALID, "no such layer");
}

/* What a layer kind would silently ignore is refused. */
static enum status check_flags(const struct nn_node *node, const struct attributes *at,
                               struct err *err)
{
    bool weighted = node->op == NN_CONV || node->op == NN_LINEAR;

    if ((at->side || at->height || at->width) && node->op != NN_INPUT)
        return err_set(err, ST_INVALID, "only input takes side=, height= and width=");
    if (at->limit && node->op != NN_SOFT_CLAMP)
        return err_set(err, ST_INVALID, "only soft_clamp takes limit=");
    if (at->groups && node->op != NN_GROUP_NORM)
        return err_set(err, ST_INVALID, "only group_norm takes groups=");

    if (node->depthwise && node->op != NN_CONV)
        return err_set(err, ST_INVALID, "only conv takes depthwise");
    if (node->relu && node->op == NN_GROUP_NORM)
        return ST_OK;
    if ((node->norm || node->relu || node->bias) && !weighted)
        return err_set(err, ST_INVALID, "only conv and linear take norm, relu and bias");
    return ST_OK;
}

static enum status check_add(const struct nn_node *node, const struct nn_graph *graph,
                             struct err *err)
{
    if (node->add < 0)
        return ST_OK;
    const struct nn_node *added = &graph->nodes[node->add];
    if (node->op != NN_CONV)
        return err_set(err, ST_INVALID, "only conv takes add=");
    if (node->add == node->from)
        return err_set(err, ST_UNSUPPORTED, "add= takes another layer than from=");
    if (added->channels != node->channels || added->height != node->height ||
        added->width != node->width)
        return err_set(err, ST_INVALID, "add= of %dx%dx%d to %dx%dx%d", added->channels,
                       added->height, added->width, node->channels, node->height, node->width);
    return ST_OK;
}

/* Letters, digits, '_' and '-': parameter names ("stem.norm.weight") are then unique and plain. */
static bool is_name(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-')
            return false;
    }
    return text.len && text.len < NN_NAME_SIZE;
}

static enum status parse_attributes(struct attributes *at, struct str line, struct err *err)
{
    enum status st = ST_OK;

    for (line = str_trim(line); line.len && st == ST_OK; line = str_trim(line))
        st = parse_attribute(at, str_split(&line, ' '), err);
    return st;
}

static enum status add_table(struct nn_graph *graph, struct str name, const struct attributes *at,
                             struct err *err)
{
    struct nn_table table = {.rows = (int)at->rows, .columns = (int)at->columns};

    if (graph->table_count == NN_TABLES_MAX)
        return err_set(err, ST_LIMIT, "over %d tables", NN_TABLES_MAX);
    if (!at->rows || !at->columns)
        return err_set(err, ST_INVALID, "table needs rows= and columns=");
    memcpy(table.name, name.at, name.len);
    graph->tables[graph->table_count++] = table;
    return ST_OK;
}

static bool is_taken(const struct nn_graph *graph, struct str name)
{
    for (int i = 0; i < graph->table_count; i++)
        if (str_equal(name, graph->tables[i].name))
            return true;
    return find_node(graph, name) >= 0;
}

static enum status add_layer(struct nn_graph *graph, enum nn_op op, struct str name,
                             const struct attributes *at, struct err *err)
{
    if (graph->node_count == NN_NODES_MAX)
        return err_set(err, ST_LIMIT, "over %d layers", NN_NODES_MAX);
    struct nn_node node = {.op = op,
                           .kernel = (int)at->kernel,
                           .stride = (int)at->stride,
                           .depthwise = at->depthwise,
                           .bias = at->bias || op == NN_LINEAR,
                           .norm = at->norm,
                           .relu = at->relu,
                           .last_use = graph->node_count};
    memcpy(node.name, name.at, name.len);
    enum status st = check_flags(&node, at, err);
    if (st == ST_OK)
        st = resolve_inputs(&node, graph, at, err);
    if (st == ST_OK)
        st = shape_node(&node, graph, at, err);
    if (st == ST_OK)
        st = check_add(&node, graph, err);
    if (st != ST_OK)
        return st;
    if (node.op != NN_INPUT)
        graph->nodes[node.from].last_use = graph->node_count;
    if (node.add >= 0)
        graph->nodes[node.add].last_use = graph->node_count;
    graph->nodes[graph->node_count++] = node;
    return ST_OK;
}

static enum status parse_line(struct nn_graph *graph, struct str line, struct err *err)
{
    struct attributes at = {.kernel = 1, .stride = 1};
    struct str op_name = str_split(&line, ' ');
    line = str_trim(line);
    struct str name = str_split(&line, ' ');
    bool is_table = str_equal(op_name, "table");
    int op = find_op(op_name);

    if (op < 0 && !is_table)
        return err_set(err, ST_INVALID, "unknown layer '%.*s'", (int)MIN_OF(op_name.len, 40u),
                       op_name.at);
    if (!is_name(name) || is_taken(graph, name))
        return err_set(err, ST_INVALID,
                       "a layer needs a name of its own, 1 to %d letters, digits, '_' or '-'",
                       NN_NAME_SIZE - 1);
    enum status st = parse_attributes(&at, line, err);
    if (st != ST_OK)
        return st;
    return is_table ? add_table(graph, name, &at, err)
                    : add_layer(graph, (enum nn_op)op, name, &at, err);
}

/* An addition overwrites what it adds: nothing may read that later. */
static enum status check_last_uses(const struct nn_graph *graph, struct err *err)
{
    for (int i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if (node->add >= 0 && graph->nodes[node->add].last_use != i)
            return err_set(err, ST_UNSUPPORTED, "layer '%s' adds '%s', which is read again later",
                           node->name, graph->nodes[node->add].name);
    }
    return ST_OK;
}

/* Appends a parameter tensor; its place in the block is given later, trained ones first. */
static enum status add_parameter(int *index, struct nn_graph *graph, const struct nn_node *node,
                                 const char *suffix, const struct nn_parameter *shape,
                                 struct err *err)
{
    if (graph->parameter_count == NN_PARAMETERS_MAX)
        return err_set(err, ST_LIMIT, "over %d parameter tensors", NN_PARAMETERS_MAX);
    struct nn_parameter *parameter = &graph->parameters[graph->parameter_count];
    *parameter = *shape;
    (void)snprintf(parameter->name, sizeof parameter->name, "%s.%s", node->name, suffix);
    parameter->count = 1;
    for (int i = 0; i < parameter->dim_count; i++)
        parameter->count *= (size_t)parameter->dims[i];
    *index = graph->parameter_count++;
    return ST_OK;
}

static enum status add_scale_parameters(struct nn_graph *graph, struct nn_node *node,
                                        const char *scale, const char *shift, struct err *err)
{
    struct nn_parameter trained = {.dims = {node->channels}, .dim_count = 1, .trained = true};
    enum status st = add_parameter(&node->norm_weight, graph, node, scale, &trained, err);

    return st == ST_OK ? add_parameter(&node->norm_bias, graph, node, shift, &trained, err) : st;
}

static enum status add_norm_parameters(struct nn_graph *graph, struct nn_node *node,
                                       struct err *err)
{
    struct nn_parameter tracked = {.dims = {node->channels}, .dim_count = 1};
    enum status st = add_scale_parameters(graph, node, "norm.weight", "norm.bias", err);

    if (st == ST_OK)
        st = add_parameter(&node->norm_mean, graph, node, "norm.running_mean", &tracked, err);
    if (st == ST_OK)
        st = add_parameter(&node->norm_variance, graph, node, "norm.running_var", &tracked, err);
    return st;
}

static enum status add_node_parameters(struct nn_graph *graph, struct nn_node *node,
                                       struct err *err)
{
    const struct nn_node *in = &graph->nodes[MAX_OF(node->from, 0)]; /* not of an input */
    enum status st = ST_OK;

    node->weight = node->offset = -1;
    node->norm_weight = node->norm_bias = node->norm_mean = node->norm_variance = -1;
    if (node->op == NN_GROUP_NORM)
        return add_scale_parameters(graph, node, "weight", "bias", err);
    if (node->op != NN_CONV && node->op != NN_LINEAR)
        return ST_OK;
    struct nn_parameter weight = {
        .dims = {node->channels, node->depthwise ? 1 : in->channels, node->kernel, node->kernel},
        .dim_count = node->op == NN_CONV ? 4 : 2,
        .trained = true,
        .decayed = true};
    struct nn_parameter bias = {.dims = {node->channels}, .dim_count = 1, .trained = true};
    st = add_parameter(&node->weight, graph, node, "weight", &weight, err);
    if (st == ST_OK && node->bias)
        st = add_parameter(&node->offset, graph, node, "bias", &bias, err);
    if (st == ST_OK && node->norm)
        st = add_norm_parameters(graph, node, err);
    return st;
}

static enum status add_table_parameter(struct nn_graph *graph, struct nn_table *table,
                                       struct err *err)
{
    const struct nn_parameter shape = {.dims = {table->rows, table->columns}, .dim_count = 2};
    struct nn_node owner = {0};

    memcpy(owner.name, table->name, sizeof owner.name);
    return add_parameter(&table->parameter, graph, &owner, "values", &shape, err);
}

/* 0: trained, 1: running statistics, 2: tables. */
static int place_of(const struct nn_graph *graph, int index)
{
    for (int i = 0; i < graph->table_count; i++)
        if (graph->tables[i].parameter == index)
            return 2;
    return graph->parameters[index].trained ? 0 : 1;
}

/* One block: trained tensors first, so that the optimiser is one loop over its beginning; tables
 * last, where training never comes. */
static enum status place_parameters(struct nn_graph *graph, struct err *err)
{
    size_t *const ends[] = {&graph->trained_count, &graph->network_count, &graph->float_count};
    size_t count = 0;

    for (int place = 0; place < (int)ARRAY_LEN(ends); place++) {
        for (int i = 0; i < graph->parameter_count; i++) {
            if (place_of(graph, i) != place)
                continue;
            graph->parameters[i].offset = count;
            count += graph->parameters[i].count;
            if (count > NN_FLOATS_MAX)
                return err_set(err, ST_LIMIT, "over %u parameters", NN_FLOATS_MAX);
        }
        *ends[place] = count;
    }
    return ST_OK;
}

static enum status parse(struct nn_graph *graph, struct str text, struct err *err)
{
    enum status st = ST_OK;
    int number = 0;

    if (text.len >= sizeof graph->text)
        return err_set(err, ST_LIMIT, "a network description is over %u bytes", NN_TEXT_MAX);
    memcpy(graph->text, text.at, text.len);
    for (struct str rest = text; rest.len && st == ST_OK;) {
        struct str line = str_trim(str_split(&rest, '\n'));
        number++;
        if (!line.len || line.at[0] == '#')
            continue;
        st = parse_line(graph, line, err);
        if (st != ST_OK)
            err_prefix(err, "network line %d", number);
    }
    if (st == ST_OK && graph->node_count < 2)
        st = err_set(err, ST_INVALID, "a network needs an input and one layer");
    if (st == ST_OK)
        st = check_last_uses(graph, err);
    for (int i = 0; i < graph->node_count && st == ST_OK; i++)
        st = add_node_parameters(graph, &graph->nodes[i], err);
    for (int i = 0; i < graph->table_count && st == ST_OK; i++)
        st = add_table_parameter(graph, &graph->tables[i], err);
    return st == ST_OK ? place_parameters(graph, err) : st;
}

enum status nn_graph_open(struct nn_graph **out, struct str text, struct err *err)
{
    struct nn_graph *graph = mem_alloc(1, sizeof *graph);
    enum status st = parse(graph, text, err);

    if (st != ST_OK) {
        nn_graph_close(graph);
        return st;
    }
    *out = graph;
    return ST_OK;
}

void nn_graph_close(struct nn_graph *graph)
{
    mem_free(graph);
}

bool nn_node_fits_blocks(const struct nn_node *node, int block)
{
    return node->channels == block ||
           (node->channels % block == 0 && node->height == 1 && node->width == 1);
}

static int round_up(int count, int block)
{
    return (count + block - 1) / block * block;
}

/* Multiply-adds of a conv or linear layer, as they are or with padded channels. */
static double work_of(const struct nn_graph *graph, const struct nn_node *node, int block)
{
    double map = (double)node->height * node->width * node->kernel * node->kernel;

    return map * round_up(node->channels, block) *
           round_up(graph->nodes[node->from].channels, block);
}

bool nn_graph_pads_to_blocks(const struct nn_graph *graph, int block)
{
    double plain = 0;
    double padded = 0;

    for (int i = 1; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if (node->depthwise || (node->groups && node->channels / node->groups % block != 0))
            return false;
        if (node->weight < 0)
            continue;
        plain += work_of(graph, node, 1);
        padded += work_of(graph, node, block);
    }
    return padded <= 1.5 * plain;
}

bool nn_graph_fits_blocks(const struct nn_graph *graph, int block)
{
    const struct nn_node *nodes = graph->nodes;

    for (int i = 0; i < graph->node_count; i++)
        if (nodes[i].channels % block != 0 ||
            (nodes[i].groups && nodes[i].channels / nodes[i].groups % block != 0))
            return false;
    return nn_node_fits_blocks(&nodes[0], block) &&
           nn_node_fits_blocks(&nodes[graph->node_count - 1], block);
}

const struct nn_table *nn_graph_table(const struct nn_graph *graph, const char *name)
{
    for (int i = 0; i < graph->table_count; i++)
        if (strcmp(graph->tables[i].name, name) == 0)
            return &graph->tables[i];
    return NULL;
}

uint64_t nn_graph_multiply_adds(const struct nn_graph *graph)
{
    uint64_t total = 0;

    for (int i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if (node->weight >= 0)
            total += (uint64_t)graph->parameters[node->weight].count * (uint64_t)node->height *
                     (uint64_t)node->width;
    }
    return total;
}

void nn_graph_fold(float *weight, float *bias, const struct nn_graph *graph,
                   const struct nn_node *node, const float *values)
{
    const struct nn_parameter *parameters = graph->parameters;
    const struct nn_parameter *plain = &parameters[node->weight];
    size_t each = plain->count / (size_t)node->channels;

    for (size_t c = 0; c < (size_t)node->channels; c++) {
        float factor = 1.0f;
        bias[c] = node->offset >= 0 ? values[parameters[node->offset].offset + c] : 0.0f;
        if (node->norm) {
            factor = values[parameters[node->norm_weight].offset + c] /
                     sqrtf(values[parameters[node->norm_variance].offset + c] + NN_NORM_EPSILON);
            bias[c] = values[parameters[node->norm_bias].offset + c] +
                      (bias[c] - values[parameters[node->norm_mean].offset + c]) * factor;
        }
        for (size_t k = 0; k < each; k++)
            weight[c * each + k] = values[plain->offset + c * each + k] * factor;
    }
}

static void fill(float *at, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        at[i] = value;
}

void nn_graph_initialise(float *values, const struct nn_graph *graph, struct rng *rng)
{
    memset(values, 0, graph->float_count * sizeof *values);
    for (int i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if (node->op == NN_GROUP_NORM)
            fill(values + graph->parameters[node->norm_weight].offset, (size_t)node->channels,
                 1.0f);
        if (node->weight < 0)
            continue;
        const struct nn_parameter *weight = &graph->parameters[node->weight];
        size_t fan_in = weight->count / (size_t)weight->dims[0];
        double deviation = sqrt((node->relu || node->norm ? 2.0 : 1.0) / (double)fan_in);
        for (size_t k = 0; k < weight->count; k++)
            values[weight->offset + k] = (float)(deviation * rng_normal(rng));
        if (!node->norm)
            continue;
        fill(values + graph->parameters[node->norm_weight].offset, (size_t)node->channels,
             node->add >= 0 ? 0.0f : 1.0f);
        fill(values + graph->parameters[node->norm_variance].offset, (size_t)node->channels, 1.0f);
    }
}
