/* rules/rules.h - what other systems are told about us, made from the tables of service/: rules,
 * their tests and routing for Prometheus and Alertmanager, dashboards for Grafana, who owns what.
 * Pure: texts into buffers, no file, no clock, no network.  Thread-safe. */
#pragma once

#include "base/buf.h"

enum rules_team { RULES_BACKEND, RULES_ML, RULES_INFRASTRUCTURE, RULES_TEAM_COUNT };
enum rules_severity { RULES_P1, RULES_P2, RULES_P3, RULES_P4, RULES_SEVERITY_COUNT };
enum rules_kind {
    RULES_SHARE,
    RULES_SECONDS,
    RULES_NUMBER,
    RULES_BYTES_A_SECOND,
    RULES_KIND_COUNT
};
enum rules_scope { RULES_JOB, RULES_INSTANCE }; /* labels of the alert: job, and instance */

/* Rows of service/alerts.def, which says what the members mean. */
struct rules_severity_row {
    const char *label; /* of Prometheus: critical, warning, info */
    const char *name;
    const char *response; /* duration */
    const char *first;    /* who is asked */
};
enum rules_person {
    RULES_TEAM_LEAD,
    RULES_SECOND_ENGINEER,
    RULES_MANAGER, /* one for all teams */
    RULES_PERSON_COUNT
};
enum rules_when { RULES_ALWAYS, RULES_BUSINESS_DAYS };
struct rules_escalation {
    enum rules_severity severity;
    const char *after; /* duration, since it fires */
    enum rules_person to;
    enum rules_when when;
};
struct rules_alert {
    const char *name;
    enum rules_severity severity;
    enum rules_team team;
    const char *dashboard;
    const char *duration;
    double threshold;
    enum rules_kind kind;
    enum rules_scope scope;
    const char *expression, *summary, *description;
    const char *value, *clear; /* of its test */
};
struct rules_record {
    const char *name, *expression;
};
extern const struct rules_alert rules_alerts[];
extern const size_t rules_alert_count;
extern const struct rules_record rules_records[];
extern const size_t rules_record_count;
extern const struct rules_escalation rules_escalations[];
extern const size_t rules_escalation_count;
const struct rules_severity_row *rules_severity(enum rules_severity severity);
const char *rules_severity_id(enum rules_severity severity); /* "P1", ... */
const char *rules_team_id(enum rules_team team);             /* label: "ml-engineering", ... */
const char *rules_team_name(enum rules_team team);           /* "ML Engineering", ... */
const char *rules_person_id(enum rules_person person);       /* label: "team-lead", ... */
const char *rules_person_name(enum rules_person person);     /* "team lead", ... */

#define RULES_CHANGES_MAX 64

/* A threshold or a duration other than the table's. */
struct rules_change {
    size_t alert;
    double threshold;    /* NAN: the table's */
    int64_t duration_ms; /* negative: the table's */
};

/* Defaults in brackets; texts are borrowed. */
struct rules_options {
    const char *target;       /* HOST:PORT of the service ["api:8080"] */
    const char *alertmanager; /* HOST:PORT ["alertmanager:9093"] */
    const char *webhook;      /* URL that Alertmanager posts to ["http://incidents:8080/alerts"] */
    const char *grafana;      /* URL of dashboards ["http://localhost:3000"] */
    const char *runbooks;     /* URL or folder of the runbooks ["docs/runbooks"] */
    double time_scale;        /* of every duration, in (0, 1]; 0: 1.  For trials. */
    struct rules_change changes[RULES_CHANGES_MAX];
    size_t change_count;
};

/* "HighLatency.threshold=3", "HighLatency.for=10m".  ST_NOT_FOUND, ST_INVALID, ST_LIMIT. */
enum status rules_change(struct rules_options *options, const char *text, struct err *err) MUST_USE;

/* "90s", "5m", "6h3m", "3d"; false on anything else. */
bool rules_parse_duration(int64_t *out_ms, struct str text) MUST_USE;

/* Every expression of rules and dashboards names metrics and labels that exist; the message names
 * the first that does not. */
enum status rules_check(struct err *err) MUST_USE;
/* The same for one expression, rules' placeholders or Grafana's variables in it. */
enum status rules_check_expression(const char *expression, struct err *err) MUST_USE;

/* ---- Prometheus and Alertmanager ---- */

void rules_write_prometheus(struct buf *out, const struct rules_options *options);
void rules_write_rules(struct buf *out, const struct rules_options *options);
/* For `promtool test rules`; i below rules_alert_count.  They hold for the table's own values. */
void rules_write_test(struct buf *out, size_t i);
/* Whom each alert asks, and when, in one file. */
void rules_write_escalation_test(struct buf *out);
void rules_write_alertmanager(struct buf *out, const struct rules_options *options);

/* ---- Grafana ---- */

extern const size_t rules_dashboard_count;
const char *rules_dashboard_uid(size_t i);
void rules_write_dashboard(struct buf *out, size_t i);
void rules_write_datasource(struct buf *out); /* provisioning */
void rules_write_provider(struct buf *out);

/* ---- people ---- */

void rules_write_ownership(struct buf *out); /* docs/ALERTS.md */
void rules_write_metrics(struct buf *out);   /* docs/METRICS.md */
