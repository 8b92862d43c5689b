/* Sums of windows: their parts add up to the whole, and what is taken out leaves the rest. */
#include "support/unit.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "detect/sums.h"
#include "support/unit_arena.h"

#define PHOTO_SIDE 150u
#define PARTS_USED 3u

static struct image photo;
static struct detect_window *window;
static struct detect_window_parts parts; /* a block is in part 0, 1 or 2 */

static int open_all(void **state)
{
    struct rng rng = rng_seed(3);

    if (open_arena(state) != 0)
        return -1;
    window = detect_window_open();
    photo = (struct image){PHOTO_SIDE, PHOTO_SIDE,
                           ARENA_NEW(arena, uint8_t, (size_t)3 * PHOTO_SIDE * PHOTO_SIDE)};
    for (uint32_t i = 0; i < PHOTO_SIDE * PHOTO_SIDE; i++)
        for (uint32_t c = 0; c < 3; c++) /* the lower half is flat */
            photo.rgb[3 * i + c] =
                (uint8_t)(i / PHOTO_SIDE > 75 ? 90 : 60 + i % 40 * c + rng_below(&rng, 30));
    for (unsigned row = 0; row < DETECT_SUMS_BLOCKS; row++)
        for (unsigned column = 0; column < DETECT_SUMS_BLOCKS; column++)
            parts.of[row][column] = (uint8_t)((row + column * column) % PARTS_USED);
    return 0;
}

static int close_all(void **state)
{
    detect_window_close(window);
    detect_window_close(NULL);
    return close_arena(state);
}

static void assert_same(const struct detect_sums *a, const struct detect_sums *b)
{
    float x[DETECT_SUMS_NUMBERS];
    float y[DETECT_SUMS_NUMBERS];

    assert_memory_equal(a->triples, b->triples, sizeof a->triples);
    assert_memory_equal(a->pairs, b->pairs, sizeof a->pairs);
    assert_memory_equal(a->colours, b->colours, sizeof a->colours);
    assert_memory_equal(a->noise, b->noise, sizeof a->noise);
    assert_memory_equal(a->noise_count, b->noise_count, sizeof a->noise_count);
    assert_true(a->pixels == b->pixels && a->blocks == b->blocks);
    detect_sums_numbers(x, a);
    detect_sums_numbers(y, b);
    for (size_t i = 0; i < DETECT_SUMS_NUMBERS; i++)
        assert_float_equal(x[i], y[i], 1e-5);
}

static void test_parts_add_up_to_the_whole(void **state)
{
    static const struct detect_place places[] = {{0, 0}, {16, 16}};
    struct detect_sums whole = {0};
    struct detect_sums part[PARTS_USED] = {0};
    struct detect_sums together = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        detect_sums_add_window(&whole, window, &photo, places[i], NULL);
        detect_sums_add_window(part, window, &photo, places[i], &parts);
    }
    assert_int_equal(whole.pixels, 2 * DETECT_WINDOW_SIDE * DETECT_WINDOW_SIDE);
    for (size_t i = 0; i < PARTS_USED; i++) {
        assert_true(part[i].pixels > 0 && part[i].pixels < whole.pixels);
        detect_sums_add(&together, &part[i]);
    }
    assert_same(&together, &whole);
}

static void test_what_is_taken_out_leaves_the_rest(void **state)
{
    const struct detect_place place = {16, 0};
    struct detect_sums part[PARTS_USED] = {0};
    struct detect_sums rest = {0};
    struct detect_sums others;

    (void)state;
    detect_sums_add_window(part, window, &photo, place, &parts);
    for (size_t i = 0; i < PARTS_USED; i++)
        detect_sums_add(&rest, &part[i]);
    detect_sums_remove(&rest, &part[1]);
    others = part[0];
    detect_sums_add(&others, &part[2]);
    assert_same(&rest, &others);
}

/* Each block is counted where it says, and only there. */
static void test_blocks_are_in_their_part(void **state)
{
    const struct detect_place place = {0, 0};
    struct detect_window_parts halves;
    struct detect_sums part[2] = {0};

    (void)state;
    for (unsigned row = 0; row < DETECT_SUMS_BLOCKS; row++)
        memset(halves.of[row], row >= 10, sizeof halves.of[row]); /* from 80 px on all is flat */
    detect_sums_add_window(part, window, &photo, place, &halves);
    assert_int_equal(part[0].pixels, 80 * 128);
    assert_int_equal(part[1].pixels, 48 * 128);
    assert_int_equal(part[1].blocks, 0);
    assert_int_equal(part[1].triples[0][DETECT_TRIPLE_CLASSES - 1], 2 * 48 * 128);
    assert_int_equal(part[1].noise[0], 6 * 16);
    assert_true(part[0].blocks > 0 && part[1].square[0] == 0 && part[1].fourth == 0);
}

static void test_nothing_gives_numbers(void **state)
{
    const struct detect_sums nothing = {0};
    float numbers[DETECT_SUMS_NUMBERS];

    (void)state;
    detect_sums_numbers(numbers, &nothing);
    for (size_t i = 0; i < DETECT_SUMS_NUMBERS; i++)
        assert_true(isfinite(numbers[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_add_up_to_the_whole),
        cmocka_unit_test(test_what_is_taken_out_leaves_the_rest),
        cmocka_unit_test(test_blocks_are_in_their_part),
        cmocka_unit_test(test_nothing_gives_numbers),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
