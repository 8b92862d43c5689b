/* drift/sureness.h - what a model that is only more, or less, sure would do: log-odds, counted from
 * the threshold, times a factor of 1/2 to 2.  No verdict changes, so this is no drift, and each
 * detector has to be blind to it: the distributions that it makes of a baseline's are all normal.
 * Owns its counts.  Pure but for the heap; one thread at a time. */
#pragma once

#include "drift/baseline.h"

#define DRIFT_SURENESS_STEPS 33 /* factors from 1/2 to 2, evenly in their logarithm */
#define DRIFT_SURENESS_AS_IS (DRIFT_SURENESS_STEPS / 2) /* the step whose factor is 1 */

struct drift_sureness {
    double mass[DRIFT_SURENESS_STEPS][DRIFT_BINS]; /* of the baseline made surer; > 0, sum 1 */
    size_t block, block_count;                     /* samples of a block; blocks, 2 at least */
    uint16_t *counts; /* [DRIFT_SURENESS_STEPS][block_count][DRIFT_BINS]: samples of a block */
};

/* The probability with log-odds, counted from the threshold, times `by` > 0. */
double drift_sureness_move(double probability, double threshold, double by);
double drift_sureness_factor(unsigned step); /* below DRIFT_SURENESS_STEPS */

/* For the baseline's threshold; it has two samples at least.  In blocks, because neighbours may be
 * alike: how much their means differ shows what the baseline's size leaves open. */
void drift_sureness_open(struct drift_sureness *sureness, const struct drift_baseline *baseline);
void drift_sureness_close(struct drift_sureness *sureness);

/* The mixture of the normal distributions that is nearest to `of` in Kullback-Leibler divergence
 * (vertex exchange: weight goes from the one that explains `of` worst to the one that does best).  `of` over it is the bet for `of` that grows fastest among those that
 * gain nothing under any of them: Gruenwald, de Heide & Koolen, "Safe testing", 2024. */
void drift_sureness_nearest(double out[DRIFT_BINS], const struct drift_sureness *sureness,
                            const double of[DRIFT_BINS]);
/* The most that the mean of `factor` of a sample's bin can reasonably be under any of them: its
 * mean, two standard errors that the baseline's size leaves open, and how far normal traffic itself
 * wanders from block to block. */
double drift_sureness_upper_mean(const struct drift_sureness *sureness,
                                 const double factor[DRIFT_BINS]);
