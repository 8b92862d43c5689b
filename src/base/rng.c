#include "base/rng.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct rng rng_seed(uint64_t seed)
{
    struct rng rng;

    for (size_t i = 0; i < ARRAY_LEN(rng.state); i++)
        rng.state[i] = splitmix64(&seed);
    return rng;
}

struct rng rng_derive(uint64_t seed, uint64_t stream)
{
    uint64_t mixed = seed;
    uint64_t hashed = splitmix64(&mixed);

    mixed = hashed ^ (stream * 0xd1342543de82ef95u + 1);
    return rng_seed(splitmix64(&mixed));
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire 2019: multiply, and reject the few values that would favour small results. */
uint32_t rng_below(struct rng *rng, uint32_t n)
{
    REQUIRE(n > 0);
    uint32_t reject_below = (uint32_t)(-n) % n;

    for (;;) {
        uint64_t product = (rng_u64(rng) >> 32) * n;
        if ((uint32_t)product >= reject_below)
            return (uint32_t)(product >> 32);
    }
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

double rng_range(struct rng *rng, double low, double top)
{
    return low + (top - low) * rng_unit(rng);
}

bool rng_chance(struct rng *rng, double probability)
{
    return rng_unit(rng) < probability;
}

double rng_normal(struct rng *rng)
{
    double radius = sqrt(-2.0 * log(1.0 - rng_unit(rng)));

    return radius * cos(6.283185307179586 * rng_unit(rng));
}
