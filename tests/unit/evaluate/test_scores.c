/* The run over rows x tiers: order, failures, samples, workers, features. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/synthetic_photos.h"

static char folder[PHOTO_FOLDER_SIZE];
static struct train_manifest *manifest;

static struct evaluate_scores *run(const struct evaluate_options *options)
{
    struct evaluate_scorer scorer = photo_scorer(NULL);
    struct evaluate_scores *scores = NULL;
    struct err err = {0};

    if (evaluate_run(&scores, manifest, &scorer, options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return scores;
}

static void test_scores_every_row_in_every_tier(void **state)
{
    struct evaluate_options options = {.role = "dev", .workers = 2};
    struct evaluate_scores *scores = run(&options);

    (void)state;
    assert_int_equal(scores->row_count, 12);
    assert_int_equal(scores->count, 48);
    assert_int_equal(scores->failure_count, 0);
    for (size_t i = 0; i < scores->count; i++) {
        const struct evaluate_score *score = &scores->scores[i];
        assert_int_equal(score->row, 12 + i / 4);
        assert_int_equal(score->tier, i % 4);
        assert_false(score->failed);
        assert_null(score->features);
        /* the mean of the two crops, whose logits lie one above and below that of the photo */
        double logit = log(score->probability / (1 - score->probability));
        assert_true(fabs(logit - score->logit) < 1e-4);
        if (score->tier == TRAIN_T1) { /* the tiers leave the difference between the classes */
            bool ai = manifest->rows[score->row].label == TRAIN_LABEL_AI;
            assert_true((score->probability > 0.5) == ai);
        }
    }
    evaluate_scores_close(scores);
}

static void test_workers_change_nothing(void **state)
{
    struct evaluate_options one = {.workers = 1, .tiers = 1u << TRAIN_T1, .features = true};
    struct evaluate_options three = {.workers = 3, .tiers = 1u << TRAIN_T1, .features = true};
    struct evaluate_scores *a = run(&one);
    struct evaluate_scores *b = run(&three);

    (void)state;
    assert_int_equal(a->count, 24);
    assert_int_equal(b->count, 24);
    for (size_t i = 0; i < 24; i++) {
        assert_int_equal(a->scores[i].row, b->scores[i].row);
        assert_true(a->scores[i].probability == b->scores[i].probability);
        assert_memory_equal(a->scores[i].features, b->scores[i].features,
                            EVALUATE_FEATURE_COUNT * sizeof(float));
    }
    evaluate_scores_close(a);
    evaluate_scores_close(b);
}

static void test_features(void **state)
{
    struct evaluate_options options = {
        .role = "dev", .workers = 1, .tiers = 1u << TRAIN_T1, .features = true};
    struct evaluate_scores *scores = run(&options);
    const float *features = scores->scores[0].features; /* row 12: 80 + 8 * 2 by 72 pixels */

    (void)state;
    assert_true(features[EVALUATE_CROP_COUNT] == 2);
    assert_true(features[EVALUATE_CROP_MIRRORED] == 0);
    assert_true(fabs(exp(features[EVALUATE_FILE_WIDTH]) - 96) < 1e-3);
    assert_true(fabs(exp(features[EVALUATE_FILE_HEIGHT]) - 72) < 1e-3);
    assert_true(fabs(exp(features[EVALUATE_FILE_ASPECT]) - 96.0 / 72) < 1e-5);
    assert_true(features[EVALUATE_FILE_QUALITY] == 80);
    assert_true(features[EVALUATE_CROP_BYTES_MIN] <= features[EVALUATE_CROP_BYTES_MEAN]);
    assert_true(features[EVALUATE_CROP_BYTES_MEAN] <= features[EVALUATE_CROP_BYTES_MAX]);
    /* noisy real photos take more bytes than smooth ones, in the crop as in the file */
    assert_true(features[EVALUATE_CROP_BYTES_MEAN] >
                scores->scores[1].features[EVALUATE_CROP_BYTES_MEAN] + 0.3);
    assert_true(features[EVALUATE_FILE_BYTES] >
                scores->scores[1].features[EVALUATE_FILE_BYTES] + 0.3);
    evaluate_scores_close(scores);
}

static void test_a_sample_of_the_rows_is_seeded(void **state)
{
    struct evaluate_options options = {.rows_max = 5, .tiers = 1, .workers = 1, .seed = 1};
    struct evaluate_scores *a = run(&options);
    struct evaluate_scores *b = run(&options);
    options.seed = 2;
    struct evaluate_scores *c = run(&options);
    bool differs = false;

    (void)state;
    assert_int_equal(a->row_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(a->scores[i].row, b->scores[i].row);
        assert_true(i == 0 || a->scores[i].row > a->scores[i - 1].row);
        differs |= a->scores[i].row != c->scores[i].row;
    }
    assert_true(differs);
    evaluate_scores_close(a);
    evaluate_scores_close(b);
    evaluate_scores_close(c);
}

/* In a folder of its own: a good photo, one that is missing, one that is no photo, one that the
 * scorer refuses, one for which it answers NaN. */
static void test_failures_are_counted_and_named(void **state)
{
    char place[PHOTO_FOLDER_SIZE];
    struct arena *arena = NULL;
    struct evaluate_scorer scorer = photo_scorer(NULL);
    struct evaluate_options options = {.tiers = 0x3, .workers = 2};
    struct evaluate_scores *scores = NULL;

    (void)state;
    photo_folder_make(place);
    assert_int_equal(arena_open(&arena, (size_t)16 << 20, NULL), ST_OK);
    struct image good = photo_make(64, 64, 3, 1, arena);
    struct image refused = photo_make(77, 64, 3, 1, arena);
    struct image not_a_number = photo_make(78, 64, 3, 1, arena);
    photo_write(place, "good.png", &good, arena);
    photo_write(place, "refused.png", &refused, arena);
    photo_write(place, "nan.png", &not_a_number, arena);
    photo_write_text(place, "text.png", "this is no photo");
    photo_write_text(place, "manifest.tsv",
                     "file\tlabel\tfamily\tsource\trole\n"
                     "missing.png\tai\tx\ty\tdev\ntext.png\tai\tx\ty\tdev\n"
                     "refused.png\tai\tx\ty\tdev\ngood.png\treal\tx\ty\tdev\n"
                     "nan.png\treal\tx\ty\tdev\n");
    struct train_manifest *listed = photo_manifest_open(place);
    assert_int_equal(evaluate_run(&scores, listed, &scorer, &options, NULL), ST_OK);
    assert_int_equal(scores->count, 10);
    assert_int_equal(scores->failure_count, 6);
    static const struct {
        uint32_t row;
        unsigned tier;
        enum status code;
    } expected[] = {
        {0, TRAIN_TIER_COUNT, ST_NOT_FOUND}, {1, TRAIN_TIER_COUNT, ST_UNSUPPORTED},
        {2, TRAIN_T0, ST_UNSUPPORTED},       {2, TRAIN_T1, ST_UNSUPPORTED},
        {4, TRAIN_T0, ST_CORRUPT},           {4, TRAIN_T1, ST_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(scores->failures[i].row, expected[i].row);
        assert_int_equal(scores->failures[i].tier, expected[i].tier);
        assert_int_equal(scores->failures[i].code, expected[i].code);
        assert_true(strlen(scores->failures[i].message) > 5);
    }
    for (size_t i = 0; i < scores->count; i++)
        assert_int_equal(scores->scores[i].failed, scores->scores[i].row != 3);

    struct evaluate_sample *samples = NULL;
    size_t n = 0;
    assert_int_equal(evaluate_samples_of(&samples, &n, scores, listed, TRAIN_T1, NULL), ST_OK);
    assert_int_equal(n, 1);
    assert_false(samples[0].ai);
    mem_free(samples);
    evaluate_scores_close(scores);
    train_manifest_close(listed);
    arena_close(arena);
    photo_folder_remove(place);
}

static void test_an_unknown_role_names_those_there_are(void **state)
{
    struct evaluate_scorer scorer = photo_scorer(NULL);
    struct evaluate_options options = {.role = "test"};
    struct evaluate_scores *scores = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(evaluate_run(&scores, manifest, &scorer, &options, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.msg, "'test'; there are: train, dev"));
    assert_null(scores);
}

static void test_a_scorer_that_does_not_open_ends_the_run(void **state)
{
    struct evaluate_scorer scorer = photo_scorer("weights are torn");
    struct evaluate_options options = {.workers = 3};
    struct evaluate_scores *scores = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(evaluate_run(&scores, manifest, &scorer, &options, &err), ST_CORRUPT);
    assert_non_null(strstr(err.msg, "weights are torn"));
    assert_null(scores);
}

struct progress {
    size_t calls, done, total;
};

static void note_progress(void *payload, size_t done, size_t total, double seconds)
{
    struct progress *progress = payload;

    assert_true(seconds >= 0);
    progress->calls++;
    progress->done = done;
    progress->total = total;
}

static void test_progress_ends_at_the_total(void **state)
{
    struct progress progress = {0};
    struct evaluate_options options = {
        .tiers = 1, .progress = note_progress, .progress_payload = &progress};

    (void)state;
    evaluate_scores_close(run(&options));
    assert_true(progress.calls >= 1);
    assert_int_equal(progress.done, 24);
    assert_int_equal(progress.total, 24);
}

static int setup(void **state)
{
    (void)state;
    photo_folder_make(folder);
    photo_collection_make(folder);
    manifest = photo_manifest_open(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    train_manifest_close(manifest);
    photo_folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_every_row_in_every_tier),
        cmocka_unit_test(test_workers_change_nothing),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_a_sample_of_the_rows_is_seeded),
        cmocka_unit_test(test_failures_are_counted_and_named),
        cmocka_unit_test(test_an_unknown_role_names_those_there_are),
        cmocka_unit_test(test_a_scorer_that_does_not_open_ends_the_run),
        cmocka_unit_test(test_progress_ends_at_the_total),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
