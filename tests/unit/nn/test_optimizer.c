/* Optimisers against their formulas in double precision over 20 steps; shares equal the whole. */
#include "support/unit.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/optimizer.h"

#define STEPS 20
/* 20 float updates of values of size one, steps of size 0.01 */
#define TOLERANCE 2e-5

static const struct nn_optimizer_options adamw = {.kind = NN_ADAMW,
                                                  .weight_decay = 0.1f,
                                                  .beta1 = 0.9f,
                                                  .beta2 = 0.999f,
                                                  .epsilon = 1e-8f,
                                                  .average_decay = 0.95f};
static const struct nn_optimizer_options sgd = {
    .kind = NN_SGD, .weight_decay = 0.1f, .momentum = 0.9f};

struct run {
    struct nn_graph *graph;
    struct nn_optimizer optimizer;
    float *values;
};

static void open_run(struct run *run, const struct nn_optimizer_options *options)
{
    struct rng rng = rng_seed(3);

    assert_int_equal(nn_graph_open(&run->graph,
                                   str_of("input x channels=3 side=4\n"
                                          "conv a out=5 kernel=3 norm relu\n"
                                          "conv b out=2 kernel=1 bias\n"),
                                   NULL),
                     ST_OK);
    run->values = mem_alloc(run->graph->float_count, sizeof(float));
    for (size_t i = 0; i < run->graph->float_count; i++)
        run->values[i] = (float)rng_normal(&rng);
    nn_optimizer_init(&run->optimizer, run->graph, options, run->values);
}

static void close_run(struct run *run)
{
    nn_optimizer_fini(&run->optimizer);
    mem_free(run->values);
    nn_graph_close(run->graph);
}

/* The gradient of float i at step t; the same for every run. */
static float gradient_at(size_t i, int t)
{
    struct rng rng = rng_derive(i, (uint64_t)t);

    return (float)(rng_normal(&rng) * pow(10, (double)(i % 5) - 3));
}

static float rate_at(int t)
{
    return 0.01f * (float)(STEPS - t + 1) / STEPS;
}

/* Steps 1..STEPS in `parts` ranges, last one first. */
static void take_steps(struct run *run, size_t parts)
{
    size_t count = run->graph->trained_count;
    float *gradients = mem_alloc(count, sizeof(float));

    for (int t = 1; t <= STEPS; t++) {
        for (size_t i = 0; i < count; i++)
            gradients[i] = gradient_at(i, t);
        for (size_t part = parts; part-- > 0;)
            nn_optimizer_step(&run->optimizer, run->values, gradients, rate_at(t), t,
                              count * part / parts, count * (part + 1) / parts);
    }
    mem_free(gradients);
}

static bool decays(const struct nn_graph *graph, size_t i)
{
    for (int p = 0; p < graph->parameter_count; p++) {
        const struct nn_parameter *parameter = &graph->parameters[p];
        if (i >= parameter->offset && i < parameter->offset + parameter->count)
            return strstr(parameter->name, ".weight") && !strstr(parameter->name, "norm");
    }
    return false;
}

static double want_adamw(double value, size_t i, double decay)
{
    double m = 0;
    double v = 0;

    for (int t = 1; t <= STEPS; t++) {
        double g = (double)gradient_at(i, t);
        double rate = (double)rate_at(t);
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        value -= rate * decay * value;
        value -= rate * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
    }
    return value;
}

static double want_sgd(double value, size_t i, double decay)
{
    double m = 0;

    for (int t = 1; t <= STEPS; t++) {
        m = 0.9 * m + (double)gradient_at(i, t);
        value -= (double)rate_at(t) * (m + decay * value);
    }
    return value;
}

static void check_formula(const struct nn_optimizer_options *options,
                          double (*want)(double value, size_t i, double decay))
{
    struct run run;

    open_run(&run, options);
    float *start = mem_alloc(run.graph->float_count, sizeof(float));
    memcpy(start, run.values, run.graph->float_count * sizeof(float));
    take_steps(&run, 1);
    for (size_t i = 0; i < run.graph->trained_count; i++) {
        double exact = want((double)start[i], i, decays(run.graph, i) ? 0.1 : 0.0);
        double error = fabs((double)run.values[i] - exact);
        if (!(error < TOLERANCE * fmax(1, fabs(exact))))
            fail_msg("value %zu: %.9g, not %.9g", i, (double)run.values[i], exact);
    }
    for (size_t i = run.graph->trained_count; i < run.graph->float_count; i++)
        assert_true(run.values[i] == start[i]); /* running statistics are not trained */
    mem_free(start);
    close_run(&run);
}

static void test_adamw(void **state)
{
    (void)state;
    check_formula(&adamw, want_adamw);
}

static void test_sgd(void **state)
{
    (void)state;
    check_formula(&sgd, want_sgd);
}

static void test_shares_equal_the_whole(void **state)
{
    (void)state;
    const struct nn_optimizer_options *const kinds[] = {&adamw, &sgd};

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t parts = 2; parts < 9; parts++) {
            struct run whole;
            struct run shared;
            open_run(&whole, kinds[k]);
            open_run(&shared, kinds[k]);
            take_steps(&whole, 1);
            take_steps(&shared, parts);
            assert_memory_equal(whole.values, shared.values,
                                whole.graph->float_count * sizeof(float));
            assert_memory_equal(whole.optimizer.state, shared.optimizer.state,
                                2 * whole.graph->trained_count * sizeof(float));
            close_run(&whole);
            close_run(&shared);
        }
}

static void test_average(void **state)
{
    (void)state;
    struct run run;

    open_run(&run, &adamw);
    size_t count = run.graph->float_count;
    double exact = (double)run.values[0];
    assert_memory_equal(run.optimizer.average, run.values, count * sizeof(float));
    for (int step = 0; step < 300; step++) {
        double keep = fmin(0.95, (1.0 + step) / (10.0 + step));
        run.values[0] += 0.01f;
        run.values[count - 1] = 5;
        exact = keep * exact + (1 - keep) * (double)run.values[0];
        nn_optimizer_average(&run.optimizer, run.values, step, 0, count / 2);
        nn_optimizer_average(&run.optimizer, run.values, step, count / 2, count);
    }
    assert_true(fabs((double)run.optimizer.average[0] - exact) < 1e-4);
    assert_true(fabsf(run.optimizer.average[count - 1] - 5) < 1e-3f);
    close_run(&run);
}

static void test_no_average(void **state)
{
    (void)state;
    struct run run;

    open_run(&run, &sgd); /* average_decay = 0 */
    run.values[1] = 123;
    nn_optimizer_average(&run.optimizer, run.values, 50, 0, run.graph->float_count);
    assert_memory_equal(run.optimizer.average, run.values, run.graph->float_count * sizeof(float));
    close_run(&run);
}

static void test_schedule(void **state)
{
    (void)state;
    float last = 0;

    assert_true(fabsf(nn_schedule_cosine(2, 0, 10, 110, 0.1f) - 0.2f) < 1e-6f);
    assert_true(fabsf(nn_schedule_cosine(2, 9, 10, 110, 0.1f) - 2) < 1e-6f);
    assert_true(fabsf(nn_schedule_cosine(2, 10, 10, 110, 0.1f) - 2) < 1e-6f);
    assert_true(fabsf(nn_schedule_cosine(2, 60, 10, 110, 0.1f) - 1.1f) < 1e-6f);
    assert_true(fabsf(nn_schedule_cosine(2, 110, 10, 110, 0.1f) - 0.2f) < 1e-6f);
    assert_true(fabsf(nn_schedule_cosine(2, 1000, 10, 110, 0.1f) - 0.2f) < 1e-6f);
    assert_true(nn_schedule_cosine(2, 0, 0, 100, 0) == 2);
    assert_true(isfinite(nn_schedule_cosine(2, 5, 5, 5, 0.5f)));
    for (int step = 0; step < 10; step++, last = nn_schedule_cosine(2, step - 1, 10, 110, 0.1f))
        assert_true(nn_schedule_cosine(2, step, 10, 110, 0.1f) > last);
    for (int step = 11; step < 110; step++)
        assert_true(nn_schedule_cosine(2, step, 10, 110, 0.1f) <
                    nn_schedule_cosine(2, step - 1, 10, 110, 0.1f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_shares_equal_the_whole),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_no_average),
        cmocka_unit_test(test_schedule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
