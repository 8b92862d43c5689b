/* detect/statistics.c - what the sums of two scales (detect/sums.h) and the tones of a photo
 * become: numbers, and a score of them.
 * Windows are the most textured of each scale; what they say is pooled before it is a number.
 * Nothing that is mirrored at the border of a photo is counted: it would tell how large the photo
 * is, which in photos for training goes with what they are. */
#include "detect/statistics.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "detect/crops.h"
#include "detect/detect.h"
#include "detect/sums.h"
#include "detect/tones.h"

#define SIDE        DETECT_WINDOW_SIDE
#define MARGIN      DETECT_WINDOW_MARGIN
#define BLOCK       DETECT_SUMS_BLOCK
#define WINDOWS_MAX 4u
#define STANDARD    3.0f

_Static_assert(DETECT_STATISTICS_OF_SCALE == DETECT_SUMS_NUMBERS, "as many as a scale's sums give");
_Static_assert(DETECT_STATISTICS_TONES == DETECT_TONES, "as many as the tones give");

struct detect_statistics {
    struct detect_window *window;
};

struct detect_statistics *detect_statistics_open(void)
{
    struct detect_statistics *statistics = mem_alloc(1, sizeof *statistics);

    statistics->window = detect_window_open();
    return statistics;
}

void detect_statistics_close(struct detect_statistics *statistics)
{
    if (!statistics)
        return;
    detect_window_close(statistics->window);
    mem_free(statistics);
}

/* Scales ------------------------------------------------------------------------------------ */

/* Along one side of a scaled photo of `size` pixels: where a window starts, so that what its
 * residuals need around it is in the photo, too, if that is large enough. */
static uint32_t start_inside(uint32_t start, uint32_t size)
{
    uint32_t last = size > SIDE + MARGIN ? size - SIDE - MARGIN : 0;

    return MAX_OF(MIN_OF(start + MARGIN, last), MARGIN);
}

/* How many of its blocks are in the photo; one counts however small that is. */
static uint32_t blocks_inside(uint32_t start, uint32_t size)
{
    uint32_t room = size > start + MARGIN ? size - start - MARGIN : 0;

    return CLAMP(room / BLOCK, 1u, DETECT_SUMS_BLOCKS);
}

/* Where the middle of a block is in the whole photo, of `full` pixels along this side. */
static uint32_t middle_of(uint32_t start, uint32_t block, uint32_t size, uint32_t full)
{
    uint32_t at = start + block * BLOCK + BLOCK / 2;

    return (uint32_t)((2 * (uint64_t)at + 1) * full / (2 * (uint64_t)size));
}

/* The cell that each block of a window lies in, without a grid the first and only one; false when
 * all blocks are in the photo and of one part. */
static bool find_parts(struct detect_window_parts *parts, const struct detect_grid *grid,
                       const struct image *scaled, struct detect_place place)
{
    uint32_t rows = blocks_inside(place.y, scaled->height);
    uint32_t columns = blocks_inside(place.x, scaled->width);

    memset(parts, DETECT_PART_NONE, sizeof *parts);
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < columns; column++) {
            uint32_t cell = 0;
            if (grid)
                cell =
                    detect_grid_cell(grid, middle_of(place.x, column, scaled->width, grid->width),
                                     middle_of(place.y, row, scaled->height, grid->height));
            parts->of[row][column] = (uint8_t)cell;
        }
    }
    return grid || rows < DETECT_SUMS_BLOCKS || columns < DETECT_SUMS_BLOCKS;
}

static enum status add_scale(struct detect_sums *sums, struct detect_statistics *statistics,
                             const struct image *photo, const struct detect_grid *grid,
                             struct arena *arena, struct err *err)
{
    struct detect_place places[WINDOWS_MAX];
    struct detect_window_parts parts;
    size_t count = 0;
    float texture;
    enum status st =
        detect_crops_choose(places, WINDOWS_MAX, &count, &texture, photo, SIDE, arena, err);

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        const struct detect_place place = {.x = start_inside(places[i].x, photo->width),
                                           .y = start_inside(places[i].y, photo->height)};
        bool apart = find_parts(&parts, grid, photo, place);
        detect_sums_add_window(sums, statistics->window, photo, place, apart ? &parts : NULL);
    }
    return st;
}

/* Each scale into one zeroed sum, or, with a grid, as many as it has cells. */
static enum status add_scales(struct detect_sums *sums, struct detect_statistics *statistics,
                              const struct detect_scales *photo, const struct detect_grid *grid,
                              struct arena *arena, struct err *err)
{
    size_t stride = grid ? detect_grid_count(grid) : 1;
    enum status st = ST_OK;

    for (unsigned scale = 0; scale < DETECT_SCALES && st == ST_OK; scale++)
        st = add_scale(sums + scale * stride, statistics, &photo->at[scale], grid, arena, err);
    return st;
}

enum status detect_statistics_measure(float *out, struct detect_statistics *statistics,
                                      const struct detect_scales *photo, struct arena *arena,
                                      struct err *err)
{
    struct detect_sums sums[DETECT_SCALES] = {0};
    size_t mark = arena_mark(arena);
    enum status st = add_scales(sums, statistics, photo, NULL, arena, err);

    if (st == ST_OK) {
        for (size_t scale = 0; scale < DETECT_SCALES; scale++)
            detect_sums_numbers(out + scale * DETECT_STATISTICS_OF_SCALE, &sums[scale]);
        detect_tones_measure(out + DETECT_SCALES * DETECT_STATISTICS_OF_SCALE,
                             &photo->at[DETECT_SCALES - 1]);
    }
    arena_release(arena, mark);
    return st;
}

/* Classifier -------------------------------------------------------------------------------- */

float detect_statistics_standard(float value, float mean, float deviation)
{
    return CLAMP((value - mean) / deviation, -STANDARD, STANDARD);
}

float detect_statistics_damage(const float *table, const float *standard)
{
    const float *weight = table + DETECT_STATISTICS_DAMAGE * DETECT_STATISTICS_COUNT;
    double sum = 0;

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        sum += (double)(weight[i] * standard[i]);
    return CLAMP((float)sum, -DETECT_STATISTICS_DAMAGE_MAX, DETECT_STATISTICS_DAMAGE_MAX);
}

static void standardise(float *out, const float *table, const float *values)
{
    const float *mean = table + DETECT_STATISTICS_MEAN * DETECT_STATISTICS_COUNT;
    const float *deviation = table + DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT;

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        out[i] = detect_statistics_standard(values[i], mean[i], deviation[i]);
}

double detect_statistics_score(const float *table, const float *values)
{
    const float *weight = table + DETECT_STATISTICS_WEIGHT * DETECT_STATISTICS_COUNT;
    const float *damaged = table + DETECT_STATISTICS_DAMAGED_WEIGHT * DETECT_STATISTICS_COUNT;
    float standard[DETECT_STATISTICS_COUNT];
    double sum = 0;

    standardise(standard, table, values);
    float damage = detect_statistics_damage(table, standard);
    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        sum += (double)((weight[i] + damage * damaged[i]) * standard[i]);
    return sum;
}

/* Embedding --------------------------------------------------------------------------------- */

uint64_t detect_statistics_embedding(const float *embedding, const float *table,
                                     const float *values)
{
    float standard[DETECT_STATISTICS_COUNT];
    uint64_t packed = 0;

    standardise(standard, table, values);
    for (unsigned i = 0; i < DETECT_EMBEDDING_SIZE; i++) {
        const float *direction = embedding + i * DETECT_STATISTICS_COUNT;
        double place = 0;
        for (size_t k = 0; k < DETECT_STATISTICS_COUNT; k++)
            place += (double)(direction[k] * standard[k]);
        long level = lrint(place * DETECT_EMBEDDING_STEPS) + DETECT_EMBEDDING_LEVELS / 2;
        packed |= (uint64_t)CLAMP(level, 0, DETECT_EMBEDDING_LEVELS - 1) << (4 * i);
    }
    return packed ? packed : 1; /* 0 says that there is none */
}

/* Cells ------------------------------------------------------------------------------------- */

/* The score when of each scale only `sums` were seen.  A scale of which nothing was seen is as in
 * the average photo: it says nothing.  values: the tones are there. */
static double score_of(const float *table, float *values, const struct detect_sums *sums)
{
    const float *mean = table + DETECT_STATISTICS_MEAN * DETECT_STATISTICS_COUNT;

    for (size_t scale = 0; scale < DETECT_SCALES; scale++) {
        size_t at = scale * DETECT_STATISTICS_OF_SCALE;
        if (sums[scale].pixels)
            detect_sums_numbers(values + at, &sums[scale]);
        else
            memcpy(values + at, mean + at, DETECT_STATISTICS_OF_SCALE * sizeof *values);
    }
    return detect_statistics_score(table, values);
}

/* sums: of each scale, of each of `count` cells. */
static void compare_cells(double *out, const float *table, float *values,
                          const struct detect_sums *sums, size_t count)
{
    struct detect_sums whole[DETECT_SCALES] = {0};

    for (size_t i = 0; i < DETECT_SCALES * count; i++)
        detect_sums_add(&whole[i / count], &sums[i]);
    double score = score_of(table, values, whole);
    for (size_t cell = 0; cell < count; cell++) {
        struct detect_sums rest[DETECT_SCALES];
        for (size_t scale = 0; scale < DETECT_SCALES; scale++) {
            rest[scale] = whole[scale];
            detect_sums_remove(&rest[scale], &sums[scale * count + cell]);
        }
        out[cell] = score - score_of(table, values, rest);
    }
}

enum status detect_statistics_compare(double *out, struct detect_statistics *statistics,
                                      const float *table, const struct detect_scales *photo,
                                      const struct detect_grid *grid, struct arena *arena,
                                      struct err *err)
{
    size_t mark = arena_mark(arena);
    size_t count = detect_grid_count(grid);
    float values[DETECT_STATISTICS_COUNT];
    struct detect_sums *sums = ARENA_NEW(arena, struct detect_sums, DETECT_SCALES * count);
    enum status st = ST_OK;

    if (!sums)
        return err_set(err, ST_NOMEM, "no room for the statistics of %zu cells", count);
    memset(sums, 0, DETECT_SCALES * count * sizeof *sums);
    st = add_scales(sums, statistics, photo, grid, arena, err);
    if (st == ST_OK) {
        detect_tones_measure(values + DETECT_SCALES * DETECT_STATISTICS_OF_SCALE,
                             &photo->at[DETECT_SCALES - 1]);
        compare_cells(out, table, values, sums, count);
    }
    arena_release(arena, mark);
    return st;
}
