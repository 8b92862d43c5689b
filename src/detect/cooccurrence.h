/* detect/cooccurrence.h - how often which neighbouring residuals occur in one window of a photo:
 * planes, residuals, and counts of classes of quantised tuples.  Whole numbers only, so that every
 * processor gives the same.  Must not know photos or what is made of the counts.  Pure. */
#pragma once

#include "base/base.h"

#define DETECT_WINDOW_SIDE   128u
#define DETECT_WINDOW_MARGIN 2u /* pixels around it that residuals and their neighbours need */
#define DETECT_WINDOW_WIDE   (DETECT_WINDOW_SIDE + 2 * DETECT_WINDOW_MARGIN)
#define DETECT_WINDOW_PIXELS (DETECT_WINDOW_WIDE * DETECT_WINDOW_WIDE)

enum detect_plane {
    DETECT_RED,
    DETECT_GREEN,
    DETECT_BLUE,
    DETECT_LUMA, /* grey levels */
    DETECT_CHROMA_BLUE,
    DETECT_CHROMA_RED, /* half levels */
    DETECT_PLANE_COUNT
};
/* From packed RGB of DETECT_WINDOW_PIXELS; ITU-R BT.601 full range. */
void detect_planes_split(int16_t (*planes)[DETECT_WINDOW_PIXELS], const uint8_t *rgb);

enum detect_residual {
    DETECT_STEP_RIGHT,
    DETECT_CURVATURE, /* along rows */
    DETECT_CROSS,     /* second difference along the diagonal */
    DETECT_SQUARE,    /* 3x3, what is left of a quadratic surface (KV) */
    DETECT_MEDIAN     /* a pixel less the median of its 3x3 */
};
/* Of all pixels but the outermost row and column. */
void detect_residual_apply(int16_t *out, const int16_t *plane, enum detect_residual residual);

#define DETECT_TRIPLE_CLASSES 39 /* three values in -2..2 */
#define DETECT_PAIR_CLASSES   16 /* two values in -3..3 */
#define DETECT_COLOUR_CLASSES 14 /* (red, green, blue) in -1..1 */

#define DETECT_TUPLE_CODES 125 /* at most: three values of five */
/* Tuples that become each other by negation, or by reversal unless `ordered`, are one class; its
 * code is the smallest of theirs, read as digits of a number.  Classes rise with their codes, so
 * that the last is the one of all zeros. */
struct detect_classes {
    unsigned count;
    uint8_t codes[DETECT_TRIPLE_CLASSES];
    uint8_t index[DETECT_TUPLE_CODES]; /* of a class's code */
};

struct detect_cooccurrence {
    struct detect_classes triples, pairs, colours;
    uint8_t quantised[DETECT_WINDOW_PIXELS];
    uint8_t tuples[2][DETECT_WINDOW_SIDE * DETECT_WINDOW_SIDE]; /* codes: to the right, below */
};
void detect_cooccurrence_init(struct detect_cooccurrence *cooccurrence);

/* Add to counts[class], unless it is NULL, the tuples of neighbours to the right and below of every
 * pixel.  Residuals count in units of 2^shift grey levels, halves rounded away from zero, cut off
 * at 2 (triples) or 3 (pairs); colours in steps of at least two levels. */
void detect_cooccurrence_triples(uint32_t *counts, struct detect_cooccurrence *cooccurrence,
                                 const int16_t *residual, int shift);
void detect_cooccurrence_pairs(uint32_t *counts, struct detect_cooccurrence *cooccurrence,
                               const int16_t *residual, int shift);
void detect_cooccurrence_colours(uint32_t *counts, struct detect_cooccurrence *cooccurrence,
                                 int16_t (*planes)[DETECT_WINDOW_PIXELS]);
/* The same for a square of the window, `side` pixels from (x, y) on, and what the last of the
 * functions above coded; `classes` are those of its tuples. */
void detect_cooccurrence_count_square(uint32_t *counts,
                                      const struct detect_cooccurrence *cooccurrence,
                                      const struct detect_classes *classes, size_t x, size_t y,
                                      size_t side);
