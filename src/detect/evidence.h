/* detect/evidence.h - where in a photo its score comes from: what each cell of a grid adds to the
 * log-odds, and the cells that say most.  Pure.  Must not know pixels or files. */
#pragma once

#include "detect/explain.h"
#include "detect/grid.h"

/* The network's map of one crop. */
struct detect_evidence_map {
    uint32_t x, y, side_px; /* of the crop, in the upright photo */
    uint32_t patches;       /* a side */
    const float *logits;    /* of the patches, row by row */
};

/* Adds to log_odds[cell] what the mean of the maps' medians loses when the patches with their
 * middle in the cell are left out, and maps that have no others; a cell that holds all of them
 * takes the mean less `nothing`. */
void detect_evidence_add_network(double *log_odds, const struct detect_grid *grid,
                                 const struct detect_evidence_map *maps, size_t map_count,
                                 double nothing);

/* The cells that speak for the verdict, strongest first. */
size_t detect_evidence_regions(struct detect_region out[DETECT_REGIONS_MAX],
                               enum detect_verdict verdict, const struct detect_grid *grid,
                               const double *log_odds);
