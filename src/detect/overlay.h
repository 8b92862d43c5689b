/* detect/overlay.h - an explanation made visible: what each cell of the photo adds to the score,
 * drawn over it.  Pure; memory from the caller's arena.  Must not know networks or statistics. */
#pragma once

#include "detect/explain.h"
#include "image/image.h"

/* 256 sRGB colours from "real" (dark blue) to "AI-generated" (light yellow); lightness rises
 * strictly, so that the order survives grey print and colour blindness. */
#define DETECT_OVERLAY_COLORS 256
void detect_overlay_ramp(uint8_t ramp[DETECT_OVERLAY_COLORS][3]);

/* The photo in dimmed grey, at most `side_max_px` a side (1 to
 * DETECT_OVERLAY_SIDE_MAX), coloured by the cells of `explanation`,
 * of which columns, rows, cell_px and log_odds are read: interpolated between their middles, in
 * units of the strongest cell or of DETECT_OVERLAY_WEAK when all are weaker.  What adds nothing
 * stays grey. ST_NOMEM: arena full. */
#define DETECT_OVERLAY_WEAK 0.05 /* log-odds */
enum status detect_overlay_draw(struct image *out, const struct image *photo,
                                const struct detect_explanation *explanation, uint32_t side_max_px,
                                struct arena *arena, struct err *err) MUST_USE;
