/* detect/statistics.h - the second opinion: hand-made forensic statistics of a photo at two
 * scales, and a classifier over them whose weights follow how far the photo was degraded.
 * Complements the network, which sees single crops. Must not know labels or thresholds.  A
 * measuring object belongs to one thread. */
#pragma once

#include "detect/grid.h"
#include "detect/scales.h"

#define DETECT_STATISTICS_TABLE "statistics" /* the weights file's table, five rows, see below */

/* Classes of quantised neighbours that are the same after mirroring and negation. */
#define DETECT_STATISTICS_TRIPLES 39 /* three values in -2..2 */
#define DETECT_STATISTICS_PAIRS   16 /* two values in -3..3 */
#define DETECT_STATISTICS_COLOURS 14 /* (red, green, blue) in -1..1, negation only */
/* Of one scale: 6 luma residuals, 4 chroma residuals, colour steps, noise by block and by
 * brightness, channel relations, block spectrum. */
#define DETECT_STATISTICS_OF_SCALE                                                                 \
    (6 * DETECT_STATISTICS_TRIPLES + 4 * DETECT_STATISTICS_PAIRS + DETECT_STATISTICS_COLOURS +     \
     12 + 4 + 7 + 71)
#define DETECT_STATISTICS_TONES 27 /* saturation, brightness, colour moments; once a photo */
#define DETECT_STATISTICS_COUNT                                                                    \
    (DETECT_SCALES * DETECT_STATISTICS_OF_SCALE + DETECT_STATISTICS_TONES)

struct detect_statistics;
struct detect_statistics *detect_statistics_open(void) MUST_USE;
void detect_statistics_close(struct detect_statistics *statistics); /* NULL is fine */

/* DETECT_STATISTICS_COUNT finite numbers of a photo of any size.  ST_NOMEM: arena full; what is
 * taken from the arena is given back. */
enum status detect_statistics_measure(float *out, struct detect_statistics *statistics,
                                      const struct detect_scales *photo, struct arena *arena,
                                      struct err *err) MUST_USE;

/* Rows of the table, each DETECT_STATISTICS_COUNT floats. */
enum detect_statistics_row {
    DETECT_STATISTICS_MEAN,
    DETECT_STATISTICS_DEVIATION, /* above 0 */
    DETECT_STATISTICS_WEIGHT,
    DETECT_STATISTICS_DAMAGE,         /* what a value says of how far the photo was degraded */
    DETECT_STATISTICS_DAMAGED_WEIGHT, /* to be added to the weight for each unit of damage */
    DETECT_STATISTICS_ROW_COUNT
};
/* A measured value in units of the training photos' deviation, within +-3. */
float detect_statistics_standard(float value, float mean, float deviation);
/* From standardised values: about -1 for a photo as light compression leaves it, 1 for one that was
 * shrunk and heavily compressed; within +-DETECT_STATISTICS_DAMAGE_MAX. */
#define DETECT_STATISTICS_DAMAGE_MAX 1.5f
float detect_statistics_damage(const float *table, const float *standard);
/* Sum of (weight + damage * damaged weight) times standardised value: positive says AI-generated.
 * Traces that compression wipes out weigh less where it was heavy. */
double detect_statistics_score(const float *table, const float *values);

/* Another table of the weights file: DETECT_EMBEDDING_SIZE rows, the directions in which
 * standardised values of training photos differ most, each scaled to a deviation of 1.  The photo's
 * places along them, packed as detect.h says; never 0. */
#define DETECT_EMBEDDING_TABLE "embedding"
uint64_t detect_statistics_embedding(const float *embedding, const float *table,
                                     const float *values);

/* What the score loses when a cell of the grid is not looked at: its pixels are in no sum, windows
 * stay where they are; out[cell], row by row.  Tones belong to the whole photo and stay.  Takes
 * about as long as measuring.  Errors as above. */
enum status detect_statistics_compare(double *out, struct detect_statistics *statistics,
                                      const float *table, const struct detect_scales *photo,
                                      const struct detect_grid *grid, struct arena *arena,
                                      struct err *err) MUST_USE;
