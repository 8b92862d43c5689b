/* Each fault of a photo raises its own flag and no other; a native noisy photo raises none. */
#include "support/unit.h"
#include "support/unit_arena.h"

#include <math.h>

#include "base/rng.h"
#include "detect/crops.h"
#include "detect/quality.h"

/* A smooth scene under sensor noise. */
static struct image make_photo(uint32_t width, uint32_t height, double noise)
{
    struct rng rng = rng_seed(width + height);
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};

    for (size_t i = 0; i < (size_t)3 * width * height; i++) {
        size_t x = i / 3 % width;
        size_t y = i / 3 / width;
        double value = 120 + 50 * sin((double)x * 0.02) + 50 * cos((double)y * 0.03) +
                       noise * rng_normal(&rng);
        photo.rgb[i] = (uint8_t)CLAMP(value, 0.0, 255.0);
    }
    return photo;
}

static unsigned flags_of(const struct image *photo)
{
    struct detect_place places[8];
    size_t count = 0;
    float texture = 0;

    assert_int_equal(detect_crops_choose(places, 8, &count, &texture, photo, 96, arena, NULL),
                     ST_OK);
    return detect_quality_flags(photo, texture);
}

static void test_native_photo(void **state)
{
    (void)state;
    struct image photo = make_photo(640, 480, 5);
    struct detect_pixel_statistics measured = detect_quality_measure(&photo);

    assert_int_equal(flags_of(&photo), 0);
    assert_true(measured.blocking > 0.95f && measured.blocking < 1.05f);
    assert_true(measured.sharpness > 0.55f);
}

static void test_too_small(void **state)
{
    (void)state;
    struct image photo = make_photo(127, 400, 5);

    assert_int_equal(flags_of(&photo), DETECT_QUALITY_TOO_SMALL);
    photo = make_photo(128, 400, 5);
    assert_int_equal(flags_of(&photo), 0);
}

static void test_upscaled(void **state)
{
    (void)state;
    struct image small = make_photo(200, 150, 12);
    struct image photo;

    assert_int_equal(image_resize(&photo, &small, 800, 600, IMAGE_BICUBIC, arena, NULL), ST_OK);
    assert_int_equal(flags_of(&photo), DETECT_QUALITY_UPSCALED);
}

/* Blocks of 8x8 that each have a brightness of their own, as of a very low JPEG quality. */
static void test_over_compressed(void **state)
{
    (void)state;
    struct image photo = make_photo(640, 480, 2);
    struct rng rng = rng_seed(1);
    int level[80];

    for (uint32_t y = 0; y < photo.height; y++)
        for (uint32_t x = 0; x < photo.width; x++) {
            if (x == 0 && y % 8 == 0)
                for (size_t i = 0; i < ARRAY_LEN(level); i++)
                    level[i] = (int)rng_below(&rng, 25) - 12;
            for (uint32_t c = 0; c < 3; c++) {
                uint8_t *at = &photo.rgb[3 * ((size_t)y * photo.width + x) + c];
                *at = (uint8_t)CLAMP(*at + level[x / 8], 0, 255);
            }
        }
    assert_int_equal(flags_of(&photo), DETECT_QUALITY_OVER_COMPRESSED);
}

static void test_flat(void **state)
{
    (void)state;
    struct image photo = {400, 300, ARENA_NEW(arena, uint8_t, (size_t)3 * 400 * 300)};

    memset(photo.rgb, 200, (size_t)3 * 400 * 300);
    assert_int_equal(flags_of(&photo), DETECT_QUALITY_FLAT);
}

static void test_smallest_photos(void **state)
{
    (void)state;
    for (uint32_t side = 1; side < 4; side++) {
        struct image photo = make_photo(side, side, 5);
        struct detect_pixel_statistics measured = detect_quality_measure(&photo);
        assert_true(isfinite(measured.blocking) && isfinite(measured.sharpness));
        assert_true(flags_of(&photo) & DETECT_QUALITY_TOO_SMALL);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(detect_quality_name(0), "too_small");
    assert_string_equal(detect_quality_name(1), "upscaled");
    assert_string_equal(detect_quality_name(2), "over_compressed");
    assert_string_equal(detect_quality_name(3), "flat");
    for (unsigned i = 0; i < DETECT_QUALITY_FLAG_COUNT; i++)
        assert_true(strlen(detect_quality_help(i)) > 20);
}

#define QUALITY_TEST(test) cmocka_unit_test_teardown(test, reset_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUALITY_TEST(test_native_photo), QUALITY_TEST(test_too_small),
        QUALITY_TEST(test_upscaled),     QUALITY_TEST(test_over_compressed),
        QUALITY_TEST(test_flat),         QUALITY_TEST(test_smallest_photos),
        QUALITY_TEST(test_names),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
