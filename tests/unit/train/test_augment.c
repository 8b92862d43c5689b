/* Augmentation: always the asked-for window, the same random numbers give the same bytes, and what
 * is switched off does nothing. */
#include "support/unit.h"
#include "support/unit_arena.h"

#include <math.h>

#include "base/rng.h"
#include "detect/frontend.h"
#include "train/augment.h"

static struct image make_photo(uint32_t width, uint32_t height)
{
    struct rng rng = rng_seed(width * 3 + height);
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};

    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        photo.rgb[i] = (uint8_t)(60 + rng_below(&rng, 100) + i / 3 % width % 90);
    return photo;
}

static struct train_augment_config defaults(void)
{
    struct train_config config = {0};

    config_defaults(&config, &train_config_table);
    return config.augment;
}

/* Everything happens each time. */
static struct train_augment_config strongest(void)
{
    struct train_augment_config config = defaults();

    config.resize_chance = config.first_jpeg_chance = config.blur_chance = 1;
    config.noise_chance = config.colour_chance = 1;
    config.resize_low = 0.25;
    config.resize_high = 2;
    config.blur_sigma = 5;
    config.webp_chance = 0.3;
    return config;
}

/* Nothing happens: a crop, turned. */
static struct train_augment_config nothing(void)
{
    return (struct train_augment_config){.texture_tries = 1,
                                         .resize_low = 1,
                                         .resize_high = 1,
                                         .last_jpeg_low = 90,
                                         .last_jpeg_high = 90,
                                         .lossless_chance = 1};
}

static struct image augment(const struct image *photo, const struct train_augment_config *config,
                            uint32_t side, uint64_t seed)
{
    struct rng rng = rng_seed(seed);
    struct image out = {0};
    struct err err = {0};

    if (train_augment(&out, photo, config, side, &rng, arena, &err) != ST_OK)
        fail_msg("%ux%u to %u, seed %llu: %s", photo->width, photo->height, side,
                 (unsigned long long)seed, err.msg);
    assert_int_equal(out.width, side + 2 * DETECT_FRONTEND_MARGIN);
    assert_int_equal(out.height, side + 2 * DETECT_FRONTEND_MARGIN);
    return out;
}

static void test_every_size(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1},   {1, 200}, {200, 1},   {17, 31},  {47, 48},
                                        {56, 56}, {57, 55}, {119, 121}, {400, 90}, {800, 600}};
    const struct train_augment_config configs[] = {defaults(), strongest(), nothing()};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(configs); k++)
            for (uint64_t seed = 0; seed < 6; seed++) {
                struct image photo = make_photo(sizes[i][0], sizes[i][1]);
                (void)augment(&photo, &configs[k], seed % 2 ? 32 : 96, seed);
                arena_reset(arena);
            }
}

static void test_largest_window(void **state)
{
    (void)state;
    struct train_augment_config config = strongest();
    struct image photo = make_photo(300, 300);

    (void)augment(&photo, &config, DETECT_FRONTEND_SIDE_MAX, 1);
}

static void test_same_numbers_same_bytes(void **state)
{
    (void)state;
    struct train_augment_config config = defaults();
    struct image photo = make_photo(300, 200);
    int different = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct image a = augment(&photo, &config, 64, seed);
        struct image b = augment(&photo, &config, 64, seed);
        struct image c = augment(&photo, &config, 64, seed + 1000);
        size_t bytes = (size_t)3 * a.width * a.height;
        assert_memory_equal(a.rgb, b.rgb, bytes);
        different += memcmp(a.rgb, c.rgb, bytes) != 0;
    }
    assert_int_equal(different, 20);
}

static bool holds(const struct image *photo, const struct image *window, uint32_t x, uint32_t y)
{
    for (uint32_t row = 0; row < window->height; row++)
        if (memcmp(photo->rgb + 3 * ((size_t)(y + row) * photo->width + x),
                   window->rgb + (size_t)3 * row * window->width, (size_t)3 * window->width) != 0)
            return false;
    return true;
}

/* The photo from (x, y) on at half scale. */
static struct image half_from(const struct image *photo, uint32_t x, uint32_t y)
{
    struct image half;

    assert_int_equal(
        image_crop(&half, photo, x, y, photo->width - 2 * x, photo->height - 2 * y, arena, NULL),
        ST_OK);
    assert_int_equal(image_halve(&half, &half, arena, NULL), ST_OK);
    return half;
}

/* With everything off the window is half a part of the photo in one of its 8 orientations, at
 * places that are not all on one JPEG grid. */
static void test_nothing_changes_pixels(void **state)
{
    (void)state;
    struct train_augment_config config = nothing();
    struct image photo = make_photo(120, 114);
    struct image halves[4];
    bool phases[8] = {0};
    bool turns[9] = {0};

    for (uint32_t i = 0; i < 4; i++)
        halves[i] = half_from(&photo, i % 2, i / 2);

    for (uint64_t seed = 0; seed < 80; seed++) {
        struct image window = augment(&photo, &config, 32, seed);
        bool found = false;
        for (uint8_t turn = 1; turn <= 8 && !found; turn++) {
            struct image turned;
            assert_int_equal(image_orient(&turned, &window, turn, arena, NULL), ST_OK);
            for (uint32_t i = 0; i < 25 * 19 && !found; i++) { /* places of 96 px */
                uint32_t x = i % 25;
                uint32_t y = i / 25;
                found = holds(&halves[x % 2 + y % 2 * 2], &turned, x / 2, y / 2);
                phases[x % 8] |= found;
                turns[turn] |= found;
            }
        }
        assert_true(found);
    }
    for (int i = 0; i < 8; i++)
        assert_true(phases[i] && turns[i + 1]);
}

/* The photo handed in is shared by all workers: nothing may write to it. */
static void test_photo_is_untouched(void **state)
{
    (void)state;
    struct train_augment_config config = strongest();
    struct image photo = make_photo(120, 110);
    struct image copy = make_photo(120, 110);

    for (uint64_t seed = 0; seed < 20; seed++)
        (void)augment(&photo, &config, 64, seed);
    assert_memory_equal(photo.rgb, copy.rgb, (size_t)3 * 120 * 110);
}

/* Mean step between neighbours across columns of one phase, over that of all. */
static double blocking(const struct image *image, uint32_t phase)
{
    double border = 0;
    double all = 0;
    int borders = 0;
    int count = 0;

    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x + 1 < image->width; x++) {
            const uint8_t *at = image->rgb + 3 * ((size_t)y * image->width + x) + 1;
            double step = fabs((double)at[0] - at[3]);
            all += step;
            count++;
            if (x % 4 == phase) {
                border += step;
                borders++;
            }
        }
    return border / borders / (all / count);
}

/* The last JPEG's blocks, four pixels at half scale, begin at the window's corner, as in an upload.
 */
static void test_last_grid_is_aligned(void **state)
{
    (void)state;
    struct train_augment_config config = nothing();
    struct image photo = make_photo(700, 700);
    struct image window;
    double best = 0;
    uint32_t best_phase = 99;

    config.lossless_chance = 0;
    config.last_jpeg_low = config.last_jpeg_high = 5;
    window = augment(&photo, &config, 240, 3);
    for (uint32_t phase = 0; phase < 4; phase++) {
        double b = blocking(&window, phase);
        best_phase = b > best ? phase : best_phase;
        best = fmax(best, b);
    }
    assert_int_equal(best_phase, 3); /* between columns 3 and 4 */
    assert_true(best > 1.3);
}

static void test_most_textured_place(void **state)
{
    (void)state;
    struct train_augment_config config = nothing();
    struct image photo = make_photo(1200, 120);
    double flat[2] = {0};

    memset(photo.rgb, 128, (size_t)3 * 1200 * 120);
    struct rng rng = rng_seed(1);
    for (uint32_t y = 0; y < 120; y++)
        for (uint32_t x = 600; x < 1200; x++)
            photo.rgb[3 * ((size_t)y * 1200 + x) + 1] = (uint8_t)rng_below(&rng, 256);
    for (int i = 0; i < 2; i++) {
        config.texture_tries = i ? 8 : 1;
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct image window = augment(&photo, &config, 32, seed);
            bool all_flat = true;
            for (size_t k = 0; k < (size_t)3 * window.width * window.height; k++)
                all_flat &= window.rgb[k] == 128;
            flat[i] += all_flat;
        }
    }
    assert_true(flat[0] > 8 && flat[1] < 4);
}

/* The other photo of a pair has more texture elsewhere: it is cut where the first one is, and goes
 * through the same. */
static void test_pair_at_one_place(void **state)
{
    (void)state;
    const struct train_augment_config configs[] = {nothing(), defaults(), strongest()};
    struct image photo = make_photo(400, 300);
    struct image other = {400, 300, ARENA_NEW(arena, uint8_t, (size_t)3 * 400 * 300)};

    for (size_t i = 0; i < (size_t)3 * 400 * 300; i++)
        other.rgb[i] = (uint8_t)(255 - photo.rgb[i]);
    for (uint64_t seed = 0; seed < 12; seed++) {
        const struct train_augment_config *config = &configs[seed % 3];
        struct rng rng = rng_seed(seed);
        struct image windows[2];
        struct image alone = augment(&photo, config, 64, seed);
        size_t bytes = (size_t)3 * alone.width * alone.height;
        const struct image pair[2] = {photo, seed % 3 ? photo : other};
        assert_int_equal(train_augment_pair(windows, pair, config, 64, &rng, arena, NULL), ST_OK);
        assert_memory_equal(windows[0].rgb, alone.rgb, bytes);
        if (seed % 3) {
            assert_memory_equal(windows[1].rgb, alone.rgb, bytes);
        } else { /* halving rounds */
            for (size_t k = 0; k < bytes; k++)
                assert_in_range(windows[1].rgb[k] + windows[0].rgb[k], 254, 256);
        }
    }
}

static void test_full_arena(void **state)
{
    (void)state;
    struct train_augment_config config = defaults();
    struct image photo = make_photo(100, 100);
    struct image out = {.width = 4711};
    struct rng rng = rng_seed(1);
    struct err err = {0};

    assert_non_null(arena_try(arena, ((size_t)256 << 20) - arena_used(arena) - 4096, 1));
    assert_int_equal(train_augment(&out, &photo, &config, 64, &rng, arena, &err), ST_NOMEM);
    assert_int_equal(out.width, 4711);
}

#define AUGMENT_TEST(test) cmocka_unit_test_teardown(test, reset_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUGMENT_TEST(test_every_size),
        AUGMENT_TEST(test_largest_window),
        AUGMENT_TEST(test_same_numbers_same_bytes),
        AUGMENT_TEST(test_nothing_changes_pixels),
        AUGMENT_TEST(test_photo_is_untouched),
        AUGMENT_TEST(test_last_grid_is_aligned),
        AUGMENT_TEST(test_most_textured_place),
        AUGMENT_TEST(test_pair_at_one_place),
        AUGMENT_TEST(test_full_arena),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
