/* Where crops go: on the grid, inside, apart, the most textured first, whatever the photo's size;
 * and windows mirrored at the borders. */
#include "support/unit.h"
#include "support/unit_arena.h"

#include <stdlib.h>

#include "base/rng.h"
#include "detect/crops.h"

#define MAX_PLACES 16

/* Noise of the given strength; 0: flat. */
static struct image make_photo(uint32_t width, uint32_t height, int strength)
{
    struct rng rng = rng_seed(width + 1000 * height);
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};

    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        photo.rgb[i] = (uint8_t)(128 + (int)rng_below(&rng, 2 * (uint32_t)strength + 1) - strength);
    return photo;
}

static size_t choose(struct detect_place *places, const struct image *photo, uint32_t side,
                     size_t max, float *texture)
{
    struct err err = {0};
    size_t count = 0;
    size_t used = arena_used(arena);

    if (detect_crops_choose(places, max, &count, texture, photo, side, arena, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(arena_used(arena), used); /* scratch memory is given back */
    assert_true(count >= 1 && count <= max);
    return count;
}

static void check_places(uint32_t width, uint32_t height, uint32_t side)
{
    struct image photo = make_photo(width, height, 20);
    struct detect_place places[MAX_PLACES];
    float texture = 0;
    size_t count = choose(places, &photo, side, MAX_PLACES, &texture);

    for (size_t i = 0; i < count; i++) {
        const struct detect_place *p = &places[i];
        assert_int_equal(p->x % 16, 0);
        assert_int_equal(p->y % 16, 0);
        assert_true(p->x < width && p->y < height);
        if (p->x > 0 && p->x + side > width)
            fail_msg("%ux%u, side %u: crop at x %u hangs over", width, height, side, p->x);
        if (p->y > 0 && p->y + side > height)
            fail_msg("%ux%u, side %u: crop at y %u hangs over", width, height, side, p->y);
        for (size_t k = 0; k < i; k++)
            assert_true((uint32_t)abs((int)p->x - (int)places[k].x) >= side / 4 ||
                        (uint32_t)abs((int)p->y - (int)places[k].y) >= side / 4);
    }
}

static void test_every_size(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1},    {1, 300},   {300, 1},   {7, 9},     {15, 17},
                                        {16, 16},  {95, 300},  {96, 96},   {97, 111},  {112, 96},
                                        {128, 80}, {304, 304}, {640, 480}, {1000, 333}};
    static const uint32_t sides[] = {32, 64, 72, 88, 96, 128, 256};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(sides); k++) {
            check_places(sizes[i][0], sizes[i][1], sides[k]);
            arena_reset(arena);
        }
}

/* Half of 288 pixels: four places, 32 pixels apart. */
static void test_small_photo_gives_four(void **state)
{
    (void)state;
    struct image photo = make_photo(144, 144, 20);
    struct detect_place places[MAX_PLACES];
    float texture = 0;

    assert_int_equal(choose(places, &photo, 96, 5, &texture), 4);
}

static void test_large_photo_gives_all(void **state)
{
    (void)state;
    struct image photo = make_photo(800, 600, 20);
    struct detect_place places[MAX_PLACES];
    struct detect_place again[MAX_PLACES];
    float texture = 0;

    assert_int_equal(choose(places, &photo, 96, 8, &texture), 8);
    assert_int_equal(choose(again, &photo, 96, 8, &texture), 8);
    assert_memory_equal(places, again, 8 * sizeof *places); /* the same every time */
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < i; k++) /* room enough: little overlap */
            assert_true(abs((int)places[i].x - (int)places[k].x) >= 72 ||
                        abs((int)places[i].y - (int)places[k].y) >= 72);
    assert_int_equal(choose(places, &photo, 96, 1, &texture), 1);
    assert_memory_equal(places, again, sizeof *places);
}

static void test_most_textured_first(void **state)
{
    (void)state;
    struct image photo = make_photo(640, 480, 1);
    struct image patch = make_photo(128, 128, 25);
    struct detect_place places[MAX_PLACES];
    float texture = 0;

    for (uint32_t y = 0; y < 128; y++)
        memcpy(photo.rgb + 3 * ((size_t)(y + 320) * 640 + 448), patch.rgb + (size_t)3 * 128 * y,
               (size_t)3 * 128);
    choose(places, &photo, 96, 8, &texture);
    assert_true(places[0].x >= 448 && places[0].x + 96 <= 576);
    assert_true(places[0].y >= 320 && places[0].y + 96 <= 448);
    /* two directions, mean difference of uniform values of -25..25: 51 / 3 each */
    assert_true(texture > 29 && texture < 37);
}

static void test_flat_photo(void **state)
{
    (void)state;
    struct image photo = make_photo(640, 480, 0);
    struct detect_place places[MAX_PLACES];
    float texture = 99;

    assert_int_equal(choose(places, &photo, 96, 4, &texture), 4);
    assert_true(texture == 0);
    assert_true(places[0].x == 0 && places[0].y == 0); /* ties: top left first */
}

static void test_full_arena(void **state)
{
    (void)state;
    struct image photo = make_photo(640, 480, 9);
    struct detect_place places[MAX_PLACES];
    size_t count = 77;
    float texture = 0;
    struct err err = {0};
    size_t mark = arena_used(arena);

    assert_non_null(arena_try(arena, UNIT_ARENA_BYTES - mark - 256, 1));
    mark = arena_used(arena);
    assert_int_equal(detect_crops_choose(places, 4, &count, &texture, &photo, 96, arena, &err),
                     ST_NOMEM);
    assert_int_equal(count, 77);
    assert_int_equal(arena_used(arena), mark);
    assert_non_null(strstr(err.msg, "640x480"));
}

/* Walks outward from 0 and turns round at both ends, repeating the border pixel. */
static uint32_t fold(int at, int size)
{
    while (at < 0 || at >= size)
        at = at < 0 ? -1 - at : 2 * size - 1 - at;
    return (uint32_t)at;
}

static void check_window(uint32_t width, uint32_t height, uint32_t x0, uint32_t y0, uint32_t side,
                         uint32_t margin)
{
    struct image photo = make_photo(width, height, 100);
    uint32_t wide = side + 2 * margin;
    uint8_t *window = ARENA_NEW(arena, uint8_t, (size_t)3 * wide * wide);

    detect_crops_window(window, &photo, (struct detect_place){x0, y0}, side, margin);
    for (uint32_t y = 0; y < wide; y++)
        for (uint32_t x = 0; x < wide; x++) {
            uint32_t px = fold((int)(x0 + x) - (int)margin, (int)width);
            uint32_t py = fold((int)(y0 + y) - (int)margin, (int)height);
            assert_memory_equal(window + 3 * ((size_t)y * wide + x),
                                photo.rgb + 3 * ((size_t)py * width + px), 3);
        }
    arena_reset(arena);
}

static void test_windows(void **state)
{
    (void)state;
    check_window(1, 1, 0, 0, 32, 8);
    check_window(2, 3, 0, 0, 32, 8);
    check_window(16, 16, 0, 0, 64, 8);
    check_window(95, 300, 0, 192, 96, 8);
    check_window(200, 200, 0, 0, 96, 8);
    check_window(200, 200, 16, 16, 96, 8);   /* wholly inside */
    check_window(200, 200, 96, 96, 96, 8);   /* ends at the right margin */
    check_window(208, 208, 112, 112, 96, 8); /* the crop ends with the photo */
}

#define CROPS_TEST(test) cmocka_unit_test_teardown(test, reset_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CROPS_TEST(test_every_size),
        CROPS_TEST(test_small_photo_gives_four),
        CROPS_TEST(test_large_photo_gives_all),
        CROPS_TEST(test_most_textured_first),
        CROPS_TEST(test_flat_photo),
        CROPS_TEST(test_full_arena),
        CROPS_TEST(test_windows),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
