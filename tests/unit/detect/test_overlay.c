/* Overlay and regions, on crops made by hand: colours, places, order, limits. */
#include "support/unit.h"

#include <stdlib.h>

#include "detect/overlay.h"
#include "support/unit_arena.h"

#define MAP  8u
#define SIDE 64u
#define WIDE 256u
#define HIGH 128u

static float sure[MAP * MAP];  /* AI-generated everywhere */
static float real[MAP * MAP];  /* real everywhere */
static float mixed[MAP * MAP]; /* real, but for one corner */

static int fill_maps(void **state)
{
    for (unsigned i = 0; i < MAP * MAP; i++) {
        sure[i] = 8;
        real[i] = -8;
        mixed[i] = i % MAP >= 6 && i / MAP < 2 ? 5.0f : -2.0f;
    }
    return open_arena(state);
}

static struct image grey_photo(uint32_t width, uint32_t height)
{
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};

    assert_non_null(photo.rgb);
    memset(photo.rgb, 200, (size_t)3 * width * height);
    return photo;
}

static struct detect_crop crop_at(uint32_t x, uint32_t y, const float *map)
{
    return (struct detect_crop){
        .x = x, .y = y, .side_px = SIDE, .map_side = MAP, .patch_logits = map};
}

static const uint8_t *pixel(const struct image *image, uint32_t x, uint32_t y)
{
    return image->rgb + 3 * ((size_t)y * image->width + x);
}

static int lightness(const uint8_t *rgb)
{
    return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
}

static void test_ramp_rises(void **state)
{
    uint8_t ramp[DETECT_OVERLAY_COLORS][3];

    (void)state;
    detect_overlay_ramp(ramp);
    for (int i = 8; i < DETECT_OVERLAY_COLORS; i++)
        assert_true(lightness(ramp[i]) > lightness(ramp[i - 8]));
    assert_true(ramp[0][2] > ramp[0][0]);     /* blue */
    assert_true(ramp[255][0] > ramp[255][2]); /* yellow */
}

static void test_draws_what_crops_said(void **state)
{
    struct image photo = grey_photo(WIDE, HIGH);
    struct detect_result result = {.width = WIDE, .height = HIGH, .crop_count = 2};
    struct image overlay;

    (void)state;
    result.crops[0] = crop_at(0, 0, sure);
    result.crops[1] = crop_at(128, 64, real);
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &result, 1024, arena, NULL), ST_OK);
    assert_int_equal(overlay.width, WIDE);
    assert_int_equal(overlay.height, HIGH);
    const uint8_t *ai_part = pixel(&overlay, 32, 32);
    const uint8_t *real_part = pixel(&overlay, 160, 96);
    const uint8_t *outside = pixel(&overlay, 100, 32);
    assert_true(ai_part[0] > ai_part[2] + 30);
    assert_true(real_part[2] > real_part[0] + 30);
    assert_true(outside[0] == outside[1] && outside[1] == outside[2] && outside[0] < 100);
    assert_true(lightness(pixel(&overlay, 0, 20)) > lightness(ai_part)); /* the outline */
    assert_int_equal(photo.rgb[0], 200);                                 /* untouched */
}

static void test_is_shrunk_to_the_limit(void **state)
{
    struct image photo = grey_photo(1000, 250);
    struct detect_result result = {.width = 1000, .height = 250, .crop_count = 1};
    struct image overlay;

    (void)state;
    result.crops[0] = crop_at(500, 100, sure);
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &result, 200, arena, NULL), ST_OK);
    assert_int_equal(overlay.width, 200);
    assert_int_equal(overlay.height, 50);
    assert_true(pixel(&overlay, 106, 26)[0] > pixel(&overlay, 106, 26)[2] + 30);
    assert_true(pixel(&overlay, 95, 26)[0] < 100);
}

static void test_crop_larger_than_the_photo(void **state)
{
    struct image photo = grey_photo(20, 10);
    struct detect_result result = {.width = 20, .height = 10, .crop_count = 1};
    struct detect_region regions[DETECT_REGIONS_MAX];
    struct image overlay;

    (void)state;
    result.crops[0] = crop_at(0, 0, sure);
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &result, 64, arena, NULL), ST_OK);
    size_t count = detect_overlay_regions(regions, &result);
    assert_int_equal(count, 2); /* one row of four, the second of them cut at 20 */
    for (size_t i = 0; i < count; i++)
        assert_true(regions[i].x + regions[i].width <= 20 &&
                    regions[i].y + regions[i].height <= 10);
}

static void test_regions_are_the_strongest(void **state)
{
    struct detect_result result = {
        .width = WIDE, .height = HIGH, .crop_count = 2, .verdict = DETECT_AI_GENERATED};
    struct detect_region regions[DETECT_REGIONS_MAX];

    (void)state;
    result.crops[0] = crop_at(0, 0, real);
    result.crops[1] = crop_at(32, 32, mixed);
    size_t count = detect_overlay_regions(regions, &result);
    assert_int_equal(count, DETECT_REGIONS_MAX);
    assert_int_equal(regions[0].x, 32 + 48);
    assert_int_equal(regions[0].y, 32);
    assert_int_equal(regions[0].width, 16);
    assert_true(regions[0].probability > 0.99);
    for (size_t i = 1; i < count; i++) {
        assert_true(regions[i].probability <= regions[i - 1].probability);
        for (size_t k = 0; k < i; k++)
            assert_true(abs((int)regions[i].x - (int)regions[k].x) >= 16 ||
                        abs((int)regions[i].y - (int)regions[k].y) >= 16);
    }
    result.verdict = DETECT_REAL;
    assert_int_equal(detect_overlay_regions(regions, &result), DETECT_REGIONS_MAX);
    assert_true(regions[0].probability < 0.01);
}

static void test_full_arena(void **state)
{
    struct image photo = grey_photo(1000, 1000);
    struct detect_result result = {.width = 1000, .height = 1000};
    struct arena *small = NULL;
    struct image overlay;
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_open(&small, (size_t)4 << 20, NULL), ST_OK);
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &result, 1000, small, &err), ST_NOMEM);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramp_rises),
        cmocka_unit_test(test_draws_what_crops_said),
        cmocka_unit_test(test_is_shrunk_to_the_limit),
        cmocka_unit_test(test_crop_larger_than_the_photo),
        cmocka_unit_test(test_regions_are_the_strongest),
        cmocka_unit_test(test_full_arena),
    };
    return cmocka_run_group_tests(tests, fill_maps, close_arena);
}
