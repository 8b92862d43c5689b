/* drift/sureness.h - what a model that is only more, or less, sure would do: log-odds, counted from
 * the threshold, times a factor of 1/2 to 2.  No verdict changes, so this is no drift, and each
 * detector has to be blind to it: the distributions that it makes of a baseline's are all normal.
 * Owns its counts.  Pure but for the heap; one thread at a time. */
#pragma once

#include "drift/baseline.h"

#define DRIFT_SURENESS_AS_IS 16 /* the step whose factor is 1 */
/* Steps: factors from 1/2 to 2, evenly in their logarithm. */
#define DRIFT_SURENESS_STEPS (2 * DRIFT_SURENESS_AS_IS + 1)

struct drift_sureness {
    double mass[DRIFT_SURENESS_STEPS][DRIFT_BINS]; /* of the baseline made surer; > 0, sum 1 */
    size_t block, block_count;                     /* units of a block; blocks, 2 at least */
    float *sums; /* [DRIFT_SURENESS_STEPS][block_count][DRIFT_BINS]: units of a block in each bin */
};

/* The probability with log-odds, counted from the threshold, times `by` > 0. */
double drift_sureness_move(double probability, double threshold, double by);
double drift_sureness_factor(unsigned step); /* below DRIFT_SURENESS_STEPS */

/* For the baseline's threshold.  A unit is a sample or, `grouped`, all of a sender in a minute,
 * which then weigh as much as one; there are two at least, else samples are taken.  In blocks,
 * because neighbours may be alike: how much their means differ shows what the baseline's size
 * leaves open. */
void drift_sureness_open(struct drift_sureness *sureness, const struct drift_baseline *baseline,
                         bool grouped);
void drift_sureness_close(struct drift_sureness *sureness);

/* The mixture of the normal distributions that is nearest to `of` in Kullback-Leibler divergence
 * (vertex exchange: weight goes from the one that explains `of` worst to the one that does best).
 * `of` over it is the bet for `of` that grows fastest among those that gain nothing under any of
 * them: Gruenwald, de Heide & Koolen, "Safe testing", 2024. */
void drift_sureness_nearest(double out[DRIFT_BINS], const struct drift_sureness *sureness,
                            const double of[DRIFT_BINS]);
/* The most that the mean of `factor` of a unit (of its samples' bins, on average) can reasonably be
 * under any of them: its mean, two standard errors that the baseline's size leaves open, and how
 * far normal traffic itself wanders from block to block.  Groups are taken to be all alike, which
 * is the worst. */
double drift_sureness_upper_mean(const struct drift_sureness *sureness,
                                 const double factor[DRIFT_BINS]);
