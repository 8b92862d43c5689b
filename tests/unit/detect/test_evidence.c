/* What cells add by the network's maps, and which of them are named: on maps made by hand. */
#include "support/unit.h"

#include <math.h>

#include "detect/evidence.h"

#define PATCHES 8u
#define SIDE    64u

static float sure[PATCHES * PATCHES];
static float halves[PATCHES * PATCHES]; /* 3 on the left, -1 on the right */

static int fill_maps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PATCHES * PATCHES; i++) {
        sure[i] = 2;
        halves[i] = i % PATCHES < PATCHES / 2 ? 3.0f : -1.0f;
    }
    return 0;
}

static struct detect_evidence_map map_at(uint32_t x, uint32_t y, const float *logits)
{
    return (struct detect_evidence_map){
        .x = x, .y = y, .side_px = SIDE, .patches = PATCHES, .logits = logits};
}

static void test_a_cell_adds_what_the_median_loses(void **state)
{
    struct detect_grid grid = detect_grid_of(64, 64); /* 2 x 2 */
    struct detect_evidence_map map = map_at(0, 0, halves);
    double log_odds[DETECT_CELLS_MAX] = {10, 20, 30, 40};

    (void)state;
    detect_evidence_add_network(log_odds, &grid, &map, 1, 0);
    /* The median is 1; without a cell on the left it is -1, without one on the right 3. */
    assert_true(log_odds[0] == 10 + 1 + 1);
    assert_true(log_odds[1] == 20 + 1 - 3);
    assert_true(log_odds[2] == 30 + 1 + 1);
    assert_true(log_odds[3] == 40 + 1 - 3);
}

/* Maps count alike; one that lies in the cell alone is left out whole. */
static void test_the_mean_of_maps(void **state)
{
    struct detect_grid grid = detect_grid_of(640, 640); /* 10 x 10 */
    const struct detect_evidence_map maps[2] = {map_at(0, 0, halves), map_at(64, 0, sure)};
    double log_odds[DETECT_CELLS_MAX] = {0};

    (void)state;
    detect_evidence_add_network(log_odds, &grid, maps, 2, 0);
    assert_true(log_odds[0] == 1.5 - 2);
    assert_true(log_odds[1] == 1.5 - 1);
    assert_true(log_odds[2] == 0);
}

static void test_what_was_not_looked_at_adds_nothing(void **state)
{
    struct detect_grid grid = detect_grid_of(640, 640); /* 10 x 10 */
    struct detect_evidence_map map = map_at(128, 64, sure);
    double log_odds[DETECT_CELLS_MAX] = {0};

    (void)state;
    detect_evidence_add_network(log_odds, &grid, &map, 1, -0.5);
    for (uint32_t i = 0; i < detect_grid_count(&grid); i++)
        assert_true(log_odds[i] == (i == 12 ? 2.5 : 0.0)); /* all of it in one cell */
}

/* A crop reaches beyond a small photo, which is mirrored there. */
static void test_crop_larger_than_the_photo(void **state)
{
    struct detect_grid grid = detect_grid_of(40, 9); /* 2 x 1 */
    struct detect_evidence_map map = map_at(0, 0, halves);
    double log_odds[DETECT_CELLS_MAX] = {0};

    (void)state;
    detect_evidence_add_network(log_odds, &grid, &map, 1, 0);
    assert_true(log_odds[0] > 0 && log_odds[1] < 0);
    assert_true(log_odds[2] == 0);
}

static void test_regions_speak_for_the_verdict(void **state)
{
    struct detect_grid grid = detect_grid_of(96, 70); /* 3 x 3 */
    const double log_odds[DETECT_CELLS_MAX] = {0, 0.1, -0.3, 0.5, -0.2, 0, 0, 0, 0.4};
    struct detect_region regions[DETECT_REGIONS_MAX];

    (void)state;
    assert_int_equal(detect_evidence_regions(regions, DETECT_AI_GENERATED, &grid, log_odds), 3);
    assert_true(regions[0].log_odds == 0.5 && regions[1].log_odds == 0.4);
    assert_int_equal(regions[0].x, 0);
    assert_int_equal(regions[0].y, 32);
    assert_int_equal(regions[0].width, 32);
    assert_int_equal(regions[1].y, 64);
    assert_int_equal(regions[1].height, 6);
    assert_int_equal(detect_evidence_regions(regions, DETECT_REAL, &grid, log_odds), 2);
    assert_true(regions[0].log_odds == -0.3 && regions[1].log_odds == -0.2);
}

static void test_no_more_regions_than_fit(void **state)
{
    struct detect_grid grid = detect_grid_of(300, 300);
    double log_odds[DETECT_CELLS_MAX];
    struct detect_region regions[DETECT_REGIONS_MAX];

    (void)state;
    for (uint32_t i = 0; i < DETECT_CELLS_MAX; i++)
        log_odds[i] = 1;
    assert_int_equal(detect_evidence_regions(regions, DETECT_AI_GENERATED, &grid, log_odds),
                     DETECT_REGIONS_MAX);
    for (uint32_t i = 0; i < DETECT_REGIONS_MAX; i++)
        assert_int_equal(regions[i].x, 32 * i); /* equals: from the top left on */
    log_odds[0] = NAN;
    assert_int_equal(detect_evidence_regions(regions, DETECT_REAL, &grid, log_odds), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cell_adds_what_the_median_loses),
        cmocka_unit_test(test_the_mean_of_maps),
        cmocka_unit_test(test_what_was_not_looked_at_adds_nothing),
        cmocka_unit_test(test_crop_larger_than_the_photo),
        cmocka_unit_test(test_regions_speak_for_the_verdict),
        cmocka_unit_test(test_no_more_regions_than_fit),
    };
    return cmocka_run_group_tests(tests, fill_maps, NULL);
}
