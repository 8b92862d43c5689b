/* drift/diagnosis.h - what moved: distances, the features that differ, the range of probabilities
 * with more photos than the baseline has there, and which simple story explains it best.
 * Pure; one thread at a time. */
#pragma once

#include "drift/distance.h"
#include "drift/kernel.h"

enum drift_story {
    DRIFT_AS_BEFORE, /* nothing that chance would not do */
    DRIFT_NEW_KIND,  /* photos of a kind that the baseline does not have */
    DRIFT_SHARES,    /* the same kinds, another share of AI-generated ones */
    DRIFT_SURENESS,  /* the model is only more, or less, sure */
    DRIFT_STORY_COUNT
};
const char *drift_story_name(enum drift_story story); /* "as_before", "new_kind", ... */
const char *drift_story_help(enum drift_story story); /* one sentence for people */

struct drift_shift {
    double baseline, window; /* means of a feature */
    double shift;            /* in standard deviations of the baseline */
    double z;                /* in standard errors: beyond 4 it is no chance */
};

/* What the photos look like, by their embeddings. */
struct drift_embedding_shift {
    size_t count; /* photos of the window that have one; 0: nothing is known, or of the baseline */
    double baseline[DRIFT_EMBEDDING], window[DRIFT_EMBEDDING]; /* mean places */
    double shift; /* length of the mean whitened deviation: deviations of single photos */
    double z;     /* beyond 6 it is no chance: chi square of independent photos, standardised */
};

struct drift_diagnosis {
    struct drift_distances distances;
    double mmd, mmd_p; /* of the features; mmd_p 1 without rows */
    struct drift_shift shifts[DRIFT_FEATURE_COUNT];
    struct drift_embedding_shift embedding;
    double more_low, more_top;       /* the range of probabilities that grew most ... */
    double more_window, more_before; /* ... its share of the window and of the baseline */
    enum drift_story story;
    double story_gain; /* log-likelihood that the story gains over the baseline, nats */
};

/* `sum` of the window's points on the kernel.  The window must not be empty. */
void drift_diagnose(struct drift_diagnosis *out, const struct drift_window *window,
                    const struct drift_baseline *baseline, const struct drift_kernel *kernel,
                    const double sum[DRIFT_KERNEL_SIZE]);
