/* rules/ownership.c - for people: who owns which alert, who is asked when, what is measured.
 * Owns nothing.  Thread-safe. */
#include <stdio.h>
#include <string.h>

#include "rules/rules_internal.h"
#include "service/service.h"

/* "team lead, second engineer after 30m; engineering manager after 2h" */
static void write_later(struct buf *out, enum rules_severity severity)
{
    const char *after = NULL;

    for (size_t i = 0; i < rules_escalation_count; i++) {
        const struct rules_escalation *row = &rules_escalations[i];
        if (row->severity != severity)
            continue;
        if (after && strcmp(after, row->after) != 0)
            buf_printf(out, " after %s; ", after);
        else if (after)
            buf_add_str(out, ", ");
        buf_add_str(out, rules_person_name(row->to));
        if (row->when == RULES_BUSINESS_DAYS)
            buf_add_str(out, " (business days, 9 to 17 UTC)");
        after = row->after;
    }
    if (after)
        buf_printf(out, " after %s", after);
    else
        buf_add_str(out, "nobody");
}

static void write_severities(struct buf *out)
{
    buf_add_str(out, "## Severities and escalation\n\n"
                     "| severity | name | label | response within | first | while it fires on |\n"
                     "|---|---|---|---|---|---|\n");
    for (enum rules_severity i = 0; i < RULES_SEVERITY_COUNT; i++) {
        const struct rules_severity_row *row = rules_severity(i);
        buf_printf(out, "| **%s** | %s | `%s` | %s | %s | ", rules_severity_id(i), row->name,
                   row->label, row->response, row->first);
        write_later(out, i);
        buf_add_str(out, " |\n");
    }
}

static void write_teams(struct buf *out)
{
    buf_add_str(out, "\n## Owners\n\n| team | label | alerts |\n|---|---|---|\n");
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++) {
        const char *separator = "";
        buf_printf(out, "| **%s** | `%s` | ", rules_team_name(team), rules_team_id(team));
        for (size_t i = 0; i < rules_alert_count; i++) {
            if (rules_alerts[i].team != team)
                continue;
            buf_printf(out, "%s%s", separator, rules_alerts[i].name);
            separator = ", ";
        }
        buf_add_str(out, " |\n");
    }
}

static void write_alerts(struct buf *out)
{
    buf_add_str(out, "\n## Alerts\n\n| alert | severity | fires when | for | dashboard |\n"
                     "|---|---|---|---|---|\n");
    for (size_t i = 0; i < rules_alert_count; i++) {
        const struct rules_alert *alert = &rules_alerts[i];
        buf_printf(out, "| [%s](runbooks/%s.md) | %s | %s | %s | `%s` |\n", alert->name,
                   alert->name, rules_severity_id(alert->severity), alert->summary, alert->duration,
                   alert->dashboard);
    }
}

void rules_write_ownership(struct buf *out)
{
    buf_add_str(out,
                "# Alerts\n\nMade by `aidetect ownership` from `src/service/alerts.def`; "
                "`aidetect rules` makes the rules of Prometheus, their tests and the routing of "
                "Alertmanager from the same rows (`docs/MONITORING.md`).\n\n");
    write_severities(out);
    write_teams(out);
    write_alerts(out);
    buf_add_str(out,
                "\n## What silences what\n\n| while this fires | these are silent |\n|---|---|\n");
    for (size_t i = 0; i < rules_inhibition_count; i++) {
        buf_printf(out, "| %s | ", rules_inhibitions[i].source);
        for (const char *at = rules_inhibitions[i].targets; *at; at++)
            buf_add_str(out, *at == '|' ? ", " : (const char[]){*at, '\0'});
        buf_add_str(out, " |\n");
    }
}

void rules_write_metrics(struct buf *out)
{
    buf_add_str(out, "# Metrics\n\nMade by `aidetect ownership` from `src/service/metrics.def`. "
                     "`GET /metrics` answers Prometheus text 0.0.4, or OpenMetrics 1.0 with the "
                     "traces of slow requests to those who ask for it. Every label has a closed "
                     "set of values.\n\n| metric | type | labels | meaning | look at it for |\n"
                     "|---|---|---|---|---|\n");
    for (size_t i = 0; i < service_metric_count; i++) {
        struct service_metric metric;
        service_metric_at(&metric, i);
        buf_printf(out, "| `%s` | %s | ", metric.name, metric.type);
        for (size_t k = 0; k < ARRAY_LEN(metric.labels) && metric.labels[k]; k++)
            buf_printf(out, "%s`%s`", k ? ", " : "", metric.labels[k]);
        buf_printf(out, " | %s | %s |\n", metric.help, metric.hint);
    }
}
