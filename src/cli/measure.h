/* cli/measure.h - a model on the photos of some roles of a manifest, at one tier; for commands that
 * compare models.  One thread, which starts workers and joins them. */
#pragma once

#include "cli/cli.h"
#include "evaluate/evaluate.h"

#define CLI_MEASURE_TIER TRAIN_T1

struct cli_measured {
    struct evaluate_statistics statistics; /* .n 0: no row has the role */
    double low_confidence;                 /* share of the photos */
    double mean_probability;
    double threshold;
};

/* out[i] is of roles[i]; a role that no row has is no error.  On success each of *out is released
 * with cli_measured_fini.  Errors: those of opening the model, reading and judging. */
enum status cli_measure(struct cli_measured *out, const char *model_path,
                        const struct train_manifest *manifest, const char *const *roles,
                        size_t role_count, unsigned workers, struct err *err) MUST_USE;
void cli_measured_fini(struct cli_measured *measured);

/* Draws "WHAT [=====     ] 3 of 9 ..." on standard error; the progress of evaluate_run. */
void cli_draw_progress(void *what, size_t done, size_t total, double seconds);
