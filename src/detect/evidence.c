#include "detect/evidence.h"

#include "detect/crops.h"

#define LEAST 1e-6 /* log-odds; less is rounding */

struct patches {
    double sum;
    uint32_t count;
};

/* Where the middle of a patch is; crops reach beyond a small photo, which is mirrored there. */
static uint32_t middle_of(const struct detect_evidence_map *map, uint32_t start, uint32_t patch,
                          uint32_t size)
{
    return detect_crops_mirror((int64_t)start + (2 * patch + 1) * map->side_px / (2 * map->patches),
                               size);
}

static void add_map(struct patches *cells, const struct detect_grid *grid,
                    const struct detect_evidence_map *map)
{
    for (uint32_t y = 0; y < map->patches; y++) {
        uint32_t photo_y = middle_of(map, map->y, y, grid->height);
        for (uint32_t x = 0; x < map->patches; x++) {
            uint32_t photo_x = middle_of(map, map->x, x, grid->width);
            struct patches *cell = &cells[detect_grid_cell(grid, photo_x, photo_y)];
            cell->sum += (double)map->logits[y * map->patches + x];
            cell->count++;
        }
    }
}

void detect_evidence_add_network(double *log_odds, const struct detect_grid *grid,
                                 const struct detect_evidence_map *maps, size_t map_count,
                                 double nothing)
{
    struct patches cells[DETECT_CELLS_MAX] = {0};
    struct patches all = {0};

    for (size_t i = 0; i < map_count; i++)
        add_map(cells, grid, &maps[i]);
    for (uint32_t i = 0; i < detect_grid_count(grid); i++) {
        all.sum += cells[i].sum;
        all.count += cells[i].count;
    }
    for (uint32_t i = 0; i < detect_grid_count(grid) && all.count; i++) {
        uint32_t left = all.count - cells[i].count;
        double rest = left ? (all.sum - cells[i].sum) / left : nothing;
        if (cells[i].count)
            log_odds[i] += all.sum / all.count - rest;
    }
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
