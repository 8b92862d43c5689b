#include "drift/bootstrap.h"

#include <math.h>

#define BLOCK_MIN 500u

void drift_bootstrap_open(struct drift_bootstrap *bootstrap, size_t count, size_t block,
                          struct rng rng)
{
    size_t size = block ? block : MAX_OF((size_t)cbrt((double)count), BLOCK_MIN);

    *bootstrap = (struct drift_bootstrap){
        .count = count,
        .block = MIN_OF(size, count),
        .rng = rng,
    };
}

size_t drift_bootstrap_next(struct drift_bootstrap *bootstrap)
{
    if (!bootstrap->left) {
        bootstrap->at = rng_below(&bootstrap->rng, (uint32_t)bootstrap->count);
        bootstrap->left = bootstrap->block;
    }
    size_t unit = bootstrap->at;
    bootstrap->at = bootstrap->at + 1 == bootstrap->count ? 0 : bootstrap->at + 1;
    bootstrap->left--;
    return unit;
}
