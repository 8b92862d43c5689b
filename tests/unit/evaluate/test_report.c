/* End to end without a network: synthetic photos -> tiers -> scores -> report, both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/json.h"
#include "support/synthetic_photos.h"

static char folder[PHOTO_FOLDER_SIZE];
static struct train_manifest *manifest;
static struct evaluate_scores *scores;
static struct evaluate_scores *fit;
static struct evaluate_report report;
static const struct detect_band band = {0.4, 0.7};

static struct json *report_json(void)
{
    struct buf text;
    struct json *object = NULL;

    buf_init(&text, 1 << 20);
    evaluate_report_json(&text, &report, true);
    assert_int_equal(buf_check(&text, "report", NULL), ST_OK);
    assert_int_equal(json_parse(&object, buf_bytes(&text), NULL), ST_OK);
    buf_fini(&text);
    return object;
}

static double number(const struct json *object, const char *key)
{
    double value = NAN;

    if (!json_get_number(&value, object, key))
        fail_msg("no number '%s'", key);
    return value;
}

static double at(const struct json *object, const char *key, size_t i)
{
    const struct json *array = json_get(object, key);

    assert_true(i < json_count(array));
    return json_number_or(json_at(array, i), (double)NAN);
}

static void check_tier(const struct json *tier, const struct evaluate_statistics *s)
{
    assert_true(number(tier, "n") == 11); /* 12 rows, one of which is missing */
    assert_true(fabs(number(tier, "balanced_accuracy") - s->balanced_accuracy) < 1e-9);
    assert_true(fabs(number(tier, "auc") - s->auc) < 1e-9);
    assert_true(fabs(number(tier, "precision") - s->precision) < 1e-9);
    assert_true(fabs(number(tier, "recall") - s->recall) < 1e-9);
    assert_true(fabs(number(tier, "f1") - s->f1) < 1e-9);
    assert_true(fabs(number(tier, "fpr") - s->fpr) < 1e-9);
    assert_true(fabs(number(tier, "tpr_at_fpr_1") - s->tpr_at_fpr_1) < 1e-9);
    assert_true(fabs(number(tier, "tpr_at_fpr_5") - s->tpr_at_fpr_5) < 1e-9);
    assert_true(fabs(number(tier, "ece") - s->ece) < 1e-9);
    assert_true(fabs(number(tier, "brier") - s->brier) < 1e-9);
    assert_int_equal(json_count(json_get(tier, "balanced_accuracy_ci")), 2);
    assert_true(fabs(at(tier, "balanced_accuracy_ci", 0) - s->balanced_accuracy_ci.low) < 1e-9);
    assert_true(fabs(at(tier, "auc_ci", 1) - s->auc_ci.high) < 1e-9);
    assert_true(fabs(at(tier, "auc_ci_by_source", 0) - s->auc_ci_by_source.low) < 1e-9);
    const struct json *confusion = json_get(tier, "confusion");
    assert_true(number(confusion, "tp") + number(confusion, "fp") + number(confusion, "tn") +
                    number(confusion, "fn") ==
                11);
    assert_true(number(confusion, "tp") == (double)s->confusion.tp);
}

static void test_json_has_every_figure(void **state)
{
    struct json *object = report_json();
    const struct json *tiers = json_get(object, "tiers");

    (void)state;
    assert_string_equal(json_get_str(object, "model"), "judge-1");
    assert_string_equal(json_get_str(object, "model_sha256"), "00ff");
    assert_string_equal(json_get_str(object, "role"), "dev");
    assert_string_equal(json_get_str(object, "data_sha256"), manifest->sha256);
    assert_true(number(object, "threshold") == 0.5);
    assert_true(number(object, "unsure_low") == 0.4 && number(object, "unsure_high") == 0.7);
    const struct json *decided = json_get(json_get(tiers, "T1"), "decided");
    const struct evaluate_selective *selective = &report.selective[TRAIN_T1];
    assert_true(fabs(number(decided, "coverage") - selective->coverage) < 1e-9);
    assert_true(number(decided, "coverage") > 0 && number(decided, "coverage") <= 1);
    assert_int_equal(json_count(json_get(decided, "at")), 5);
    check_tier(json_get(tiers, "T0"), &report.tiers[TRAIN_T0]);
    check_tier(json_get(tiers, "T1"), &report.tiers[TRAIN_T1]);
    assert_null(json_get(tiers, "T2"));
    json_free(object);
}

static void test_json_slices(void **state)
{
    struct json *object = report_json();
    const struct json *tier = json_get(json_get(object, "tiers"), "T1");
    const struct json *sources = json_get(tier, "per_source");
    const struct json *families = json_get(tier, "per_family");

    (void)state;
    assert_true(number(json_get(sources, "dev-shop-0"), "n") == 3);
    assert_true(number(json_get(sources, "dev-shop-1"), "n") == 3);
    assert_true(number(json_get(sources, "dev-shop-0"), "fpr") == 0);
    assert_null(json_get(sources, "dev-maker-0"));
    assert_null(json_get(sources, "train-shop-0"));
    assert_true(number(json_get(families, "maker-0"), "n") == 2);
    assert_true(number(json_get(families, "maker-2"), "n") == 1); /* photo-23 is missing */
    assert_true(number(json_get(families, "maker-1"), "recall") == 1);
    json_free(object);
}

static void test_json_failures(void **state)
{
    struct json *object = report_json();
    const struct json *failed = json_get(object, "failed");

    (void)state;
    assert_int_equal(json_count(failed), 1);
    assert_string_equal(json_get_str(json_at(failed, 0), "file"), "photo-23.png");
    assert_string_equal(json_get_str(json_at(failed, 0), "tier"), "all");
    assert_string_equal(json_get_str(json_at(failed, 0), "error"), "not_found");
    json_free(object);
}

static void test_json_controls(void **state)
{
    struct json *object = report_json();
    const struct json *controls = json_get(object, "controls");
    const struct json *metadata = json_get(controls, "metadata");

    (void)state;
    assert_string_equal(json_get_str(controls, "tier"), "T1");
    assert_true(number(json_get(controls, "shuffled_labels"), "shuffles") == EVALUATE_PERMUTATIONS);
    assert_string_equal(json_get_str(metadata, "fit_role"), "train");
    assert_true(number(metadata, "fit_n") == 12);
    assert_true(number(json_get(metadata, "file"), "n") == 11);
    /* noisy against smooth: bytes a pixel tell the classes of this collection apart */
    assert_true(number(json_get(metadata, "texture"), "auc") == 1);
    json_free(object);
}

static void test_text_has_aligned_rows(void **state)
{
    struct buf text;
    static const char *const parts[] = {"judge-1",
                                        "role dev: 12 photos, 6 real, 6 AI-generated",
                                        "threshold  0.5",
                                        "JPEG q80",
                                        "dev-shop-1",
                                        "maker-2",
                                        "labels shuffled",
                                        "metadata only, texture",
                                        "1 failed and are not in the figures",
                                        "photo-23.png, tier all: cannot open"};

    (void)state;
    buf_init(&text, 1 << 20);
    evaluate_report_text(&text, &report);
    buf_add(&text, "", 1);
    assert_int_equal(buf_check(&text, "report", NULL), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!strstr((const char *)text.at, parts[i]))
            fail_msg("'%s' is not in\n%s", parts[i], (const char *)text.at);
    const char *t0 = strstr((const char *)text.at, "\nT0 ");
    const char *t1 = strstr((const char *)text.at, "\nT1 ");
    assert_non_null(t0);
    assert_non_null(t1);
    assert_int_equal(strcspn(t0 + 1, "\n"), strcspn(t1 + 1, "\n"));
    buf_fini(&text);
}

static void test_scores_as_a_table(void **state)
{
    struct buf text;
    struct str rest;
    size_t lines = 0;
    size_t failed = 0;

    (void)state;
    buf_init(&text, 1 << 20);
    evaluate_scores_tsv(&text, scores, manifest);
    rest = buf_str(&text);
    assert_true(
        str_starts(rest, "file\tlabel\tsource\tfamily\ttier\tprobability\tlogit\tembedding\n"));
    while (rest.len) {
        struct str line = str_split(&rest, '\n');
        struct str field = {0};
        size_t fields = 0;
        for (; line.len || !fields; fields++)
            field = str_split(&line, '\t');
        assert_int_equal(fields, 8);
        failed += str_equal(field, "-");
        lines++;
    }
    assert_int_equal(lines, 1 + 24);
    assert_int_equal(failed, 2);
    buf_fini(&text);
}

static void test_a_tier_without_scores_is_an_error(void **state)
{
    struct evaluate_report none = {.threshold = 42};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < scores->count; i++)
        scores->scores[i].failed |= scores->scores[i].tier == TRAIN_T1;
    assert_int_equal(evaluate_report_init(&none, scores, manifest, 0.5, band, 1, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "tier T1"));
    assert_true(none.threshold == 42);
}

static enum status run(struct evaluate_scores **out, const char *role, unsigned tiers)
{
    struct evaluate_scorer scorer = photo_scorer(NULL);
    struct evaluate_options options = {
        .role = role, .tiers = tiers, .workers = 2, .features = true};

    return evaluate_run(out, manifest, &scorer, &options, NULL);
}

static int setup(void **state)
{
    char path[256];

    (void)state;
    photo_folder_make(folder);
    photo_collection_make(folder);
    (void)snprintf(path, sizeof path, "%s/photo-23.png", folder);
    (void)unlink(path);
    manifest = photo_manifest_open(folder);
    if (run(&scores, "dev", 0x3) != ST_OK || run(&fit, "train", 1u << TRAIN_T1) != ST_OK ||
        evaluate_report_init(&report, scores, manifest, 0.5, band, 1, NULL) != ST_OK ||
        evaluate_controls(&report.controls, scores, fit, "train", manifest, TRAIN_T1, 1, NULL) !=
            ST_OK)
        return -1;
    report.has_controls = true;
    report.model = "judge-1";
    report.model_sha256 = "00ff";
    report.role = "dev";
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    evaluate_report_fini(&report);
    evaluate_scores_close(scores);
    evaluate_scores_close(fit);
    train_manifest_close(manifest);
    photo_folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_has_every_figure),
        cmocka_unit_test(test_json_slices),
        cmocka_unit_test(test_json_failures),
        cmocka_unit_test(test_json_controls),
        cmocka_unit_test(test_text_has_aligned_rows),
        cmocka_unit_test(test_scores_as_a_table),
        cmocka_unit_test(test_a_tier_without_scores_is_an_error),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
