/* detect/sums.c - co-occurrences of truncated residuals (Pevny, Bas and Fridrich 2010; Fridrich and
 * Kodovsky 2012), noise levels, relations of the channels and block spectra of windows.
 * A window is added as a whole, which is fast, or block by block to the parts its blocks are in. */
#include "detect/sums.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "detect/cooccurrence.h"

#define SIDE        DETECT_WINDOW_SIDE
#define MARGIN      DETECT_WINDOW_MARGIN
#define WIDE        DETECT_WINDOW_WIDE
#define PIXELS      DETECT_WINDOW_PIXELS
#define BLOCK       DETECT_SUMS_BLOCK
#define BLOCKS      DETECT_SUMS_BLOCKS
#define LEVELS      DETECT_SUMS_LEVELS
#define BRIGHTNESS  DETECT_SUMS_BRIGHTNESS
#define BLOCK_FLAT  4 /* blocks of a smaller range have no spectrum to speak of */
#define NOISE_LEAST 0.05

/* One co-occurrence: which residual of which plane, in units of 2^shift grey levels. */
struct pattern {
    enum detect_plane plane;
    enum detect_residual residual;
    int shift;
};

static const struct pattern triples[] = {
    {DETECT_LUMA, DETECT_STEP_RIGHT, 0}, {DETECT_LUMA, DETECT_STEP_RIGHT, 2},
    {DETECT_LUMA, DETECT_CURVATURE, 1},  {DETECT_LUMA, DETECT_CROSS, 0},
    {DETECT_LUMA, DETECT_SQUARE, 2},     {DETECT_LUMA, DETECT_MEDIAN, 0},
};
static const struct pattern pairs[] = {
    {DETECT_CHROMA_BLUE, DETECT_CROSS, 0},
    {DETECT_CHROMA_BLUE, DETECT_STEP_RIGHT, 1},
    {DETECT_CHROMA_RED, DETECT_CROSS, 0},
    {DETECT_CHROMA_RED, DETECT_STEP_RIGHT, 1},
};
_Static_assert(ARRAY_LEN(triples) == DETECT_SUMS_TRIPLES && ARRAY_LEN(pairs) == DETECT_SUMS_PAIRS,
               "one table a pattern");

typedef float block_row /* on the heap: no more aligned than that is */
    __attribute__((vector_size(BLOCK * sizeof(float)), aligned(16)));

struct detect_window {
    float cosine[BLOCK][BLOCK];
    block_row cosine_across[BLOCK]; /* the same, transposed */
    uint8_t rgb[3 * PIXELS];
    int16_t planes[DETECT_PLANE_COUNT][PIXELS];
    int16_t residual[PIXELS];
    struct detect_cooccurrence cooccurrence;
};

struct detect_window *detect_window_open(void)
{
    struct detect_window *window = mem_alloc(1, sizeof *window);

    detect_cooccurrence_init(&window->cooccurrence);
    for (unsigned u = 0; u < BLOCK; u++) {
        for (unsigned k = 0; k < BLOCK; k++) {
            float cosine = (float)(cos((2 * k + 1) * u * acos(-1.0) / (2.0 * BLOCK)) *
                                   (u ? 0.5 : sqrt(0.125)));
            window->cosine[u][k] = cosine;
            window->cosine_across[k][u] = cosine;
        }
    }
    return window;
}

void detect_window_close(struct detect_window *window)
{
    mem_free(window);
}

/* Where block (column, row) of a window is added; NULL: nowhere. */
static struct detect_sums *part_at(struct detect_sums *sums,
                                   const struct detect_window_parts *parts, size_t row,
                                   size_t column)
{
    if (!parts)
        return sums;
    return parts->of[row][column] == DETECT_PART_NONE ? NULL : &sums[parts->of[row][column]];
}

/* Classes ----------------------------------------------------------------------------------- */

enum table { TRIPLES, PAIRS, COLOURS };

static uint32_t *table_of(struct detect_sums *sums, enum table table, size_t pattern)
{
    return table == TRIPLES ? sums->triples[pattern]
           : table == PAIRS ? sums->pairs[pattern]
                            : sums->colours;
}

/* What was coded last, into one table of each part. */
static void count_parts(struct detect_sums *sums, const struct detect_cooccurrence *cooccurrence,
                        const struct detect_window_parts *parts, enum table table, size_t pattern)
{
    const struct detect_classes *classes = table == TRIPLES ? &cooccurrence->triples
                                           : table == PAIRS ? &cooccurrence->pairs
                                                            : &cooccurrence->colours;

    for (size_t row = 0; row < BLOCKS; row++) {
        for (size_t column = 0; column < BLOCKS; column++) {
            struct detect_sums *to = part_at(sums, parts, row, column);
            if (to)
                detect_cooccurrence_count_square(table_of(to, table, pattern), cooccurrence,
                                                 classes, column * BLOCK, row * BLOCK, BLOCK);
        }
    }
}

static void count_patterns(struct detect_sums *sums, struct detect_window *w,
                           const struct detect_window_parts *parts)
{
    struct detect_cooccurrence *cooccurrence = &w->cooccurrence;

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        detect_residual_apply(w->residual, w->planes[pairs[i].plane], pairs[i].residual);
        detect_cooccurrence_pairs(parts ? NULL : sums->pairs[i], cooccurrence, w->residual,
                                  pairs[i].shift);
        if (parts)
            count_parts(sums, cooccurrence, parts, PAIRS, i);
    }
    detect_cooccurrence_colours(parts ? NULL : sums->colours, cooccurrence, w->planes);
    if (parts)
        count_parts(sums, cooccurrence, parts, COLOURS, 0);
    for (size_t i = 0; i < ARRAY_LEN(triples); i++) {
        detect_residual_apply(w->residual, w->planes[triples[i].plane], triples[i].residual);
        detect_cooccurrence_triples(parts ? NULL : sums->triples[i], cooccurrence, w->residual,
                                    triples[i].shift);
        if (parts)
            count_parts(sums, cooccurrence, parts, TRIPLES, i);
    }
}

/* Noise, channels, spectrum ----------------------------------------------------------------- */

/* Sums over each block of a row of blocks: squares of the residual, luma. */
VECTORISED static void sum_blocks(int32_t *restrict squares, int32_t *restrict lumas,
                                  const int16_t *restrict residual, const int16_t *restrict luma)
{
    int32_t square_columns[SIDE] = {0};
    int32_t luma_columns[SIDE] = {0};

    for (size_t y = 0; y < BLOCK; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            square_columns[x] += residual[y * WIDE + x] * residual[y * WIDE + x];
            luma_columns[x] += luma[y * WIDE + x];
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        squares[i] = 0;
        lumas[i] = 0;
        for (size_t x = i * BLOCK; x < (i + 1) * BLOCK; x++) {
            squares[i] += square_columns[x];
            lumas[i] += luma_columns[x];
        }
    }
}

/* Root mean square of the median residual in blocks: how it is spread, and by brightness.  The
 * median residual is the last one that the patterns left behind. */
static void add_noise(struct detect_sums *sums, const struct detect_window *w,
                      const struct detect_window_parts *parts)
{
    for (size_t row = 0; row < BLOCKS; row++) {
        int32_t squares[BLOCKS];
        int32_t lumas[BLOCKS];
        size_t at = (MARGIN + row * BLOCK) * WIDE + MARGIN;
        sum_blocks(squares, lumas, w->residual + at, w->planes[DETECT_LUMA] + at);
        for (size_t i = 0; i < BLOCKS; i++) {
            struct detect_sums *to = part_at(sums, parts, row, i);
            if (!to)
                continue;
            double root = sqrt(squares[i] / 64.0);
            int level = root < NOISE_LEAST ? 0 : 1 + (int)(log2(root / NOISE_LEAST) / 0.75);
            int bright = lumas[i] / 64 / 64;
            to->noise[CLAMP(level, 0, (int)LEVELS - 1)]++;
            to->noise_log[bright] += log(root + NOISE_LEAST);
            to->noise_count[bright]++;
        }
    }
}

static inline int32_t curvature(const int16_t *p)
{
    return p[1] - 2 * p[0] + p[-1];
}

/* Of one row of a window.  A curvature is at most 510, so that the squares of a row fit. */
struct row_sums {
    int32_t square[3], product[3];
};

VECTORISED static struct row_sums relate_row(double *restrict fourth, const int16_t *restrict red,
                                             const int16_t *restrict green,
                                             const int16_t *restrict blue)
{
    int32_t rr = 0;
    int32_t gg = 0;
    int32_t bb = 0;
    int32_t rg = 0;
    int32_t gb = 0;
    int32_t rb = 0;

    for (size_t x = 0; x < SIDE; x++) {
        int32_t r = curvature(red + x);
        int32_t g = curvature(green + x);
        int32_t b = curvature(blue + x);
        float level = (float)g;
        rr += r * r;
        gg += g * g;
        bb += b * b;
        rg += r * g;
        gb += g * b;
        rb += r * b;
        fourth[x] += (double)(level * level * level * level);
    }
    return (struct row_sums){{rr, gg, bb}, {rg, gb, rb}};
}

/* All are sums of whole numbers below 2^53: their order does not matter. */
static void relate_channels(struct detect_sums *sums, const struct detect_window *w)
{
    double fourth[SIDE] = {0};

    for (size_t y = MARGIN; y < SIDE + MARGIN; y++) {
        size_t at = y * WIDE + MARGIN;
        struct row_sums row = relate_row(fourth, w->planes[DETECT_RED] + at,
                                         w->planes[DETECT_GREEN] + at, w->planes[DETECT_BLUE] + at);
        for (int c = 0; c < 3; c++) {
            sums->square[c] += row.square[c];
            sums->product[c] += row.product[c];
        }
    }
    for (size_t x = 0; x < SIDE; x++)
        sums->fourth += fourth[x];
    sums->pixels += (uint64_t)SIDE * SIDE;
}

/* The same of one block, whose first pixel is `first` of a plane. */
static void relate_block(struct detect_sums *sums, const struct detect_window *w, size_t first)
{
    for (size_t i = 0; i < (size_t)BLOCK * BLOCK; i++) {
        size_t at = first + i / BLOCK * WIDE + i % BLOCK;
        int32_t r = curvature(w->planes[DETECT_RED] + at);
        int32_t g = curvature(w->planes[DETECT_GREEN] + at);
        int32_t b = curvature(w->planes[DETECT_BLUE] + at);
        float level = (float)g;
        sums->square[0] += r * r;
        sums->square[1] += g * g;
        sums->square[2] += b * b;
        sums->product[0] += r * g;
        sums->product[1] += g * b;
        sums->product[2] += r * b;
        sums->fourth += (double)(level * level * level * level);
    }
    sums->pixels += (uint64_t)BLOCK * BLOCK;
}

static void relate_parts(struct detect_sums *sums, const struct detect_window *w,
                         const struct detect_window_parts *parts)
{
    for (size_t row = 0; row < BLOCKS; row++) {
        for (size_t column = 0; column < BLOCKS; column++) {
            struct detect_sums *to = part_at(sums, parts, row, column);
            if (to)
                relate_block(to, w, (MARGIN + row * BLOCK) * WIDE + MARGIN + column * BLOCK);
        }
    }
}

/* Cosine transform of one 8x8 block of luma; sizes of the frequencies are added to the sums. */
VECTORISED static void transform(double *restrict sizes, double *restrict squares,
                                 const block_row *restrict in,
                                 const float (*restrict cosine)[BLOCK],
                                 const block_row *restrict cosine_across)
{
    float frequencies[BLOCK * BLOCK]; /* in memory: vectors are not summed lane by lane */

    for (unsigned u = 0; u < BLOCK; u++) {
        block_row row = {0};
        block_row out = {0};
        for (unsigned k = 0; k < BLOCK; k++)
            row += cosine[u][k] * in[k];
        for (unsigned k = 0; k < BLOCK; k++)
            out += row[k] * cosine_across[k];
        memcpy(frequencies + (size_t)u * BLOCK, &out, sizeof out);
    }
    for (size_t i = 0; i < (size_t)BLOCK * BLOCK; i++) {
        float size = fabsf(frequencies[i]);
        sizes[i] += (double)size;
        squares[i] += (double)(size * size);
    }
}

/* Copies a block; false when it is flat.  Rows are compared as vectors, and those once. */
static bool load_block(block_row *restrict block, const int16_t *restrict luma)
{
    int16_t lows[BLOCK];
    int16_t highs[BLOCK];
    int16_t least = INT16_MAX;
    int16_t most = 0;

    memcpy(lows, luma, sizeof lows);
    memcpy(highs, luma, sizeof highs);
    for (size_t y = 0; y < BLOCK; y++) {
        for (size_t x = 0; x < BLOCK; x++) {
            int16_t value = luma[y * WIDE + x];
            block[y][x] = value;
            lows[x] = MIN_OF(lows[x], value);
            highs[x] = MAX_OF(highs[x], value);
        }
    }
    for (size_t x = 0; x < BLOCK; x++) {
        least = MIN_OF(least, lows[x]);
        most = MAX_OF(most, highs[x]);
    }
    return most - least >= BLOCK_FLAT;
}

static void add_spectrum(struct detect_sums *sums, const struct detect_window *w,
                         const struct detect_window_parts *parts)
{
    for (size_t row = 0; row < BLOCKS; row++) {
        for (size_t column = 0; column < BLOCKS; column++) {
            struct detect_sums *to = part_at(sums, parts, row, column);
            size_t at = (MARGIN + row * BLOCK) * WIDE + MARGIN + column * BLOCK;
            block_row block[BLOCK];
            if (!to || !load_block(block, w->planes[DETECT_LUMA] + at))
                continue;
            transform(to->block, to->block_square, block, (const float(*)[BLOCK])w->cosine,
                      w->cosine_across);
            to->blocks++;
        }
    }
}

void detect_sums_add_window(struct detect_sums *sums, struct detect_window *window,
                            const struct image *photo, struct detect_place place,
                            const struct detect_window_parts *parts)
{
    detect_crops_window(window->rgb, photo, place, SIDE, MARGIN);
    detect_planes_split(window->planes, window->rgb);
    count_patterns(sums, window, parts);
    add_noise(sums, window, parts);
    if (parts)
        relate_parts(sums, window, parts);
    else
        relate_channels(sums, window);
    add_spectrum(sums, window, parts);
}

/* Together and apart ------------------------------------------------------------------------ */

/* Counts wrap round: adding the negative takes away. */
static void add_counts(uint32_t *counts, const uint32_t *more, size_t count, bool negative)
{
    for (size_t i = 0; i < count; i++)
        counts[i] += negative ? 0u - more[i] : more[i];
}

static void add_values(double *values, const double *more, size_t count, bool negative)
{
    for (size_t i = 0; i < count; i++)
        values[i] += negative ? -more[i] : more[i];
}

static void combine(struct detect_sums *sums, const struct detect_sums *more, bool negative)
{
    for (size_t i = 0; i < ARRAY_LEN(triples); i++)
        add_counts(sums->triples[i], more->triples[i], DETECT_TRIPLE_CLASSES, negative);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        add_counts(sums->pairs[i], more->pairs[i], DETECT_PAIR_CLASSES, negative);
    add_counts(sums->colours, more->colours, DETECT_COLOUR_CLASSES, negative);
    add_counts(sums->noise, more->noise, LEVELS, negative);
    add_counts(sums->noise_count, more->noise_count, BRIGHTNESS, negative);
    add_counts(&sums->blocks, &more->blocks, 1, negative);
    add_values(sums->noise_log, more->noise_log, BRIGHTNESS, negative);
    add_values(sums->square, more->square, 3, negative);
    add_values(sums->product, more->product, 3, negative);
    add_values(&sums->fourth, &more->fourth, 1, negative);
    add_values(sums->block, more->block, ARRAY_LEN(sums->block), negative);
    add_values(sums->block_square, more->block_square, ARRAY_LEN(sums->block_square), negative);
    sums->pixels += negative ? 0u - more->pixels : more->pixels;
}

void detect_sums_add(struct detect_sums *sums, const struct detect_sums *more)
{
    combine(sums, more, false);
}

void detect_sums_remove(struct detect_sums *sums, const struct detect_sums *part)
{
    combine(sums, part, true);
}

/* Sums to numbers --------------------------------------------------------------------------- */

/* Shares of the classes without the last, the all-zero tuple, whose own share takes its place;
 * square roots make small shares comparable to large ones. */
static float *put_classes(float *out, const uint32_t *counts, size_t class_count)
{
    double all = 0;

    for (size_t k = 0; k < class_count; k++)
        all += counts[k];
    double rest = all - counts[class_count - 1];
    for (size_t k = 0; k < class_count; k++)
        *out++ = (float)sqrt(counts[k] / MAX_OF(k + 1 == class_count ? all : rest, 1.0));
    return out;
}

static float *put_noise(float *out, const struct detect_sums *sums)
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

static float *put_channels(float *out, const struct detect_sums *sums)
{
    const double *square = sums->square;

    *out++ = (float)(sums->product[0] / sqrt(square[DETECT_RED] * square[DETECT_GREEN] + 1));
    *out++ = (float)(sums->product[1] / sqrt(square[DETECT_GREEN] * square[DETECT_BLUE] + 1));
    *out++ = (float)(sums->product[2] / sqrt(square[DETECT_RED] * square[DETECT_BLUE] + 1));
    *out++ = (float)log((square[DETECT_RED] + 1) / (square[DETECT_GREEN] + 1));
    *out++ = (float)log((square[DETECT_BLUE] + 1) / (square[DETECT_GREEN] + 1));
    *out++ = (float)log(square[DETECT_GREEN] / (double)MAX_OF(sums->pixels, 1u) + 0.1);
    *out++ = (float)log(sums->fourth * (double)sums->pixels /
                            (square[DETECT_GREEN] * square[DETECT_GREEN] + 1) +
                        1);
    return out;
}

/* Mean size of each frequency against their common level, and how heavy its tail is; (u, v) and
 * (v, u) are one frequency. */
static float *put_spectrum(float *out, const struct detect_sums *sums)
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

void detect_sums_numbers(float *out, const struct detect_sums *sums)
{
    for (size_t i = 0; i < ARRAY_LEN(triples); i++)
        out = put_classes(out, sums->triples[i], DETECT_TRIPLE_CLASSES);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        out = put_classes(out, sums->pairs[i], DETECT_PAIR_CLASSES);
    out = put_classes(out, sums->colours, DETECT_COLOUR_CLASSES);
    out = put_noise(out, sums);
    out = put_channels(out, sums);
    (void)put_spectrum(out, sums);
}
