/* Forward and backward passes of every layer kind against the plain reference: values directly,
 * gradients by central differences of the reference in double precision. */
#include "support/unit.h"

#include "base/rng.h"
#include "nn/inference.h"
#include "nn/training.h"
#include "reference.h"

/* Single precision sums of up to a thousand terms of size one: 1e-7 * sqrt(1000) and a margin. */
#define FORWARD_TOLERANCE 2e-5
/* Gradients pass through several layers; relative to the largest gradient of the tensor. */
#define GRADIENT_TOLERANCE 2e-4
#define DIFFERENCE_STEP    1e-5
#define MAX_SAMPLES        8

struct fixture {
    struct nn_graph *graph;
    float *values;
    double *exact; /* the same values */
    float *input;
    float *pull; /* loss = sum(pull * output): d loss / d output = pull */
    int batch;
    size_t samples; /* values of each tensor whose gradient is checked */
};

static void open_fixture(struct fixture *f, const char *text, int batch)
{
    struct err err = {0};
    struct rng rng = rng_seed(7);

    *f = (struct fixture){.batch = batch, .samples = MAX_SAMPLES};
    if (nn_graph_open(&f->graph, str_of(text), &err) != ST_OK)
        fail_msg("%s", err.msg);
    const struct nn_node *first = &f->graph->nodes[0];
    const struct nn_node *last = &f->graph->nodes[f->graph->node_count - 1];
    size_t in_count = (size_t)(batch * first->channels * first->height * first->width);
    size_t out_count = (size_t)(batch * last->channels * last->height * last->width);
    f->values = mem_alloc(f->graph->float_count, sizeof(float));
    f->exact = mem_alloc(f->graph->float_count, sizeof(double));
    f->input = mem_alloc(in_count, sizeof(float));
    f->pull = mem_alloc(out_count, sizeof(float));
    nn_graph_initialise(f->values, f->graph, &rng);
    for (size_t i = 0; i < f->graph->float_count; i++) {
        /* away from the special values 0 and 1, variances positive */
        f->values[i] += (float)rng_range(&rng, 0.05, 0.3);
        f->exact[i] = (double)f->values[i];
    }
    for (size_t i = 0; i < in_count; i++)
        f->input[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < out_count; i++)
        f->pull[i] = (float)rng_normal(&rng);
}

static void close_fixture(struct fixture *f)
{
    mem_free(f->values);
    mem_free(f->exact);
    mem_free(f->input);
    mem_free(f->pull);
    nn_graph_close(f->graph);
}

static void run_reference(struct reference *r, const struct fixture *f)
{
    for (size_t i = 0; i < reference_count(r, 0); i++)
        r->outputs[0][i] = (double)f->input[i];
    reference_run(r, f->exact);
}

/* Of values that only changed in node `first` since the last whole run. */
static double reference_loss(struct reference *r, const struct fixture *f, int first)
{
    int last = f->graph->node_count - 1;
    double loss = 0;

    reference_run_from(r, f->exact, first);
    for (size_t i = 0; i < reference_count(r, last); i++)
        loss += (double)f->pull[i] * r->outputs[last][i];
    return loss;
}

static void compare(const float *got, const double *want, size_t count, double tolerance,
                    const char *what)
{
    double scale = 1e-6;

    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance * scale))
            fail_msg("%s[%zu]: got %.8g, want %.8g (scale %.3g)", what, i, (double)got[i], want[i],
                     scale);
}

static void check_inference(const struct fixture *f)
{
    struct nn_inference_options options = {.batch = f->batch};
    struct nn_inference *inference = NULL;
    struct reference r;
    struct err err = {0};

    if (nn_inference_open(&inference, f->graph, f->values, &options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    reference_open(&r, f->graph, f->batch, false);
    run_reference(&r, f);
    for (int again = 0; again < 2; again++) { /* the second run must not see the first */
        memcpy(nn_inference_input(inference).at, f->input, reference_count(&r, 0) * sizeof(float));
        nn_inference_run(inference);
        compare(nn_inference_output(inference).at, r.outputs[f->graph->node_count - 1],
                reference_count(&r, f->graph->node_count - 1), FORWARD_TOLERANCE, "inference");
    }
    reference_close(&r);
    nn_inference_close(inference);
}

static int node_of(const struct nn_graph *graph, int parameter)
{
    for (int i = 1; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if (node->weight == parameter || node->offset == parameter ||
            node->norm_weight == parameter || node->norm_bias == parameter)
            return i;
    }
    fail_msg("parameter %d belongs to no node", parameter);
    return 0;
}

/* Central differences of the reference loss, for a sample of the values of each tensor. */
static void check_gradients(struct fixture *f, const float *gradients)
{
    struct reference r;

    reference_open(&r, f->graph, f->batch, true);
    for (int p = 0; p < f->graph->parameter_count; p++) {
        const struct nn_parameter *parameter = &f->graph->parameters[p];
        float got[MAX_SAMPLES];
        double want[MAX_SAMPLES];
        size_t stride = parameter->count / f->samples + 1;
        size_t used = 0;
        if (!parameter->trained)
            continue;
        int first = node_of(f->graph, p);
        run_reference(&r, f);
        for (size_t i = 0; i < parameter->count; i += stride, used++) {
            double *value = &f->exact[parameter->offset + i];
            double kept = *value;
            *value = kept + DIFFERENCE_STEP;
            double above = reference_loss(&r, f, first);
            *value = kept - DIFFERENCE_STEP;
            double below = reference_loss(&r, f, first);
            *value = kept;
            want[used] = (above - below) / (2 * DIFFERENCE_STEP);
            got[used] = gradients[parameter->offset + i];
        }
        compare(got, want, used, GRADIENT_TOLERANCE, parameter->name);
    }
    reference_close(&r);
}

static void check_training(struct fixture *f)
{
    struct nn_training *training = NULL;
    struct reference r;
    struct err err = {0};
    int last = f->graph->node_count - 1;

    if (nn_training_open(&training, f->graph, f->values, f->batch, &err) != ST_OK)
        fail_msg("%s", err.msg);
    reference_open(&r, f->graph, f->batch, true);
    run_reference(&r, f);
    memcpy(nn_training_input(training).at, f->input, reference_count(&r, 0) * sizeof(float));
    nn_training_forward(training);
    compare(nn_training_output(training).at, r.outputs[last], reference_count(&r, last),
            FORWARD_TOLERANCE, "training output");
    memcpy(nn_training_output_gradient(training).at, f->pull,
           reference_count(&r, last) * sizeof(float));
    nn_training_backward(training);
    check_gradients(f, nn_training_gradients(training));
    reference_close(&r);
    nn_training_close(training);
}

static void check_sample(const char *text, int batch, size_t samples)
{
    struct fixture f;

    open_fixture(&f, text, batch);
    f.samples = samples;
    check_inference(&f);
    check_training(&f);
    close_fixture(&f);
}

static void check_network(const char *text, int batch)
{
    check_sample(text, batch, MAX_SAMPLES);
}

static void test_conv_3x3(void **state)
{
    (void)state;
    check_network("input x channels=16 side=9\nconv a out=16 kernel=3 bias", 2);
}

static void test_conv_1x1(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\nconv a out=32 kernel=1 bias relu", 2);
}

static void test_conv_stride_2(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=16 kernel=3 stride=2 norm relu\n"
                  "conv b out=16 kernel=1 stride=2 bias",
                  3);
}

static void test_conv_stride_2_of_odd_side(void **state)
{
    (void)state;
    check_network("input x channels=16 side=11\nconv a out=16 kernel=3 stride=2 bias\n"
                  "conv b out=16 kernel=3 stride=1 bias",
                  2);
}

static void test_depthwise(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=16 kernel=1 bias\n"
                  "conv b kernel=3 depthwise norm relu\n"
                  "conv c kernel=3 stride=2 depthwise bias",
                  2);
}

static void test_norm_and_relu(void **state)
{
    (void)state;
    check_network("input x channels=16 side=6\n"
                  "conv a out=16 kernel=3 norm\n"
                  "conv b out=16 kernel=3 norm relu\n"
                  "conv c out=16 kernel=1 bias relu",
                  4);
}

static void test_residual(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=16 kernel=3 norm relu\n"
                  "conv b out=16 kernel=3 norm relu\n"
                  "conv c out=16 kernel=3 norm add=a relu\n"
                  "conv d out=16 kernel=3 norm relu\n"
                  "conv e out=16 kernel=3 norm add=c relu\n"
                  "conv f out=16 kernel=1 bias",
                  2);
}

static void test_residual_of_the_input(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=16 kernel=3 bias relu\n"
                  "conv b out=16 kernel=3 norm add=x relu\n"
                  "conv c out=16 kernel=3 bias",
                  2);
}

static void test_residual_with_projection(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=16 kernel=3 norm relu\n"
                  "conv side out=32 kernel=1 stride=2 norm\n"
                  "conv b out=32 kernel=3 stride=2 norm relu from=a\n"
                  "conv c out=32 kernel=3 norm add=side relu\n"
                  "conv d out=32 kernel=3 bias from=b add=c",
                  2);
}

static void test_max_pool(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=16 kernel=3 norm relu\n"
                  "max_pool p kernel=2 stride=2\n"
                  "conv b out=16 kernel=1 bias",
                  2);
}

static void test_average_pool_and_linear(void **state)
{
    (void)state;
    check_network("input x channels=16 side=8\n"
                  "conv a out=32 kernel=3 norm relu\n"
                  "average_pool half kernel=2 stride=2\n"
                  "conv b out=32 kernel=3 norm relu\n"
                  "average_pool whole\n"
                  "linear head out=16",
                  3);
}

/* Several blocks of channels inside, one at either end, sides that no tile divides: the layout and
 * the algorithm of the processor must not show. */
static void test_several_blocks(void **state)
{
    (void)state;
    static const char text[] = "input x channels=16 side=10\n"
                               "conv a out=32 kernel=3 stride=2 norm relu\n"
                               "conv b out=32 kernel=3 norm relu\n"
                               "conv c out=32 kernel=3 norm add=a relu\n"
                               "conv d out=16 kernel=1 bias";

    check_sample(text, 1, 3); /* the reference takes its time for each */
    check_sample(text, 2, 3);
}

static void test_few_channels(void **state)
{
    (void)state;
    check_network("input x channels=16 side=7\nconv a out=24 kernel=3 norm relu\n"
                  "conv b out=8 kernel=1 bias",
                  2);
}

static void test_running_statistics(void **state)
{
    (void)state;
    struct fixture f;
    struct nn_training *training = NULL;
    struct err err = {0};

    open_fixture(&f, "input x channels=16 side=4\nconv a out=16 kernel=1 norm", 3);
    assert_int_equal(nn_training_open(&training, f.graph, f.values, f.batch, &err), ST_OK);
    memcpy(nn_training_input(training).at, f.input, sizeof(float) * 3 * 16 * 16);
    nn_training_forward(training);
    float statistics[32];
    nn_training_statistics(statistics, training);

    struct reference r;
    reference_open(&r, f.graph, 3, false);
    for (size_t i = 0; i < reference_count(&r, 0); i++)
        r.outputs[0][i] = (double)f.input[i];
    for (int c = 0; c < 16; c++) {
        double mean = 0;
        double variance = 0;
        for (int k = 0; k < 48; k++)
            mean +=
                reference_dot(&r, f.exact, &f.graph->nodes[1], k / 16, k / 4 % 4, k % 4, c) / 48;
        for (int k = 0; k < 48; k++)
            variance +=
                pow(reference_dot(&r, f.exact, &f.graph->nodes[1], k / 16, k / 4 % 4, k % 4, c) -
                        mean,
                    2) /
                47; /* unbiased */
        assert_true(fabs((double)statistics[c] - mean) < 1e-5);
        assert_true(fabs((double)statistics[16 + c] - variance) < 1e-4 * fmax(1, variance));
    }
    reference_close(&r);
    nn_training_close(training);
    close_fixture(&f);
}

/* Steady state: a run of ours allocates nothing and takes no page fault. */
static void test_runs_allocate_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct nn_inference *inference = NULL;
    struct nn_inference_options options = {.batch = 1};
    struct err err = {0};

    open_fixture(&f,
                 "input x channels=16 side=32\nconv a out=32 kernel=3 norm relu\n"
                 "conv b out=16 kernel=1 bias",
                 1);
    assert_int_equal(nn_inference_open(&inference, f.graph, f.values, &options, &err), ST_OK);
    nn_inference_run(inference);
    uint64_t before = mem_allocation_count();
    for (int i = 0; i < 100; i++)
        nn_inference_run(inference);
    assert_int_equal(mem_allocation_count(), before);
    nn_inference_close(inference);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_3x3),
        cmocka_unit_test(test_conv_1x1),
        cmocka_unit_test(test_conv_stride_2),
        cmocka_unit_test(test_conv_stride_2_of_odd_side),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_norm_and_relu),
        cmocka_unit_test(test_residual),
        cmocka_unit_test(test_residual_of_the_input),
        cmocka_unit_test(test_residual_with_projection),
        cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_average_pool_and_linear),
        cmocka_unit_test(test_several_blocks),
        cmocka_unit_test(test_few_channels),
        cmocka_unit_test(test_running_statistics),
        cmocka_unit_test(test_runs_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
