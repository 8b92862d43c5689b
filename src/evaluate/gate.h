/* evaluate/gate.h - may a model go on duty?  Bars for the whole, and no group of photos worse than
 * before.  Looks at one tier, T1.  Pure. */
#pragma once

#include "base/json.h"
#include "evaluate/evaluate.h"

#define EVALUATE_GATE_TIER     TRAIN_T1
#define EVALUATE_GATE_ACCURACY 0.85
#define EVALUATE_GATE_F1       0.80
#define EVALUATE_GATE_MARGIN   0.05
#define EVALUATE_GATE_PHOTOS   25

struct evaluate_gate_options {
    double accuracy; /* least balanced accuracy; NaN: not asked for */
    double f1;       /* least F1 of "AI-generated"; NaN: not asked for */
    double margin;   /* what a slice may lose */
    size_t photos;   /* a slice of fewer is not compared */
};

#define EVALUATE_GATE_TEXT 256
struct evaluate_gate_check {
    char text[EVALUATE_GATE_TEXT]; /* "F1 0.7312 at T1, at least 0.8000" */
    double value, limit;           /* met when value >= limit; a NaN is not met */
    bool met;
};

struct evaluate_gate {
    struct evaluate_gate_check *checks;
    size_t count;
    size_t failed_count;
    size_t compared_count; /* slices */
    size_t skipped_count;  /* slices of too few photos, or in one of the reports only */
    bool other_data;       /* the earlier report is of another manifest or role */
};

/* `before`: an earlier report as evaluate_report_json writes it; NULL: there is none.  Slices are
 * the real sources (1 - false-positive rate) and the generators (recall).
 * Errors: ST_INVALID: `before` is no such report or lacks the tier.  On success *out is released
 * with evaluate_gate_fini. */
enum status evaluate_gate(struct evaluate_gate *out, const struct evaluate_report *report,
                          const struct json *before, const struct evaluate_gate_options *options,
                          struct err *err) MUST_USE;
void evaluate_gate_fini(struct evaluate_gate *gate);
/* One line each: what is not met, then what came of it. */
void evaluate_gate_text(struct buf *out, const struct evaluate_gate *gate);
struct json *evaluate_gate_json(const struct evaluate_gate *gate) MUST_USE;
