/* Tiers: sizes, formats and qualities of what comes out, as a decoder sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/synthetic_photos.h"

static struct arena *arena;

static struct image_info apply(enum train_tier tier, uint32_t width, uint32_t height,
                               uint32_t original_side)
{
    struct image photo = photo_make(width, height, 20, 1, arena);
    struct image pixels = {0};
    struct image_info info;
    struct bytes file = {0};

    assert_int_equal(train_tier_apply(&file, &pixels, &photo, original_side, tier, arena, NULL),
                     ST_OK);
    assert_int_equal(image_probe(&info, file, &image_limits_default, NULL), ST_OK);
    assert_int_equal(pixels.width, info.width);
    assert_int_equal(pixels.height, info.height);
    arena_reset(arena);
    return info;
}

static void test_quality_and_format(void **state)
{
    static const int qualities[] = {95, 80, 60, 40};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(qualities); i++) {
        struct image_info info = apply((enum train_tier)i, 100, 60, 0);
        assert_int_equal(info.format, IMAGE_JPEG);
        assert_int_equal(info.jpeg_quality, qualities[i]);
        assert_int_equal(info.width, 100);
        assert_int_equal(info.height, 60);
    }
    assert_int_equal(apply(TRAIN_WEBP75, 100, 60, 0).format, IMAGE_WEBP);
}

static void test_the_cap_scales_a_crop_by_its_original(void **state)
{
    (void)state;
    /* a crop of 288 px from 3072: 768 / 3072 = 1/4, 512 / 3072 = 1/6 */
    struct image_info info = apply(TRAIN_T2, 288, 144, 3072);
    assert_int_equal(info.width, 72);
    assert_int_equal(info.height, 36);
    info = apply(TRAIN_T3, 288, 144, 3072);
    assert_int_equal(info.width, 48);
    assert_int_equal(info.height, 24);
    info = apply(TRAIN_T1, 288, 144, 3072);
    assert_int_equal(info.width, 288);
    /* a whole photo: the cap itself */
    info = apply(TRAIN_T2, 1024, 640, 0);
    assert_int_equal(info.width, 768);
    assert_int_equal(info.height, 480);
    info = apply(TRAIN_T3, 500, 320, 0); /* already below: not enlarged */
    assert_int_equal(info.width, 500);
    /* an original that is said to be smaller than its crop is not believed */
    info = apply(TRAIN_T3, 1024, 100, 10);
    assert_int_equal(info.width, 512);
}

static void test_shrinking_stops_at_the_least_side(void **state)
{
    (void)state;
    struct image_info info = apply(TRAIN_T3, 200, 20, 16000);
    assert_int_equal(info.width, TRAIN_SIDE_MIN);
    assert_int_equal(info.height, TRAIN_SIDE_MIN);
    info = apply(TRAIN_T3, 8, 5, 16000); /* smaller from the start: left as it is */
    assert_int_equal(info.width, 8);
    assert_int_equal(info.height, 5);
}

static void test_resize_tiers(void **state)
{
    (void)state;
    assert_int_equal(apply(TRAIN_RESIZE75, 200, 100, 0).width, 150);
    assert_int_equal(apply(TRAIN_RESIZE125, 200, 100, 9000).width, 250);
    assert_int_equal(apply(TRAIN_RESIZE125, 200, 100, 0).jpeg_quality, 80);
}

static void test_names(void **state)
{
    unsigned set = 0;
    struct err err = {0};

    (void)state;
    assert_int_equal(train_tiers_parse(&set, str_of("T0, T3,webp75"), NULL), ST_OK);
    assert_int_equal(set, 1u << TRAIN_T0 | 1u << TRAIN_T3 | 1u << TRAIN_WEBP75);
    assert_int_equal(train_tiers_parse(&set, str_of("standard"), NULL), ST_OK);
    assert_int_equal(set, 0xF);
    assert_int_equal(train_tiers_parse(&set, str_of("all"), NULL), ST_OK);
    assert_int_equal(set, (1u << TRAIN_TIER_COUNT) - 1);
    assert_int_equal(train_tiers_parse(&set, str_of("T0,T9"), &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "'T9'"));
    assert_int_equal(train_tiers_parse(&set, str_of(""), NULL), ST_INVALID);
    assert_int_equal(train_tiers_parse(&set, str_of("T1,,T2"), NULL), ST_INVALID);
    assert_int_equal(set, (1u << TRAIN_TIER_COUNT) - 1);
}

static void test_a_full_arena_is_an_error(void **state)
{
    struct image photo = photo_make(800, 600, 20, 1, arena);
    struct arena *small = NULL;
    struct bytes file = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_open(&small, 4096, NULL), ST_OK);
    assert_non_null(arena_try(small, (2u << 20) - 4096, 1));
    assert_int_equal(train_tier_apply(&file, NULL, &photo, 0, TRAIN_T3, small, &err), ST_NOMEM);
    assert_null(file.at);
    arena_close(small);
    arena_reset(arena);
}

static int setup(void **state)
{
    (void)state;
    return arena_open(&arena, (size_t)64 << 20, NULL) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quality_and_format),
        cmocka_unit_test(test_the_cap_scales_a_crop_by_its_original),
        cmocka_unit_test(test_shrinking_stops_at_the_least_side),
        cmocka_unit_test(test_resize_tiers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_full_arena_is_an_error),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
