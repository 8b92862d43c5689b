/* drift/direction.h - an e-detector (drift/edetector.h) on embeddings: bets that their mean goes on
 * moving the way it moved lately.  A bet multiplies its evidence by 1 + theta * deviation; theta is
 * made of the deviations before, so it gains nothing on average while their mean is what it was,
 * whatever their distribution.  While nothing seems to move it does not bet.  Pure; one thread at a
 * time. */
#pragma once

#include "base/json.h"
#include "drift/embedding.h"

#define DRIFT_DIRECTIONS 4 /* bets: memories of 250 to 16,000 units */

struct drift_direction_bet {
    double mean[DRIFT_EMBEDDING]; /* of the deviations, older ones forgotten */
    double evidence;
    double gain;      /* logarithm of the factors, at least 0: a cumulative sum */
    int64_t since_us; /* of the unit after which the gain last was 0 */
};

struct drift_direction {
    struct drift_embedding normal;
    bool grouped;
    double theta_max; /* length, so that no bet loses more than 0.9 */
    double limit;     /* wanted run length, units */
    double value;     /* average of the evidence */
    struct drift_direction_bet bets[DRIFT_DIRECTIONS];
};

/* `normal` must be known. */
void drift_direction_open(struct drift_direction *direction, const struct drift_embedding *normal,
                          bool grouped, double run_length);
void drift_direction_reset(struct drift_direction *direction, int64_t time_us);
/* The places of a sample, or their mean over a group.  True at an alarm; the caller resets. */
bool drift_direction_add(struct drift_direction *direction, const double places[DRIFT_EMBEDDING],
                         int64_t time_us);
/* Where the mean has moved to, by the bet with the most evidence: length 1, or 0. */
void drift_direction_of(double out[DRIFT_EMBEDDING], const struct drift_direction *direction);
/* Since when the mean has been moving, by the bet with the most evidence; 0: it has not. */
int64_t drift_direction_since_us(const struct drift_direction *direction);

/* Means and evidence. */
struct json *drift_direction_save(const struct drift_direction *direction) MUST_USE;
/* Into one that was opened; `saved` is outside input.  False: it is broken, nothing is taken. */
bool drift_direction_restore(struct drift_direction *direction, const struct json *saved) MUST_USE;
