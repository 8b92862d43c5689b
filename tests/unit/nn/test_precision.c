/* Forward passes with activations and weights of 16 and 8 bits against the plain loops in double
 * precision; what has no such form is refused.  Where the processor has none of these forms, and
 * with the kernels of older ones (CTest name with .avx2), every one is refused. */
#include "support/unit.h"

#include "base/rng.h"
#include "nn/inference.h"
#include "open_graph.h"
#include "reference.h"

#define INPUT_MAX 3.0f

/* Largest and root mean square difference allowed, relative to the largest output.  bf16 keeps 8
 * bits of each number; int8 rounds to 1/127 of the largest input and weight and to 1/255 of the
 * reach of an activation, through up to six layers. */
static const struct {
    double worst, typical;
} tolerance[] = {[NN_BF16] = {0.02, 0.005}, [NN_INT8] = {0.10, 0.02}};

static const enum nn_precision precisions[] = {NN_BF16, NN_INT8};

/* Norms of several scales and shifts; no norm is the identity, and none kills a channel. */
static float *make_values(const struct nn_graph *graph)
{
    struct rng rng = rng_seed(7);
    float *values = mem_alloc(graph->float_count, sizeof *values);

    nn_graph_initialise(values, graph, &rng);
    for (int i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        for (int c = 0; c < node->channels && node->norm; c++) {
            values[graph->parameters[node->norm_weight].offset + c] =
                (float)rng_range(&rng, 0.4, 1.2);
            values[graph->parameters[node->norm_bias].offset + c] =
                (float)rng_range(&rng, -0.5, 0.5);
        }
    }
    return values;
}

static enum status open_inference(struct nn_inference **out, const struct nn_graph *graph,
                                  const float *values, enum nn_precision precision, struct err *err)
{
    const struct nn_inference_options options = {
        .batch = 2, .precision = precision, .input_max = INPUT_MAX};

    return nn_inference_open(out, graph, values, &options, err);
}

static bool is_there(enum nn_precision precision)
{
    return nn_program_has_elements(precision == NN_BF16 ? NN_BFLOAT16 : NN_UNSIGNED_BYTE);
}

static void compare(struct nn_inference *inference, const struct reference *reference,
                    const double *exact, enum nn_precision precision)
{
    struct nn_tensor in = nn_inference_input(inference);
    struct nn_tensor out = nn_inference_output(inference);
    struct rng rng = rng_seed(11);
    double worst = 0;
    double squares = 0;
    double scale = 0;

    for (size_t i = 0; i < nn_tensor_count(&in); i++) {
        in.at[i] = CLAMP((float)rng_normal(&rng), -INPUT_MAX, INPUT_MAX);
        reference->outputs[0][i] = (double)in.at[i];
    }
    reference_run(reference, exact);
    nn_inference_run(inference);
    const double *want = reference->outputs[reference->graph->node_count - 1];
    for (size_t i = 0; i < nn_tensor_count(&out); i++) {
        double off = fabs((double)out.at[i] - want[i]);
        worst = fmax(worst, off);
        squares += off * off;
        scale = fmax(scale, fabs(want[i]));
    }
    double typical = sqrt(squares / (double)nn_tensor_count(&out)) / scale;
    assert_true(scale > 0.1);
    if (!(worst / scale <= tolerance[precision].worst && typical <= tolerance[precision].typical))
        fail_msg("%s: %.2g off, %.2g typically", nn_precision_name(precision), worst / scale,
                 typical);
    assert_true(worst > 0); /* it is not the fp32 network that ran */
}

static void check(const char *text, enum nn_precision precision)
{
    struct nn_graph *graph = open_graph(text);
    struct nn_inference *inference = NULL;
    struct reference reference;
    struct err err = {0};
    float *values = make_values(graph);
    double *exact = mem_alloc(graph->float_count, sizeof *exact);

    for (size_t i = 0; i < graph->float_count; i++)
        exact[i] = (double)values[i];
    if (open_inference(&inference, graph, values, precision, &err) != ST_OK)
        fail_msg("%s", err.msg);
    memset(values, 0, graph->float_count * sizeof *values); /* is read during opening only */
    reference_open(&reference, graph, 2, false);
    compare(inference, &reference, exact, precision);
    compare(inference, &reference, exact, precision); /* finds the first run's memory */
    reference_close(&reference);
    nn_inference_close(inference);
    mem_free(values);
    mem_free(exact);
    nn_graph_close(graph);
}

static void check_all(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(precisions); i++)
        if (is_there(precisions[i]))
            check(text, precisions[i]);
}

static void test_plain_layers(void **state)
{
    (void)state;

    check_all("input x channels=16 side=12\nconv a out=32 kernel=3 stride=2 norm relu\n"
              "conv head out=16 kernel=1 bias\n");
    check_all("input x channels=16 height=9 width=14\nconv a out=32 kernel=3 norm relu\n"
              "conv b out=64 kernel=1 norm relu\nconv head out=16 kernel=3\n");
}

/* Sums in place have the step of the longer reach. */
static void test_layers_that_are_added(void **state)
{
    (void)state;

    check_all("input x channels=16 side=16\nconv stem out=32 kernel=3 stride=2 norm relu\n"
              "conv a out=32 kernel=3 norm relu\nconv b out=32 kernel=3 norm add=stem relu\n"
              "conv c out=32 kernel=3 norm relu\nconv d out=32 kernel=3 norm add=b relu\n"
              "conv head out=16 kernel=1 bias\n");
}

/* Inputs beyond the largest one are clipped, not wrapped around. */
static void test_large_inputs_are_clipped(void **state)
{
    (void)state;
    struct nn_inference *inference = NULL;
    struct err err = {0};
    float first = 0;

    if (!is_there(NN_INT8))
        return;
    struct nn_graph *graph = open_graph("input x channels=16 side=8\n"
                                        "conv a out=16 kernel=3 norm relu\nconv b out=16\n");
    float *values = make_values(graph);
    if (open_inference(&inference, graph, values, NN_INT8, &err) != ST_OK)
        fail_msg("%s", err.msg);
    struct nn_tensor in = nn_inference_input(inference);
    for (int run = 0; run < 2; run++) {
        for (size_t i = 0; i < nn_tensor_count(&in); i++)
            in.at[i] = INPUT_MAX * (run ? 100 : 1);
        nn_inference_run(inference);
        float now = nn_inference_output(inference).at[0];
        if (run)
            assert_true(now == first);
        first = now;
    }
    nn_inference_close(inference);
    mem_free(values);
    nn_graph_close(graph);
}

static void refuse(const char *text, enum nn_precision precision, const char *message)
{
    struct nn_graph *graph = open_graph(text);
    struct nn_inference *inference = NULL;
    struct err err = {0};
    float *values = make_values(graph);
    char absent[128];

    (void)snprintf(absent, sizeof absent, "this processor has no fast %s arithmetic",
                   nn_precision_name(precision));
    assert_int_equal(open_inference(&inference, graph, values, precision, &err), ST_UNSUPPORTED);
    assert_string_equal(err.msg, is_there(precision) ? message : absent);
    assert_null(inference);
    mem_free(values);
    nn_graph_close(graph);
}

static void test_what_is_refused(void **state)
{
    (void)state;

    refuse("input x channels=16 side=8\nconv a out=16 norm relu\nmax_pool m kernel=2 stride=2\n",
           NN_BF16, "layer 'm' is no dense convolution: no bf16");
    refuse("input x channels=16 side=8\nconv a kernel=3 depthwise norm relu\nconv b out=16\n",
           NN_INT8, "layer 'a' is no dense convolution: no int8");
    refuse("input x channels=16 side=8\nconv a out=16 relu\nconv b out=16\n", NN_INT8,
           "layer 'a' has no norm and relu: no int8");
    refuse("input x channels=16 side=8\nconv a out=16 norm\nconv b out=16\n", NN_INT8,
           "layer 'a' has no norm and relu: no int8");
    refuse("input x channels=16 side=8\nconv a out=16 norm relu\n"
           "conv b out=16 norm add=x relu\nconv c out=16\n",
           NN_INT8, "layer 'b' has no norm and relu: no int8");
    refuse("input x channels=16 side=8\nconv a out=16 norm relu\nconv b out=16 norm relu\n"
           "conv c out=16 add=a\n",
           NN_BF16, "layer 'c', the last one, adds another: no bf16");
}

static void test_bytes_need_the_largest_input(void **state)
{
    (void)state;
    const struct nn_inference_options options = {.batch = 1, .precision = NN_INT8};
    struct nn_graph *graph = open_graph("input x channels=16 side=8\nconv a out=16\n");
    struct nn_inference *inference = NULL;
    struct err err = {0};
    float *values = make_values(graph);
    enum status st = nn_inference_open(&inference, graph, values, &options, &err);

    assert_int_equal(st, is_there(NN_INT8) ? ST_INVALID : ST_UNSUPPORTED);
    mem_free(values);
    nn_graph_close(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_layers),
        cmocka_unit_test(test_layers_that_are_added),
        cmocka_unit_test(test_large_inputs_are_clipped),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_bytes_need_the_largest_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
