/* base/rng.h - small seeded random generator; the same seed gives the same numbers everywhere.
 * xoshiro256++ (Blackman & Vigna 2019), seeded by splitmix64.  Not for secrets.
 * One thread at a time; give every independent piece of work its own by rng_derive. */
#pragma once

#include "base/base.h"

struct rng {
    uint64_t state[4];
};

struct rng rng_seed(uint64_t seed);
/* A generator that depends on (seed, stream) only: reproducible whatever the thread order. */
struct rng rng_derive(uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t n); /* uniform in [0, n), n > 0, unbiased */
double rng_unit(struct rng *rng);                /* uniform in [0, 1) */
double rng_range(struct rng *rng, double low, double top);
bool rng_chance(struct rng *rng, double probability);
double rng_normal(struct rng *rng); /* mean 0, standard deviation 1 (Box-Muller) */
