/* drift/burst.h - samples of one sender within one minute belong together: a seller who uploads a
 * hundred photos of one product says one thing, not a hundred.  Counts them, merges them, and
 * measures how alike they are.  Pure; one thread at a time. */
#pragma once

#include "base/json.h"
#include "drift/drift.h"

#define DRIFT_BURST_GROUPS 64u /* senders: when another one comes, the minute ends early */

struct drift_burst_group {
    uint64_t sender;
    uint32_t count;
    uint32_t ai_count; /* AI-generated verdicts */
    double sum;        /* of probabilities */
    uint32_t bins[DRIFT_BINS];
    uint32_t embedded;              /* photos with an embedding */
    double places[DRIFT_EMBEDDING]; /* the sum of theirs, in deviations */
};

/* The minute under way. */
struct drift_burst {
    int64_t minute;
    size_t group_count;
    struct drift_burst_group groups[DRIFT_BURST_GROUPS];
};

/* Whether `sample` begins another minute, or there is no place for its sender: then take the groups
 * and call drift_burst_begin. */
bool drift_burst_ends(struct drift_burst *burst, const struct drift_sample *sample);
void drift_burst_begin(struct drift_burst *burst, const struct drift_sample *sample);
/* The group of its sender in this minute, this one included: its count is 1 at least. */
const struct drift_burst_group *drift_burst_add(struct drift_burst *burst,
                                                const struct drift_sample *sample);

/* The minute under way, for the state of detectors. */
struct json *drift_burst_save(const struct drift_burst *burst) MUST_USE;
/* `saved` is outside input.  False: it is broken, and *burst untouched. */
bool drift_burst_restore(struct drift_burst *burst, const struct json *saved) MUST_USE;

/* One-way analysis of variance over (sender, minute). */
#define DRIFT_BURST_SIZES 1024u
struct drift_burst_measure {
    double samples, groups, sum, squares, group_squares, sizes_squared;
    uint32_t sizes[DRIFT_BURST_SIZES]; /* groups of each size; the last: and above */
};
void drift_burst_measure_add(struct drift_burst_measure *measure, const struct drift_burst *burst);
/* Design effect 1 + (n - 1) * intraclass correlation, n the size of the group that a sample is in;
 * at least 1.  The squares of the samples are added by the caller to `squares`. */
double drift_burst_effect(const struct drift_burst_measure *measure);
/* Share `part` of the groups are not larger; at least 1. */
size_t drift_burst_quantile(const struct drift_burst_measure *measure, double part);
