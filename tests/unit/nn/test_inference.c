/* Forward passes of networks that are only ever run, not trained: maps that are not square,
 * channel counts that are filled up to blocks, generator layers - each against plain loops.  Runs a
 * second time with the kernels of older processors (CTest name with .avx2). */
#include "support/unit.h"

#include "base/rng.h"
#include "nn/inference.h"
#include "nn/onnx.h"
#include "nn/training.h"
#include "open_graph.h"
#include "reference.h"
#include "support/temp_folder.h"

/* Winograd's transforms add what they later subtract: some bits more than a plain sum loses. */
#define TOLERANCE 5e-5

static float *make_values(const struct nn_graph *graph)
{
    struct rng rng = rng_seed(3);
    float *values = mem_alloc(graph->float_count + 1, sizeof *values);

    nn_graph_initialise(values, graph, &rng);
    for (int i = 0; i < graph->parameter_count; i++)
        for (size_t k = 0; k < graph->parameters[i].count && graph->parameters[i].dim_count == 1;
             k++)
            values[graph->parameters[i].offset + k] += (float)rng_range(&rng, -0.3, 0.3);
    return values;
}

/* Largest difference to the reference, relative to its largest output. */
static double compare(struct nn_inference *inference, const struct reference *r,
                      const double *exact, uint64_t seed)
{
    struct nn_tensor in = nn_inference_input(inference);
    struct nn_tensor out = nn_inference_output(inference);
    struct rng rng = rng_seed(seed);
    double worst = 0;
    double scale = 0;

    for (size_t i = 0; i < nn_tensor_count(&in); i++) {
        in.at[i] = (float)rng_normal(&rng);
        r->outputs[0][i] = (double)in.at[i];
    }
    reference_run(r, exact);
    nn_inference_run(inference);
    const double *want = r->outputs[r->graph->node_count - 1];
    for (size_t i = 0; i < nn_tensor_count(&out); i++) {
        worst = fmax(worst, fabs((double)out.at[i] - want[i]));
        scale = fmax(scale, fabs(want[i]));
    }
    assert_true(scale > 0.1);
    return worst / scale;
}

static void check(const char *text, int batch)
{
    const struct nn_inference_options options = {.batch = batch};
    struct nn_graph *graph = open_graph(text);
    struct nn_inference *inference = NULL;
    struct reference reference;
    struct err err = {0};
    float *values = make_values(graph);
    double *exact = mem_alloc(graph->float_count + 1, sizeof *exact);

    for (size_t i = 0; i < graph->float_count; i++)
        exact[i] = (double)values[i];
    if (nn_inference_open(&inference, graph, values, &options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    memset(values, 0, graph->float_count * sizeof *values); /* is read during opening only */
    reference_open(&reference, graph, batch, false);
    for (uint64_t seed = 1; seed <= 2; seed++) { /* the second run finds the first one's memory */
        double worst = compare(inference, &reference, exact, seed);
        if (!(worst <= TOLERANCE))
            fail_msg("%.2g off in run %d of:\n%s", worst, (int)seed, text);
    }
    reference_close(&reference);
    nn_inference_close(inference);
    mem_free(values);
    mem_free(exact);
    nn_graph_close(graph);
}

static void test_upsample(void **state)
{
    (void)state;

    check("input x channels=16 height=3 width=5\nupsample up\n", 1);
    check("input x channels=3 side=4\nupsample up\nupsample again\n", 2);
    check("input x channels=16 height=5 width=7\nconv a out=32 kernel=3 bias relu\nupsample up\n"
          "conv b out=32 kernel=3\n",
          2);
}

static void test_soft_clamp(void **state)
{
    (void)state;

    check("input x channels=16 side=5\nsoft_clamp c limit=1\n", 1);
    check("input x channels=4 height=6 width=3\nsoft_clamp c limit=3\nconv a out=32 kernel=3\n", 1);
}

static void test_group_norm(void **state)
{
    (void)state;

    check("input x channels=6 height=4 width=3\ngroup_norm g groups=2\n", 2);
    check("input x channels=16 side=6\nconv a out=64 kernel=1\ngroup_norm g groups=4 relu\n"
          "conv b out=32 kernel=1\n",
          2);
    /* groups of 8 channels do not fit blocks of 16 */
    check("input x channels=16 side=20\nconv a out=32 kernel=3\ngroup_norm g groups=4\n", 1);
}

/* x + branch(x), in place, as the blocks with a norm have it. */
static void test_branch_that_is_added_to_its_own_input(void **state)
{
    (void)state;

    check("input x channels=16 height=6 width=9\nconv a out=32 kernel=3 relu\n"
          "conv wide out=128 kernel=1\ngroup_norm even groups=4 relu\n"
          "conv narrow out=32 kernel=1 add=a\nconv b out=32 kernel=3 bias relu\n"
          "conv c out=32 kernel=3 bias add=narrow relu\n",
          1);
    /* what is added is the input itself, in memory of its own or not */
    check("input x channels=16 height=5 width=6\nconv a out=16 kernel=3 relu\n"
          "conv b out=16 kernel=3 add=x\n",
          1);
    check("input x channels=64 height=5 width=6\nconv a out=64 kernel=3 relu\n"
          "conv b out=64 kernel=3 add=x\nconv c out=64 kernel=1\n",
          2);
}

/* 3 channels in, 4 between, 3 out: rounded up to blocks on processors with wide vectors. */
static void test_thin_ends(void **state)
{
    (void)state;
    static const char text[] = "input photo channels=3 height=24 width=18\n"
                               "conv a out=64 kernel=3 bias\nconv b out=64 kernel=3 stride=2\n"
                               "conv c out=64 kernel=3 bias relu\nconv d out=64 kernel=3 add=b\n"
                               "conv latent out=4 kernel=3 bias\nsoft_clamp e limit=3\n"
                               "conv f out=64 kernel=3 bias relu\nconv g out=64 kernel=3 relu\n"
                               "upsample h\nconv i out=64 kernel=3\nconv j out=3 kernel=3 bias\n";
    struct nn_graph *graph = open_graph(text);

    assert_true(nn_graph_pads_to_blocks(graph, 16));
    assert_false(nn_graph_fits_blocks(graph, 16));
    nn_graph_close(graph);
    check(text, 1);
    check(text, 2);
}

static void test_odd_sides_with_stride(void **state)
{
    (void)state;

    check("input x channels=16 height=7 width=11\nconv a out=32 kernel=3 stride=2 bias relu\n"
          "conv b out=16 kernel=3 stride=2\n",
          1);
}

static bool pads(const char *text)
{
    struct nn_graph *graph = open_graph(text);
    bool result = nn_graph_pads_to_blocks(graph, 16);

    nn_graph_close(graph);
    return result;
}

static void test_what_is_padded(void **state)
{
    (void)state;

    assert_true(pads("input x channels=16 side=8\nconv a out=64\nconv b out=64\nconv c out=62\n"));
    assert_false(pads("input x channels=5 side=8\nconv a out=5\n")); /* ten times the work */
    assert_false(pads("input x channels=16 side=8\nconv a kernel=3 depthwise\n"));
    assert_false(pads("input x channels=64 side=8\ngroup_norm a groups=8\n"));
    assert_true(pads("input x channels=64 side=8\ngroup_norm a groups=4\n"));
}

static void test_generator_layers_are_not_trained(void **state)
{
    (void)state;
    static const char *const layers[] = {"upsample g", "soft_clamp g limit=2",
                                         "group_norm g groups=2"};
    char text[128];
    char want[128];

    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        struct nn_training *training = NULL;
        struct err err = {0};
        (void)snprintf(text, sizeof text, "input x channels=16 side=8\n%s\n", layers[i]);
        struct nn_graph *graph = open_graph(text);
        float *values = make_values(graph);
        assert_int_equal(nn_training_open(&training, graph, values, 1, &err), ST_UNSUPPORTED);
        (void)snprintf(want, sizeof want,
                       "layer 'g' forward: %s is computed in inference only, not trained",
                       nn_op_name(graph->nodes[1].op));
        assert_string_equal(err.msg, want);
        mem_free(values);
        nn_graph_close(graph);
    }
}

static void test_generator_layers_are_not_exported(void **state)
{
    (void)state;
    struct nn_graph *graph = open_graph("input x channels=16 side=8\nupsample up\n");
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    float *values = make_values(graph);
    struct err err = {0};

    temp_folder_open(&folder);
    assert_int_equal(nn_onnx_export(temp_path(path, &folder, "a.onnx"), graph, values, &err),
                     ST_UNSUPPORTED);
    assert_string_equal(err.msg, "layer 'up': upsample has no ONNX export");
    assert_int_not_equal(access(path, F_OK), 0);
    temp_folder_close(&folder);
    mem_free(values);
    nn_graph_close(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upsample),
        cmocka_unit_test(test_soft_clamp),
        cmocka_unit_test(test_group_norm),
        cmocka_unit_test(test_branch_that_is_added_to_its_own_input),
        cmocka_unit_test(test_thin_ends),
        cmocka_unit_test(test_odd_sides_with_stride),
        cmocka_unit_test(test_what_is_padded),
        cmocka_unit_test(test_generator_layers_are_not_trained),
        cmocka_unit_test(test_generator_layers_are_not_exported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
