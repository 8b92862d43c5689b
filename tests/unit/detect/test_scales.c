/* Half and quarter: their sizes, and what they are made of. */
#include "support/unit.h"
#include "support/unit_arena.h"

#include <string.h>

#include "base/rng.h"
#include "detect/scales.h"

static struct image make_photo(uint32_t width, uint32_t height)
{
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};
    struct rng rng = rng_seed(width);

    assert_non_null(photo.rgb);
    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        photo.rgb[i] = (uint8_t)rng_below(&rng, 256);
    return photo;
}

static void test_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[][6] = {
        /* the photo, its half, its quarter */
        {1, 1, 8, 8, 8, 8},
        {15, 17, 8, 8, 8, 8},
        {35, 33, 17, 16, 8, 8},
        {1, 640, 8, 320, 8, 160},
        {1023, 768, 511, 384, 255, 192},
    };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct image photo = make_photo(sizes[i][0], sizes[i][1]);
        struct detect_scales scales;
        assert_int_equal(detect_scales_of(&scales, &photo, arena, NULL), ST_OK);
        for (size_t k = 0; k < DETECT_SCALES; k++) {
            assert_int_equal(scales.at[k].width, sizes[i][2 * k + 2]);
            assert_int_equal(scales.at[k].height, sizes[i][2 * k + 3]);
        }
    }
}

/* Each pixel is the mean of the four of the scale before, halves rounded up. */
static void test_means_of_four(void **state)
{
    (void)state;
    struct image photo = make_photo(64, 48);
    struct detect_scales scales;
    const struct image *from = &photo;

    assert_int_equal(detect_scales_of(&scales, &photo, arena, NULL), ST_OK);
    for (size_t k = 0; k < DETECT_SCALES; from = &scales.at[k++]) {
        const struct image *to = &scales.at[k];
        for (uint32_t i = 0; i < 3 * to->width * to->height; i++) {
            uint32_t x = i / 3 % to->width;
            uint32_t y = i / 3 / to->width;
            const uint8_t *p = from->rgb + 3 * (2 * y * from->width + 2 * x) + i % 3;
            const uint8_t *q = p + (size_t)3 * from->width;
            assert_int_equal(to->rgb[i], (p[0] + p[3] + q[0] + q[3] + 2) / 4);
        }
    }
}

static void test_full_arena(void **state)
{
    (void)state;
    struct image photo = make_photo(3000, 2000);
    struct detect_scales scales;
    struct arena *small = NULL;
    struct err err = {0};

    assert_int_equal(arena_open(&small, (size_t)2 << 20, NULL), ST_OK);
    assert_int_equal(detect_scales_of(&scales, &photo, small, &err), ST_NOMEM);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sizes, reset_arena),
        cmocka_unit_test_teardown(test_means_of_four, reset_arena),
        cmocka_unit_test_teardown(test_full_arena, reset_arena),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
