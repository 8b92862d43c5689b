/* rules/rules_internal.h - what the files of rules/ share: rows that only they read, placeholders,
 * YAML scalars.  Nobody else includes it. */
#pragma once

#include "rules/rules.h"

#define RULES_JOB_NAME       "ai-detector-api"
#define RULES_NO_PROBES      "endpoint!~\"(/v1)?/(health|healthz|readyz|startup|metrics)\""
#define RULES_DURATION_SIZE  32
#define RULES_RANGE_LEAST_MS 5000 /* several scrapes of a scaled trial, and any slow answer */

#define RULES_MADE_BY      "# Made by `aidetect rules` from src/service/alerts.def: do not edit.\n"
#define RULES_TEXT_MAX     (1u << 16)
#define RULES_SUMMARY_SIZE 256

enum rules_shape { RULES_COUNTER, RULES_GAUGE };

struct rules_input {
    const char *alert, *series;
    enum rules_shape shape;
    double bad, good;
};
extern const struct rules_input rules_inputs[];
extern const size_t rules_input_count;

struct rules_other_way {
    const char *alert, *inputs, *value;
};
extern const struct rules_other_way rules_other_ways[];
extern const size_t rules_other_way_count;

struct rules_inhibition {
    const char *source, *targets;
};
extern const struct rules_inhibition rules_inhibitions[];
extern const size_t rules_inhibition_count;

/* What @S@ stands for. */
struct rules_selectors {
    const char *ours;
};

extern const struct rules_selectors rules_ours; /* the job of the service */

/* "5m"; 0 is "0s". */
const char *rules_duration_text(char out[RULES_DURATION_SIZE], int64_t ms);
int64_t rules_scaled_ms(const struct rules_options *options, int64_t ms, int64_t least_ms);
int64_t rules_alert_duration_ms(const struct rules_options *options, size_t alert);
double rules_alert_threshold(const struct rules_options *options, size_t alert);
int64_t rules_escalation_ms(const struct rules_options *options, size_t escalation);

/* Summary or description; value NULL: the template that Prometheus fills in. */
void rules_expand_text(struct buf *out, const char *text, const struct rules_options *options,
                       size_t alert, const char *value);
void rules_expand_expression(struct buf *out, const char *text,
                             const struct rules_selectors *selectors,
                             const struct rules_options *options, double threshold);

/* rules_check() for the dashboards. */
enum status rules_check_dashboards(struct err *err) MUST_USE;

/* `key: "value"` and a line end, indented; quoted so that any text is one scalar. */
void rules_yaml(struct buf *out, int indent, const char *key, const char *value);
void rules_yaml_scalar(struct buf *out, struct str value);
const char *rules_or_default(const char *text, const char *otherwise);

/* Labels and links of an alert, at that indent. */
void rules_write_labels(struct buf *out, int indent, const struct rules_alert *alert);
void rules_write_links(struct buf *out, int indent, const struct rules_options *options,
                       size_t alert);
/* What its escalation announces. */
void rules_escalation_summary(char out[RULES_SUMMARY_SIZE], size_t alert, size_t escalation,
                              const struct rules_options *options);
