/* A primitive with only oneDNN's slow reference code is refused when the network is built, forward
 * or backward, whichever layer it is.  The linker puts answer() between our code and oneDNN's
 * (--wrap), so that every primitive in turn claims to be a reference one on any processor. */
#include "support/unit.h"

#include "base/mem.h"
#include "base/rng.h"
#include "nn/inference.h"
#include "nn/training.h"

int __real_dnnl_primitive_desc_query(const void *desc, int what, int index, void *result);
int __wrap_dnnl_primitive_desc_query(const void *desc, int what, int index, void *result);

static int calls;
static int pretend = -1; /* this call answers "ref:any" */

/* nn/program.c, which plans every primitive, asks for nothing but the name of the implementation.
 */
int __wrap_dnnl_primitive_desc_query(const void *desc, int what, int index, void *result)
{
    int status = __real_dnnl_primitive_desc_query(desc, what, index, result);

    if (calls++ == pretend)
        *(const char **)result = "ref:any";
    return status;
}

static const char mixed[] = "input x channels=16 side=8\n"
                            "conv stem out=16 kernel=3 norm relu\n"
                            "conv deep kernel=3 depthwise norm relu\n"
                            "conv sum out=16 kernel=3 norm add=stem relu\n"
                            "max_pool most kernel=2 stride=2\n"
                            "average_pool mean\n"
                            "linear head out=16\n";

static enum status open_training(const struct nn_graph *graph, const float *values, struct err *err)
{
    struct nn_training *training = NULL;
    enum status st = nn_training_open(&training, graph, values, 2, err);

    assert_int_equal(training != NULL, st == ST_OK);
    nn_training_close(training);
    return st;
}

static const char dense[] = "input x channels=16 side=8\n"
                            "conv stem out=32 kernel=3 norm relu\n"
                            "conv deep out=32 kernel=3 norm relu\n"
                            "conv sum out=32 kernel=3 norm add=stem relu\n"
                            "conv head out=16\n";

static enum status open_precision(const struct nn_graph *graph, const float *values,
                                  enum nn_precision precision, struct err *err)
{
    const struct nn_inference_options options = {
        .batch = 1, .precision = precision, .input_max = 1};
    struct nn_inference *inference = NULL;
    enum status st = nn_inference_open(&inference, graph, values, &options, err);

    assert_int_equal(inference != NULL, st == ST_OK);
    nn_inference_close(inference);
    return st;
}

static enum status open_inference(const struct nn_graph *graph, const float *values,
                                  struct err *err)
{
    return open_precision(graph, values, NN_FP32, err);
}

static enum status open_bf16(const struct nn_graph *graph, const float *values, struct err *err)
{
    return open_precision(graph, values, NN_BF16, err);
}

static enum status open_int8(const struct nn_graph *graph, const float *values, struct err *err)
{
    return open_precision(graph, values, NN_INT8, err);
}

/* Refuses the 1st, 2nd, ... primitive until none is left; how many there were. */
static int refuse_each(const char *network,
                       enum status (*open)(const struct nn_graph *graph, const float *values,
                                           struct err *err))
{
    struct nn_graph *graph = NULL;
    struct rng rng = rng_seed(1);
    struct err err = {0};

    assert_int_equal(nn_graph_open(&graph, str_of(network), &err), ST_OK);
    float *values = mem_alloc(graph->float_count, sizeof *values);
    nn_graph_initialise(values, graph, &rng);
    for (pretend = 0;; pretend++) {
        calls = 0;
        enum status st = open(graph, values, &err);
        if (calls <= pretend) {
            if (st != ST_OK)
                fail_msg("%s", err.msg);
            break;
        }
        assert_int_equal(st, ST_UNSUPPORTED);
        assert_int_equal(err.code, ST_UNSUPPORTED);
        if (!strstr(err.msg, "layer '") || !strstr(err.msg, "slow reference implementation 'ref"))
            fail_msg("primitive %d: %s", pretend, err.msg);
    }
    int count = pretend;
    pretend = -1;
    mem_free(values);
    nn_graph_close(graph);
    return count;
}

static void test_inference(void **state)
{
    (void)state;
    assert_int_equal(refuse_each(mixed, open_inference), 6); /* one a layer: norms are folded */
}

/* Elsewhere unit.nn.precision holds that the processor is refused. */
static void test_short_elements(void **state)
{
    (void)state;
    if (nn_program_has_elements(NN_BFLOAT16))
        assert_int_equal(refuse_each(dense, open_bf16), 4);
    if (nn_program_has_elements(NN_UNSIGNED_BYTE))
        assert_int_equal(refuse_each(dense, open_int8), 4);
}

static void test_training(void **state)
{
    (void)state;
    /* forward 6 and 3 norms; backward 4 weights and 3 data, 3 norms, 2 pools */
    assert_true(refuse_each(mixed, open_training) >= 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_short_elements),
        cmocka_unit_test(test_training),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
