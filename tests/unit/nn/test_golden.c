/* Figures that must not move: a forward pass through every layer kind, the loss curve of ten
 * training steps, and a network that is saved and loaded.  tests/golden/README.md says how the
 * stored ones were made and how to accept new ones. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/inference.h"
#include "nn/loss.h"
#include "nn/optimizer.h"
#include "nn/training.h"
#include "nn/weights.h"
#include "open_graph.h"
#include "support/temp_folder.h"

#define GOLDEN_FORWARD "tests/golden/forward.bin"
/* Instruction sets sum in other orders: a dozen layers of float sums of up to 300 terms. */
#define FORWARD_TOLERANCE 3e-5
/* The same, fed back through ten AdamW steps, which divide small gradients by their own size. */
#define CURVE_TOLERANCE 2e-3
#define BATCH           2
#define STEPS           10

static const char network[] = "input x channels=16 side=16\n"
                              "conv stem out=32 kernel=3 norm relu\n"
                              "conv left out=32 kernel=3 norm relu\n"
                              "conv right out=32 kernel=3 norm add=stem relu\n"
                              "conv down out=32 kernel=3 stride=2 norm relu\n"
                              "conv deep kernel=3 depthwise norm relu\n"
                              "conv mix out=48 kernel=1 bias relu\n"
                              "max_pool most kernel=2 stride=2\n"
                              "average_pool mean kernel=2 stride=2\n"
                              "average_pool all\n"
                              "linear head out=16\n";

/* Values away from the special 0 and 1 of a fresh network. */
static float *make_values(const struct nn_graph *graph)
{
    struct rng rng = rng_seed(2026);
    float *values = mem_alloc(graph->float_count, sizeof *values);

    nn_graph_initialise(values, graph, &rng);
    for (int i = 0; i < graph->parameter_count; i++) {
        const struct nn_parameter *p = &graph->parameters[i];
        if (p->dim_count == 1)
            for (size_t k = 0; k < p->count; k++)
                values[p->offset + k] += (float)rng_range(&rng, 0.1, 0.4);
    }
    return values;
}

static void forward(float *out, size_t count, const struct nn_graph *graph, const float *values)
{
    const struct nn_inference_options options = {.batch = BATCH};
    struct nn_inference *inference = NULL;
    struct rng rng = rng_seed(7);
    struct err err = {0};

    if (nn_inference_open(&inference, graph, values, &options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    struct nn_tensor in = nn_inference_input(inference);
    struct nn_tensor result = nn_inference_output(inference);
    for (size_t i = 0; i < nn_tensor_count(&in); i++)
        in.at[i] = (float)rng_range(&rng, -1, 1);
    nn_inference_run(inference);
    assert_int_equal(nn_tensor_count(&result), count);
    memcpy(out, result.at, count * sizeof *out);
    nn_inference_close(inference);
}

static void test_forward(void **state)
{
    (void)state;
    float got[BATCH * 16];
    float want[BATCH * 16];
    size_t len = 0;
    struct err err = {0};
    struct nn_graph *graph = open_graph(network);
    float *values = make_values(graph);
    double scale = 0;

    forward(got, ARRAY_LEN(got), graph, values);
    mem_free(values);
    nn_graph_close(graph);
    if (getenv("AIDETECT_ACCEPT_GOLDEN")) {
        struct bytes file = {.at = (const uint8_t *)got, .len = sizeof got};
        assert_int_equal(fs_write(GOLDEN_FORWARD, file, &err), ST_OK);
    }
    if (fs_read_into((uint8_t *)want, sizeof want, &len, GOLDEN_FORWARD, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(len, sizeof want);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        scale = fmax(scale, fabs((double)want[i]));
    assert_true(scale > 0.1);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= FORWARD_TOLERANCE * scale))
            fail_msg("output %zu: %.8g, stored %.8g", i, (double)got[i], (double)want[i]);
}

/* Class 1 is class 0 with every second pixel turned round: only texture tells them apart. */
static void make_example(float *at, int label, int side, int channels, struct rng *rng)
{
    for (int i = 0; i < side * side * channels; i++) {
        int x = i / channels % side;
        float value = (float)rng_range(rng, 0, 1);
        at[i] = label && x % 2 ? -value : value;
    }
}

static double training_step(struct nn_training *training, int step)
{
    struct nn_tensor in = nn_training_input(training);
    struct nn_tensor out = nn_training_output(training);
    struct nn_tensor gradient = nn_training_output_gradient(training);
    struct rng rng = rng_derive(11, (uint64_t)step);
    size_t each = nn_tensor_count(&in) / (size_t)in.n;
    double loss = 0;

    for (int i = 0; i < in.n; i++)
        make_example(in.at + (size_t)i * each, i % 2, in.h, in.c, &rng);
    nn_training_forward(training);
    memset(gradient.at, 0, nn_tensor_count(&gradient) * sizeof(float));
    for (int i = 0; i < in.n; i++) {
        float slope = 0;
        loss += (double)nn_loss_binary(&slope, out.at[i * out.c], (float)(i % 2)) / in.n;
        gradient.at[i * out.c] = slope / (float)in.n;
    }
    nn_training_backward(training);
    return loss;
}

static void run_curve(double curve[STEPS])
{
    const struct nn_optimizer_options options = {
        .kind = NN_ADAMW, .weight_decay = 0.01f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f};
    struct nn_graph *graph = open_graph(network);
    float *values = mem_alloc(graph->float_count, sizeof *values);
    struct nn_training *training = NULL;
    struct nn_optimizer optimizer;
    struct rng rng = rng_seed(5);
    struct err err = {0};

    nn_graph_initialise(values, graph, &rng);
    nn_optimizer_init(&optimizer, graph, &options, values);
    if (nn_training_open(&training, graph, values, 8, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int step = 0; step < STEPS; step++) {
        curve[step] = training_step(training, step);
        nn_optimizer_step(&optimizer, values, nn_training_gradients(training), 0.003f, step + 1, 0,
                          graph->trained_count);
    }
    nn_training_close(training);
    nn_optimizer_fini(&optimizer);
    mem_free(values);
    nn_graph_close(graph);
}

static void test_loss_curve(void **state)
{
    (void)state;
    static const double want[STEPS] = {0.857508, 0.361169, 0.190782, 0.140287, 0.102743,
                                       0.088473, 0.076159, 0.067126, 0.062723, 0.055246};
    double curve[STEPS];

    run_curve(curve);
    if (getenv("AIDETECT_ACCEPT_GOLDEN"))
        for (int i = 0; i < STEPS; i++)
            print_message("%.6f,\n", curve[i]);
    assert_true(curve[STEPS - 1] < curve[0] / 2);
    for (int i = 0; i < STEPS; i++)
        if (!(fabs(curve[i] - want[i]) <= CURVE_TOLERANCE))
            fail_msg("step %d: loss %.6f, stored %.6f", i, curve[i], want[i]);
}

/* The same machine, the same bits. */
static void test_curve_repeats_exactly(void **state)
{
    (void)state;
    double first[STEPS];
    double second[STEPS];

    run_curve(first);
    run_curve(second);
    assert_memory_equal(first, second, sizeof first);
}

static void test_save_and_load(void **state)
{
    (void)state;
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    float before[BATCH * 16];
    float after[BATCH * 16];
    struct nn_graph *graph = open_graph(network);
    struct nn_weights *weights = NULL;
    struct err err = {0};
    float *values = make_values(graph);

    temp_folder_open(&folder);
    temp_path(path, &folder, "a.safetensors");
    if (nn_weights_save(path, graph, values, NULL, 0, &err) != ST_OK ||
        nn_weights_open(&weights, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_memory_equal(weights->values, values, graph->float_count * sizeof *values);
    forward(before, ARRAY_LEN(before), graph, values);
    forward(after, ARRAY_LEN(after), weights->graph, weights->values);
    assert_memory_equal(before, after, sizeof before);
    nn_weights_close(weights);
    temp_folder_close(&folder);
    mem_free(values);
    nn_graph_close(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_loss_curve),
        cmocka_unit_test(test_curve_repeats_exactly),
        cmocka_unit_test(test_save_and_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
