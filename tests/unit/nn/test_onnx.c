/* The ONNX export, decoded again by a small protobuf walker: operators in order, how they are
 * wired, folded weights, shapes.  That another runtime computes the same is part of bench/. */
#include "support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/onnx.h"

#define NETWORK                                                                                    \
    "input crop channels=4 side=9\n"                                                               \
    "conv stem out=8 kernel=3 norm relu\n"                                                         \
    "conv left out=8 kernel=3 depthwise norm relu\n"                                               \
    "conv right out=8 kernel=1 bias add=stem relu\n"                                               \
    "max_pool half kernel=2 stride=2\n"                                                            \
    "conv down out=16 kernel=3 stride=2 norm\n"                                                    \
    "average_pool whole\n"                                                                         \
    "linear score out=3\n"

/* One field of a message. */
struct field {
    unsigned number;
    uint64_t value;     /* wire type 0 */
    struct bytes bytes; /* wire type 2 */
};

static uint64_t take_varint(struct bytes *rest)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        assert_true(rest->len > 0 && shift < 64);
        uint8_t byte = rest->at[0];
        rest->at++, rest->len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

static bool next_field(struct field *out, struct bytes *rest)
{
    if (!rest->len)
        return false;
    uint64_t key = take_varint(rest);
    *out = (struct field){.number = (unsigned)(key >> 3)};
    out->value = take_varint(rest);
    if ((key & 7) == 0)
        return true;
    assert_int_equal(key & 7, 2);
    assert_true(out->value <= rest->len);
    out->bytes = (struct bytes){.at = rest->at, .len = (size_t)out->value};
    rest->at += out->value, rest->len -= (size_t)out->value;
    return true;
}

/* The nth field of that number; fails when there is none. */
static struct field find_field(struct bytes message, unsigned number, int nth)
{
    struct field field;

    while (next_field(&field, &message))
        if (field.number == number && nth-- == 0)
            return field;
    fail_msg("field %u is missing", number);
    return field;
}

static int count_fields(struct bytes message, unsigned number)
{
    struct field field;
    int count = 0;

    while (next_field(&field, &message))
        count += field.number == number;
    return count;
}

static void add_text(struct buf *out, const char *separator, struct bytes text)
{
    buf_add_str(out, separator);
    buf_add(out, text.at, text.len);
}

/* "Conv(input, stem.weight, stem.bias) kernel_shape=3,3 group=1 -> stem/Conv" */
static void describe_operator(struct buf *out, struct bytes message)
{
    struct field field;

    add_text(out, "", find_field(message, 4, 0).bytes);
    for (int i = 0; i < count_fields(message, 1); i++)
        add_text(out, i ? ", " : "(", find_field(message, 1, i).bytes);
    buf_add_str(out, ")");
    for (struct bytes rest = message; next_field(&field, &rest);) {
        struct bytes attribute = field.bytes;
        if (field.number != 5)
            continue;
        add_text(out, " ", find_field(attribute, 1, 0).bytes);
        bool single = find_field(attribute, 20, 0).value == 2;
        for (int i = 0; i < count_fields(attribute, single ? 3 : 8); i++)
            buf_printf(out, "%s%llu", i ? "," : "=",
                       (unsigned long long)find_field(attribute, single ? 3 : 8, i).value);
    }
    add_text(out, " -> ", find_field(message, 2, 0).bytes);
    buf_add_str(out, "\n");
}

/* "input: N 4 9 9" */
static void describe_value(struct buf *out, struct bytes message)
{
    struct bytes tensor = find_field(find_field(message, 2, 0).bytes, 1, 0).bytes;
    struct bytes shape = find_field(tensor, 2, 0).bytes;

    assert_int_equal(find_field(tensor, 1, 0).value, 1);
    add_text(out, "", find_field(message, 1, 0).bytes);
    add_text(out, ": ", find_field(find_field(shape, 1, 0).bytes, 2, 0).bytes);
    for (int i = 1; i < count_fields(shape, 1); i++)
        buf_printf(out, " %llu",
                   (unsigned long long)find_field(find_field(shape, 1, i).bytes, 1, 0).value);
    buf_add_str(out, "\n");
}

struct fixture {
    char path[32];
    struct nn_graph *graph;
    float *values;
    struct bytes file;
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(1, sizeof *f);
    struct err err = {0};
    struct rng rng = rng_seed(5);

    (void)snprintf(f->path, sizeof f->path, "/tmp/aidetect-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    (void)close(fd);
    if (nn_graph_open(&f->graph, str_of(NETWORK), &err) != ST_OK)
        fail_msg("%s", err.msg);
    f->values = mem_alloc(f->graph->float_count, sizeof(float));
    for (size_t i = 0; i < f->graph->float_count; i++)
        f->values[i] = (float)rng_range(&rng, 0.1, 1);
    assert_int_equal(nn_onnx_export(f->path, f->graph, f->values, &err), ST_OK);
    assert_int_equal(fs_read(&f->file, f->path, NN_ONNX_BYTES_MAX, &err), ST_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)unlink(f->path);
    mem_free((void *)(uintptr_t)f->file.at);
    mem_free(f->values);
    nn_graph_close(f->graph);
    mem_free(f);
    return 0;
}

static void test_the_head_of_the_model(void **state)
{
    const struct fixture *f = *state;

    assert_int_equal(find_field(f->file, 1, 0).value, NN_ONNX_IR);
    assert_int_equal(find_field(find_field(f->file, 8, 0).bytes, 2, 0).value, NN_ONNX_OPSET);
    assert_int_equal(count_fields(f->file, 7), 1);
}

static void test_operators_and_their_wiring(void **state)
{
    static const char want[] =
        "Conv(input, stem.weight, stem.bias) kernel_shape=3,3 strides=1,1 pads=1,1,1,1 group=1"
        " -> stem/Conv\n"
        "Relu(stem/Conv) -> stem/out\n"
        "Conv(stem/out, left.weight, left.bias) kernel_shape=3,3 strides=1,1 pads=1,1,1,1 group=8"
        " -> left/Conv\n"
        "Relu(left/Conv) -> left/out\n"
        "Conv(left/out, right.weight, right.bias) kernel_shape=1,1 strides=1,1 pads=0,0,0,0"
        " group=1 -> right/Conv\n"
        "Add(right/Conv, stem/out) -> right/Add\n"
        "Relu(right/Add) -> right/out\n"
        "MaxPool(right/out) kernel_shape=2,2 strides=2,2 -> half/out\n"
        "Conv(half/out, down.weight, down.bias) kernel_shape=3,3 strides=2,2 pads=1,1,1,1 group=1"
        " -> down/out\n"
        "AveragePool(down/out) kernel_shape=2,2 strides=2,2 -> whole/out\n"
        "Conv(whole/out, score.weight, score.bias) kernel_shape=1,1 strides=1,1 pads=0,0,0,0"
        " group=1 -> output\n"
        "input: N 4 9 9\n"
        "output: N 3 1 1\n";
    const struct fixture *f = *state;
    struct bytes graph = find_field(f->file, 7, 0).bytes;
    struct buf text;

    buf_init(&text, 1u << 16);
    for (int i = 0; i < count_fields(graph, 1); i++)
        describe_operator(&text, find_field(graph, 1, i).bytes);
    describe_value(&text, find_field(graph, 11, 0).bytes);
    describe_value(&text, find_field(graph, 12, 0).bytes);
    assert_string_equal(buf_str(&text).at, want);
    buf_fini(&text);
}

static void test_weights_are_folded(void **state)
{
    const struct fixture *f = *state;
    struct bytes graph = find_field(f->file, 7, 0).bytes;
    int index = 0;

    for (int i = 0; i < f->graph->node_count; i++) {
        const struct nn_node *node = &f->graph->nodes[i];
        if (node->weight < 0)
            continue;
        size_t count = f->graph->parameters[node->weight].count;
        float *weight = mem_alloc(count, sizeof *weight);
        float *bias = mem_alloc((size_t)node->channels, sizeof *bias);
        nn_graph_fold(weight, bias, f->graph, node, f->values);
        struct bytes tensor = find_field(graph, 5, index++).bytes;
        struct bytes raw = find_field(tensor, 9, 0).bytes;
        assert_int_equal(count_fields(tensor, 1), 4);
        assert_int_equal(find_field(tensor, 1, 0).value, node->channels);
        assert_int_equal(find_field(tensor, 2, 0).value, 1);
        assert_int_equal(raw.len, count * sizeof *weight);
        assert_memory_equal(raw.at, weight, raw.len);
        tensor = find_field(graph, 5, index++).bytes;
        raw = find_field(tensor, 9, 0).bytes;
        assert_int_equal(count_fields(tensor, 1), 1);
        assert_int_equal(raw.len, (size_t)node->channels * sizeof *bias);
        assert_memory_equal(raw.at, bias, raw.len);
        mem_free(weight);
        mem_free(bias);
    }
    assert_int_equal(count_fields(graph, 5), index);
}

/* y = scale * (w x + b - mean) / sqrt(variance + epsilon) + shift, for one weight by hand. */
static void test_folding_by_hand(void **state)
{
    const float values[] = {3.0f, 0.5f, 2.0f, -1.0f, 0.25f, 4.0f}; /* w b scale shift mean var */
    const float factor = 2.0f / 2.0f; /* sqrt(4) = 2; epsilon moves the sixth digit */
    struct nn_graph *graph = NULL;
    struct err err = {0};
    float weight = 0;
    float bias = 0;

    (void)state;
    assert_int_equal(
        nn_graph_open(&graph, str_of("input x channels=1 side=1\nconv a out=1 bias norm"), &err),
        ST_OK);
    assert_int_equal(graph->float_count, ARRAY_LEN(values));
    nn_graph_fold(&weight, &bias, graph, &graph->nodes[1], values);
    assert_float_equal(weight, 3.0f * factor, 1e-4);
    assert_float_equal(bias, -1.0f + (0.5f - 0.25f) * factor, 1e-4);
    nn_graph_close(graph);
}

static void test_a_folder_that_is_not_there(void **state)
{
    const struct fixture *f = *state;
    struct err err = {0};

    assert_int_equal(nn_onnx_export("/nonexistent/a.onnx", f->graph, f->values, &err),
                     ST_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_head_of_the_model),
        cmocka_unit_test(test_operators_and_their_wiring),
        cmocka_unit_test(test_weights_are_folded),
        cmocka_unit_test(test_folding_by_hand),
        cmocka_unit_test(test_a_folder_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
