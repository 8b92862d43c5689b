#include "fma.h"

#include <immintrin.h>

#define ROUND_STEPS 1024 /* multiply-adds of each chain in a round */
#define CHAINS      12   /* independent: latency 4 times 2 units, and some to spare */

/* Where results end, so that no compiler drops the work. */
static volatile float sink;

/* Twelve chains by name: an array of registers would live in memory. */
#define STEP(fma)                                                                                  \
    a = fma(a, x, y), b = fma(b, x, y), c = fma(c, x, y), d = fma(d, x, y), e = fma(e, x, y),      \
    f = fma(f, x, y), g = fma(g, x, y), h = fma(h, x, y), i = fma(i, x, y), j = fma(j, x, y),      \
    k = fma(k, x, y), l = fma(l, x, y)
#define SUM(add)                                                                                   \
    add(add(add(add(a, b), add(c, d)), add(add(e, f), add(g, h))), add(add(i, j), add(k, l)))

__attribute__((target("avx512f"))) static double run_512(uint64_t rounds)
{
    const __m512 x = _mm512_set1_ps(0.999f);
    const __m512 y = _mm512_set1_ps(0.001f);
    __m512 a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;

    for (uint64_t step = 0; step < rounds * ROUND_STEPS; step++)
        STEP(_mm512_fmadd_ps);
    sink = _mm512_reduce_add_ps(SUM(_mm512_add_ps));
    return (double)rounds * ROUND_STEPS * CHAINS * 16 * 2;
}

__attribute__((target("avx2,fma"))) static double run_256(uint64_t rounds)
{
    const __m256 x = _mm256_set1_ps(0.999f);
    const __m256 y = _mm256_set1_ps(0.001f);
    __m256 a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;

    for (uint64_t step = 0; step < rounds * ROUND_STEPS; step++)
        STEP(_mm256_fmadd_ps);
    sink = _mm256_cvtss_f32(SUM(_mm256_add_ps));
    return (double)rounds * ROUND_STEPS * CHAINS * 8 * 2;
}

static __m128 multiply_add_128(__m128 a, __m128 x, __m128 y)
{
    return _mm_add_ps(_mm_mul_ps(a, x), y);
}

static double run_128(uint64_t rounds)
{
    const __m128 x = _mm_set1_ps(0.999f);
    const __m128 y = _mm_set1_ps(0.001f);
    __m128 a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;

    for (uint64_t step = 0; step < rounds * ROUND_STEPS; step++)
        STEP(multiply_add_128);
    sink = _mm_cvtss_f32(SUM(_mm_add_ps));
    return (double)rounds * ROUND_STEPS * CHAINS * 4 * 2;
}

double fma_run(uint64_t rounds)
{
    if (__builtin_cpu_supports("avx512f"))
        return run_512(rounds);
    return __builtin_cpu_supports("fma") ? run_256(rounds) : run_128(rounds);
}
