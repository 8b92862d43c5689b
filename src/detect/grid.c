#include "detect/grid.h"

static uint32_t ceil_div(uint32_t size, uint32_t side)
{
    return (size + side - 1) / side;
}

struct detect_grid detect_grid_of(uint32_t width, uint32_t height)
{
    struct detect_grid grid = {.width = width, .height = height};

    do {
        grid.side_px += DETECT_GRID_STEP;
        grid.columns = ceil_div(width, grid.side_px);
        grid.rows = ceil_div(height, grid.side_px);
    } while (detect_grid_count(&grid) > DETECT_CELLS_MAX);
    return grid;
}

struct detect_region detect_grid_region(const struct detect_grid *grid, uint32_t cell)
{
    uint32_t x = cell % grid->columns * grid->side_px;
    uint32_t y = cell / grid->columns * grid->side_px;

    return (struct detect_region){.x = x,
                                  .y = y,
                                  .width = MIN_OF(grid->side_px, grid->width - x),
                                  .height = MIN_OF(grid->side_px, grid->height - y)};
}
