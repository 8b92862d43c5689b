/* drift/embedding.h - what kinds of photos are normal: mean and spread of a baseline's embeddings.
 * A photo's embedding is a handful of numbers that say what it looks like, apart from its verdict
 * (detect/detect.h); here they are only numbers, packed into one.  Pure; one thread at a time. */
#pragma once

#include "base/json.h"
#include "drift/drift.h"

/* Longer whitened vectors are cut to that: bets on them are bounded.  Of a normal distribution 0.3
 * % are longer. */
#define DRIFT_EMBEDDING_REACH 6.0

/* The places that a sample's embedding packs, in deviations, -4 to 3.5. */
void drift_embedding_unpack(double out[DRIFT_EMBEDDING], uint64_t packed);

double drift_embedding_length(const double vector[DRIFT_EMBEDDING]);

/* Of what counts as one, a sample or all of a sender in a minute. */
struct drift_embedding_units {
    double mean[DRIFT_EMBEDDING]; /* of whitened, cut vectors */
    double radius; /* how far the true mean may reasonably be from it, and wander by itself */
};

struct drift_embedding {
    bool known; /* every sample had one, and there were enough */
    double centre[DRIFT_EMBEDDING];
    double factor[DRIFT_EMBEDDING][DRIFT_EMBEDDING]; /* of the covariance: lower triangle */
    struct drift_embedding_units units[2];           /* samples, groups */
};

/* `packed`: `count` embeddings, group after group; `sizes` of the groups sum to `count`. */
void drift_embedding_fit(struct drift_embedding *out, const uint64_t *packed, size_t count,
                         const uint16_t *sizes, size_t group_count);
/* A vector of places, or the mean of a group's, as a deviation from what is normal: whitened, cut,
 * centred; no longer than REACH and the length of the units' mean together. */
void drift_embedding_deviation(double out[DRIFT_EMBEDDING], const struct drift_embedding *embedding,
                               const double places[DRIFT_EMBEDDING], bool grouped);

/* For the file of a baseline; it must be known. */
struct json *drift_embedding_save(const struct drift_embedding *embedding) MUST_USE;
/* `saved` is outside input.  False: it is broken, and *out untouched. */
bool drift_embedding_restore(struct drift_embedding *out, const struct json *saved) MUST_USE;
