/* drift/bootstrap.h - endless normal traffic out of a baseline: whole blocks of it in random order
 * (circular block bootstrap, Politis & Romano 1992), so that bursts and cycles stay what they
 * are.  One thread at a time. */
#pragma once

#include "base/base.h"
#include "base/rng.h"

struct drift_bootstrap {
    size_t count, block, at, left;
    struct rng rng;
};

/* `count` units; block 0: the cube root of it, but at least 500. */
void drift_bootstrap_open(struct drift_bootstrap *bootstrap, size_t count, size_t block,
                          struct rng rng);
size_t drift_bootstrap_next(struct drift_bootstrap *bootstrap); /* a unit, below count */
