/* The generator: known first numbers, the same everywhere; uniform; independent streams. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

/* splitmix64 and xoshiro256++ written again, from their papers. */
static uint64_t mix(uint64_t *x)
{
    *x += 0x9e3779b97f4a7c15ull;
    uint64_t z = *x;
    z ^= z >> 30;
    z *= 0xbf58476d1ce4e5b9ull;
    z ^= z >> 27;
    z *= 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static uint64_t turn(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static void test_known_numbers(void **state)
{
    (void)state;
    uint64_t x = 42;
    uint64_t a = mix(&x);
    uint64_t b = mix(&x);
    uint64_t c = mix(&x);
    uint64_t d = mix(&x);
    struct rng rng = rng_seed(42);
    uint64_t zero = 0;

    assert_true(mix(&zero) == 0xe220a8397b1dcdafull); /* splitmix64's published first number */
    for (int i = 0; i < 100; i++) {
        uint64_t want = turn(a + d, 23) + a;
        uint64_t t = b << 17;
        c ^= a, d ^= b, b ^= c, a ^= d;
        c ^= t;
        d = turn(d, 45);
        assert_true(rng_u64(&rng) == want);
    }
}

static void test_same_seed_same_numbers(void **state)
{
    (void)state;
    struct rng a = rng_seed(7);
    struct rng b = rng_seed(7);
    struct rng c = rng_seed(8);
    int equal = 0;

    for (int i = 0; i < 1000; i++) {
        uint64_t from_a = rng_u64(&a);
        assert_true(from_a == rng_u64(&b));
        equal += from_a == rng_u64(&c);
    }
    assert_int_equal(equal, 0);
}

static void test_below_is_uniform(void **state)
{
    (void)state;
    enum { BINS = 37, DRAWS = 370000 };
    int counts[BINS] = {0};
    struct rng rng = rng_seed(1);
    double chi_square = 0;

    for (int i = 0; i < DRAWS; i++) {
        uint32_t v = rng_below(&rng, BINS);
        assert_true(v < BINS);
        counts[v]++;
    }
    for (int i = 0; i < BINS; i++)
        chi_square += pow(counts[i] - DRAWS / BINS, 2) / (DRAWS / BINS);
    /* 36 degrees of freedom: 99.9 % lie below 68, 99.9 % above 14 */
    assert_true(chi_square < 68 && chi_square > 14);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&rng, 1), 0);
}

/* 3 * 2^30: plain modulo or scaling would make two thirds as likely as it should be. */
static void test_below_is_unbiased_for_large_ranges(void **state)
{
    (void)state;
    struct rng rng = rng_seed(2);
    int low = 0;

    for (int i = 0; i < 100000; i++)
        low += rng_below(&rng, 3u << 30) < 1u << 30;
    assert_true(abs(low - 33333) < 600); /* four deviations */
}

static void test_unit_and_range(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    double sum = 0;
    double least = 1;
    double most = 0;

    for (int i = 0; i < 100000; i++) {
        double v = rng_unit(&rng);
        assert_true(v >= 0 && v < 1);
        sum += v;
        least = fmin(least, v);
        most = fmax(most, v);
        double r = rng_range(&rng, -3, 5);
        assert_true(r >= -3 && r < 5);
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.004);
    assert_true(least < 1e-4 && most > 1 - 1e-4);
}

static void test_normal(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    struct rng rng = rng_seed(4);
    double moments[5] = {0};

    for (int i = 0; i < DRAWS; i++) {
        double v = rng_normal(&rng);
        assert_true(isfinite(v));
        for (int k = 1; k < 5; k++)
            moments[k] += pow(v, k) / DRAWS;
    }
    assert_true(fabs(moments[1]) < 0.013);
    assert_true(fabs(moments[2] - 1) < 0.02);
    assert_true(fabs(moments[3]) < 0.04);
    assert_true(fabs(moments[4] - 3) < 0.13);
}

static void test_chance(void **state)
{
    (void)state;
    struct rng rng = rng_seed(5);
    int hits = 0;

    for (int i = 0; i < 10000; i++) {
        assert_false(rng_chance(&rng, 0));
        assert_true(rng_chance(&rng, 1));
        hits += rng_chance(&rng, 0.2);
    }
    assert_true(abs(hits - 2000) < 160);
}

static void test_streams(void **state)
{
    (void)state;
    struct rng late = rng_derive(9, 5);
    uint64_t first[64];

    for (uint64_t stream = 64; stream-- > 0;) { /* backwards: the order does not matter */
        struct rng rng = rng_derive(9, stream);
        first[stream] = rng_u64(&rng);
    }
    assert_true(rng_u64(&late) == first[5]);
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    struct rng swapped = rng_derive(5, 9); /* seed and stream are not interchangeable */
    assert_true(rng_u64(&swapped) != first[5]);
}

/* Neighbouring streams must not resemble each other: the correlation of their numbers is small. */
static void test_neighbouring_streams_are_independent(void **state)
{
    (void)state;
    double sum = 0;

    for (uint64_t stream = 0; stream < 10000; stream++) {
        struct rng a = rng_derive(1, stream);
        struct rng b = rng_derive(1, stream + 1);
        sum += (rng_unit(&a) - 0.5) * (rng_unit(&b) - 0.5) * 12;
    }
    assert_true(fabs(sum / 10000) < 0.04); /* four deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_below_is_unbiased_for_large_ranges),
        cmocka_unit_test(test_unit_and_range),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_neighbouring_streams_are_independent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
