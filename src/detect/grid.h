/* detect/grid.h - a photo divided into square cells, about as many on a large photo as on a small
 * one; those at the right and the lower border may be cut.  Pure. */
#pragma once

#include "detect/explain.h"

/* Sides of cells are multiples of it: blocks of the statistics (detect/sums.h), 8 px at a quarter
 * of the scale, then lie in one cell each. */
#define DETECT_GRID_STEP 32u /* pixels */

struct detect_grid {
    uint32_t width, height; /* of the photo, pixels */
    uint32_t side_px;       /* of a cell */
    uint32_t columns, rows; /* their product: 1 to DETECT_CELLS_MAX */
};

/* The finest one for a photo of any size from 1x1 to UINT16_MAX a side. */
struct detect_grid detect_grid_of(uint32_t width, uint32_t height);

static inline uint32_t detect_grid_count(const struct detect_grid *grid)
{
    return grid->columns * grid->rows;
}

/* The cell of a place in the photo, row by row. */
static inline uint32_t detect_grid_cell(const struct detect_grid *grid, uint32_t x, uint32_t y)
{
    return y / grid->side_px * grid->columns + x / grid->side_px;
}

/* The part of the photo that a cell is. */
struct detect_region detect_grid_region(const struct detect_grid *grid, uint32_t cell);
