/* drift/bootstrap.h - endless normal traffic out of a baseline: whole blocks of it in random order
 * (circular block bootstrap, Politis & Romano 1992), so that bursts and cycles stay what they
 * are.  Borrows the baseline.  One thread at a time. */
#pragma once

#include "base/rng.h"
#include "drift/baseline.h"

struct drift_bootstrap {
    const uint16_t *values;
    size_t count, block, at, left;
    struct rng rng;
};

/* block 0: the cube root of the baseline's size, but at least 500. */
void drift_bootstrap_open(struct drift_bootstrap *bootstrap, const struct drift_baseline *baseline,
                          size_t block, struct rng rng);
uint16_t drift_bootstrap_next(struct drift_bootstrap *bootstrap);
