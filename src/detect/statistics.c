/* detect/statistics.c - co-occurrences of truncated residuals (Pevny, Bas and Fridrich 2010;
 * Fridrich and Kodovsky 2012), noise levels, block spectra and tones.
 * Windows are the most textured of each scale; what they say is pooled before it is a number. */
#include "detect/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "detect/crops.h"

#define SIDE        128u /* of a window */
#define MARGIN      2u   /* pixels around it that residuals and their neighbours need */
#define WIDE        (SIDE + 2 * MARGIN)
#define PIXELS      (WIDE * WIDE)
#define WINDOWS_MAX 4u
#define SIDE_MIN    8u /* a scale is never smaller */
#define BLOCK       8u
#define LEVELS      12u /* of the noise histogram */
#define BRIGHTNESS  4u
#define BLOCK_FLAT  4 /* blocks of a smaller range have no spectrum to speak of */
#define STANDARD    3.0f
#define TRUNCATION3 2 /* of triples */
#define TRUNCATION2 3 /* of pairs */
#define VALUES3     (2 * TRUNCATION3 + 1)
#define VALUES2     (2 * TRUNCATION2 + 1)

#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                  \
    !defined(__SANITIZE_THREAD__)
#define VECTORISED                                                                                 \
    __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"), optimize("O3")))
#else
#define VECTORISED
#endif

enum plane { RED, GREEN, BLUE, LUMA, CHROMA_BLUE, CHROMA_RED, PLANE_COUNT };
enum residual { STEP_RIGHT, STEP_DOWN, CURVATURE, CROSS, SQUARE, MEDIAN };

/* One co-occurrence: which residual of which plane, in units of how many grey levels. */
struct pattern {
    enum plane plane;
    enum residual residual;
    int unit;
};

static const struct pattern triples[] = {
    {LUMA, STEP_RIGHT, 1}, {LUMA, STEP_RIGHT, 4}, {LUMA, CURVATURE, 2},
    {LUMA, CROSS, 1},      {LUMA, SQUARE, 4},     {LUMA, MEDIAN, 1},
};
static const struct pattern pairs[] = {
    {CHROMA_BLUE, CROSS, 1},
    {CHROMA_BLUE, STEP_RIGHT, 2},
    {CHROMA_RED, CROSS, 1},
    {CHROMA_RED, STEP_RIGHT, 2},
};

/* What the windows of one scale add up to. */
struct sums {
    uint32_t triples[ARRAY_LEN(triples)][VALUES3 * VALUES3 * VALUES3];
    uint32_t pairs[ARRAY_LEN(pairs)][VALUES2 * VALUES2];
    uint32_t colours[27];
    uint32_t noise[LEVELS];
    double noise_log[BRIGHTNESS];
    uint32_t noise_count[BRIGHTNESS];
    double square[3], product[3], fourth; /* of curvature, by channel */
    uint64_t pixels;
    double block[BLOCK * BLOCK], block_square[BLOCK * BLOCK];
    uint32_t blocks;
};

struct detect_statistics {
    uint8_t class3[VALUES3 * VALUES3 * VALUES3];
    uint8_t class2[VALUES2 * VALUES2];
    uint8_t class_colour[27];
    float cosine[BLOCK][BLOCK];
    uint8_t window[3 * PIXELS];
    int16_t planes[PLANE_COUNT][PIXELS];
    int16_t residual[PIXELS];
    uint8_t quantised[PIXELS];
    struct sums sums;
};

/* Classes --------------------------------------------------------------------------------- */

/* Numbers the classes of `count` digits of `base` values: tuples that become each other by
 * negation, or by reversal unless `ordered`, get the same number. */
static unsigned number_classes(uint8_t *out, unsigned base, unsigned count, bool ordered)
{
    unsigned total = count == 3 ? base * base * base : base * base;
    unsigned classes = 0;

    memset(out, UINT8_MAX, total);
    for (unsigned i = 0; i < total; i++) {
        unsigned reversed = 0;
        unsigned rest = i;
        if (out[i] != UINT8_MAX)
            continue;
        for (unsigned k = 0; k < count; k++, rest /= base)
            reversed = reversed * base + rest % base;
        out[i] = out[total - 1 - i] = (uint8_t)classes; /* every digit d to base - 1 - d */
        if (!ordered)
            out[reversed] = out[total - 1 - reversed] = (uint8_t)classes;
        classes++;
    }
    return classes;
}

struct detect_statistics *detect_statistics_open(void)
{
    struct detect_statistics *statistics = mem_alloc(1, sizeof *statistics);

    REQUIRE(number_classes(statistics->class3, VALUES3, 3, false) == DETECT_STATISTICS_TRIPLES);
    REQUIRE(number_classes(statistics->class2, VALUES2, 2, false) == DETECT_STATISTICS_PAIRS);
    REQUIRE(number_classes(statistics->class_colour, 3, 3, true) == DETECT_STATISTICS_COLOURS);
    for (unsigned u = 0; u < BLOCK; u++)
        for (unsigned k = 0; k < BLOCK; k++)
            statistics->cosine[u][k] = (float)(cos((2 * k + 1) * u * acos(-1.0) / (2.0 * BLOCK)) *
                                               (u ? 0.5 : sqrt(0.125)));
    return statistics;
}

void detect_statistics_close(struct detect_statistics *statistics)
{
    mem_free(statistics);
}

/* Planes and residuals -------------------------------------------------------------------- */

/* Luma in grey levels, chroma in half levels; ITU-R BT.601 full range in 16-bit fixed point. */
VECTORISED static void split(int16_t (*planes)[PIXELS], const uint8_t *rgb)
{
    for (size_t i = 0; i < PIXELS; i++) {
        int red = rgb[3 * i];
        int green = rgb[3 * i + 1];
        int blue = rgb[3 * i + 2];
        int luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
        planes[RED][i] = (int16_t)red;
        planes[GREEN][i] = (int16_t)green;
        planes[BLUE][i] = (int16_t)blue;
        planes[LUMA][i] = (int16_t)luma;
        planes[CHROMA_BLUE][i] = (int16_t)((73924 * (blue - luma) + 32768) >> 16);
        planes[CHROMA_RED][i] = (int16_t)((93454 * (red - luma) + 32768) >> 16);
    }
}

static inline int16_t low(int16_t a, int16_t b)
{
    return a < b ? a : b;
}

static inline int16_t high(int16_t a, int16_t b)
{
    return a > b ? a : b;
}

static inline int16_t middle(int16_t a, int16_t b, int16_t c)
{
    return high(low(a, b), low(high(a, b), c));
}

/* Of nine: columns sorted, then the middle of the largest low, the middle middle and the smallest
 * high (Smith 1996). */
static inline int16_t median9(const int16_t *at)
{
    int16_t lows[3];
    int16_t middles[3];
    int16_t highs[3];

    for (int k = 0; k < 3; k++) {
        int16_t a = at[k - 1 - (int)WIDE];
        int16_t b = at[k - 1];
        int16_t c = at[k - 1 + (int)WIDE];
        lows[k] = low(low(a, b), c);
        highs[k] = high(high(a, b), c);
        middles[k] = middle(a, b, c);
    }
    return middle(high(high(lows[0], lows[1]), lows[2]), middle(middles[0], middles[1], middles[2]),
                  low(low(highs[0], highs[1]), highs[2]));
}

#define EACH_PIXEL(body)                                                                           \
    for (size_t i = WIDE + 1; i < PIXELS - WIDE - 1; i++)                                          \
    out[i] = (int16_t)(body)

/* All but the outermost row and column; what is written at the ends of rows is never read. */
VECTORISED static void apply(int16_t *out, const int16_t *p, enum residual residual)
{
    const size_t w = WIDE;

    switch (residual) {
    case STEP_RIGHT:
        EACH_PIXEL(p[i + 1] - p[i]);
        break;
    case STEP_DOWN:
        EACH_PIXEL(p[i + w] - p[i]);
        break;
    case CURVATURE:
        EACH_PIXEL(p[i + 1] - 2 * p[i] + p[i - 1]);
        break;
    case CROSS:
        EACH_PIXEL(p[i + w + 1] - p[i + 1] - p[i + w] + p[i]);
        break;
    case SQUARE:
        EACH_PIXEL(2 * (p[i - w] + p[i - 1] + p[i + 1] + p[i + w]) - 4 * p[i] - p[i - w - 1] -
                   p[i - w + 1] - p[i + w - 1] - p[i + w + 1]);
        break;
    case MEDIAN:
        EACH_PIXEL(p[i] - median9(p + i));
        break;
    }
}

/* To 0 .. 2 * truncation; half units are rounded away from zero. */
VECTORISED static void quantise(uint8_t *out, const int16_t *residual, int unit, int truncation)
{
    for (size_t i = 0; i < PIXELS; i++) {
        int size = (abs(residual[i]) * 2 + unit) / (2 * unit);
        size = size < truncation ? size : truncation;
        out[i] = (uint8_t)(truncation + (residual[i] < 0 ? -size : size));
    }
}

/* Co-occurrences -------------------------------------------------------------------------- */

/* Neighbours to the right and below of every pixel of the window's inside. */
static void count_triples(uint32_t *counts, const uint8_t *q)
{
    for (size_t y = MARGIN - 1; y < SIDE + MARGIN - 1; y++) {
        for (size_t x = MARGIN - 1; x < SIDE + MARGIN - 1; x++) {
            const uint8_t *p = q + y * WIDE + x;
            unsigned first = p[0] * VALUES3;
            counts[(first + p[1]) * VALUES3 + p[2]]++;
            counts[(first + p[WIDE]) * VALUES3 + p[2 * WIDE]]++;
        }
    }
}

static void count_pairs(uint32_t *counts, const uint8_t *q)
{
    for (size_t y = MARGIN - 1; y < SIDE + MARGIN - 1; y++) {
        for (size_t x = MARGIN - 1; x < SIDE + MARGIN - 1; x++) {
            const uint8_t *p = q + y * WIDE + x;
            counts[p[0] * VALUES2 + p[1]]++;
            counts[p[0] * VALUES2 + p[WIDE]]++;
        }
    }
}

/* -1, 0 or 1: a step of less than two levels is none. */
static inline unsigned sign_of(int step)
{
    return step <= -2 ? 0u : step >= 2 ? 2u : 1u;
}

static void count_colours(uint32_t *counts, int16_t (*planes)[PIXELS])
{
    for (size_t y = MARGIN; y < SIDE + MARGIN; y++) {
        for (size_t i = y * WIDE + MARGIN; i < y * WIDE + MARGIN + SIDE; i++) {
            unsigned right = 0;
            unsigned down = 0;
            for (int c = RED; c <= BLUE; c++) {
                const int16_t *p = planes[c] + i;
                right = 3 * right + sign_of(p[1] - p[0]);
                down = 3 * down + sign_of(p[WIDE] - p[0]);
            }
            counts[right]++;
            counts[down]++;
        }
    }
}

static void count_patterns(struct detect_statistics *s)
{
    for (size_t i = 0; i < ARRAY_LEN(triples); i++) {
        apply(s->residual, s->planes[triples[i].plane], triples[i].residual);
        quantise(s->quantised, s->residual, triples[i].unit, TRUNCATION3);
        count_triples(s->sums.triples[i], s->quantised);
    }
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        apply(s->residual, s->planes[pairs[i].plane], pairs[i].residual);
        quantise(s->quantised, s->residual, pairs[i].unit, TRUNCATION2);
        count_pairs(s->sums.pairs[i], s->quantised);
    }
    count_colours(s->sums.colours, s->planes);
}

/* Noise, channels, spectrum ----------------------------------------------------------------- */

/* Root mean square of the median residual in blocks: how it is spread, and by brightness. */
static void add_noise(struct detect_statistics *s)
{
    apply(s->residual, s->planes[LUMA], MEDIAN);
    for (size_t y = MARGIN; y < SIDE + MARGIN; y += BLOCK) {
        for (size_t x = MARGIN; x < SIDE + MARGIN; x += BLOCK) {
            int square = 0;
            int luma = 0;
            for (size_t k = 0; k < (size_t)BLOCK * BLOCK; k++) {
                size_t i = (y + k / BLOCK) * WIDE + x + k % BLOCK;
                square += s->residual[i] * s->residual[i];
                luma += s->planes[LUMA][i];
            }
            double root = sqrt(square / 64.0);
            int level = root < 0.05 ? 0 : 1 + (int)(log2(root / 0.05) / 0.75);
            int bright = luma / 64 / 64;
            s->sums.noise[CLAMP(level, 0, (int)LEVELS - 1)]++;
            s->sums.noise_log[bright] += log(root + 0.05);
            s->sums.noise_count[bright]++;
        }
    }
}

static void relate_channels(struct detect_statistics *s)
{
    struct sums *sums = &s->sums;

    for (size_t y = MARGIN; y < SIDE + MARGIN; y++) {
        for (size_t i = y * WIDE + MARGIN; i < y * WIDE + MARGIN + SIDE; i++) {
            float at[3];
            for (int c = RED; c <= BLUE; c++) {
                const int16_t *p = s->planes[c] + i;
                at[c] = (float)(p[1] - 2 * p[0] + p[-1]);
                sums->square[c] += (double)(at[c] * at[c]);
            }
            sums->product[0] += (double)(at[RED] * at[GREEN]);
            sums->product[1] += (double)(at[GREEN] * at[BLUE]);
            sums->product[2] += (double)(at[RED] * at[BLUE]);
            sums->fourth += (double)(at[GREEN] * at[GREEN] * at[GREEN] * at[GREEN]);
        }
    }
    sums->pixels += (uint64_t)SIDE * SIDE;
}

/* Cosine transform of one 8x8 block of luma. */
VECTORISED static void transform(float out[BLOCK][BLOCK], const float in[BLOCK][BLOCK],
                                 const float cosine[BLOCK][BLOCK])
{
    float rows[BLOCK][BLOCK] = {{0}};

    memset(out, 0, sizeof(float) * BLOCK * BLOCK);
    for (unsigned u = 0; u < BLOCK; u++)
        for (unsigned k = 0; k < BLOCK; k++)
            for (unsigned x = 0; x < BLOCK; x++)
                rows[u][x] += cosine[u][k] * in[k][x];
    for (unsigned u = 0; u < BLOCK; u++)
        for (unsigned k = 0; k < BLOCK; k++)
            for (unsigned v = 0; v < BLOCK; v++)
                out[u][v] += rows[u][k] * cosine[v][k];
}

static void add_spectrum(struct detect_statistics *s)
{
    for (size_t y = MARGIN; y < SIDE + MARGIN; y += BLOCK) {
        for (size_t x = MARGIN; x < SIDE + MARGIN; x += BLOCK) {
            float block[BLOCK][BLOCK];
            float spectrum[BLOCK][BLOCK];
            int16_t least = INT16_MAX;
            int16_t most = 0;
            for (size_t k = 0; k < (size_t)BLOCK * BLOCK; k++) {
                int16_t v = s->planes[LUMA][(y + k / BLOCK) * WIDE + x + k % BLOCK];
                block[k / BLOCK][k % BLOCK] = v;
                least = low(least, v);
                most = high(most, v);
            }
            if (most - least < BLOCK_FLAT)
                continue;
            transform(spectrum, block, (const float(*)[BLOCK])s->cosine);
            for (size_t k = 0; k < (size_t)BLOCK * BLOCK; k++) {
                float size = fabsf(spectrum[k / BLOCK][k % BLOCK]);
                s->sums.block[k] += (double)size;
                s->sums.block_square[k] += (double)(size * size);
            }
            s->sums.blocks++;
        }
    }
}

/* Sums to numbers --------------------------------------------------------------------------- */

/* Shares of the classes without the all-zero tuple, whose own share takes its place; square roots
 * make small shares comparable to large ones. */
static float *put_classes(float *out, const uint32_t *counts, const uint8_t *classes, size_t total,
                          size_t class_count)
{
    double sums[DETECT_STATISTICS_TRIPLES] = {0};
    size_t zero = total / 2;
    double all = 0;

    for (size_t i = 0; i < total; i++) {
        sums[classes[i]] += counts[i];
        all += counts[i];
    }
    double rest = all - sums[classes[zero]];
    for (size_t k = 0; k < class_count; k++)
        *out++ = (float)sqrt(sums[k] / MAX_OF(k == classes[zero] ? all : rest, 1.0));
    return out;
}

static float *put_noise(float *out, const struct sums *sums)
{
    double all = 0;

    for (size_t i = 0; i < LEVELS; i++)
        all += sums->noise[i];
    for (size_t i = 0; i < LEVELS; i++)
        *out++ = (float)sqrt(sums->noise[i] / MAX_OF(all, 1.0));
    for (size_t i = 0; i < BRIGHTNESS; i++)
        *out++ = (float)(sums->noise_log[i] / (sums->noise_count[i] + 1.0));
    return out;
}

static float *put_channels(float *out, const struct sums *sums)
{
    const double *square = sums->square;

    *out++ = (float)(sums->product[0] / sqrt(square[RED] * square[GREEN] + 1));
    *out++ = (float)(sums->product[1] / sqrt(square[GREEN] * square[BLUE] + 1));
    *out++ = (float)(sums->product[2] / sqrt(square[RED] * square[BLUE] + 1));
    *out++ = (float)log((square[RED] + 1) / (square[GREEN] + 1));
    *out++ = (float)log((square[BLUE] + 1) / (square[GREEN] + 1));
    *out++ = (float)log(square[GREEN] / (double)sums->pixels + 0.1);
    *out++ =
        (float)log(sums->fourth * (double)sums->pixels / (square[GREEN] * square[GREEN] + 1) + 1);
    return out;
}

/* Mean size of each frequency against their common level, and how heavy its tail is; (u, v) and
 * (v, u) are one frequency. */
static float *put_spectrum(float *out, const struct sums *sums)
{
    double count = 2.0 * MAX_OF(sums->blocks, 1u);
    double level = 0;

    for (unsigned u = 0; u < BLOCK; u++)
        for (unsigned v = MAX_OF(u, 1u); v < BLOCK; v++)
            level += log((sums->block[u * BLOCK + v] + sums->block[v * BLOCK + u]) / count + 0.05);
    level /= 35;
    *out++ = (float)level;
    for (unsigned u = 0; u < BLOCK; u++) {
        for (unsigned v = MAX_OF(u, 1u); v < BLOCK; v++) {
            size_t a = u * BLOCK + v;
            size_t b = v * BLOCK + u;
            double mean = (sums->block[a] + sums->block[b]) / count;
            double square = (sums->block_square[a] + sums->block_square[b]) / count;
            *out++ = (float)(log(mean + 0.05) - level);
            *out++ = (float)log((mean * mean + 0.01) / (square + 0.01));
        }
    }
    return out;
}

static float *put_scale(float *out, const struct detect_statistics *s)
{
    const struct sums *sums = &s->sums;

    for (size_t i = 0; i < ARRAY_LEN(triples); i++)
        out = put_classes(out, sums->triples[i], s->class3, ARRAY_LEN(s->class3),
                          DETECT_STATISTICS_TRIPLES);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        out = put_classes(out, sums->pairs[i], s->class2, ARRAY_LEN(s->class2),
                          DETECT_STATISTICS_PAIRS);
    out = put_classes(out, sums->colours, s->class_colour, ARRAY_LEN(s->class_colour),
                      DETECT_STATISTICS_COLOURS);
    out = put_noise(out, sums);
    out = put_channels(out, sums);
    return put_spectrum(out, sums);
}

/* Scales ------------------------------------------------------------------------------------ */

static enum status measure_scale(struct detect_statistics *s, const struct image *photo,
                                 struct arena *arena, struct err *err)
{
    struct detect_place places[WINDOWS_MAX];
    size_t count = 0;
    float texture;
    enum status st =
        detect_crops_choose(places, WINDOWS_MAX, &count, &texture, photo, SIDE, arena, err);

    memset(&s->sums, 0, sizeof s->sums);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        detect_crops_window(s->window, photo, places[i], SIDE, MARGIN);
        split(s->planes, s->window);
        count_patterns(s);
        add_noise(s);
        relate_channels(s);
        add_spectrum(s);
    }
    return st;
}

/* Histograms of saturation (8) and brightness (12, the ends apart), means and spreads (7). */
static void put_tones(float *out, const struct image *photo)
{
    size_t count = (size_t)photo->width * photo->height;
    double saturation[8] = {0};
    double brightness[12] = {0};
    double mean[3] = {0};
    double square[3] = {0};
    double product = 0;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = photo->rgb + 3 * i;
        int most = MAX_OF(MAX_OF(p[0], p[1]), p[2]);
        int least = MIN_OF(MIN_OF(p[0], p[1]), p[2]);
        double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
        double at[3] = {luma, 1.128 * (p[2] - luma), 1.426 * (p[0] - luma)};
        int level = (int)(luma + 0.5);
        saturation[(most - least) * 8 / (most + 1)]++;
        brightness[level < 2 ? 0 : level >= 254 ? 11 : 1 + level * 10 / 256]++;
        for (int c = 0; c < 3; c++) {
            mean[c] += at[c];
            square[c] += at[c] * at[c];
        }
        product += at[1] * at[2];
    }
    for (int k = 0; k < 8; k++)
        *out++ = (float)sqrt(saturation[k] / (double)count);
    for (int k = 0; k < 12; k++)
        *out++ = (float)sqrt(brightness[k] / (double)count);
    for (int c = 0; c < 3; c++) {
        mean[c] /= (double)count;
        square[c] = MAX_OF(square[c] / (double)count - mean[c] * mean[c], 0.0);
        *out++ = (float)mean[c];
        *out++ = (float)log(square[c] + 1);
    }
    product = product / (double)count - mean[1] * mean[2];
    *out++ = (float)(product / sqrt(square[1] * square[2] + 1));
}

enum status detect_statistics_measure(float *out, struct detect_statistics *statistics,
                                      const struct image *photo, struct arena *arena,
                                      struct err *err)
{
    size_t mark = arena_mark(arena);
    struct image scaled = *photo;
    float *at = out;
    enum status st = ST_OK;

    for (unsigned scale = 0; scale < DETECT_STATISTICS_SCALES && st == ST_OK; scale++) {
        if (scale)
            st = image_resize(&scaled, &scaled, MAX_OF(scaled.width / 2, SIDE_MIN),
                              MAX_OF(scaled.height / 2, SIDE_MIN), IMAGE_BOX, arena, err);
        if (st == ST_OK)
            st = measure_scale(statistics, &scaled, arena, err);
        if (st == ST_OK)
            at = put_scale(at, statistics);
    }
    if (st == ST_OK)
        put_tones(at, &scaled);
    arena_release(arena, mark);
    return st;
}

/* Classifier -------------------------------------------------------------------------------- */

float detect_statistics_standard(float value, float mean, float deviation)
{
    return CLAMP((value - mean) / deviation, -STANDARD, STANDARD);
}

double detect_statistics_score(const float *table, const float *values)
{
    const float *mean = table + DETECT_STATISTICS_MEAN * DETECT_STATISTICS_COUNT;
    const float *deviation = table + DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT;
    const float *weight = table + DETECT_STATISTICS_WEIGHT * DETECT_STATISTICS_COUNT;
    double sum = 0;

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        sum += (double)(weight[i] * detect_statistics_standard(values[i], mean[i], deviation[i]));
    return sum;
}
