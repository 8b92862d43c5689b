#include "detect/quality.h"

#include <stdlib.h>

#define SIDE_MIN_PX   128u
#define SHARPNESS_MIN 0.528f /* 99 % of strong upscales are below, 1 % of native photos */
#define BLOCKING_MAX  1.8f
#define TEXTURE_MIN   0.75f /* mean step of the best crop, at half scale, 8-bit values */
#define ROW_STRIDE    4u
#define BLOCK         8u
#define PIECE         192 /* bytes: whole pixels, whole vectors */

static const struct {
    const char *name;
    const char *help;
} flags[DETECT_QUALITY_FLAG_COUNT] = {
    {"too_small", "The shorter side is below 128 pixels: too few traces to judge."},
    {"upscaled", "The photo was enlarged: fine traces are interpolated, not recorded."},
    {"over_compressed", "Heavy compression has replaced fine traces by blocks."},
    {"flat", "No part has enough texture to judge."},
};

const char *detect_quality_name(unsigned i)
{
    REQUIRE(i < DETECT_QUALITY_FLAG_COUNT);
    return flags[i].name;
}

const char *detect_quality_help(unsigned i)
{
    REQUIRE(i < DETECT_QUALITY_FLAG_COUNT);
    return flags[i].help;
}

/* Sums over some rows; 64 bits hold any photo. */
struct sums {
    uint64_t step1, step2, border;
    uint64_t count, border_count;
};

/* All bits of the green ones among bytes that begin with one. */
static const uint8_t green_only[PIECE] = {
#define GREENS 255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0
    GREENS, GREENS, GREENS, GREENS, GREENS, GREENS, GREENS, GREENS,
    GREENS, GREENS, GREENS, GREENS, GREENS, GREENS, GREENS, GREENS,
#undef GREENS
};

/* The sum of |green(x) - green(x + apart)| over a row of packed pixels.  In pieces, the other
 * channels are subtracted, too, as zeros: that needs no gathering. */
VECTORISED static uint32_t sum_steps(const uint8_t *green, uint32_t count, uint32_t apart)
{
    const uint8_t *next = green + (size_t)3 * apart;
    size_t bytes = (size_t)3 * count;
    size_t at = 0;
    uint32_t sum = 0;

    for (; at + PIECE <= bytes; at += PIECE)
        for (size_t i = 0; i < PIECE; i++)
            sum += (uint32_t)abs((green[at + i] & green_only[i]) - (next[at + i] & green_only[i]));
    for (; at < bytes; at += 3)
        sum += (uint32_t)abs(green[at] - next[at]);
    return sum;
}

static void add_row(struct sums *sums, const uint8_t *green, uint32_t width)
{
    uint32_t count = width > 2 ? width - 2 : 0; /* places that have two neighbours to the right */

    sums->step1 += sum_steps(green, count, 1);
    sums->step2 += sum_steps(green, count, 2);
    sums->count += count;
    for (uint32_t x = BLOCK - 1; x < count; x += BLOCK) {
        sums->border += (uint64_t)abs((int)green[3 * x] - (int)green[3 * x + 3]);
        sums->border_count++;
    }
}

struct detect_pixel_statistics detect_quality_measure(const struct image *photo)
{
    size_t stride = (size_t)3 * photo->width;
    struct sums sums = {0};

    for (uint32_t y = 0; y < photo->height; y += ROW_STRIDE) {
        const uint8_t *row = photo->rgb + stride * y;
        if (y + ROW_STRIDE < photo->height)
            prefetch(row + stride * ROW_STRIDE, stride);
        add_row(&sums, row + 1, photo->width);
    }
    struct detect_pixel_statistics out = {.blocking = 1.0f, .sharpness = 1.0f};
    if (sums.step1 && sums.border_count)
        out.blocking = (float)((double)sums.border / (double)sums.border_count /
                               ((double)sums.step1 / (double)sums.count));
    if (sums.step2)
        out.sharpness = (float)((double)sums.step1 / (double)sums.step2);
    return out;
}

unsigned detect_quality_flags(const struct image *photo, float texture)
{
    struct detect_pixel_statistics measured = detect_quality_measure(photo);
    unsigned set = 0;

    if (MIN_OF(photo->width, photo->height) < SIDE_MIN_PX)
        set |= DETECT_QUALITY_TOO_SMALL;
    if (measured.sharpness < SHARPNESS_MIN)
        set |= DETECT_QUALITY_UPSCALED;
    if (measured.blocking > BLOCKING_MAX)
        set |= DETECT_QUALITY_OVER_COMPRESSED;
    if (texture < TEXTURE_MIN)
        set |= DETECT_QUALITY_FLAT;
    return set;
}
