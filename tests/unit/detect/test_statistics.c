/* Forensic statistics: co-occurrences against plain loops, every size, the linear classifier. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "detect/statistics.h"
#include "support/unit_arena.h"

#define GOLDEN "tests/golden/statistics.bin"
#define SMALL  ((size_t)2 << 20) /* bytes of an arena, as many as it rounds up to */
#define MARGIN 2
#define SIDE   128                 /* of a window */
#define WIDE   (SIDE + 2 * MARGIN) /* of a photo that holds just one */

static struct image make_photo(uint32_t width, uint32_t height, unsigned strength, uint64_t seed)
{
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};
    struct rng rng = rng_seed(seed);

    assert_non_null(photo.rgb);
    for (size_t i = 0; i < (size_t)3 * width * height; i++) {
        double wave = 60 * sin((double)(i / 3 % width) / 11 + (double)(i % 3));
        photo.rgb[i] = (uint8_t)(128 + (int)wave + (int)rng_below(&rng, strength + 1));
    }
    return photo;
}

static struct detect_scales scales_of(const struct image *photo)
{
    struct detect_scales scales;
    struct err err = {0};

    if (detect_scales_of(&scales, photo, arena, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return scales;
}

static void measure(float *out, const struct image *photo)
{
    struct detect_statistics *statistics = detect_statistics_open();
    struct detect_scales scales = scales_of(photo);
    size_t used = arena_used(arena);
    struct err err = {0};

    if (detect_statistics_measure(out, statistics, &scales, arena, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(arena_used(arena), used);
    detect_statistics_close(statistics);
}

/* The plain reference ----------------------------------------------------------------------- */

/* Of a photo of which the window is the middle. */
static int luma(const struct image *photo, int x, int y)
{
    const uint8_t *p = photo->rgb + 3 * ((size_t)(y + MARGIN) * WIDE + (size_t)(x + MARGIN));

    return (19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16;
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The six residuals in the order of the statistics, in grey levels. */
static int residual(const struct image *photo, int which, int x, int y)
{
    int around[9];
    int center = luma(photo, x, y);

    for (int k = 0; k < 9; k++)
        around[k] = luma(photo, x + k % 3 - 1, y + k / 3 - 1);
    switch (which) {
    case 0:
    case 1:
        return around[5] - center;
    case 2:
        return around[3] - 2 * center + around[5];
    case 3:
        return around[8] - around[5] - around[7] + center;
    case 4:
        return 2 * (around[1] + around[3] + around[5] + around[7]) - 4 * center - around[0] -
               around[2] - around[6] - around[8];
    default:
        qsort(around, 9, sizeof *around, compare_ints);
        return center - around[4];
    }
}

static int quantised(int value, int unit)
{
    int size = (int)floor((double)abs(value) / unit + 0.5);

    return (value < 0 ? -1 : 1) * MIN_OF(size, 2);
}

/* The smallest code among a tuple, its mirror and their negatives: what makes them one class. */
static int canonical(int a, int b, int c)
{
    int codes[4] = {((a + 2) * 5 + b + 2) * 5 + c + 2, ((c + 2) * 5 + b + 2) * 5 + a + 2,
                    ((2 - a) * 5 + 2 - b) * 5 + 2 - c, ((2 - c) * 5 + 2 - b) * 5 + 2 - a};

    qsort(codes, 4, sizeof *codes, compare_ints);
    return codes[0];
}

/* Each pixel four times: half of it is the photo again. */
static struct image doubled(const struct image *photo)
{
    uint32_t wide = 2 * photo->width;
    struct image out = {wide, 2 * photo->height,
                        ARENA_NEW(arena, uint8_t, (size_t)12 * photo->width * photo->height)};

    assert_non_null(out.rgb);
    for (uint32_t y = 0; y < out.height; y++)
        for (uint32_t x = 0; x < wide; x++)
            memcpy(out.rgb + 3 * ((size_t)y * wide + x),
                   photo->rgb + 3 * ((size_t)(y / 2) * photo->width + x / 2), 3);
    return out;
}

static void test_triples_against_plain_loops(void **state)
{
    (void)state;
    static const int units[6] = {1, 4, 2, 1, 4, 1};
    struct image photo = make_photo(WIDE, WIDE, 24, 3);
    struct image twice = doubled(&photo);
    float values[DETECT_STATISTICS_COUNT];

    measure(values, &twice);
    for (int which = 0; which < 6; which++) {
        double counts[125] = {0};
        double all = 2.0 * SIDE * SIDE;
        for (int y = -1; y < SIDE - 1; y++)
            for (int x = -1; x < SIDE - 1; x++)
                for (int down = 0; down < 2; down++) {
                    int q[3];
                    for (int k = 0; k < 3; k++)
                        q[k] = quantised(
                            residual(&photo, which, x + (down ? 0 : k), y + (down ? k : 0)),
                            units[which]);
                    counts[canonical(q[0], q[1], q[2])]++;
                }
        double rest = all - counts[62]; /* 62: three zeros */
        int class_index = 0;
        for (int code = 0; code < 125; code++) {
            if (canonical(code / 25 - 2, code / 5 % 5 - 2, code % 5 - 2) != code)
                continue;
            double share = counts[code] / (code == 62 ? all : rest);
            assert_float_equal(values[which * DETECT_STATISTICS_TRIPLES + class_index++],
                               sqrt(share), 1e-6);
        }
        assert_int_equal(class_index, DETECT_STATISTICS_TRIPLES);
    }
}

/* Whole numbers only: the same photo everywhere.  Edges, ramps, flat areas, fine and coarse noise.
 */
static struct image make_mixed_photo(void)
{
    const uint32_t width = 333;
    const uint32_t height = 270;
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};
    struct rng rng = rng_seed(11);

    assert_non_null(photo.rgb);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            uint32_t strength = x / 40 % 4 * 9;
            for (uint32_t c = 0; c < 3; c++) {
                uint32_t value = (x * (c + 1) + 2 * y) % 190 + (x / 21 + y / 34) % 2 * 30 +
                                 rng_below(&rng, strength + 1);
                photo.rgb[3 * ((size_t)y * width + x) + c] = (uint8_t)(y < 60 ? 200 : value);
            }
        }
    }
    return photo;
}

/* Weights files hold what these numbers were in training.  Counts are exact; only logarithms and
 * cosines may round differently elsewhere. */
static void test_against_golden_figures(void **state)
{
    (void)state;
    struct image photo = make_mixed_photo();
    float values[DETECT_STATISTICS_COUNT];
    struct bytes file = {0};
    struct err err = {0};

    measure(values, &photo);
    if (getenv("AIDETECT_ACCEPT_GOLDEN"))
        assert_int_equal(
            fs_write(GOLDEN, (struct bytes){(const uint8_t *)values, sizeof values}, &err), ST_OK);
    assert_int_equal(fs_read(&file, GOLDEN, sizeof values, &err), ST_OK);
    assert_int_equal(file.len, sizeof values);
    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++) {
        float golden;
        memcpy(&golden, file.at + i * sizeof golden, sizeof golden);
        if (fabsf(values[i] - golden) > 2e-6f * MAX_OF(fabsf(golden), 0.1f))
            fail_msg("statistic %zu is %.9g, was %.9g", i, (double)values[i], (double)golden);
    }
    mem_free((void *)(uintptr_t)file.at);
}

static void test_every_size_is_finite(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1},   {1, 400},   {400, 1},   {7, 9},
                                        {33, 64}, {127, 129}, {300, 200}, {900, 1300}};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct image photo = make_photo(sizes[i][0], sizes[i][1], 20, i);
        float values[DETECT_STATISTICS_COUNT];
        measure(values, &photo);
        for (size_t k = 0; k < DETECT_STATISTICS_COUNT; k++)
            if (!isfinite(values[k]) || fabsf(values[k]) > 1e3f)
                fail_msg("%ux%u: statistic %zu is %g", sizes[i][0], sizes[i][1], k,
                         (double)values[k]);
    }
}

static void test_flat_photo(void **state)
{
    (void)state;
    struct image photo = make_photo(200, 200, 0, 1);
    float values[DETECT_STATISTICS_COUNT];

    for (size_t i = 0; i < (size_t)3 * 200 * 200; i++)
        photo.rgb[i] = 255;
    measure(values, &photo);
    assert_float_equal(values[DETECT_STATISTICS_TRIPLES - 1], 1, 0); /* all steps are zero */
    for (size_t k = 0; k < DETECT_STATISTICS_COUNT; k++)
        assert_true(isfinite(values[k]));
}

/* Of 25 px, blocks at 2 and 10 px and a margin of 2 px behind them are in the photo; a third block
 * would need what is mirrored behind the border, so that what is beyond 20 px is not looked at. */
static void test_no_block_that_hangs_over_is_counted(void **state)
{
    (void)state;
    const uint32_t side = 25;
    const uint32_t seen = 20;
    struct image photo = make_photo(side, side, 24, 3);
    float values[DETECT_STATISTICS_COUNT];
    float changed[DETECT_STATISTICS_COUNT];

    struct image twice = doubled(&photo);
    measure(values, &twice);
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++)
            if (x >= seen || y >= seen)
                memset(photo.rgb + 3 * ((size_t)y * side + x), (int)(x * y), 3);
    twice = doubled(&photo);
    measure(changed, &twice);
    assert_memory_equal(values, changed, DETECT_STATISTICS_OF_SCALE * sizeof *values);
    photo.rgb[3 * ((seen - 3) * side + seen - 3)] ^= 64; /* in the last block */
    twice = doubled(&photo);
    measure(changed, &twice);
    assert_memory_not_equal(values, changed, DETECT_STATISTICS_OF_SCALE * sizeof *values);
}

/* What the forensic statistics are for: noise smoothed by enlarging differs from fresh noise. */
static void test_fine_and_coarse_noise_differ(void **state)
{
    (void)state;
    struct image fine = make_photo(256, 256, 40, 5);
    struct image coarse = make_photo(256, 256, 40, 5);
    float a[DETECT_STATISTICS_COUNT];
    float b[DETECT_STATISTICS_COUNT];
    double distance = 0;

    for (size_t y = 0; y < 256; y++)
        for (size_t x = 0; x < 3 * 256; x++)
            coarse.rgb[y * 768 + x] = coarse.rgb[(y & ~(size_t)1) * 768 + x / 6 * 6 + x % 3];
    measure(a, &fine);
    measure(b, &coarse);
    for (size_t k = 0; k < DETECT_STATISTICS_TRIPLES; k++)
        distance += fabs((double)(a[k] - b[k]));
    assert_true(distance > 0.3);
}

/* Weights of either sign for every value, from whole numbers. */
static const float *make_table(void)
{
    static float table[DETECT_STATISTICS_ROW_COUNT * DETECT_STATISTICS_COUNT];
    struct rng rng = rng_seed(5);

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++) {
        table[DETECT_STATISTICS_MEAN * DETECT_STATISTICS_COUNT + i] = 0.2f;
        table[DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT + i] = 0.5f;
        table[DETECT_STATISTICS_WEIGHT * DETECT_STATISTICS_COUNT + i] =
            0.01f * ((float)rng_below(&rng, 9) - 4);
    }
    return table;
}

static struct detect_grid compare(double *out, const struct image *photo)
{
    struct detect_statistics *statistics = detect_statistics_open();
    struct detect_grid grid = detect_grid_of(photo->width, photo->height);
    struct detect_scales scales = scales_of(photo);
    size_t used = arena_used(arena);
    struct err err = {0};

    if (detect_statistics_compare(out, statistics, make_table(), &scales, &grid, arena, &err) !=
        ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(arena_used(arena), used);
    detect_statistics_close(statistics);
    return grid;
}

static void test_full_arena(void **state)
{
    (void)state;
    struct detect_statistics *statistics = detect_statistics_open();
    struct image photo = make_photo(2400, 1600, 9, 2);
    struct detect_grid grid = detect_grid_of(2400, 1600);
    struct detect_scales scales = scales_of(&photo);
    struct arena *small = NULL;
    float values[DETECT_STATISTICS_COUNT];
    double added[DETECT_CELLS_MAX];
    struct err err = {0};

    assert_int_equal(arena_open(&small, SMALL, NULL), ST_OK);
    assert_non_null(arena_try(small, SMALL - 4096, 1));
    assert_int_equal(detect_statistics_measure(values, statistics, &scales, small, &err), ST_NOMEM);
    assert_int_equal(
        detect_statistics_compare(added, statistics, make_table(), &scales, &grid, small, &err),
        ST_NOMEM);
    arena_close(small);
    detect_statistics_close(statistics);
}

static void test_score_is_clipped_and_linear(void **state)
{
    (void)state;
    static float table[DETECT_STATISTICS_ROW_COUNT * DETECT_STATISTICS_COUNT];
    static float values[DETECT_STATISTICS_COUNT];

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        table[DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT + i] = 2;
    table[DETECT_STATISTICS_MEAN * DETECT_STATISTICS_COUNT + 5] = 1;
    table[DETECT_STATISTICS_WEIGHT * DETECT_STATISTICS_COUNT + 5] = 0.5f;
    values[5] = 2;
    assert_float_equal(detect_statistics_score(table, values), 0.25, 1e-6);
    values[5] = 1e6f;
    assert_float_equal(detect_statistics_score(table, values), 1.5, 1e-6);
    values[5] = -1e6f;
    assert_float_equal(detect_statistics_score(table, values), -1.5, 1e-6);
}

/* Damage is told by one value and changes what another is worth. */
static void test_damage_moves_the_weights(void **state)
{
    (void)state;
    static float table[DETECT_STATISTICS_ROW_COUNT * DETECT_STATISTICS_COUNT];
    static float values[DETECT_STATISTICS_COUNT];

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        table[DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT + i] = 1;
    table[DETECT_STATISTICS_DAMAGE * DETECT_STATISTICS_COUNT + 2] = 0.5f;
    table[DETECT_STATISTICS_WEIGHT * DETECT_STATISTICS_COUNT + 9] = 1;
    table[DETECT_STATISTICS_DAMAGED_WEIGHT * DETECT_STATISTICS_COUNT + 9] = -0.25f;
    values[9] = 2;
    assert_float_equal(detect_statistics_score(table, values), 2, 1e-6);
    values[2] = 2;
    assert_float_equal(detect_statistics_damage(table, values), 1, 1e-6);
    assert_float_equal(detect_statistics_score(table, values), 1.5, 1e-6);
    values[2] = 100; /* standardised to 3, then damage to its limit */
    assert_float_equal(detect_statistics_score(table, values), 1.25, 1e-6);
}

/* Two directions: one value alone, and the difference of two; levels of half a deviation, packed
 * from the lowest bits on. */
static void test_embedding_is_packed(void **state)
{
    (void)state;
    static float table[DETECT_STATISTICS_ROW_COUNT * DETECT_STATISTICS_COUNT];
    static float embedding[DETECT_EMBEDDING_SIZE * DETECT_STATISTICS_COUNT];
    static float values[DETECT_STATISTICS_COUNT];

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        table[DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT + i] = 2;
    embedding[5] = 1;
    embedding[3 * DETECT_STATISTICS_COUNT + 5] = 2;
    embedding[3 * DETECT_STATISTICS_COUNT + 6] = -1;
    uint64_t middle = UINT64_C(0x8888888888888888);
    assert_true(detect_statistics_embedding(embedding, table, values) == middle);
    values[5] = 2; /* one deviation: two levels, and four */
    assert_true(detect_statistics_embedding(embedding, table, values) == middle + 0x4002);
    values[6] = 6; /* three deviations */
    assert_true(detect_statistics_embedding(embedding, table, values) == middle + 0x0002 - 0x2000);
    values[5] = 100; /* cut to three, then the level to its limit */
    values[6] = -100;
    assert_true(detect_statistics_embedding(embedding, table, values) == middle + 0x0006 + 0x7000);
}

/* A photo that is one cell: without it, every scale is as in the average photo, tones stay. */
static void test_the_only_cell_adds_all_but_the_tones(void **state)
{
    (void)state;
    const size_t of_scales = DETECT_SCALES * DETECT_STATISTICS_OF_SCALE;
    struct image photo = make_photo(30, 20, 20, 1);
    float values[DETECT_STATISTICS_COUNT];
    double added;

    struct detect_grid grid = compare(&added, &photo);
    assert_int_equal(detect_grid_count(&grid), 1);
    measure(values, &photo);
    double whole = detect_statistics_score(make_table(), values);
    for (size_t i = 0; i < of_scales; i++)
        values[i] = 0.2f; /* the mean */
    double tones = detect_statistics_score(make_table(), values);
    assert_true(fabs(whole - tones) > 0.01);
    assert_true(fabs(added - (whole - tones)) < 1e-4);
}

/* Texture in one corner of a large flat photo: windows are there, and so is what they add. */
static void test_cells_that_no_window_sees_add_nothing(void **state)
{
    (void)state;
    const uint32_t side = 2000;
    struct image photo = make_photo(side, side, 0, 1);
    struct image noise = make_photo(200, 200, 60, 2);
    double added[DETECT_CELLS_MAX];
    size_t silent = 0;

    memset(photo.rgb, 128, (size_t)3 * side * side);
    for (size_t y = 0; y < 200; y++)
        memcpy(photo.rgb + 3 * y * side, noise.rgb + 3 * y * 200, (size_t)3 * 200);
    struct detect_grid grid = compare(added, &photo);
    for (uint32_t i = 1; i < detect_grid_count(&grid); i++) {
        silent += added[i] == 0;
        assert_true(fabs(added[i]) < fabs(added[0]));
    }
    assert_true(silent > detect_grid_count(&grid) / 2);
}

static void test_cells_of_every_size_are_finite_and_the_same_again(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1},     {1, 400},   {7, 9},      {127, 129},
                                        {300, 200}, {900, 130}, {16384, 48}, {16, 9000}};

    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        const uint32_t *size = sizes[i / 2];
        struct image photo = make_photo(size[0], size[1], 20, i);
        double added[DETECT_CELLS_MAX];
        double again[DETECT_CELLS_MAX];
        if (i % 2)
            memset(photo.rgb, 77, (size_t)3 * size[0] * size[1]);
        struct detect_grid grid = compare(added, &photo);
        (void)compare(again, &photo);
        assert_memory_equal(added, again, detect_grid_count(&grid) * sizeof *added);
        for (uint32_t k = 0; k < detect_grid_count(&grid); k++)
            assert_true(isfinite(added[k]) && fabs(added[k]) < 1e3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_triples_against_plain_loops, reset_arena),
        cmocka_unit_test_teardown(test_against_golden_figures, reset_arena),
        cmocka_unit_test_teardown(test_every_size_is_finite, reset_arena),
        cmocka_unit_test_teardown(test_flat_photo, reset_arena),
        cmocka_unit_test_teardown(test_no_block_that_hangs_over_is_counted, reset_arena),
        cmocka_unit_test_teardown(test_fine_and_coarse_noise_differ, reset_arena),
        cmocka_unit_test_teardown(test_full_arena, reset_arena),
        cmocka_unit_test_teardown(test_the_only_cell_adds_all_but_the_tones, reset_arena),
        cmocka_unit_test_teardown(test_cells_that_no_window_sees_add_nothing, reset_arena),
        cmocka_unit_test_teardown(test_cells_of_every_size_are_finite_and_the_same_again,
                                  reset_arena),
        cmocka_unit_test(test_score_is_clipped_and_linear),
        cmocka_unit_test(test_damage_moves_the_weights),
        cmocka_unit_test(test_embedding_is_packed),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
