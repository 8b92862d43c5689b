/* Cells: every pixel is in one, none is empty, there are never too many. */
#include "support/unit.h"

#include <string.h>

#include "detect/grid.h"

static const uint32_t sizes[][2] = {
    {1, 1},     {31, 31},     {32, 33},     {1, 400},   {288, 288},    {320, 200},
    {321, 320}, {4000, 3000}, {16384, 100}, {1, 16384}, {16384, 3051}, {7000, 7142},
};

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct detect_grid grid = detect_grid_of(sizes[i][0], sizes[i][1]);
        uint64_t area = 0;
        assert_in_range(detect_grid_count(&grid), 1, DETECT_CELLS_MAX);
        assert_int_equal(grid.side_px % DETECT_GRID_STEP, 0);
        for (uint32_t cell = 0; cell < detect_grid_count(&grid); cell++) {
            struct detect_region region = detect_grid_region(&grid, cell);
            assert_in_range(region.width, 1, grid.side_px);
            assert_in_range(region.height, 1, grid.side_px);
            assert_int_equal(detect_grid_cell(&grid, region.x, region.y), cell);
            assert_int_equal(
                detect_grid_cell(&grid, region.x + region.width - 1, region.y + region.height - 1),
                cell);
            area += (uint64_t)region.width * region.height;
        }
        assert_int_equal(area, (uint64_t)sizes[i][0] * sizes[i][1]);
    }
}

static void test_no_coarser_than_need_be(void **state)
{
    (void)state;
    struct detect_grid small = detect_grid_of(288, 288);
    struct detect_grid large = detect_grid_of(1200, 800);

    assert_int_equal(small.side_px, 32);
    assert_int_equal(detect_grid_count(&small), 81);
    assert_int_equal(large.side_px, 128);
    assert_int_equal(detect_grid_count(&large), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_coarser_than_need_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
