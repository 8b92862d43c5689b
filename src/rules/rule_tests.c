/* rules/rule_tests.c - a test of each alert for `promtool test rules`: not yet, fires, resolves,
 * does not fire, no data, escalates. Owns nothing.  Thread-safe. */
#include <math.h>
#include <string.h>

#include "rules/rules_internal.h"

struct test {
    struct buf *out;
    size_t alert;
    const char *inputs, *value; /* of this way to fire */
    int64_t bad_minutes, good_minutes, duration_minutes;
};

static int64_t minutes_of(const char *duration)
{
    int64_t ms = 0;

    REQUIRE(rules_parse_duration(&ms, str_of(duration)));
    return ms / 60000;
}

/* Minutes at `bad` (left out when 0 minutes), then minutes at `good`, then nothing. */
static void write_series(const struct test *test, const struct rules_input *input,
                         int64_t bad_minutes)
{
    static const struct rules_options as_is = {0};
    struct buf text;
    double end = 0;

    buf_init(&text, RULES_TEXT_MAX);
    rules_expand_expression(&text, input->series, &rules_ours, &as_is, NAN);
    rules_yaml(test->out, 6, "- series", (const char *)text.at);
    buf_reset(&text);
    if (input->shape == RULES_GAUGE) {
        if (bad_minutes)
            buf_printf(&text, "%.10g+0x%lld ", input->bad, (long long)bad_minutes);
        buf_printf(&text, "%.10g+0x%lld", input->good, (long long)test->good_minutes);
    } else {
        if (bad_minutes) {
            buf_printf(&text, "0+%.10gx%lld ", input->bad, (long long)bad_minutes);
            end = input->bad * (double)bad_minutes + input->good;
        }
        buf_printf(&text, "%.10g+%.10gx%lld", end, input->good, (long long)test->good_minutes);
    }
    rules_yaml(test->out, 8, "values", (const char *)text.at);
    buf_fini(&text);
}

static void write_expected_labels(const struct test *test, const char *instance)
{
    const struct rules_alert *alert = &rules_alerts[test->alert];

    buf_add_str(test->out, "          - exp_labels:\n");
    rules_yaml(test->out, 14, "job", RULES_JOB_NAME);
    if (alert->scope == RULES_INSTANCE)
        rules_yaml(test->out, 14, "instance", instance);
    rules_write_labels(test->out, 14, alert);
}

static void write_expected(const struct test *test, const char *instance)
{
    static const struct rules_options as_is = {0};
    const struct rules_alert *alert = &rules_alerts[test->alert];
    struct buf *out = test->out;
    struct buf text;

    buf_add_str(out, "        exp_alerts:\n");
    write_expected_labels(test, instance);
    buf_add_str(out, "            exp_annotations:\n");
    rules_yaml(out, 14, "summary", alert->summary);
    buf_init(&text, RULES_TEXT_MAX);
    rules_expand_text(&text, alert->description, &as_is, test->alert, test->value);
    const char *label = strstr((const char *)text.at, "{{ $labels.instance }}");
    if (label) {
        struct buf filled;
        buf_init(&filled, RULES_TEXT_MAX);
        buf_add(&filled, text.at, (size_t)(label - (const char *)text.at));
        buf_add_str(&filled, instance);
        buf_add_str(&filled, label + strlen("{{ $labels.instance }}"));
        rules_yaml(out, 14, "description", (const char *)filled.at);
        buf_fini(&filled);
    } else {
        rules_yaml(out, 14, "description", (const char *)text.at);
    }
    buf_fini(&text);
    rules_write_links(out, 14, &as_is, test->alert);
}

static void write_expected_escalation(const struct test *test, size_t escalation,
                                      const char *instance)
{
    static const struct rules_options as_is = {0};
    char text[RULES_SUMMARY_SIZE];

    write_expected_labels(test, instance);
    rules_yaml(test->out, 14, "escalation", rules_person_id(rules_escalations[escalation].to));
    buf_add_str(test->out, "            exp_annotations:\n");
    rules_escalation_summary(text, test->alert, escalation, &as_is);
    rules_yaml(test->out, 14, "summary", text);
    rules_yaml(test->out, 14, "description", rules_alerts[test->alert].summary);
    rules_write_links(test->out, 14, &as_is, test->alert);
}

/* instance NULL: it must not fire then. */
static void write_moment(const struct test *test, int64_t minute, const char *instance)
{
    buf_printf(test->out, "      - eval_time: %lldm\n        alertname: %s\n", (long long)minute,
               rules_alerts[test->alert].name);
    if (instance)
        write_expected(test, instance);
    else
        buf_add_str(test->out, "        exp_alerts: []\n");
}

static void write_case(const struct test *test, const char *name, int64_t bad_minutes,
                       bool with_data)
{
    buf_printf(test->out, "  - name: %s\n    interval: 1m\n    input_series:%s\n", name,
               with_data ? "" : " []");
    for (size_t i = 0; with_data && i < rules_input_count; i++)
        if (strcmp(rules_inputs[i].alert, test->inputs) == 0)
            write_series(test, &rules_inputs[i], bad_minutes);
    buf_add_str(test->out, "    alert_rule_test:\n");
}

static void write_head(struct buf *out, int step_minutes)
{
    buf_add_str(out, RULES_MADE_BY "rule_files:\n  - ../rules/aidetect.yml\n"
                                   "group_eval_order:\n  - aidetect-records\n");
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++)
        buf_printf(out, "  - aidetect-%s\n", rules_team_id(team));
    buf_printf(out, "  - aidetect-escalations\nevaluation_interval: %dm\ntests:\n", step_minutes);
}

static bool has_inputs(const char *alert)
{
    for (size_t i = 0; i < rules_input_count; i++)
        if (strcmp(rules_inputs[i].alert, alert) == 0)
            return true;
    return false;
}

static void write_firing_case(const struct test *test, const char *name)
{
    write_case(test, name, test->bad_minutes, true);
    write_moment(test, test->duration_minutes / 2, NULL);
    write_moment(test, test->bad_minutes, "api:8080");
    write_moment(test, test->bad_minutes + minutes_of(rules_alerts[test->alert].clear), NULL);
}

void rules_write_test(struct buf *out, size_t i)
{
    const struct rules_alert *alert = &rules_alerts[i];
    bool absence_counts = strstr(alert->expression, "absent(") != NULL;
    bool always = !has_inputs(alert->name);
    struct test test = {.out = out,
                        .alert = i,
                        .inputs = alert->name,
                        .value = alert->value,
                        .duration_minutes = minutes_of(alert->duration)};

    test.bad_minutes = test.duration_minutes + 10;
    test.good_minutes = (always ? 0 : minutes_of(alert->clear)) + 10;
    /* Hours are passed in larger steps. */
    write_head(out, test.good_minutes > 120 ? 5 : 1);
    if (!always) {
        write_firing_case(&test, "fires, then resolves");
        for (size_t k = 0; k < rules_other_way_count; k++) {
            struct test other = test;
            other.inputs = rules_other_ways[k].inputs;
            other.value = rules_other_ways[k].value;
            if (strcmp(rules_other_ways[k].alert, alert->name) == 0)
                write_firing_case(&other, other.inputs);
        }
        write_case(&test, "does not fire", 0, true);
        write_moment(&test, test.duration_minutes + 5, NULL);
        write_moment(&test, test.good_minutes, NULL);
    }
    write_case(&test, "no data", 0, false);
    write_moment(&test, test.bad_minutes, always || absence_counts ? "all instances" : NULL);
}

/* Just before each escalation and just after it: who is asked by then. */
static void write_escalation_case(const struct test *test)
{
    const struct rules_alert *alert = &rules_alerts[test->alert];
    int64_t last_minutes = 0;

    for (size_t k = 0; k < rules_escalation_count; k++)
        if (rules_escalations[k].severity == alert->severity)
            last_minutes = MAX_OF(last_minutes, minutes_of(rules_escalations[k].after));
    if (!last_minutes)
        return;
    write_case(test, alert->name, test->bad_minutes + last_minutes + 10, true);
    for (size_t k = 0; k < rules_escalation_count; k++) {
        if (rules_escalations[k].severity != alert->severity)
            continue;
        int64_t due = test->duration_minutes + minutes_of(rules_escalations[k].after);
        for (int64_t minute = due - 5; minute <= due + 10; minute += 15) {
            write_moment(test, minute, "api:8080");
            for (size_t other = 0; other < rules_escalation_count; other++)
                if (rules_escalations[other].severity == alert->severity &&
                    test->duration_minutes + minutes_of(rules_escalations[other].after) < minute)
                    write_expected_escalation(test, other, "api:8080");
        }
    }
}

void rules_write_escalation_test(struct buf *out)
{
    write_head(out, 5);
    for (size_t i = 0; i < rules_alert_count; i++) {
        const struct rules_alert *alert = &rules_alerts[i];
        int64_t duration_minutes = minutes_of(alert->duration);
        const struct test test = {.out = out,
                                  .alert = i,
                                  .inputs = alert->name,
                                  .value = alert->value,
                                  .bad_minutes = duration_minutes + 10,
                                  .good_minutes = 1,
                                  .duration_minutes = duration_minutes};
        if (has_inputs(alert->name))
            write_escalation_case(&test);
    }
}
