/* The tables themselves, durations, changes of thresholds, and what a scale does to a rule. */
#include "support/unit.h"

#include <math.h>

#include "rules/rules.h"

#define TEXT_MAX (1u << 20)

/* What the ownership table of the playbook says, and what was added to it. */
static void test_owners(void **state)
{
    static const struct {
        const char *name;
        enum rules_team team;
        enum rules_severity severity;
    } owned[] = {
        {"HighErrorRate", RULES_BACKEND, RULES_P2},
        {"HighLatency", RULES_BACKEND, RULES_P3},
        {"HighRateLimiting", RULES_BACKEND, RULES_P3},
        {"DriftDetected", RULES_ML, RULES_P3},
        {"DriftCritical", RULES_ML, RULES_P2},
        {"ModelNotLoaded", RULES_ML, RULES_P1},
        {"HighPredictionErrorRate", RULES_ML, RULES_P2},
        {"ServiceDown", RULES_INFRASTRUCTURE, RULES_P1},
        {"HighMemoryUsage", RULES_INFRASTRUCTURE, RULES_P3},
        {"HighCPUUsage", RULES_INFRASTRUCTURE, RULES_P3},
        {"HighFileDescriptorUsage", RULES_INFRASTRUCTURE, RULES_P3},
        {"MemoryLeakSuspected", RULES_INFRASTRUCTURE, RULES_P3},
        {"DriftWarning", RULES_ML, RULES_P4},
        {"AvailabilityBudgetBurnFast", RULES_BACKEND, RULES_P2},
        {"LatencyBudgetBurnSlow", RULES_BACKEND, RULES_P3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
        bool found = false;
        for (size_t k = 0; k < rules_alert_count; k++) {
            if (strcmp(rules_alerts[k].name, owned[i].name) != 0)
                continue;
            found = true;
            assert_int_equal(rules_alerts[k].team, owned[i].team);
            assert_int_equal(rules_alerts[k].severity, owned[i].severity);
        }
        if (!found)
            fail_msg("there is no alert %s", owned[i].name);
    }
}

static void test_every_dashboard_exists(void **state)
{
    (void)state;
    for (size_t i = 0; i < rules_alert_count; i++) {
        bool found = false;
        for (size_t k = 0; k < rules_dashboard_count; k++)
            found = found || strcmp(rules_dashboard_uid(k), rules_alerts[i].dashboard) == 0;
        if (!found)
            fail_msg("%s names dashboard %s", rules_alerts[i].name, rules_alerts[i].dashboard);
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } cases[] = {{"0s", 0},      {"90s", 90000},    {"5m", 300000},    {"1h30m", 5400000},
                 {"250ms", 250}, {"3d", 259200000}, {"1w", 604800000}, {"", -1},
                 {"5", -1},      {"m", -1},         {"5 m", -1},       {"-5m", -1},
                 {"5mm", -1},    {"1000001s", -1},  {"5x", -1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        bool good = rules_parse_duration(&ms, str_of(cases[i].text));
        if (good != (cases[i].ms >= 0) || ms != cases[i].ms)
            fail_msg("'%s' is %lld", cases[i].text, (long long)ms);
    }
}

static bool rules_contain(const struct rules_options *options, const char *text)
{
    struct buf rules;

    buf_init(&rules, TEXT_MAX);
    rules_write_rules(&rules, options);
    bool found = strstr((const char *)rules.at, text) != NULL;
    buf_fini(&rules);
    return found;
}

static void test_changes(void **state)
{
    struct rules_options options = {0};
    struct err err;

    (void)state;
    assert_true(rules_contain(&options, "p95_rate5m{job=\\\"ai-detector-api\\\"} > 2\""));
    assert_true(rules_contain(&options, "the limit is 2s."));
    assert_int_equal(rules_change(&options, "HighLatency.threshold=3.5", &err), ST_OK);
    assert_int_equal(rules_change(&options, "HighLatency.for=42s", &err), ST_OK);
    assert_true(rules_contain(&options, "p95_rate5m{job=\\\"ai-detector-api\\\"} > 3.5\""));
    assert_true(rules_contain(&options, "took over {{ $value | humanizeDuration }} for 42s; "
                                        "the limit is 3.5s."));
    assert_true(rules_contain(&options, "for: 42s"));
}

static void test_bad_changes(void **state)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {{"Nothing.for=5m", ST_NOT_FOUND},      {"", ST_NOT_FOUND},
                 {"HighLatency.until=5m", ST_INVALID},  {"HighLatency=5", ST_INVALID},
                 {"HighLatency.for=5", ST_INVALID},     {"HighLatency.threshold=x", ST_INVALID},
                 {"HighLatency.threshold=", ST_INVALID}};
    struct rules_options options = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_int_equal(rules_change(&options, cases[i].text, &err), cases[i].status);
        assert_true(err.msg[0] != '\0');
    }
    assert_int_equal(options.change_count, 0);
}

static void test_scale(void **state)
{
    const struct rules_options options = {.time_scale = 0.01};

    (void)state;
    assert_true(rules_contain(&options, "[5s]"));       /* 5m: never less */
    assert_true(rules_contain(&options, "[18s]"));      /* 30m */
    assert_true(rules_contain(&options, "[2592s]"));    /* 3d */
    assert_true(rules_contain(&options, "for: 600ms")); /* 1m */
    assert_false(rules_contain(&options, "[5m]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners),      cmocka_unit_test(test_every_dashboard_exists),
        cmocka_unit_test(test_durations),   cmocka_unit_test(test_changes),
        cmocka_unit_test(test_bad_changes), cmocka_unit_test(test_scale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
