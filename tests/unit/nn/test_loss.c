/* Losses against double precision and central differences; extreme logits stay finite. */
#include "support/unit.h"

#include <math.h>

#include "base/rng.h"
#include "nn/loss.h"

/* A few roundings of float around a loss of size |logit|. */
#define TOLERANCE 1e-6

static double binary(double z, double t)
{
    return fmax(z, 0) - z * t + log1p(exp(-fabs(z)));
}

static void check_binary(double z, double t)
{
    float gradient = NAN;
    float loss = nn_loss_binary(&gradient, (float)z, (float)t);
    double difference = (binary(z + 1e-5, t) - binary(z - 1e-5, t)) / 2e-5;

    if (!(fabs((double)loss - binary(z, t)) <= TOLERANCE * (1 + fabs(z))))
        fail_msg("loss(%g, %g) = %g, not %g", z, t, (double)loss, binary(z, t));
    if (!(fabs((double)gradient - difference) <= 2e-6))
        fail_msg("gradient(%g, %g) = %g, not %g", z, t, (double)gradient, difference);
}

static void test_binary(void **state)
{
    (void)state;
    for (double z = -30; z <= 30; z += 0.37)
        for (double t = 0; t <= 1; t += 0.25)
            check_binary((double)(float)z, t);
}

static void test_binary_extremes(void **state)
{
    (void)state;
    static const float logits[] = {-1e30f, -1000, -100, 100, 1000, 1e30f};

    for (size_t i = 0; i < ARRAY_LEN(logits); i++)
        for (int t = 0; t < 2; t++) {
            float gradient = NAN;
            float loss = nn_loss_binary(&gradient, logits[i], (float)t);
            bool right = (logits[i] > 0) == (t == 1);
            assert_true(isfinite(loss) && isfinite(gradient));
            assert_true(right ? loss < 1e-30f : loss == fabsf(logits[i]));
            assert_true(fabsf(gradient - (right ? 0.0f : t ? -1.0f : 1.0f)) < 1e-6f);
        }
}

static double softmax(const double *z, int count, int target)
{
    double sum = 0;

    for (int i = 0; i < count; i++)
        sum += exp(z[i] - z[target]);
    return log(sum);
}

static void test_softmax(void **state)
{
    (void)state;
    struct rng rng = rng_seed(1);

    for (int round = 0; round < 200; round++) {
        int count = 1 + round % 15;
        int target = round % count;
        float logits[15];
        double exact[15];
        float gradients[15];
        double sum = 0;
        for (int i = 0; i < count; i++)
            exact[i] = (double)(logits[i] = (float)(3 * rng_normal(&rng)));
        float loss = nn_loss_softmax(gradients, logits, count, target);
        assert_true(fabs((double)loss - softmax(exact, count, target)) < 4e-6);
        for (int i = 0; i < count; i++) {
            double kept = exact[i];
            exact[i] = kept + 1e-5;
            double above = softmax(exact, count, target);
            exact[i] = kept - 1e-5;
            double below = softmax(exact, count, target);
            exact[i] = kept;
            assert_true(fabs((double)gradients[i] - (above - below) / 2e-5) < 2e-6);
            sum += (double)gradients[i];
        }
        assert_true(fabs(sum) < 1e-6);
        assert_true(nn_loss_softmax(logits, logits, count, target) == loss); /* in place */
        assert_memory_equal(logits, gradients, (size_t)count * sizeof(float));
    }
}

static void test_softmax_extremes(void **state)
{
    (void)state;
    const float logits[] = {100, -100, 0, 1000};
    float gradients[4];

    for (int target = 0; target < 4; target++) {
        float loss = nn_loss_softmax(gradients, logits, 4, target);
        assert_true(fabsf(loss - (1000 - logits[target])) < 1e-3f);
        for (int i = 0; i < 4; i++)
            assert_true(fabsf(gradients[i] - (float)((i == 3) - (i == target))) < 1e-6f);
    }
}

static void test_sigmoid(void **state)
{
    (void)state;
    assert_true(nn_sigmoid(0) == 0.5f);
    assert_true(nn_sigmoid(-1000) == 0.0f && nn_sigmoid(1000) == 1.0f);
    for (float z = -20; z < 20; z += 0.3f)
        assert_true(fabs((double)nn_sigmoid(z) * (1 + exp(-(double)z)) - 1) < 3e-7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binary),  cmocka_unit_test(test_binary_extremes),
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_softmax_extremes),
        cmocka_unit_test(test_sigmoid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
