/* rules/prometheus.c - rules, scrape configuration and routing as YAML.
 * Owns nothing.  Thread-safe. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rules/rules_internal.h"

#define MADE_BY        "# Made by `aidetect rules` from src/service/alerts.def: do not edit.\n"
#define TEXT_MAX       (1u << 16)
#define SCRAPE_MS      15000
#define SCRAPE_LEAST   1000
#define EVALUATE_LEAST 400
#define WAIT_MS        30000
#define WAIT_LEAST     100

static const struct rules_selectors ours = {"job=\"" RULES_JOB_NAME "\""};

/* ---- YAML ---- */

void rules_yaml_scalar(struct buf *out, struct str value)
{
    buf_add(out, "\"", 1);
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            buf_add(out, "\\", 1);
        buf_add(out, value.at + i, 1);
    }
    buf_add(out, "\"", 1);
}

void rules_yaml(struct buf *out, int indent, const char *key, const char *value)
{
    buf_printf(out, "%*s%s: ", indent, "", key);
    rules_yaml_scalar(out, str_of(value));
    buf_add(out, "\n", 1);
}

static const char *or_default(const char *text, const char *otherwise)
{
    return text && text[0] ? text : otherwise;
}

/* ---- rules ---- */

static void write_expression(struct buf *out, const char *expression,
                             const struct rules_options *options, double threshold)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    rules_expand_expression(&text, expression, &ours, options, threshold);
    rules_yaml(out, 8, "expr", (const char *)text.at);
    buf_fini(&text);
}

static void write_records(struct buf *out, const struct rules_options *options)
{
    buf_add_str(out, "  - name: aidetect-records\n    rules:\n");
    for (size_t i = 0; i < rules_record_count; i++) {
        buf_printf(out, "      - record: %s\n", rules_records[i].name);
        write_expression(out, rules_records[i].expression, options, NAN);
    }
}

static void write_annotation(struct buf *out, const char *key, const char *text,
                             const struct rules_options *options, size_t alert)
{
    struct buf expanded;

    buf_init(&expanded, TEXT_MAX);
    rules_expand_text(&expanded, text, options, alert, NULL);
    rules_yaml(out, 10, key, (const char *)expanded.at);
    buf_fini(&expanded);
}

static void write_links(struct buf *out, int indent, const struct rules_options *options,
                        size_t alert)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%.200s/%s.md",
                   or_default(options->runbooks, "docs/runbooks"), rules_alerts[alert].name);
    rules_yaml(out, indent, "runbook_url", text);
    (void)snprintf(text, sizeof text, "%.200s/d/%s",
                   or_default(options->grafana, "http://localhost:3000"),
                   rules_alerts[alert].dashboard);
    rules_yaml(out, indent, "dashboard_url", text);
}

static void write_labels(struct buf *out, int indent, const struct rules_alert *alert)
{
    rules_yaml(out, indent, "severity", rules_severity(alert->severity)->label);
    rules_yaml(out, indent, "priority", rules_severity_id(alert->severity));
    rules_yaml(out, indent, "team", rules_team_id(alert->team));
    rules_yaml(out, indent, "service", "ai-detector");
}

static void write_alert(struct buf *out, const struct rules_options *options, size_t i)
{
    const struct rules_alert *alert = &rules_alerts[i];
    char duration[RULES_DURATION_SIZE];

    buf_printf(out, "      - alert: %s\n", alert->name);
    write_expression(out, alert->expression, options, rules_alert_threshold(options, i));
    buf_printf(out, "        for: %s\n",
               rules_duration_text(duration, rules_alert_duration_ms(options, i)));
    buf_add_str(out, "        labels:\n");
    write_labels(out, 10, alert);
    buf_add_str(out, "        annotations:\n");
    write_annotation(out, "summary", alert->summary, options, i);
    write_annotation(out, "description", alert->description, options, i);
    write_links(out, 10, options, i);
}

void rules_write_rules(struct buf *out, const struct rules_options *options)
{
    buf_add_str(out, MADE_BY "groups:\n");
    write_records(out, options);
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++) {
        buf_printf(out, "  - name: aidetect-%s\n    rules:\n", rules_team_id(team));
        for (size_t i = 0; i < rules_alert_count; i++)
            if (rules_alerts[i].team == team)
                write_alert(out, options, i);
    }
}

void rules_write_prometheus(struct buf *out, const struct rules_options *options)
{
    char interval[RULES_DURATION_SIZE];
    char evaluation[RULES_DURATION_SIZE];

    rules_duration_text(interval, rules_scaled_ms(options, SCRAPE_MS, SCRAPE_LEAST));
    rules_duration_text(evaluation, rules_scaled_ms(options, SCRAPE_MS, EVALUATE_LEAST));
    buf_printf(out,
               MADE_BY "global:\n"
                       "  scrape_interval: %s\n"
                       "  scrape_timeout: %s\n"
                       "  evaluation_interval: %s\n"
                       "rule_files:\n"
                       "  - rules/*.yml\n"
                       "alerting:\n"
                       "  alertmanagers:\n"
                       "    - static_configs:\n"
                       "        - targets: [",
               interval, interval, evaluation);
    rules_yaml_scalar(out, str_of(or_default(options->alertmanager, "alertmanager:9093")));
    buf_printf(out,
               "]\n"
               "scrape_configs:\n"
               "  - job_name: %s\n"
               "    static_configs:\n"
               "      - targets: [",
               RULES_JOB_NAME);
    rules_yaml_scalar(out, str_of(or_default(options->target, "api:8080")));
    buf_add_str(out, "]\n");
}

/* ---- tests ---- */

struct test {
    struct buf *out;
    size_t alert;
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

    buf_init(&text, TEXT_MAX);
    rules_expand_expression(&text, input->series, &ours, &as_is, NAN);
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

static void write_expected(const struct test *test, const char *instance)
{
    static const struct rules_options as_is = {0};
    const struct rules_alert *alert = &rules_alerts[test->alert];
    struct buf *out = test->out;
    struct buf text;

    buf_add_str(out, "        exp_alerts:\n          - exp_labels:\n");
    rules_yaml(out, 14, "job", RULES_JOB_NAME);
    if (alert->scope == RULES_INSTANCE)
        rules_yaml(out, 14, "instance", instance);
    write_labels(out, 14, alert);
    buf_add_str(out, "            exp_annotations:\n");
    rules_yaml(out, 14, "summary", alert->summary);
    buf_init(&text, TEXT_MAX);
    rules_expand_text(&text, alert->description, &as_is, test->alert, alert->value);
    const char *label = strstr((const char *)text.at, "{{ $labels.instance }}");
    if (label) {
        struct buf filled;
        buf_init(&filled, TEXT_MAX);
        buf_add(&filled, text.at, (size_t)(label - (const char *)text.at));
        buf_add_str(&filled, instance);
        buf_add_str(&filled, label + strlen("{{ $labels.instance }}"));
        rules_yaml(out, 14, "description", (const char *)filled.at);
        buf_fini(&filled);
    } else {
        rules_yaml(out, 14, "description", (const char *)text.at);
    }
    buf_fini(&text);
    write_links(out, 14, &as_is, test->alert);
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
        if (strcmp(rules_inputs[i].alert, rules_alerts[test->alert].name) == 0)
            write_series(test, &rules_inputs[i], bad_minutes);
    buf_add_str(test->out, "    alert_rule_test:\n");
}

static bool has_inputs(const char *alert)
{
    for (size_t i = 0; i < rules_input_count; i++)
        if (strcmp(rules_inputs[i].alert, alert) == 0)
            return true;
    return false;
}

void rules_write_test(struct buf *out, size_t i)
{
    const struct rules_alert *alert = &rules_alerts[i];
    bool absence_counts = strstr(alert->expression, "absent(") != NULL;
    bool always = !has_inputs(alert->name);
    struct test test = {.out = out, .alert = i, .duration_minutes = minutes_of(alert->duration)};

    test.bad_minutes = test.duration_minutes + 10;
    test.good_minutes = (always ? 0 : minutes_of(alert->clear)) + 10;
    buf_add_str(out, MADE_BY "rule_files:\n  - ../rules/aidetect.yml\n"
                             "group_eval_order:\n  - aidetect-records\n");
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++)
        buf_printf(out, "  - aidetect-%s\n", rules_team_id(team));
    /* Hours are passed in larger steps. */
    buf_printf(out, "evaluation_interval: %dm\ntests:\n", test.good_minutes > 120 ? 5 : 1);
    if (!always) {
        write_case(&test, "fires, then resolves", test.bad_minutes, true);
        write_moment(&test, test.duration_minutes / 2, NULL);
        write_moment(&test, test.bad_minutes, "api:8080");
        write_moment(&test, test.bad_minutes + minutes_of(alert->clear), NULL);
        write_case(&test, "does not fire", 0, true);
        write_moment(&test, test.duration_minutes + 5, NULL);
        write_moment(&test, test.good_minutes, NULL);
    }
    write_case(&test, "no data", 0, false);
    write_moment(&test, test.bad_minutes, always || absence_counts ? "all instances" : NULL);
}

/* ---- Alertmanager ---- */

static void write_receiver(struct buf *out, const char *name, const char *url)
{
    rules_yaml(out, 2, "- name", name);
    buf_add_str(out, "    webhook_configs:\n");
    rules_yaml(out, 6, "- url", url);
    buf_add_str(out, "        send_resolved: true\n");
}

/* People are asked again as often as the severity has to be responded to. */
static void write_route(struct buf *out, const struct rules_options *options, enum rules_team team,
                        enum rules_severity severity)
{
    const struct rules_severity_row *row = rules_severity(severity);
    char text[64];
    char wait[RULES_DURATION_SIZE];
    char repeat[RULES_DURATION_SIZE];
    int64_t response_ms = 0;

    REQUIRE(rules_parse_duration(&response_ms, str_of(row->response)));
    (void)snprintf(text, sizeof text, "%s-%s", rules_team_id(team), rules_severity_id(severity));
    buf_printf(out, "    - matchers: ['team=\"%s\"', 'priority=\"%s\"']\n", rules_team_id(team),
               rules_severity_id(severity));
    rules_yaml(out, 6, "receiver", text);
    buf_printf(out, "      group_wait: %s\n      repeat_interval: %s\n",
               rules_duration_text(
                   wait, rules_scaled_ms(options, severity == RULES_P1 ? 0 : WAIT_MS, WAIT_LEAST)),
               rules_duration_text(repeat, response_ms));
}

static void write_inhibitions(struct buf *out)
{
    buf_add_str(out, "inhibit_rules:\n");
    for (size_t i = 0; i < rules_inhibition_count; i++)
        buf_printf(out,
                   "  - source_matchers: ['alertname=\"%s\"']\n"
                   "    target_matchers: ['alertname=~\"%s\"']\n"
                   "    equal: [job]\n",
                   rules_inhibitions[i].source, rules_inhibitions[i].targets);
}

static void write_receivers(struct buf *out, const char *url)
{
    char name[64];

    buf_add_str(out, "receivers:\n");
    write_receiver(out, "unowned", url);
    write_receiver(out, "watchdog", url);
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++) {
        for (enum rules_severity severity = 0; severity < RULES_SEVERITY_COUNT; severity++) {
            const struct rules_severity_row *row = rules_severity(severity);
            buf_printf(out, "  # %s; after 30 minutes: %s; after 2 hours: %s\n", row->first,
                       row->after_30_minutes, row->after_2_hours);
            (void)snprintf(name, sizeof name, "%s-%s", rules_team_id(team),
                           rules_severity_id(severity));
            write_receiver(out, name, url);
        }
    }
}

void rules_write_alertmanager(struct buf *out, const struct rules_options *options)
{
    char interval[RULES_DURATION_SIZE];

    rules_duration_text(interval, rules_scaled_ms(options, WAIT_MS, WAIT_LEAST));
    buf_printf(out,
               MADE_BY
               "# Alertmanager cannot acknowledge or escalate: who is asked next, and when, "
               "stands beside each\n"
               "# receiver, and is for the system behind the webhook.\n"
               "route:\n"
               "  receiver: unowned\n"
               "  group_by: [job, team, priority]\n"
               "  group_wait: %s\n"
               "  group_interval: %s\n"
               "  repeat_interval: 4h\n"
               "  routes:\n"
               "    - matchers: ['alertname=\"Watchdog\"']\n"
               "      receiver: watchdog\n"
               "      group_by: [alertname]\n"
               "      group_wait: %s\n"
               "      repeat_interval: 5m\n",
               interval, interval, interval);
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++)
        for (enum rules_severity severity = 0; severity < RULES_SEVERITY_COUNT; severity++)
            write_route(out, options, team, severity);
    write_inhibitions(out);
    write_receivers(out, or_default(options->webhook, "http://incidents:8080/alerts"));
}
