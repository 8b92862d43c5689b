/* Names in expressions: what exists, what does not; and every query of a runbook. */
#include "support/unit.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "rules/rules.h"

#define RUNBOOK_MAX (64u << 10)

static void test_names_that_exist(void **state)
{
    static const char *const expressions[] = {
        "up{job=\"x\"} == 0",
        ("sum by (endpoint, le) "
         "(rate(aidetect_http_request_duration_seconds_bucket{le=\"2.5\"}[5m]))"),
        "sum(rate(aidetect_predictions_total{status=\"success\"}[1h])) by (prediction)",
        "aidetect_build_info * on (instance) group_left (version) up",
        "job:aidetect_http_errors:ratio_rate5m{@S@} > @T@ and vector(1) or absent(up)",
        "label_replace(process_open_fds, \"aidetect_none\", \"$1\", \"x\", \"(.*)\") > 1e3",
        "sum(increase(aidetect_errors_total{@S@,error_class!~\"a|\\\"b}\"}[$__rate_interval])) / 2",
        "quantile_over_time(0.5, aidetect_active_requests[1h] offset 5m)",
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expressions); i++)
        if (rules_check_expression(expressions[i], &err) != ST_OK)
            fail_msg("%s: %s", expressions[i], err.msg);
}

static void test_names_that_do_not(void **state)
{
    static const struct {
        const char *expression;
        const char *name;
    } cases[] = {
        {"aidetect_nothing > 1", "there is no metric aidetect_nothing"},
        {"rate(aidetect_predictions[5m])", "there is no metric aidetect_predictions"},
        {"sum(aidetect_active_requests_bucket)",
         "there is no metric aidetect_active_requests_bucket"},
        {"histogram_quantile(0.9, aidetect_image_size_bytes)",
         "there is no metric aidetect_image_size_bytes"},
        {"python_gc_collections_total", "there is no metric python_gc_collections_total"},
        {"up and job:aidetect:none", "there is no metric job:aidetect:none"},
        {"aidetect_predictions_total{state=\"success\"}",
         "metric aidetect_predictions_total has no label state"},
        {"aidetect_active_requests{le=\"1\"}", "metric aidetect_active_requests has no label le"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_int_equal(rules_check_expression(cases[i].expression, &err), ST_NOT_FOUND);
        assert_string_equal(err.msg, cases[i].name);
    }
}

static void test_tables_name_what_exists(void **state)
{
    struct err err = {0};

    (void)state;
    if (rules_check(&err) != ST_OK)
        fail_msg("%s", err.msg);
}

/* Any text ends; a name that is cut off is no crash. */
static void test_odd_texts(void **state)
{
    static const char *const texts[] = {"",  "{",  "{a",   "{\"",  "\"",     "\"\\", "[",
                                        "@", "@S", "up{@", "by (", "sum by", "}{",   "up{job=\"\\"};
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        (void)(rules_check_expression(texts[i], &err) == ST_OK);
}

/* The lines of ```promql blocks. */
static size_t check_runbook(const char *path)
{
    struct bytes text;
    struct err err;
    bool inside = false;
    size_t count = 0;

    assert_int_equal(fs_read(&text, path, RUNBOOK_MAX, &err), ST_OK);
    struct str rest = {(const char *)text.at, text.len};
    while (rest.len) {
        struct str line = str_trim(str_split(&rest, '\n'));
        if (str_starts(line, "```")) {
            inside = str_equal(line, "```promql");
            continue;
        }
        if (!inside)
            continue;
        char *query = mem_copy_str(line);
        if (rules_check_expression(query, &err) != ST_OK)
            fail_msg("%s: %s: %s", path, query, err.msg);
        mem_free(query);
        count++;
    }
    mem_free((void *)(uintptr_t)text.at);
    return count;
}

static void test_runbooks_ask_for_what_exists(void **state)
{
    char path[128];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < rules_alert_count; i++) {
        (void)snprintf(path, sizeof path, "docs/runbooks/%s.md", rules_alerts[i].name);
        count += check_runbook(path);
    }
    assert_true(count > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_exist),
        cmocka_unit_test(test_names_that_do_not),
        cmocka_unit_test(test_tables_name_what_exists),
        cmocka_unit_test(test_odd_texts),
        cmocka_unit_test(test_runbooks_ask_for_what_exists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
