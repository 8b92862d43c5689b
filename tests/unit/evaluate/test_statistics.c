/* Statistics against brute force over all pairs and against cases worked out by hand. */
#include "evaluate/statistics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define EXACT 1e-12

static bool near(double a, double b)
{
    return fabs(a - b) < EXACT;
}

/* probability, ai, source, family */
static const struct evaluate_sample by_hand[] = {
    {0.95, true, 10, 20}, {0.80, true, 10, 20}, {0.80, false, 1, 5},
    {0.60, true, 11, 21}, {0.40, false, 1, 5},  {0.40, true, 11, 21},
    {0.30, false, 2, 6},  {0.20, false, 2, 6},  {0.10, false, 3, 5},
};

/* Calls at 0.5: hits 3 of 4, false alarms 1 of 5.  Pairs: 0.95 wins 5; 0.80 wins 4 and ties 1;
 * 0.60 wins 4; 0.40 wins 3 and ties 1: (5 + 4.5 + 4 + 3.5) / 20. */
static void test_case_by_hand(void **state)
{
    struct evaluate_statistics s = {0};

    (void)state;
    assert_int_equal(evaluate_statistics(&s, by_hand, ARRAY_LEN(by_hand), 0.5, 1, NULL), ST_OK);
    assert_int_equal(s.n, 9);
    assert_int_equal(s.confusion.tp, 3);
    assert_int_equal(s.confusion.fn, 1);
    assert_int_equal(s.confusion.fp, 1);
    assert_int_equal(s.confusion.tn, 4);
    assert_true(near(s.balanced_accuracy, (0.75 + 0.8) / 2));
    assert_true(near(s.precision, 0.75));
    assert_true(near(s.recall, 0.75));
    assert_true(near(s.f1, 0.75));
    assert_true(near(s.fpr, 0.2));
    assert_true(near(s.auc, 17.0 / 20));
    assert_true(near(s.tpr_at_fpr_1, 0.25)); /* only 0.95 stands above every real photo */
    assert_true(near(s.tpr_at_fpr_5, 0.25));
    evaluate_statistics_fini(&s);
}

static void test_slices_by_hand(void **state)
{
    struct evaluate_statistics s = {0};

    (void)state;
    assert_int_equal(evaluate_statistics(&s, by_hand, ARRAY_LEN(by_hand), 0.5, 1, NULL), ST_OK);
    assert_int_equal(s.source_count, 3); /* sources of real photos only, largest first */
    assert_int_equal(s.sources[0].id, 1);
    assert_int_equal(s.sources[0].n, 2);
    assert_int_equal(s.sources[0].called_ai, 1);
    assert_int_equal(s.sources[1].id, 2);
    assert_int_equal(s.sources[1].called_ai, 0);
    assert_int_equal(s.sources[2].id, 3);
    assert_int_equal(s.sources[2].n, 1);
    assert_int_equal(s.family_count, 2);
    assert_int_equal(s.families[0].id, 20);
    assert_int_equal(s.families[0].called_ai, 2);
    assert_int_equal(s.families[1].id, 21);
    assert_int_equal(s.families[1].called_ai, 1);
    evaluate_statistics_fini(&s);
}

static void test_threshold_is_inclusive(void **state)
{
    const struct evaluate_sample samples[] = {{0.5, true, 0, 0}, {0.5, false, 1, 1}};
    struct evaluate_statistics s = {0};

    (void)state;
    assert_int_equal(evaluate_statistics(&s, samples, 2, 0.5, 1, NULL), ST_OK);
    assert_int_equal(s.confusion.tp, 1);
    assert_int_equal(s.confusion.fp, 1);
    assert_true(near(s.auc, 0.5));
    evaluate_statistics_fini(&s);
}

static double clipped_unit(struct rng *rng, unsigned levels)
{
    return levels ? rng_below(rng, levels + 1) / (double)levels : rng_unit(rng);
}

/* levels 0: all different; else a grid, so that ties are many. */
static void draw(struct evaluate_sample *out, size_t n, unsigned levels, uint64_t seed)
{
    struct rng rng = rng_seed(seed);

    for (size_t i = 0; i < n; i++) {
        bool ai = i < 2 ? i : rng_chance(&rng, 0.4);
        double p = clipped_unit(&rng, levels);
        out[i] = (struct evaluate_sample){ai && rng_chance(&rng, 0.5) ? sqrt(p) : p, ai,
                                          rng_below(&rng, 6) + 10 * ai, rng_below(&rng, 4)};
    }
}

static double brute_auc(const struct evaluate_sample *s, size_t n)
{
    double won = 0;
    double pairs = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            if (!s[i].ai || s[j].ai)
                continue;
            pairs++;
            won += s[i].probability > s[j].probability    ? 1
                   : s[i].probability == s[j].probability ? 0.5
                                                          : 0;
        }
    return won / pairs;
}

/* Best hit rate over every threshold taken from the data, or none. */
static double brute_tpr_at(const struct evaluate_sample *s, size_t n, double rate)
{
    double best = 0;

    for (size_t t = 0; t < n; t++) {
        double called[2] = {0, 0};
        double all[2] = {0, 0};
        for (size_t i = 0; i < n; i++) {
            all[s[i].ai]++;
            called[s[i].ai] += s[i].probability >= s[t].probability;
        }
        if (called[0] / all[0] <= rate)
            best = fmax(best, called[1] / all[1]);
    }
    return best;
}

static double brute_ece(const struct evaluate_sample *s, size_t n)
{
    double ece = 0;

    for (int bin = 0; bin < EVALUATE_BINS; bin++) {
        double low = (double)bin / EVALUATE_BINS;
        double high = (double)(bin + 1) / EVALUATE_BINS;
        double members = 0;
        double probability = 0;
        double ai = 0;
        for (size_t i = 0; i < n; i++) {
            double p = s[i].probability;
            if (p < low || (p >= high && !(bin == EVALUATE_BINS - 1 && p == 1)))
                continue;
            members++;
            probability += p;
            ai += s[i].ai;
        }
        if (members > 0)
            ece += members / (double)n * fabs(probability / members - ai / members);
    }
    return ece;
}

static void test_against_brute_force(void **state)
{
    static const unsigned levels[] = {0, 4, 16, 1};
    struct evaluate_sample samples[150];

    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        size_t n = 20 + seed * 5;
        struct evaluate_statistics s = {0};
        double brier = 0;
        draw(samples, n, levels[seed % ARRAY_LEN(levels)], seed);
        for (size_t i = 0; i < n; i++) {
            double miss = samples[i].probability - samples[i].ai;
            brier += miss * miss / (double)n;
        }
        assert_int_equal(evaluate_statistics(&s, samples, n, 0.5, seed, NULL), ST_OK);
        assert_true(near(s.auc, brute_auc(samples, n)));
        assert_true(near(s.tpr_at_fpr_1, brute_tpr_at(samples, n, 0.01)));
        assert_true(near(s.tpr_at_fpr_5, brute_tpr_at(samples, n, 0.05)));
        assert_true(fabs(s.ece - brute_ece(samples, n)) < 1e-9);
        assert_true(near(s.brier, brier));
        evaluate_statistics_fini(&s);
    }
}

/* A resample given as counts is the same as a data set in which samples stand repeatedly. */
static void test_counts_are_repeats(void **state)
{
    struct evaluate_sample samples[60];
    struct evaluate_sample repeated[240];
    uint32_t counts[60];
    struct evaluate_ranking ranking = {0};
    struct evaluate_ranking again = {0};
    struct rng rng = rng_seed(5);
    size_t n = 0;

    (void)state;
    draw(samples, 60, 8, 99);
    assert_int_equal(evaluate_ranking_init(&ranking, samples, 60, 0.4, NULL), ST_OK);
    for (size_t i = 0; i < 60; i++) {
        counts[i] = rng_below(&rng, 4);
        for (uint32_t k = 0; k < counts[i]; k++)
            repeated[n++] = ranking.samples[i];
    }
    assert_int_equal(evaluate_ranking_init(&again, repeated, n, 0.4, NULL), ST_OK);
    assert_true(near(evaluate_ranking_auc(&ranking, counts), evaluate_ranking_auc(&again, NULL)));
    assert_true(near(evaluate_ranking_balanced_accuracy(&ranking, counts),
                     evaluate_ranking_balanced_accuracy(&again, NULL)));
    mem_free(ranking.samples);
    mem_free(again.samples);
}

static void test_percentiles(void **state)
{
    double values[] = {5, 1, 3, 2, 4};
    struct evaluate_interval half = evaluate_percentiles(values, 5, 0.5);

    (void)state;
    assert_true(near(half.low, 2));
    assert_true(near(half.high, 4));
    struct evaluate_interval most = evaluate_percentiles(values, 5, 0.9);
    assert_true(near(most.low, 1.2));
    assert_true(near(most.high, 4.8));
    assert_true(isnan(evaluate_percentiles(values, 0, 0.9).low));
}

/* The normal approximation of the spread of a mean of n coin tosses is the reference. */
static void test_photo_interval_has_the_width_of_theory(void **state)
{
    static struct evaluate_sample samples[800];
    struct evaluate_statistics s = {0};

    (void)state;
    for (size_t i = 0; i < 800; i++) { /* 80 % right in each class */
        bool ai = i % 2;
        bool right = i / 2 % 5 != 0;
        samples[i] = (struct evaluate_sample){right == ai ? 0.9 : 0.1, ai, (uint32_t)i, 0};
    }
    assert_int_equal(evaluate_statistics(&s, samples, 800, 0.5, 3, NULL), ST_OK);
    double sigma = sqrt(2 * 0.8 * 0.2 / 400) / 2;
    assert_true(near(s.balanced_accuracy, 0.8));
    assert_true(fabs(s.balanced_accuracy_ci.low - (0.8 - 1.96 * sigma)) < 0.004);
    assert_true(fabs(s.balanced_accuracy_ci.high - (0.8 + 1.96 * sigma)) < 0.004);
    /* every photo a source of its own: both ways of resampling agree */
    assert_true(fabs(s.balanced_accuracy_ci_by_source.low - s.balanced_accuracy_ci.low) < 0.006);
    evaluate_statistics_fini(&s);
}

/* Sources that are all right or all wrong: 40 photos each, so the spread is that of 20 tosses. */
static void test_source_interval_is_wider_when_sources_differ(void **state)
{
    static struct evaluate_sample samples[1600];
    struct evaluate_statistics s = {0};

    (void)state;
    for (size_t i = 0; i < 1600; i++) {
        bool ai = i % 2;
        uint32_t source = (uint32_t)(i / 2 % 20);
        bool right = source >= 4; /* 80 % */
        samples[i] = (struct evaluate_sample){right == ai ? 0.9 : 0.1, ai, source + 100 * ai, 0};
    }
    assert_int_equal(evaluate_statistics(&s, samples, 1600, 0.5, 3, NULL), ST_OK);
    double photos = s.balanced_accuracy_ci.high - s.balanced_accuracy_ci.low;
    double sources = s.balanced_accuracy_ci_by_source.high - s.balanced_accuracy_ci_by_source.low;
    double sigma = sqrt(2 * 0.8 * 0.2 / 20) / 2;
    assert_true(fabs(sources - 2 * 1.96 * sigma) < 0.04);
    assert_true(fabs(sources / photos - sqrt(40)) < 1.2);
    evaluate_statistics_fini(&s);
}

static void test_same_seed_same_intervals(void **state)
{
    struct evaluate_sample samples[100];
    struct evaluate_statistics a = {0};
    struct evaluate_statistics b = {0};
    struct evaluate_statistics c = {0};

    (void)state;
    draw(samples, 100, 0, 1);
    assert_int_equal(evaluate_statistics(&a, samples, 100, 0.5, 11, NULL), ST_OK);
    assert_int_equal(evaluate_statistics(&b, samples, 100, 0.5, 11, NULL), ST_OK);
    assert_int_equal(evaluate_statistics(&c, samples, 100, 0.5, 12, NULL), ST_OK);
    assert_memory_equal(&a.auc_ci, &b.auc_ci, sizeof a.auc_ci);
    assert_memory_equal(&a.auc_ci_by_source, &b.auc_ci_by_source, sizeof a.auc_ci);
    assert_memory_not_equal(&a.auc_ci, &c.auc_ci, sizeof a.auc_ci);
    assert_true(a.auc_ci.low < a.auc && a.auc < a.auc_ci.high);
    evaluate_statistics_fini(&a);
    evaluate_statistics_fini(&b);
    evaluate_statistics_fini(&c);
}

static void test_order_does_not_matter(void **state)
{
    struct evaluate_sample samples[80];
    struct evaluate_statistics a = {0};
    struct evaluate_statistics b = {0};

    (void)state;
    draw(samples, 80, 6, 2);
    assert_int_equal(evaluate_statistics(&a, samples, 80, 0.5, 4, NULL), ST_OK);
    for (size_t i = 0; i < 40; i++) {
        struct evaluate_sample moved = samples[i];
        samples[i] = samples[79 - i];
        samples[79 - i] = moved;
    }
    assert_int_equal(evaluate_statistics(&b, samples, 80, 0.5, 4, NULL), ST_OK);
    assert_memory_equal(&a.auc_ci, &b.auc_ci, sizeof a.auc_ci);
    assert_memory_equal(&a.balanced_accuracy_ci_by_source, &b.balanced_accuracy_ci_by_source,
                        sizeof a.auc_ci);
    assert_true(near(a.ece, b.ece));
    evaluate_statistics_fini(&a);
    evaluate_statistics_fini(&b);
}

static void test_a_single_class_has_half_the_figures(void **state)
{
    const struct evaluate_sample reals[] = {{0.9, false, 0, 0}, {0.1, false, 1, 0}};
    struct evaluate_statistics s = {0};

    (void)state;
    assert_int_equal(evaluate_statistics(&s, reals, 2, 0.5, 1, NULL), ST_OK);
    assert_true(near(s.fpr, 0.5));
    assert_true(near(s.brier, (0.81 + 0.01) / 2));
    assert_true(near(s.precision, 0));
    assert_true(isnan(s.recall));
    assert_true(isnan(s.balanced_accuracy));
    assert_true(isnan(s.auc));
    assert_true(isnan(s.tpr_at_fpr_5));
    assert_true(isnan(s.auc_ci.low));
    assert_true(isnan(s.balanced_accuracy_ci_by_source.high));
    assert_int_equal(s.source_count, 2);
    assert_int_equal(s.family_count, 0);
    evaluate_statistics_fini(&s);
}

static void refuse(const struct evaluate_sample *samples, size_t n, double threshold,
                   const char *part)
{
    struct evaluate_statistics s = {.n = 42};
    struct err err = {0};

    assert_int_equal(evaluate_statistics(&s, samples, n, threshold, 1, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, part));
    assert_int_equal(s.n, 42);
}

static void test_refuses_what_is_no_probability(void **state)
{
    const struct evaluate_sample good[] = {{0.9, false, 0, 0}, {0.1, true, 1, 0}};
    const struct evaluate_sample nan_one[] = {{0.9, false, 0, 0}, {(double)NAN, true, 1, 0}};
    const struct evaluate_sample above[] = {{1.1, false, 0, 0}, {0.5, true, 1, 0}};
    const struct evaluate_sample below[] = {{-0.1, false, 0, 0}, {0.5, true, 1, 0}};

    (void)state;
    refuse(good, 0, 0.5, "no scores");
    refuse(nan_one, 2, 0.5, "score 1");
    refuse(above, 2, 0.5, "score 0");
    refuse(below, 2, 0.5, "score 0");
    refuse(good, 2, 0, "threshold");
    refuse(good, 2, 1, "threshold");
    refuse(good, 2, (double)NAN, "threshold");
}

static void test_roc(void **state)
{
    struct evaluate_roc_point *points = NULL;
    struct evaluate_sample samples[100];
    size_t n = 0;
    double area = 0;

    (void)state;
    assert_int_equal(evaluate_roc(&points, &n, by_hand, ARRAY_LEN(by_hand), NULL), ST_OK);
    assert_int_equal(n, 8); /* seven different probabilities and the start */
    assert_true(isinf(points[0].threshold) && points[0].fpr == 0 && points[0].tpr == 0);
    assert_true(near(points[2].threshold, 0.8) && near(points[2].fpr, 0.2));
    assert_true(near(points[2].tpr, 0.5));
    assert_true(points[7].fpr == 1 && points[7].tpr == 1);
    mem_free(points);

    draw(samples, 100, 10, 8); /* the area under the curve is the AUC */
    assert_int_equal(evaluate_roc(&points, &n, samples, 100, NULL), ST_OK);
    for (size_t i = 1; i < n; i++)
        area += (points[i].fpr - points[i - 1].fpr) * (points[i].tpr + points[i - 1].tpr) / 2;
    assert_true(near(area, brute_auc(samples, 100)));
    mem_free(points);
    assert_int_equal(evaluate_roc(&points, &n, by_hand, 2, NULL), ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_by_hand),
        cmocka_unit_test(test_slices_by_hand),
        cmocka_unit_test(test_threshold_is_inclusive),
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_counts_are_repeats),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_photo_interval_has_the_width_of_theory),
        cmocka_unit_test(test_source_interval_is_wider_when_sources_differ),
        cmocka_unit_test(test_same_seed_same_intervals),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_a_single_class_has_half_the_figures),
        cmocka_unit_test(test_refuses_what_is_no_probability),
        cmocka_unit_test(test_roc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
