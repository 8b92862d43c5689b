/* detect/cooccurrence.c - a tuple of neighbours becomes the code of its class by arithmetic on
 * bytes, and a class is counted by comparing all codes with its own: no table, no scatter, so that
 * the compiler makes vector code of every loop. */
#include "detect/cooccurrence.h"

#include <string.h>

#include "detect/tally.h"

#define SIDE   DETECT_WINDOW_SIDE
#define MARGIN DETECT_WINDOW_MARGIN
#define WIDE   DETECT_WINDOW_WIDE
#define PIXELS DETECT_WINDOW_PIXELS

#define VALUES3   5 /* of one residual in a triple */
#define VALUES2   7 /* in a pair */
#define CODE_MAX3 (VALUES3 * VALUES3 * VALUES3 - 1)
#define CODE_MAX2 (VALUES2 * VALUES2 - 1)
#define COLOURS   27

_Static_assert(SIDE == DETECT_TALLY_COLUMNS && SIDE <= DETECT_TALLY_ROWS_MAX,
               "a window's tuples are counted as they lie");

/* Planes and residuals -------------------------------------------------------------------- */

/* In 16-bit fixed point. */
VECTORISED void detect_planes_split(int16_t (*planes)[PIXELS], const uint8_t *rgb)
{
    for (size_t i = 0; i < PIXELS; i++) {
        int red = rgb[3 * i];
        int green = rgb[3 * i + 1];
        int blue = rgb[3 * i + 2];
        int luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
        planes[DETECT_RED][i] = (int16_t)red;
        planes[DETECT_GREEN][i] = (int16_t)green;
        planes[DETECT_BLUE][i] = (int16_t)blue;
        planes[DETECT_LUMA][i] = (int16_t)luma;
        planes[DETECT_CHROMA_BLUE][i] = (int16_t)((73924 * (blue - luma) + 32768) >> 16);
        planes[DETECT_CHROMA_RED][i] = (int16_t)((93454 * (red - luma) + 32768) >> 16);
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

/* What is written at the ends of rows is never read. */
VECTORISED void detect_residual_apply(int16_t *restrict out, const int16_t *restrict p,
                                      enum detect_residual residual)
{
    const size_t w = WIDE;

    switch (residual) {
    case DETECT_STEP_RIGHT:
        EACH_PIXEL(p[i + 1] - p[i]);
        break;
    case DETECT_CURVATURE:
        EACH_PIXEL(p[i + 1] - 2 * p[i] + p[i - 1]);
        break;
    case DETECT_CROSS:
        EACH_PIXEL(p[i + w + 1] - p[i + 1] - p[i + w] + p[i]);
        break;
    case DETECT_SQUARE:
        EACH_PIXEL(2 * (p[i - w] + p[i - 1] + p[i + 1] + p[i + w]) - 4 * p[i] - p[i - w - 1] -
                   p[i - w + 1] - p[i + w - 1] - p[i + w + 1]);
        break;
    case DETECT_MEDIAN:
        EACH_PIXEL(p[i] - median9(p + i));
        break;
    }
}

/* Classes --------------------------------------------------------------------------------- */

static void take_code(struct detect_classes *classes, uint8_t code)
{
    classes->index[code] = (uint8_t)classes->count;
    classes->codes[classes->count++] = code;
}

/* The tuples are the `count` digits of a number to the base `base`. */
static struct detect_classes list_classes(unsigned base, unsigned count, bool ordered)
{
    unsigned total = count == 3 ? base * base * base : base * base;
    struct detect_classes classes = {0};

    for (unsigned code = 0; code < total; code++) {
        unsigned reversed = 0;
        unsigned rest = code;
        for (unsigned k = 0; k < count; k++, rest /= base)
            reversed = reversed * base + rest % base;
        if (ordered)
            reversed = code;
        if (code <= reversed && code <= total - 1 - code && code <= total - 1 - reversed)
            take_code(&classes, (uint8_t)code);
    }
    return classes;
}

void detect_cooccurrence_init(struct detect_cooccurrence *cooccurrence)
{
    memset(cooccurrence, 0, sizeof *cooccurrence);
    cooccurrence->triples = list_classes(VALUES3, 3, false);
    cooccurrence->pairs = list_classes(VALUES2, 2, false);
    cooccurrence->colours = list_classes(3, 3, true);
    REQUIRE(cooccurrence->triples.count == DETECT_TRIPLE_CLASSES);
    REQUIRE(cooccurrence->pairs.count == DETECT_PAIR_CLASSES);
    REQUIRE(cooccurrence->colours.count == DETECT_COLOUR_CLASSES);
}

VECTORISED static void count_classes(uint32_t *counts, const struct detect_classes *classes,
                                     const uint8_t *tuples)
{
    for (unsigned k = 0; k < classes->count; k++)
        counts[k] += detect_tally(tuples, SIDE, classes->codes[k]);
}

static void count_both(uint32_t *counts, const struct detect_classes *classes,
                       uint8_t (*tuples)[SIDE * SIDE])
{
    if (!counts)
        return;
    count_classes(counts, classes, tuples[0]);
    count_classes(counts, classes, tuples[1]);
}

void detect_cooccurrence_count_square(uint32_t *counts,
                                      const struct detect_cooccurrence *cooccurrence,
                                      const struct detect_classes *classes, size_t x, size_t y,
                                      size_t side)
{
    for (size_t row = y; row < y + side; row++) {
        const uint8_t *right = cooccurrence->tuples[0] + row * SIDE;
        const uint8_t *below = cooccurrence->tuples[1] + row * SIDE;
        for (size_t column = x; column < x + side; column++) {
            counts[classes->index[right[column]]]++;
            counts[classes->index[below[column]]]++;
        }
    }
}

/* Tuples ---------------------------------------------------------------------------------- */

/* To 0 .. 2 * cut: cut plus the residual in units of 2^shift, halves rounded away from zero. */
VECTORISED static void quantise(uint8_t *restrict out, const int16_t *restrict residual, int shift,
                                int cut)
{
    const int16_t half = (int16_t)(1 << shift >> 1);

    for (size_t i = 0; i < PIXELS; i++) {
        int16_t sign = (int16_t)(residual[i] >> 15); /* -1: all bits, or 0 */
        int16_t size = (int16_t)((residual[i] ^ sign) - sign);
        int16_t units = low((int16_t)((int16_t)(size + half) >> shift), (int16_t)cut);
        out[i] = (uint8_t)(cut + ((units ^ sign) - sign));
    }
}

static inline uint8_t lower(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static inline uint8_t higher(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

/* The class's code: the smallest of the tuple's, its mirror's and their negatives'. */
static inline uint8_t code_of_triple(uint8_t a, uint8_t b, uint8_t c)
{
    uint8_t least = lower(a, c);
    uint8_t most = higher(a, c);
    uint8_t code = (uint8_t)(least * VALUES3 * VALUES3 + b * VALUES3 + most);
    uint8_t largest = (uint8_t)(most * VALUES3 * VALUES3 + b * VALUES3 + least);

    return lower(code, (uint8_t)(CODE_MAX3 - largest));
}

static inline uint8_t code_of_pair(uint8_t a, uint8_t b)
{
    uint8_t least = lower(a, b);
    uint8_t most = higher(a, b);
    uint8_t code = (uint8_t)(least * VALUES2 + most);
    uint8_t largest = (uint8_t)(most * VALUES2 + least);

    return lower(code, (uint8_t)(CODE_MAX2 - largest));
}

VECTORISED static void code_triples(uint8_t *restrict right, uint8_t *restrict below,
                                    const uint8_t *restrict quantised)
{
    for (size_t y = 0; y < SIDE; y++) {
        const uint8_t *q = quantised + (y + MARGIN - 1) * WIDE + MARGIN - 1;
        for (size_t x = 0; x < SIDE; x++) {
            right[y * SIDE + x] = code_of_triple(q[x], q[x + 1], q[x + 2]);
            below[y * SIDE + x] = code_of_triple(q[x], q[x + WIDE], q[x + 2 * WIDE]);
        }
    }
}

VECTORISED static void code_pairs(uint8_t *restrict right, uint8_t *restrict below,
                                  const uint8_t *restrict quantised)
{
    for (size_t y = 0; y < SIDE; y++) {
        const uint8_t *q = quantised + (y + MARGIN - 1) * WIDE + MARGIN - 1;
        for (size_t x = 0; x < SIDE; x++) {
            right[y * SIDE + x] = code_of_pair(q[x], q[x + 1]);
            below[y * SIDE + x] = code_of_pair(q[x], q[x + WIDE]);
        }
    }
}

/* 0, 1 or 2: a step of less than two levels is none. */
static inline int16_t sign_of(int16_t from, int16_t to)
{
    int16_t step = (int16_t)(to - from);

    return (int16_t)(1 + (step >= 2) - (step <= -2));
}

VECTORISED static void code_colours(uint8_t *restrict out, const int16_t *restrict red,
                                    const int16_t *restrict green, const int16_t *restrict blue,
                                    size_t step)
{
    for (size_t y = 0; y < SIDE; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            size_t i = (y + MARGIN) * WIDE + MARGIN + x;
            int16_t code = (int16_t)(9 * sign_of(red[i], red[i + step]) +
                                     3 * sign_of(green[i], green[i + step]) +
                                     sign_of(blue[i], blue[i + step]));
            int16_t negative = (int16_t)(COLOURS - 1 - code);
            out[y * SIDE + x] = (uint8_t)low(code, negative);
        }
    }
}

void detect_cooccurrence_triples(uint32_t *counts, struct detect_cooccurrence *c,
                                 const int16_t *residual, int shift)
{
    quantise(c->quantised, residual, shift, 2);
    code_triples(c->tuples[0], c->tuples[1], c->quantised);
    count_both(counts, &c->triples, c->tuples);
}

void detect_cooccurrence_pairs(uint32_t *counts, struct detect_cooccurrence *c,
                               const int16_t *residual, int shift)
{
    quantise(c->quantised, residual, shift, 3);
    code_pairs(c->tuples[0], c->tuples[1], c->quantised);
    count_both(counts, &c->pairs, c->tuples);
}

void detect_cooccurrence_colours(uint32_t *counts, struct detect_cooccurrence *c,
                                 int16_t (*planes)[PIXELS])
{
    code_colours(c->tuples[0], planes[DETECT_RED], planes[DETECT_GREEN], planes[DETECT_BLUE], 1);
    code_colours(c->tuples[1], planes[DETECT_RED], planes[DETECT_GREEN], planes[DETECT_BLUE], WIDE);
    count_both(counts, &c->colours, c->tuples);
}
