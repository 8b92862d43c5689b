/* drift/edetector.h - an e-detector (Shin, Ramdas & Rinaldo 2024): bets against the baseline, each
 * a guess of what a new kind of photo looks like and how many there are, kept as Shiryaev-Roberts
 * sums M = (M + 1) * factor and averaged.  An alarm when the average reaches the wanted run length:
 * then, for any stream whose bets gain nothing on average, the mean time between two false alarms
 * is at least that, without a distribution assumed or a threshold tuned.
 * Pure; one thread at a time. */
#pragma once

#include "drift/baseline.h"
#include "drift/burst.h"

#define DRIFT_ALTERNATIVES 10
#define DRIFT_STAKES       6
#define DRIFT_BETS         (DRIFT_ALTERNATIVES * DRIFT_STAKES)

struct drift_edetector {
    double factors[DRIFT_BINS][DRIFT_BETS]; /* means at most 1 under the baseline */
    double evidence[DRIFT_BETS];            /* M */
    double limit;                           /* wanted run length, predictions or groups */
    double value;                           /* average of the evidence */
};

/* Bets for the baseline's threshold, of samples or, `grouped`, of groups. */
void drift_edetector_open(struct drift_edetector *detector, const struct drift_baseline *baseline,
                          bool grouped, double run_length);
void drift_edetector_reset(struct drift_edetector *detector);
/* True at an alarm; the caller resets. */
bool drift_edetector_add(struct drift_edetector *detector, unsigned bin);
/* A group of samples that belong together counts as one: the mean of their factors. */
bool drift_edetector_add_group(struct drift_edetector *detector,
                               const struct drift_burst_group *group);

/* The bet with the most evidence, in words: what kind of photo came or went. */
unsigned drift_edetector_leader(const struct drift_edetector *detector);
const char *drift_bet_help(unsigned bet);
/* How much a sample in `bin` speaks for it; above 1: for. */
double drift_bet_factor(const struct drift_edetector *detector, unsigned bet, unsigned bin);
