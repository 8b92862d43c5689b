#include "detect/evidence.h"

#include "detect/convention.h"
#include "detect/crops.h"
#include "detect/patches.h"

#define LEAST       1e-6 /* log-odds; less is rounding */
#define PATCHES_MAX (DETECT_MAP_SIDE_MAX * DETECT_MAP_SIDE_MAX)

_Static_assert(DETECT_CELLS_MAX <= UINT8_MAX, "a cell fits a byte, and one more is no cell");

/* Medians of maps without the patches of one cell. */
struct rest {
    double sum;
    uint32_t maps;
    bool touched; /* some patch is in the cell */
};

/* Where the middle of a patch is; crops reach beyond a small photo, which is mirrored there. */
static uint32_t middle_of(const struct detect_evidence_map *map, uint32_t start, uint32_t patch,
                          uint32_t size)
{
    return detect_crops_mirror((int64_t)start + (2 * patch + 1) * map->side_px / (2 * map->patches),
                               size);
}

/* The cell of each patch. */
static void find_cells(uint8_t *cells, const struct detect_grid *grid,
                       const struct detect_evidence_map *map)
{
    for (uint32_t y = 0; y < map->patches; y++) {
        uint32_t photo_y = middle_of(map, map->y, y, grid->height);
        for (uint32_t x = 0; x < map->patches; x++) {
            uint32_t photo_x = middle_of(map, map->x, x, grid->width);
            cells[y * map->patches + x] = (uint8_t)detect_grid_cell(grid, photo_x, photo_y);
        }
    }
}

/* The patches that are not in the cell, for `out`; their number. */
static size_t leave_out(float *out, const struct detect_evidence_map *map, const uint8_t *cells,
                        uint32_t cell)
{
    size_t count = 0;

    for (uint32_t i = 0; i < map->patches * map->patches; i++)
        if (cells[i] != cell)
            out[count++] = map->logits[i];
    return count;
}

/* One map's median for each cell's rest; the median of all patches. */
static double add_map(struct rest *rests, const struct detect_grid *grid,
                      const struct detect_evidence_map *map)
{
    uint8_t cells[PATCHES_MAX];
    float values[PATCHES_MAX];
    size_t patches = (size_t)map->patches * map->patches;

    find_cells(cells, grid, map);
    double whole =
        (double)detect_patches_median(values, leave_out(values, map, cells, DETECT_CELLS_MAX));
    for (uint32_t cell = 0; cell < detect_grid_count(grid); cell++) {
        size_t left = leave_out(values, map, cells, cell);
        rests[cell].touched |= left < patches;
        if (!left)
            continue;
        rests[cell].sum += left < patches ? (double)detect_patches_median(values, left) : whole;
        rests[cell].maps++;
    }
    return whole;
}

void detect_evidence_add_network(double *log_odds, const struct detect_grid *grid,
                                 const struct detect_evidence_map *maps, size_t map_count,
                                 double nothing)
{
    struct rest rests[DETECT_CELLS_MAX] = {0};
    double sum = 0;

    for (size_t i = 0; i < map_count; i++)
        sum += add_map(rests, grid, &maps[i]);
    for (uint32_t i = 0; i < detect_grid_count(grid); i++)
        if (rests[i].touched)
            log_odds[i] +=
                sum / (double)map_count - (rests[i].maps ? rests[i].sum / rests[i].maps : nothing);
}

size_t detect_evidence_regions(struct detect_region out[DETECT_REGIONS_MAX],
                               enum detect_verdict verdict, const struct detect_grid *grid,
                               const double *log_odds)
{
    double sign = verdict == DETECT_AI_GENERATED ? 1 : -1;
    bool taken[DETECT_CELLS_MAX] = {false};
    size_t count = 0;

    while (count < DETECT_REGIONS_MAX) {
        uint32_t best = DETECT_CELLS_MAX;
        double most = LEAST;
        for (uint32_t i = 0; i < detect_grid_count(grid); i++) {
            if (taken[i] || !(sign * log_odds[i] > most))
                continue;
            best = i;
            most = sign * log_odds[i];
        }
        if (best == DETECT_CELLS_MAX)
            break;
        taken[best] = true;
        out[count] = detect_grid_region(grid, best);
        out[count++].log_odds = log_odds[best];
    }
    return count;
}
