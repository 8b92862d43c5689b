/* Controls on made-up scores: at chance when nothing is to be seen, above it when something is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/synthetic_photos.h"

#define SOURCES 24
#define PHOTOS  20 /* of each source */
#define ROWS    (SOURCES * PHOTOS)

/* How scores and features depend on the label. */
struct world {
    double signal;       /* of the model's probability on the label */
    double source_noise; /* of the probability, the same for all photos of a source */
    double texture;      /* of the crop features on the label */
    double file;         /* of the file features on the label */
};

static struct train_manifest *manifest;

static struct evaluate_scores *make_scores(const struct world *world, uint64_t seed)
{
    struct evaluate_scores *scores = mem_alloc(1, sizeof *scores);
    struct rng rng = rng_seed(seed);
    double offset = 0;

    scores->count = scores->row_count = ROWS;
    scores->tiers = 1u << TRAIN_T1;
    scores->scores = mem_alloc(ROWS, sizeof *scores->scores);
    scores->features = mem_alloc(ROWS, EVALUATE_FEATURE_COUNT * sizeof *scores->features);
    for (uint32_t i = 0; i < ROWS; i++) {
        double side = manifest->rows[i].label == TRAIN_LABEL_AI ? 0.5 : -0.5;
        float *features = scores->features + i * EVALUATE_FEATURE_COUNT;
        if (i % PHOTOS == 0)
            offset = world->source_noise * rng_normal(&rng);
        for (unsigned j = 0; j < EVALUATE_FEATURE_COUNT; j++) {
            double shift = j < EVALUATE_CROP_BYTES_MEAN ? 0
                           : j < EVALUATE_FILE_WIDTH    ? world->texture
                                                        : world->file;
            features[j] = (float)(3 + side * shift + rng_normal(&rng));
        }
        double logit = world->signal * side + offset + rng_normal(&rng);
        scores->scores[i] = (struct evaluate_score){.row = i,
                                                    .tier = TRAIN_T1,
                                                    .probability = 1 / (1 + exp(-logit)),
                                                    .logit = logit,
                                                    .features = features};
    }
    return scores;
}

static struct evaluate_controls measure(const struct world *world)
{
    struct evaluate_scores *scores = make_scores(world, 1);
    struct evaluate_scores *fit = make_scores(world, 2);
    struct evaluate_controls controls = {0};
    struct err err = {0};

    if (evaluate_controls(&controls, scores, fit, "train", manifest, TRAIN_T1, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    evaluate_scores_close(scores);
    evaluate_scores_close(fit);
    return controls;
}

static void test_nothing_to_see(void **state)
{
    struct world world = {.signal = 3};
    struct evaluate_controls controls = measure(&world);

    (void)state;
    assert_true(fabs(controls.shuffled_auc_mean - 0.5) < 0.03);
    assert_true(controls.shuffled_auc_range.low < 0.5 && controls.shuffled_auc_range.high > 0.5);
    assert_true(controls.shuffled_at_least == 0); /* a real signal: no shuffle reaches it */
    assert_int_equal(controls.fit_count, ROWS);
    for (size_t i = 0; i < EVALUATE_CONTROL_SETS; i++) {
        assert_true(fabs(controls.sets[i].statistics.auc - 0.5) < 0.08);
        assert_int_equal(controls.sets[i].statistics.n, ROWS);
    }
    assert_string_equal(controls.sets[0].name, "geometry");
    assert_true(controls.sets[0].visible && controls.sets[1].visible);
    assert_false(controls.sets[2].visible);
    evaluate_controls_fini(&controls);
}

/* A score that only tells sources apart: by photo it may look like a result, by source it is none.
 */
static void test_shuffles_see_through_source_noise(void **state)
{
    struct world world = {.source_noise = 3};
    struct evaluate_controls controls = measure(&world);

    (void)state;
    assert_true(fabs(controls.shuffled_auc_mean - 0.5) < 0.05);
    assert_true(controls.shuffled_auc_range.high - controls.shuffled_auc_range.low > 0.2);
    assert_true(controls.shuffled_at_least > 0.02);
    evaluate_controls_fini(&controls);
}

static void test_a_leak_in_the_file_is_seen_only_there(void **state)
{
    struct world world = {.signal = 1, .file = 2};
    struct evaluate_controls controls = measure(&world);

    (void)state;
    assert_true(fabs(controls.sets[0].statistics.auc - 0.5) < 0.08);
    assert_true(fabs(controls.sets[1].statistics.auc - 0.5) < 0.08);
    assert_true(controls.sets[2].statistics.auc > 0.9);
    assert_true(controls.sets[2].statistics.auc_ci_by_source.low > 0.85);
    evaluate_controls_fini(&controls);
}

static void test_a_leak_in_the_texture_is_seen(void **state)
{
    struct world world = {.signal = 1, .texture = 2};
    struct evaluate_controls controls = measure(&world);

    (void)state;
    assert_true(fabs(controls.sets[0].statistics.auc - 0.5) < 0.08);
    assert_true(controls.sets[1].statistics.auc > 0.9);
    assert_true(fabs(controls.sets[2].statistics.auc - 0.5) < 0.08);
    evaluate_controls_fini(&controls);
}

static void test_failed_scores_are_left_out(void **state)
{
    struct world world = {.signal = 1};
    struct evaluate_scores *scores = make_scores(&world, 1);
    struct evaluate_controls controls = {0};

    (void)state;
    for (size_t i = 0; i < ROWS; i += 3)
        scores->scores[i].failed = true;
    assert_int_equal(
        evaluate_controls(&controls, scores, scores, "dev", manifest, TRAIN_T1, 7, NULL), ST_OK);
    assert_int_equal(controls.fit_count, ROWS - ROWS / 3);
    evaluate_controls_fini(&controls);
    for (size_t i = 0; i < ROWS; i++)
        scores->scores[i].failed = true;
    assert_int_equal(
        evaluate_controls(&controls, scores, scores, "dev", manifest, TRAIN_T1, 7, NULL),
        ST_INVALID);
    evaluate_scores_close(scores);
}

static int setup(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_add_str(&text, "file\tlabel\tfamily\tsource\trole\n");
    for (unsigned i = 0; i < ROWS; i++)
        buf_printf(&text, "%u\t%s\tf\ts%u\tdev\n", i, i / PHOTOS % 2 ? "ai" : "real", i / PHOTOS);
    enum status st = train_manifest_parse(&manifest, buf_bytes(&text), "", NULL);
    buf_fini(&text);
    return st == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    train_manifest_close(manifest);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_see),
        cmocka_unit_test(test_shuffles_see_through_source_noise),
        cmocka_unit_test(test_a_leak_in_the_file_is_seen_only_there),
        cmocka_unit_test(test_a_leak_in_the_texture_is_seen),
        cmocka_unit_test(test_failed_scores_are_left_out),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
