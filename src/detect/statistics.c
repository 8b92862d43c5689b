/* detect/statistics.c - co-occurrences of truncated residuals (Pevny, Bas and Fridrich 2010;
 * Fridrich and Kodovsky 2012), noise levels, block spectra and tones.
 * Windows are the most textured of each scale; what they say is pooled before it is a number. */
#include "detect/statistics.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "detect/cooccurrence.h"
#include "detect/crops.h"

#define SIDE        DETECT_WINDOW_SIDE
#define MARGIN      DETECT_WINDOW_MARGIN
#define WIDE        DETECT_WINDOW_WIDE
#define PIXELS      DETECT_WINDOW_PIXELS
#define WINDOWS_MAX 4u
#define SIDE_MIN    8u /* a scale is never smaller */
#define BLOCK       8u
#define BLOCKS      (SIDE / BLOCK) /* along a side of a window */
#define LEVELS      12u            /* of the noise histogram */
#define BRIGHTNESS  4u
#define BLOCK_FLAT  4 /* blocks of a smaller range have no spectrum to speak of */
#define STANDARD    3.0f

_Static_assert(DETECT_STATISTICS_TRIPLES == DETECT_TRIPLE_CLASSES &&
                   DETECT_STATISTICS_PAIRS == DETECT_PAIR_CLASSES &&
                   DETECT_STATISTICS_COLOURS == DETECT_COLOUR_CLASSES,
               "one statistic a class");

/* One co-occurrence: which residual of which plane, in units of how many grey levels. */
struct pattern {
    enum detect_plane plane;
    enum detect_residual residual;
    int unit;
};

static const struct pattern triples[] = {
    {DETECT_LUMA, DETECT_STEP_RIGHT, 1}, {DETECT_LUMA, DETECT_STEP_RIGHT, 4},
    {DETECT_LUMA, DETECT_CURVATURE, 2},  {DETECT_LUMA, DETECT_CROSS, 1},
    {DETECT_LUMA, DETECT_SQUARE, 4},     {DETECT_LUMA, DETECT_MEDIAN, 1},
};
static const struct pattern pairs[] = {
    {DETECT_CHROMA_BLUE, DETECT_CROSS, 1},
    {DETECT_CHROMA_BLUE, DETECT_STEP_RIGHT, 2},
    {DETECT_CHROMA_RED, DETECT_CROSS, 1},
    {DETECT_CHROMA_RED, DETECT_STEP_RIGHT, 2},
};

typedef float block_row /* on the heap: no more aligned than that is */
    __attribute__((vector_size(BLOCK * sizeof(float)), aligned(16)));

/* What the windows of one scale add up to. */
struct sums {
    uint32_t triples[ARRAY_LEN(triples)][DETECT_TRIPLE_CLASSES];
    uint32_t pairs[ARRAY_LEN(pairs)][DETECT_PAIR_CLASSES];
    uint32_t colours[DETECT_COLOUR_CLASSES];
    uint32_t noise[LEVELS];
    double noise_log[BRIGHTNESS];
    uint32_t noise_count[BRIGHTNESS];
    double square[3], product[3], fourth; /* of curvature, by channel */
    uint64_t pixels;
    double block[BLOCK * BLOCK], block_square[BLOCK * BLOCK];
    uint32_t blocks;
};

struct detect_statistics {
    float cosine[BLOCK][BLOCK];
    block_row cosine_across[BLOCK]; /* the same, transposed */
    uint8_t window[3 * PIXELS];
    int16_t planes[DETECT_PLANE_COUNT][PIXELS];
    int16_t residual[PIXELS];
    struct detect_cooccurrence cooccurrence;
    struct sums sums;
};

struct detect_statistics *detect_statistics_open(void)
{
    struct detect_statistics *statistics = mem_alloc(1, sizeof *statistics);

    detect_cooccurrence_init(&statistics->cooccurrence);
    for (unsigned u = 0; u < BLOCK; u++) {
        for (unsigned k = 0; k < BLOCK; k++) {
            float cosine = (float)(cos((2 * k + 1) * u * acos(-1.0) / (2.0 * BLOCK)) *
                                   (u ? 0.5 : sqrt(0.125)));
            statistics->cosine[u][k] = cosine;
            statistics->cosine_across[k][u] = cosine;
        }
    }
    return statistics;
}

void detect_statistics_close(struct detect_statistics *statistics)
{
    mem_free(statistics);
}

static void count_patterns(struct detect_statistics *s)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        detect_residual_apply(s->residual, s->planes[pairs[i].plane], pairs[i].residual);
        detect_cooccurrence_pairs(s->sums.pairs[i], &s->cooccurrence, s->residual, pairs[i].unit);
    }
    detect_cooccurrence_colours(s->sums.colours, &s->cooccurrence, s->planes);
    for (size_t i = 0; i < ARRAY_LEN(triples); i++) {
        detect_residual_apply(s->residual, s->planes[triples[i].plane], triples[i].residual);
        detect_cooccurrence_triples(s->sums.triples[i], &s->cooccurrence, s->residual,
                                    triples[i].unit);
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
static void add_noise(struct detect_statistics *s)
{
    for (size_t y = MARGIN; y < SIDE + MARGIN; y += BLOCK) {
        int32_t squares[BLOCKS];
        int32_t lumas[BLOCKS];
        sum_blocks(squares, lumas, s->residual + y * WIDE + MARGIN,
                   s->planes[DETECT_LUMA] + y * WIDE + MARGIN);
        for (size_t i = 0; i < BLOCKS; i++) {
            double root = sqrt(squares[i] / 64.0);
            int level = root < 0.05 ? 0 : 1 + (int)(log2(root / 0.05) / 0.75);
            int bright = lumas[i] / 64 / 64;
            s->sums.noise[CLAMP(level, 0, (int)LEVELS - 1)]++;
            s->sums.noise_log[bright] += log(root + 0.05);
            s->sums.noise_count[bright]++;
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

VECTORISED static struct row_sums relate_row(float *restrict fourth, const int16_t *restrict red,
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
        fourth[x] += level * level * level * level;
    }
    return (struct row_sums){{rr, gg, bb}, {rg, gb, rb}};
}

/* All are sums of whole numbers below 2^53: their order does not matter. */
static void relate_channels(struct detect_statistics *s)
{
    struct sums *sums = &s->sums;

    for (size_t y = MARGIN; y < SIDE + MARGIN; y++) {
        size_t at = y * WIDE + MARGIN;
        float fourth[SIDE] = {0};
        struct row_sums row = relate_row(fourth, s->planes[DETECT_RED] + at,
                                         s->planes[DETECT_GREEN] + at, s->planes[DETECT_BLUE] + at);
        for (int c = 0; c < 3; c++) {
            sums->square[c] += row.square[c];
            sums->product[c] += row.product[c];
        }
        for (size_t x = 0; x < SIDE; x++)
            sums->fourth += (double)fourth[x];
    }
    sums->pixels += (uint64_t)SIDE * SIDE;
}

/* Cosine transform of one 8x8 block of luma; sizes of the frequencies are added to the sums. */
VECTORISED static void transform(double *restrict sizes, double *restrict squares,
                                 const block_row *restrict in,
                                 const float (*restrict cosine)[BLOCK],
                                 const block_row *restrict cosine_across)
{
    for (unsigned u = 0; u < BLOCK; u++) {
        block_row row = {0};
        block_row out = {0};
        for (unsigned k = 0; k < BLOCK; k++)
            row += cosine[u][k] * in[k];
        for (unsigned k = 0; k < BLOCK; k++)
            out += row[k] * cosine_across[k];
        for (unsigned v = 0; v < BLOCK; v++) {
            float size = fabsf(out[v]);
            sizes[u * BLOCK + v] += (double)size;
            squares[u * BLOCK + v] += (double)(size * size);
        }
    }
}

/* Copies a block; false when it is flat. */
static bool load_block(block_row *restrict block, const int16_t *restrict luma)
{
    int16_t least = INT16_MAX;
    int16_t most = 0;

    for (size_t y = 0; y < BLOCK; y++) {
        for (size_t x = 0; x < BLOCK; x++) {
            int16_t value = luma[y * WIDE + x];
            block[y][x] = value;
            least = MIN_OF(least, value);
            most = MAX_OF(most, value);
        }
    }
    return most - least >= BLOCK_FLAT;
}

static void add_spectrum(struct detect_statistics *s)
{
    for (size_t y = MARGIN; y < SIDE + MARGIN; y += BLOCK) {
        for (size_t x = MARGIN; x < SIDE + MARGIN; x += BLOCK) {
            block_row block[BLOCK];
            if (!load_block(block, s->planes[DETECT_LUMA] + y * WIDE + x))
                continue;
            transform(s->sums.block, s->sums.block_square, block, (const float(*)[BLOCK])s->cosine,
                      s->cosine_across);
            s->sums.blocks++;
        }
    }
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

    *out++ = (float)(sums->product[0] / sqrt(square[DETECT_RED] * square[DETECT_GREEN] + 1));
    *out++ = (float)(sums->product[1] / sqrt(square[DETECT_GREEN] * square[DETECT_BLUE] + 1));
    *out++ = (float)(sums->product[2] / sqrt(square[DETECT_RED] * square[DETECT_BLUE] + 1));
    *out++ = (float)log((square[DETECT_RED] + 1) / (square[DETECT_GREEN] + 1));
    *out++ = (float)log((square[DETECT_BLUE] + 1) / (square[DETECT_GREEN] + 1));
    *out++ = (float)log(square[DETECT_GREEN] / (double)sums->pixels + 0.1);
    *out++ = (float)log(sums->fourth * (double)sums->pixels /
                            (square[DETECT_GREEN] * square[DETECT_GREEN] + 1) +
                        1);
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
        out = put_classes(out, sums->triples[i], DETECT_TRIPLE_CLASSES);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        out = put_classes(out, sums->pairs[i], DETECT_PAIR_CLASSES);
    out = put_classes(out, sums->colours, DETECT_COLOUR_CLASSES);
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
        detect_planes_split(s->planes, s->window);
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

float detect_statistics_damage(const float *table, const float *standard)
{
    const float *weight = table + DETECT_STATISTICS_DAMAGE * DETECT_STATISTICS_COUNT;
    double sum = 0;

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        sum += (double)(weight[i] * standard[i]);
    return CLAMP((float)sum, -DETECT_STATISTICS_DAMAGE_MAX, DETECT_STATISTICS_DAMAGE_MAX);
}

double detect_statistics_score(const float *table, const float *values)
{
    const float *mean = table + DETECT_STATISTICS_MEAN * DETECT_STATISTICS_COUNT;
    const float *deviation = table + DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT;
    const float *weight = table + DETECT_STATISTICS_WEIGHT * DETECT_STATISTICS_COUNT;
    const float *damaged = table + DETECT_STATISTICS_DAMAGED_WEIGHT * DETECT_STATISTICS_COUNT;
    float standard[DETECT_STATISTICS_COUNT];
    double sum = 0;

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        standard[i] = detect_statistics_standard(values[i], mean[i], deviation[i]);
    float damage = detect_statistics_damage(table, standard);
    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        sum += (double)((weight[i] + damage * damaged[i]) * standard[i]);
    return sum;
}
