/* detect/explain.h - where in a photo its score comes from: numbers of its parts, and a picture.
 * Sessions are those of detect/detect.h, and what is said there holds here, too. */
#pragma once

#include "detect/detect.h"

/* A part of the photo and what it adds to the score. */
#define DETECT_REGIONS_MAX 6
struct detect_region {
    uint32_t x, y, width, height; /* in the upright photo, pixels */
    double log_odds; /* what the log-odds of "AI-generated" lose when it is not looked at */
};

#define DETECT_OVERLAY_SIDE_MAX 1600 /* pixels; the PNG stays below 8 MB */
#define DETECT_CELLS_MAX        100  /* into which a photo is divided */

struct detect_explanation {
    struct bytes png;       /* the overlay; borrowed from the session until its next photo */
    uint32_t width, height; /* of the overlay, pixels */
    /* The photo's square cells, cut at its right and lower border, and what each adds to the
     * log-odds; row by row. */
    uint32_t columns, rows, cell_px;
    double log_odds[DETECT_CELLS_MAX];
    size_t region_count;
    struct detect_region regions[DETECT_REGIONS_MAX]; /* cells that speak most for the verdict */
};

/* The same as detect_photo, and where the score comes from: statistics and network are asked again
 * with the pixels of one cell in none of their sums, for each cell; everything else stays as it
 * was.  Cells do not add up to the score, and what is of the whole photo (tones, the model's bias)
 * belongs to none.  Takes less than twice as long as detect_photo, whatever the number of cells,
 * and the drawing: the photo in grey, cells that add to it coloured towards light yellow
 * (AI-generated), those that take from it towards dark blue (real).  `side_max_px` bounds the
 * picture's longer side: 0 means 1024, more than DETECT_OVERLAY_SIDE_MAX counts as that. */
enum status detect_explain(struct detect_result *out, struct detect_explanation *explanation,
                           struct detect_session *session, struct bytes photo, uint32_t side_max_px,
                           struct err *err) MUST_USE;
