#include "drift/bootstrap.h"

#include <math.h>

#define BLOCK_MIN 500u

void drift_bootstrap_open(struct drift_bootstrap *bootstrap, const struct drift_baseline *baseline,
                          size_t block, struct rng rng)
{
    size_t size = block ? block : MAX_OF((size_t)cbrt((double)baseline->count), BLOCK_MIN);

    *bootstrap = (struct drift_bootstrap){
        .values = baseline->values,
        .count = baseline->count,
        .block = MIN_OF(size, baseline->count),
        .rng = rng,
    };
}

uint16_t drift_bootstrap_next(struct drift_bootstrap *bootstrap)
{
    if (!bootstrap->left) {
        bootstrap->at = rng_below(&bootstrap->rng, (uint32_t)bootstrap->count);
        bootstrap->left = bootstrap->block;
    }
    uint16_t value = bootstrap->values[bootstrap->at];
    bootstrap->at = bootstrap->at + 1 == bootstrap->count ? 0 : bootstrap->at + 1;
    bootstrap->left--;
    return value;
}
