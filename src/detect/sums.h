/* detect/sums.h - what windows of one scale of a photo add up to, and the numbers that becomes:
 * co-occurrences of residuals, noise, relations of the channels, block spectra.  Sums can be taken
 * apart again: by the parts of the photo that a window's blocks lie in.
 * Must not know scales, cells or weights.  A struct detect_window belongs to one thread. */
#pragma once

#include "detect/cooccurrence.h"
#include "detect/crops.h"
#include "image/image.h"

#define DETECT_SUMS_TRIPLES    6 /* residuals of luma whose triples are counted */
#define DETECT_SUMS_PAIRS      4 /* of chroma, pairs */
#define DETECT_SUMS_LEVELS     12
#define DETECT_SUMS_BRIGHTNESS 4
#define DETECT_SUMS_BLOCK      8u
#define DETECT_SUMS_BLOCKS     (DETECT_WINDOW_SIDE / DETECT_SUMS_BLOCK) /* a side of a window */

struct detect_sums {
    uint32_t triples[DETECT_SUMS_TRIPLES][DETECT_TRIPLE_CLASSES];
    uint32_t pairs[DETECT_SUMS_PAIRS][DETECT_PAIR_CLASSES];
    uint32_t colours[DETECT_COLOUR_CLASSES];
    uint32_t noise[DETECT_SUMS_LEVELS]; /* blocks by level */
    double noise_log[DETECT_SUMS_BRIGHTNESS];
    uint32_t noise_count[DETECT_SUMS_BRIGHTNESS];
    double square[3], product[3], fourth; /* of curvature, by channel */
    uint64_t pixels;
    double block[DETECT_SUMS_BLOCK * DETECT_SUMS_BLOCK]; /* sizes of the frequencies */
    double block_square[DETECT_SUMS_BLOCK * DETECT_SUMS_BLOCK];
    uint32_t blocks; /* that are not flat */
};

struct detect_window; /* scratch memory for the pixels of one window */
struct detect_window *detect_window_open(void) MUST_USE;
void detect_window_close(struct detect_window *window); /* NULL is fine */

/* The part that each block of a window belongs to, row by row; a block of no part is not added. */
#define DETECT_PART_NONE UINT8_MAX
struct detect_window_parts {
    uint8_t of[DETECT_SUMS_BLOCKS][DETECT_SUMS_BLOCKS];
};

/* Adds the window of `photo` at `place` to *sums; with `parts`, each of its blocks to
 * sums[parts->of[row][column]], which takes no longer.  Parts add up to the whole when no
 * block is of none. */
void detect_sums_add_window(struct detect_sums *sums, struct detect_window *window,
                            const struct image *photo, struct detect_place place,
                            const struct detect_window_parts *parts);
void detect_sums_add(struct detect_sums *sums, const struct detect_sums *more);
/* Takes `part`, which had been added, out again, as if it had not been looked at. */
void detect_sums_remove(struct detect_sums *sums, const struct detect_sums *part);

/* Shares of the classes as square roots, then noise, channels and spectrum. */
#define DETECT_SUMS_NUMBERS                                                                        \
    (DETECT_SUMS_TRIPLES * DETECT_TRIPLE_CLASSES + DETECT_SUMS_PAIRS * DETECT_PAIR_CLASSES +       \
     DETECT_COLOUR_CLASSES + DETECT_SUMS_LEVELS + DETECT_SUMS_BRIGHTNESS + 7 + 71)
/* DETECT_SUMS_NUMBERS finite numbers; sums of nothing give some too. */
void detect_sums_numbers(float *out, const struct detect_sums *sums);
