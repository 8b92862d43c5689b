/* cli/drill_report.h - what a drill of data drift came to, as the playbook's table and as JSON. */
#pragma once

#include "cli/measure.h"
#include "drift/score.h"
#include "train/generations.h"

enum drill_moment {
    DRILL_BEFORE,    /* the old model on old generators */
    DRILL_DRIFTED,   /* the old model on new ones */
    DRILL_RETRAINED, /* the new model on new ones */
    DRILL_KEPT,      /* the new model on old ones */
    DRILL_MOMENT_COUNT
};

struct drill_report {
    struct cli_measured moments[DRILL_MOMENT_COUNT];
    struct drift_score drift; /* from DRILL_BEFORE to DRILL_DRIFTED */
    struct drift_thresholds thresholds;
    size_t real_count, old_count, new_count;                /* trained on, the second time */
    size_t real_held_count, old_held_count, new_held_count; /* measured on */
    const char *old_model, *new_model;                      /* paths */
    int64_t epochs;
};

void drill_report_print(const struct drill_report *report);
struct json *drill_report_json(const struct drill_report *report) MUST_USE;
