/* cli/drift_scores.h - scores of photos whose origin is known: a file of columns apart by commas
 * or, as `evaluate --scores` writes it, by tabs, with a head line that names at least label (real,
 * ai), family and probability; no quoting.  Where there is a column tier, rows of T1 count, JPEG as
 * shops deliver it.  Owns its rows. */
#pragma once

#include "base/base.h"
#include "drift/baseline.h"
#include "drift/synthetic.h"

#define DRIFT_SCORES_BYTES_MAX (64u << 20)
#define DRIFT_SCORES_ROWS_MAX  1000000u
#define DRIFT_FAMILIES_MAX     256u
#define DRIFT_FAMILY_SIZE      48

struct drift_scores {
    float *probabilities;
    uint16_t *families;   /* index below */
    uint64_t *embeddings; /* 0: none */
    bool *ai;
    size_t count;
    char names[DRIFT_FAMILIES_MAX][DRIFT_FAMILY_SIZE];
    size_t family_count;
};
/* ST_INVALID names the line. */
enum status drift_scores_parse(struct drift_scores *out, struct bytes file,
                               struct err *err) MUST_USE;
enum status drift_scores_read(struct drift_scores *out, const char *path, struct err *err) MUST_USE;
void drift_scores_close(struct drift_scores *scores);

/* Real photos, AI-generated ones of all families but `new_family`, and those of it.
 * ST_NOT_FOUND: one of the three has no score. */
enum status drift_scores_pools(struct drift_synthetic *out, const struct drift_scores *scores,
                               const char *new_family, struct err *err) MUST_USE;
/* The family of AI-generated photos whose probabilities, as a share of the window, explain best
 * what differs from the baseline.  *share in [0, 1]; NULL: none does. */
const char *drift_scores_nearest(double *share, const struct drift_scores *scores,
                                 const struct drift_window *window,
                                 const struct drift_baseline *baseline);

/* The family of AI-generated photos that look most like what moved: whose mean embedding lies from
 * the baseline's in the direction in which the window's does.  *alike: the cosine between the two,
 * 0.5 at least; *share: of the window, in [0, 1], that would move it as far.  NULL: there is none.
 */
const char *drift_scores_alike(double *alike, double *share, const struct drift_scores *scores,
                               const double baseline[DRIFT_EMBEDDING],
                               const double window[DRIFT_EMBEDDING]);
/* Prints that of a window. */
void drift_scores_print_alike(const struct drift_scores *scores,
                              const double baseline[DRIFT_EMBEDDING],
                              const double window[DRIFT_EMBEDDING]);
