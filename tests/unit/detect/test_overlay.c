/* The overlay, on cells made by hand: colours, places, limits. */
#include "support/unit.h"

#include <stdlib.h>

#include "detect/overlay.h"
#include "support/unit_arena.h"

#define WIDE 256u
#define HIGH 128u

static struct image grey_photo(uint32_t width, uint32_t height)
{
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};

    assert_non_null(photo.rgb);
    memset(photo.rgb, 200, (size_t)3 * width * height);
    return photo;
}

/* Of cells of 64 px, all zero but those named. */
static struct detect_explanation explanation_of(uint32_t columns, uint32_t rows)
{
    return (struct detect_explanation){.columns = columns, .rows = rows, .cell_px = 64};
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

static void test_draws_what_cells_add(void **state)
{
    struct image photo = grey_photo(WIDE, HIGH);
    struct detect_explanation explanation = explanation_of(4, 2);
    struct image overlay;

    (void)state;
    explanation.log_odds[0] = 0.8;
    explanation.log_odds[7] = -0.8;
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &explanation, 1024, arena, NULL), ST_OK);
    assert_int_equal(overlay.width, WIDE);
    assert_int_equal(overlay.height, HIGH);
    const uint8_t *ai_part = pixel(&overlay, 32, 32);
    const uint8_t *real_part = pixel(&overlay, 224, 96);
    const uint8_t *silent = pixel(&overlay, 160, 32);
    assert_true(ai_part[0] > ai_part[2] + 30);
    assert_true(real_part[2] > real_part[0] + 30);
    assert_true(silent[0] == 140 && silent[1] == 140 && silent[2] == 140);
    assert_int_equal(photo.rgb[0], 200); /* untouched */
}

/* In units of the strongest cell, but noise is not blown up to full colours. */
static void test_weak_cells_stay_pale(void **state)
{
    static const double strengths[] = {2, 0.2, DETECT_OVERLAY_WEAK, DETECT_OVERLAY_WEAK / 10};
    struct image photo = grey_photo(64, 64);
    int colour[ARRAY_LEN(strengths)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strengths); i++) {
        struct detect_explanation explanation = explanation_of(1, 1);
        struct image overlay;
        explanation.log_odds[0] = strengths[i];
        assert_int_equal(detect_overlay_draw(&overlay, &photo, &explanation, 64, arena, NULL),
                         ST_OK);
        colour[i] = overlay.rgb[0] - overlay.rgb[2];
    }
    assert_int_equal(colour[0], colour[1]);
    assert_int_equal(colour[0], colour[2]);
    assert_true(colour[3] < colour[0] / 2);
}

static void test_is_shrunk_to_the_limit(void **state)
{
    struct image photo = grey_photo(1000, 250);
    struct detect_explanation explanation = explanation_of(16, 4);
    struct image overlay;

    (void)state;
    explanation.log_odds[8 + 16] = 1; /* 512 to 576, 64 to 128 px */
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &explanation, 200, arena, NULL), ST_OK);
    assert_int_equal(overlay.width, 200);
    assert_int_equal(overlay.height, 50);
    assert_true(pixel(&overlay, 108, 19)[0] > pixel(&overlay, 108, 19)[2] + 30);
    assert_int_equal(pixel(&overlay, 80, 19)[0], pixel(&overlay, 80, 19)[2]);
}

/* Cells at the border are cut: the middle of the last is where a whole one's would be. */
static void test_cells_are_in_their_place(void **state)
{
    struct image photo = grey_photo(70, 70);
    struct detect_explanation explanation = explanation_of(2, 2);
    struct image overlay;

    (void)state;
    explanation.log_odds[0] = 1;
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &explanation, 1024, arena, NULL), ST_OK);
    const uint8_t *first = pixel(&overlay, 20, 20);
    const uint8_t *corner = pixel(&overlay, 69, 69);
    assert_true(first[0] > first[2] + 30);
    assert_true(corner[0] - corner[2] < first[0] - first[2]);
}

static void test_full_arena(void **state)
{
    struct image photo = grey_photo(1000, 1000);
    struct detect_explanation explanation = explanation_of(1, 1);
    struct arena *small = NULL;
    struct image overlay;
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_open(&small, (size_t)2 << 20, NULL), ST_OK);
    assert_int_equal(detect_overlay_draw(&overlay, &photo, &explanation, 1000, small, &err),
                     ST_NOMEM);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramp_rises),
        cmocka_unit_test(test_draws_what_cells_add),
        cmocka_unit_test(test_weak_cells_stay_pale),
        cmocka_unit_test(test_is_shrunk_to_the_limit),
        cmocka_unit_test(test_cells_are_in_their_place),
        cmocka_unit_test(test_full_arena),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
