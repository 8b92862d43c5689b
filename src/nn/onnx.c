#include "nn/onnx.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define VALUE_NAME_SIZE (NN_NAME_SIZE + 16)
#define LENGTH_SIZE     5u /* a length written before it is known: a varint of this many bytes */

/* Field numbers of onnx.proto; only those that we write. */
enum model_field { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum opset_field { OPSET_VERSION = 2 };
enum graph_field {
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12
};
enum node_field {
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_KIND = 4,
    NODE_ATTRIBUTE = 5
};
enum attribute_field {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_INT = 3,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20
};
enum attribute_type { TYPE_INT = 2, TYPE_INTS = 7 };
enum tensor_field { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum value_field { VALUE_NAME = 1, VALUE_TYPE = 2 };
enum type_field { TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2 };
enum shape_field { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_NAME = 2 };
enum element { ELEMENT_FLOAT = 1 };

/* Protobuf: a field is a key (number and wire type) and a value. */
enum wire { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void add_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[len++] = (uint8_t)(value | 0x80);
    bytes[len++] = (uint8_t)value;
    buf_add(out, bytes, len);
}

static void add_key(struct buf *out, unsigned field, enum wire wire)
{
    add_varint(out, (uint64_t)field << 3 | wire);
}

static void add_int(struct buf *out, unsigned field, uint64_t value)
{
    add_key(out, field, WIRE_VARINT);
    add_varint(out, value);
}

static void add_bytes(struct buf *out, unsigned field, const void *at, size_t len)
{
    add_key(out, field, WIRE_BYTES);
    add_varint(out, len);
    buf_add(out, at, len);
}

static void add_text(struct buf *out, unsigned field, const char *text)
{
    add_bytes(out, field, text, strlen(text));
}

/* A message inside another: its length is filled in by end_message, which takes what this gives. */
static size_t begin_message(struct buf *out, unsigned field)
{
    static const uint8_t length[LENGTH_SIZE] = {0};

    add_key(out, field, WIRE_BYTES);
    buf_add(out, length, sizeof length);
    return out->len;
}

/* Seven bits a byte, "more follows" on all but the last: longer than need be, and legal. */
static void end_message(struct buf *out, size_t begin)
{
    size_t length = out->len - begin;

    if (out->failed)
        return;
    for (unsigned i = 0; i < LENGTH_SIZE; i++)
        out->at[begin - LENGTH_SIZE + i] =
            (uint8_t)((length >> (7 * i) & 0x7f) | (i + 1 < LENGTH_SIZE ? 0x80 : 0));
}

/* ONNX ------------------------------------------------------------------------------------ */

static void add_int_attribute(struct buf *out, const char *name, int value)
{
    size_t attribute = begin_message(out, NODE_ATTRIBUTE);

    add_text(out, ATTRIBUTE_NAME, name);
    add_int(out, ATTRIBUTE_INT, (uint64_t)value);
    add_int(out, ATTRIBUTE_TYPE, TYPE_INT);
    end_message(out, attribute);
}

static void add_ints_attribute(struct buf *out, const char *name, int value, int count)
{
    size_t attribute = begin_message(out, NODE_ATTRIBUTE);

    add_text(out, ATTRIBUTE_NAME, name);
    for (int i = 0; i < count; i++)
        add_int(out, ATTRIBUTE_INTS, (uint64_t)value);
    add_int(out, ATTRIBUTE_TYPE, TYPE_INTS);
    end_message(out, attribute);
}

/* The name of what a layer gives: "input", "output", else "stem/out". */
static const char *value_name(char out[VALUE_NAME_SIZE], const struct nn_graph *graph, int index)
{
    if (index == 0)
        return "input";
    if (index == graph->node_count - 1)
        return "output";
    (void)snprintf(out, VALUE_NAME_SIZE, "%s/out", graph->nodes[index].name);
    return out;
}

/* One operator: "stem/Conv" reads inputs, gives "stem/Conv" or, as the layer's last, `result`. */
static size_t begin_operator(struct buf *out, const struct nn_node *node, const char *kind,
                             const char *const *inputs, int input_count, const char *result)
{
    char name[VALUE_NAME_SIZE];
    size_t op = begin_message(out, GRAPH_NODE);

    (void)snprintf(name, sizeof name, "%s/%s", node->name, kind);
    for (int i = 0; i < input_count; i++)
        add_text(out, NODE_INPUT, inputs[i]);
    add_text(out, NODE_OUTPUT, result ? result : name);
    add_text(out, NODE_NAME, name);
    add_text(out, NODE_KIND, kind);
    return op;
}

static void add_conv_operator(struct buf *out, const struct nn_node *node, const char *from,
                              const char *result)
{
    char weight[VALUE_NAME_SIZE];
    char bias[VALUE_NAME_SIZE];
    const char *inputs[] = {from, weight, bias};

    (void)snprintf(weight, sizeof weight, "%s.weight", node->name);
    (void)snprintf(bias, sizeof bias, "%s.bias", node->name);
    size_t op = begin_operator(out, node, "Conv", inputs, 3, result);
    int kernel = node->op == NN_LINEAR ? 1 : node->kernel;
    add_ints_attribute(out, "kernel_shape", kernel, 2);
    add_ints_attribute(out, "strides", node->op == NN_LINEAR ? 1 : node->stride, 2);
    add_ints_attribute(out, "pads", kernel / 2, 4);
    add_int_attribute(out, "group", node->depthwise ? node->channels : 1);
    end_message(out, op);
}

/* Conv, then Add, then Relu, as the layer has them. */
static void add_weighted_layer(struct buf *out, const struct nn_graph *graph, int index)
{
    const struct nn_node *node = &graph->nodes[index];
    char from[VALUE_NAME_SIZE];
    char added[VALUE_NAME_SIZE];
    char sum[VALUE_NAME_SIZE];
    char result[VALUE_NAME_SIZE];
    const char *last = value_name(result, graph, index);
    bool add = node->add >= 0;

    add_conv_operator(out, node, value_name(from, graph, node->from),
                      add || node->relu ? NULL : last);
    (void)snprintf(sum, sizeof sum, "%s/Conv", node->name);
    if (add) {
        const char *inputs[] = {sum, value_name(added, graph, node->add)};
        end_message(out, begin_operator(out, node, "Add", inputs, 2, node->relu ? NULL : last));
        (void)snprintf(sum, sizeof sum, "%s/Add", node->name);
    }
    if (node->relu) {
        const char *inputs[] = {sum};
        end_message(out, begin_operator(out, node, "Relu", inputs, 1, last));
    }
}

static void add_pool(struct buf *out, const struct nn_graph *graph, int index)
{
    const struct nn_node *node = &graph->nodes[index];
    char from[VALUE_NAME_SIZE];
    char result[VALUE_NAME_SIZE];
    const char *inputs[] = {value_name(from, graph, node->from)};
    size_t op = begin_operator(out, node, node->op == NN_MAX_POOL ? "MaxPool" : "AveragePool",
                               inputs, 1, value_name(result, graph, index));

    add_ints_attribute(out, "kernel_shape", node->kernel, 2);
    add_ints_attribute(out, "strides", node->stride, 2);
    end_message(out, op);
}

static void add_tensor(struct buf *out, const struct nn_node *node, const char *suffix,
                       const int *dims, int dim_count, const float *values)
{
    char name[VALUE_NAME_SIZE];
    size_t tensor = begin_message(out, GRAPH_INITIALIZER);
    size_t count = 1;

    for (int i = 0; i < dim_count; i++) {
        add_int(out, TENSOR_DIMS, (uint64_t)dims[i]);
        count *= (size_t)dims[i];
    }
    (void)snprintf(name, sizeof name, "%s.%s", node->name, suffix);
    add_int(out, TENSOR_TYPE, ELEMENT_FLOAT);
    add_text(out, TENSOR_NAME, name);
    add_bytes(out, TENSOR_RAW, values, count * sizeof(float));
    end_message(out, tensor);
}

static enum status add_tensors(struct buf *out, const struct nn_graph *graph,
                               const struct nn_node *node, const float *values, struct err *err)
{
    const struct nn_parameter *parameter = &graph->parameters[node->weight];
    int dims[4] = {1, 1, 1, 1}; /* a linear layer's (out, in) becomes (out, in, 1, 1) */
    float *folded = mem_try_alloc(parameter->count + (size_t)node->channels, sizeof *folded);

    if (!folded)
        return err_set(err, ST_NOMEM, "no room for the weights of layer '%s'", node->name);
    memcpy(dims, parameter->dims, (size_t)parameter->dim_count * sizeof *dims);
    nn_graph_fold(folded, folded + parameter->count, graph, node, values);
    add_tensor(out, node, "weight", dims, 4, folded);
    add_tensor(out, node, "bias", &node->channels, 1, folded + parameter->count);
    mem_free(folded);
    return ST_OK;
}

/* Name, type and shape (N, C, H, W) of the network's input or output. */
static void add_value(struct buf *out, unsigned field, const char *name, const struct nn_node *node)
{
    const int dims[] = {node->channels, node->height, node->width};
    size_t value = begin_message(out, field);

    add_text(out, VALUE_NAME, name);
    size_t type = begin_message(out, VALUE_TYPE);
    size_t tensor = begin_message(out, TYPE_TENSOR);
    add_int(out, TENSOR_ELEMENT, ELEMENT_FLOAT);
    size_t shape = begin_message(out, TENSOR_SHAPE);
    size_t dim = begin_message(out, SHAPE_DIM);
    add_text(out, DIM_NAME, "N");
    end_message(out, dim);
    for (size_t i = 0; i < ARRAY_LEN(dims); i++) {
        dim = begin_message(out, SHAPE_DIM);
        add_int(out, DIM_VALUE, (uint64_t)dims[i]);
        end_message(out, dim);
    }
    end_message(out, shape);
    end_message(out, tensor);
    end_message(out, type);
    end_message(out, value);
}

static enum status add_graph(struct buf *out, const struct nn_graph *graph, const float *values,
                             struct err *err)
{
    enum status st = ST_OK;
    size_t message = begin_message(out, MODEL_GRAPH);

    for (int i = 1; i < graph->node_count; i++) {
        if (!nn_op_is_trainable(graph->nodes[i].op))
            return err_set(err, ST_UNSUPPORTED, "layer '%s': %s has no ONNX export",
                           graph->nodes[i].name, nn_op_name(graph->nodes[i].op));
        if (graph->nodes[i].weight >= 0)
            add_weighted_layer(out, graph, i);
        else
            add_pool(out, graph, i);
    }
    add_text(out, GRAPH_NAME, "aidetect");
    for (int i = 1; i < graph->node_count && st == ST_OK; i++)
        if (graph->nodes[i].weight >= 0)
            st = add_tensors(out, graph, &graph->nodes[i], values, err);
    add_value(out, GRAPH_INPUT, "input", &graph->nodes[0]);
    add_value(out, GRAPH_OUTPUT, "output", &graph->nodes[graph->node_count - 1]);
    end_message(out, message);
    return st;
}

enum status nn_onnx_export(const char *path, const struct nn_graph *graph, const float *values,
                           struct err *err)
{
    struct buf out;

    buf_init(&out, NN_ONNX_BYTES_MAX);
    add_int(&out, MODEL_IR_VERSION, NN_ONNX_IR);
    add_text(&out, MODEL_PRODUCER, "aidetect");
    enum status st = add_graph(&out, graph, values, err);
    size_t opset = begin_message(&out, MODEL_OPSET);
    add_int(&out, OPSET_VERSION, NN_ONNX_OPSET);
    end_message(&out, opset);
    if (st == ST_OK)
        st = buf_check(&out, "an ONNX model", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&out), err);
    buf_fini(&out);
    return st;
}
