/* rules/prometheus.c - rules and scrape configuration as YAML.
 * Owns nothing.  Thread-safe. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rules/rules_internal.h"

#define SCRAPE_MS      15000
#define SCRAPE_LEAST   1000
#define EVALUATE_LEAST 400

const struct rules_selectors rules_ours = {"job=\"" RULES_JOB_NAME "\""};

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

const char *rules_or_default(const char *text, const char *otherwise)
{
    return text && text[0] ? text : otherwise;
}

/* ---- rules ---- */

static void write_expression(struct buf *out, const char *expression,
                             const struct rules_options *options, double threshold)
{
    struct buf text;

    buf_init(&text, RULES_TEXT_MAX);
    rules_expand_expression(&text, expression, &rules_ours, options, threshold);
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

    buf_init(&expanded, RULES_TEXT_MAX);
    rules_expand_text(&expanded, text, options, alert, NULL);
    rules_yaml(out, 10, key, (const char *)expanded.at);
    buf_fini(&expanded);
}

void rules_write_links(struct buf *out, int indent, const struct rules_options *options,
                       size_t alert)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%.200s/%s.md",
                   rules_or_default(options->runbooks, "docs/runbooks"), rules_alerts[alert].name);
    rules_yaml(out, indent, "runbook_url", text);
    (void)snprintf(text, sizeof text, "%.200s/d/%s",
                   rules_or_default(options->grafana, "http://localhost:3000"),
                   rules_alerts[alert].dashboard);
    rules_yaml(out, indent, "dashboard_url", text);
}

void rules_write_labels(struct buf *out, int indent, const struct rules_alert *alert)
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
    rules_write_labels(out, 10, alert);
    buf_add_str(out, "        annotations:\n");
    write_annotation(out, "summary", alert->summary, options, i);
    write_annotation(out, "description", alert->description, options, i);
    rules_write_links(out, 10, options, i);
}

void rules_escalation_summary(char out[RULES_SUMMARY_SIZE], size_t alert, size_t escalation,
                              const struct rules_options *options)
{
    const struct rules_escalation *row = &rules_escalations[escalation];
    char after[RULES_DURATION_SIZE];

    (void)snprintf(out, RULES_SUMMARY_SIZE, "%.80s has been firing for %s: it asks for the %s",
                   rules_alerts[alert].name,
                   rules_duration_text(after, rules_escalation_ms(options, escalation)),
                   rules_person_name(row->to));
}

/* The same alert again, with the label `escalation`: who silences its name silences both. */
static void write_escalation(struct buf *out, const struct rules_options *options, size_t alert,
                             size_t escalation)
{
    const struct rules_escalation *row = &rules_escalations[escalation];
    char text[RULES_SUMMARY_SIZE], duration[RULES_DURATION_SIZE];

    buf_printf(out, "      - alert: %s\n", rules_alerts[alert].name);
    (void)snprintf(text, sizeof text,
                   "max without (alertstate) (ALERTS{alertname=\"%.80s\",alertstate=\"firing\","
                   "service=\"ai-detector\",escalation=\"\"})",
                   rules_alerts[alert].name);
    rules_yaml(out, 8, "expr", text);
    buf_printf(out, "        for: %s\n        labels:\n",
               rules_duration_text(duration, rules_escalation_ms(options, escalation)));
    rules_yaml(out, 10, "escalation", rules_person_id(row->to));
    buf_add_str(out, "        annotations:\n");
    rules_escalation_summary(text, alert, escalation, options);
    rules_yaml(out, 10, "summary", text);
    rules_yaml(out, 10, "description", rules_alerts[alert].summary);
    rules_write_links(out, 10, options, alert);
}

static void write_escalations(struct buf *out, const struct rules_options *options)
{
    buf_add_str(out, "  - name: aidetect-escalations\n    rules:\n");
    for (size_t i = 0; i < rules_alert_count; i++)
        for (size_t k = 0; k < rules_escalation_count; k++)
            if (rules_escalations[k].severity == rules_alerts[i].severity)
                write_escalation(out, options, i, k);
}

void rules_write_rules(struct buf *out, const struct rules_options *options)
{
    buf_add_str(out, RULES_MADE_BY "groups:\n");
    write_records(out, options);
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++) {
        buf_printf(out, "  - name: aidetect-%s\n    rules:\n", rules_team_id(team));
        for (size_t i = 0; i < rules_alert_count; i++)
            if (rules_alerts[i].team == team)
                write_alert(out, options, i);
    }
    write_escalations(out, options);
}

void rules_write_prometheus(struct buf *out, const struct rules_options *options)
{
    char interval[RULES_DURATION_SIZE];
    char evaluation[RULES_DURATION_SIZE];

    rules_duration_text(interval, rules_scaled_ms(options, SCRAPE_MS, SCRAPE_LEAST));
    rules_duration_text(evaluation, rules_scaled_ms(options, SCRAPE_MS, EVALUATE_LEAST));
    buf_printf(out,
               RULES_MADE_BY "global:\n"
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
    rules_yaml_scalar(out, str_of(rules_or_default(options->alertmanager, "alertmanager:9093")));
    buf_printf(out,
               "]\n"
               "scrape_configs:\n"
               "  - job_name: %s\n"
               "    static_configs:\n"
               "      - targets: [",
               RULES_JOB_NAME);
    rules_yaml_scalar(out, str_of(rules_or_default(options->target, "api:8080")));
    buf_add_str(out, "]\n");
}
