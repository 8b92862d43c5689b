/* The 16 channels against a second implementation: plain loops in double precision. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "detect/frontend.h"

#define MARGIN DETECT_FRONTEND_MARGIN
#define C      DETECT_FRONTEND_CHANNELS
/* Float sums that pass through 8,000 (SRM: 8 * 4 * 255), whose last bit is 5e-4, divided by 12; for
 * channel 15 a quadratic instead of a logarithm. */
#define TOLERANCE     1e-4
#define LOG_TOLERANCE 5e-3

struct picture {
    const uint8_t *rgb;
    int wide;
};

static double colour(const struct picture *p, int c, int y, int x)
{
    return p->rgb[3 * (y * p->wide + x) + c];
}

static double luma(const struct picture *p, int y, int x)
{
    return 0.299 * colour(p, 0, y, x) + 0.587 * colour(p, 1, y, x) + 0.114 * colour(p, 2, y, x);
}

static double chroma(const struct picture *p, int c, int y, int x)
{
    return (c ? 0.713 : 0.564) * (colour(p, c ? 0 : 2, y, x) - luma(p, y, x));
}

/* [1 2 1] x [1 2 1] / 16 of f, taps `step` apart. */
static double smooth_chroma(const struct picture *p, int c, int y, int x)
{
    double sum = 0;

    for (int i = -1; i <= 1; i++)
        for (int k = -1; k <= 1; k++)
            sum += (2 - abs(i)) * (2 - abs(k)) * chroma(p, c, y + i, x + k) / 16;
    return sum;
}

/* Starlet scale of luma: level 0 is luma itself. */
static double scale(const struct picture *p, int level, int y, int x)
{
    int step = (1 << level) / 2;
    double sum = 0;

    if (level == 0)
        return luma(p, y, x);
    for (int i = -1; i <= 1; i++)
        for (int k = -1; k <= 1; k++)
            sum +=
                (2 - abs(i)) * (2 - abs(k)) * scale(p, level - 1, y + i * step, x + k * step) / 16;
    return sum;
}

static double clamped(double v, double limit, double unit)
{
    return fmax(-limit, fmin(limit, v)) / unit;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const struct picture *p, int c, int y, int x)
{
    double all[9];

    for (int k = 0; k < 9; k++)
        all[k] = colour(p, c, y + k / 3 - 1, x + k % 3 - 1);
    qsort(all, 9, sizeof *all, compare);
    return all[4];
}

static double srm(const struct picture *p, int y, int x)
{
    static const int kernel[25] = {-1, 2,  -2, 2,  -1, 2,  -6, 8,  -6, 2,  -2, 8, -12,
                                   8,  -2, 2,  -6, 8,  -6, 2,  -1, 2,  -2, 2,  -1};
    double sum = 0;

    for (int k = 0; k < 25; k++)
        sum += kernel[k] * luma(p, y + k / 5 - 2, x + k % 5 - 2) / 12;
    return sum;
}

static double texture(const struct picture *p, int y, int x)
{
    double sum = 0;

    for (int i = -1; i <= 1; i++)
        for (int k = -1; k <= 1; k++)
            sum += (2 - abs(i)) * (2 - abs(k)) / 16.0 *
                   fabs(luma(p, y + 2 * i, x + 2 * k) - scale(p, 1, y + 2 * i, x + 2 * k));
    return log2(1 + sum) * 0.5 - 1;
}

/* Channel c at pixel (y, x) of the crop. */
static double want(const struct picture *p, int c, int y0, int x0)
{
    int y = y0 + MARGIN;
    int x = x0 + MARGIN;

    if (c < 3)
        return clamped(colour(p, c, y, x) - median(p, c, y, x), 3, 1.5);
    if (c < 6)
        return clamped(colour(p, c - 3, y, x) - colour(p, c - 3, y, x + 1) -
                           colour(p, c - 3, y + 1, x) + colour(p, c - 3, y + 1, x + 1),
                       4, 2);
    switch (c) {
    case 6:
        return clamped(luma(p, y, x - 1) - 2 * luma(p, y, x) + luma(p, y, x + 1), 4, 2);
    case 7:
        return clamped(luma(p, y - 1, x) - 2 * luma(p, y, x) + luma(p, y + 1, x), 4, 2);
    case 8:
        return clamped(srm(p, y, x), 3, 1.5);
    case 9:
    case 10:
        return clamped(chroma(p, c - 9, y, x) - smooth_chroma(p, c - 9, y, x), 2, 1);
    case 11:
        return clamped(luma(p, y, x) - luma(p, (y0 & ~1) + MARGIN, (x0 & ~1) + MARGIN), 4, 2);
    case 12:
        return clamped(scale(p, 1, y, x) - scale(p, 2, y, x), 4, 2);
    case 13:
        return clamped(scale(p, 2, y, x) - scale(p, 3, y, x), 8, 4);
    case 14:
        return (scale(p, 1, y, x) - 128) / 64;
    default:
        return texture(p, y, x);
    }
}

static float *apply(const uint8_t *window, int side)
{
    float *scratch = mem_alloc(detect_frontend_scratch_floats(side), sizeof(float));
    float *out = mem_alloc((size_t)side * (size_t)side * C, sizeof(float));

    detect_frontend_apply(out, window, side, scratch);
    mem_free(scratch);
    return out;
}

/* Smooth colours under noise of a strength that grows from left to right: some values clamp. */
static uint8_t *make_window(int wide, uint64_t seed)
{
    struct rng rng = rng_seed(seed);
    uint8_t *window = mem_alloc((size_t)wide * (size_t)wide, 3);

    for (int i = 0; i < wide * wide * 3; i++) {
        int x = i / 3 % wide;
        int y = i / 3 / wide;
        double value =
            120 + 60 * sin(0.07 * x + i % 3) + 40 * cos(0.09 * y) + 0.1 * x * rng_normal(&rng);
        window[i] = (uint8_t)CLAMP(value, 0.0, 255.0);
    }
    return window;
}

static void check_side(int side, int stride)
{
    int wide = side + 2 * MARGIN;
    uint8_t *window = make_window(wide, (uint64_t)side);
    float *out = apply(window, side);
    const struct picture picture = {window, wide};

    for (int y = 0; y < side; y += y < 4 || y >= side - 4 ? 1 : stride)
        for (int x = 0; x < side; x += x < 4 || x >= side - 4 ? 1 : stride)
            for (int c = 0; c < C; c++) {
                double got = (double)out[(y * side + x) * C + c];
                double exact = want(&picture, c, y, x);
                if (!(fabs(got - exact) <= (c == 15 ? LOG_TOLERANCE : TOLERANCE)))
                    fail_msg("side %d, channel %d at (%d, %d): %.6f, not %.6f", side, c, x, y, got,
                             exact);
            }
    mem_free(out);
    mem_free(window);
}

static void test_channels(void **state)
{
    (void)state;
    check_side(8, 1);
    check_side(24, 3);
    check_side(96, 11);
    check_side(256, 37);
}

/* Nothing but the level of luma, and no texture. */
static void test_constant_photo(void **state)
{
    (void)state;
    enum { SIDE = 32, WIDE = SIDE + 2 * MARGIN };
    static const uint8_t colours[][3] = {{0, 0, 0}, {255, 255, 255}, {200, 30, 77}};
    uint8_t *window = mem_alloc(WIDE * WIDE, 3);
    const struct picture picture = {window, WIDE};

    for (size_t k = 0; k < ARRAY_LEN(colours); k++) {
        for (int i = 0; i < WIDE * WIDE; i++)
            memcpy(window + (ptrdiff_t)3 * i, colours[k], 3);
        float *out = apply(window, SIDE);
        for (int i = 0; i < SIDE * SIDE * C; i++) {
            int c = i % C;
            double constant = c == 15 ? -1 : c == 14 ? (luma(&picture, 0, 0) - 128) / 64 : 0;
            assert_true(fabs((double)out[i] - constant) < (c == 15 ? LOG_TOLERANCE : TOLERANCE));
        }
        mem_free(out);
    }
    mem_free(window);
}

/* A crop one JPEG block further sees the same values, one block earlier. */
static void test_shift_by_a_block(void **state)
{
    (void)state;
    enum { SIDE = 48, WIDE = SIDE + 2 * MARGIN, BIG = WIDE + 8 };
    uint8_t *big = make_window(BIG, 5);
    uint8_t *window = mem_alloc(WIDE * WIDE, 3);
    float *out[2];

    for (int shift = 0; shift < 2; shift++) {
        for (int y = 0; y < WIDE; y++)
            memcpy(window + (size_t)3 * WIDE * (size_t)y,
                   big + 3 * ((size_t)BIG * (size_t)(y + 8 * shift) + (size_t)(8 * shift)),
                   (size_t)3 * WIDE);
        out[shift] = apply(window, SIDE);
    }
    for (int y = 0; y < SIDE - 8; y++)
        for (int x = 0; x < (SIDE - 8) * C; x++)
            assert_true(fabsf(out[1][y * SIDE * C + x] - out[0][(y + 8) * SIDE * C + 8 * C + x]) <
                        1e-5f);
    mem_free(out[0]);
    mem_free(out[1]);
    mem_free(window);
    mem_free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_constant_photo),
        cmocka_unit_test(test_shift_by_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
