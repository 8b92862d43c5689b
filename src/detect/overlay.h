/* detect/overlay.h - a verdict made visible: what each analysed part said, drawn over the photo,
 * and the parts that said most.  Pure; memory from the caller's arena.  Must not know networks. */
#pragma once

#include "detect/detect.h"
#include "image/image.h"

/* 256 sRGB colours from "real" (dark blue) to "AI-generated" (light yellow); lightness rises
 * strictly, so that the order survives grey print and colour blindness. */
#define DETECT_OVERLAY_COLORS 256
void detect_overlay_ramp(uint8_t ramp[DETECT_OVERLAY_COLORS][3]);

/* The photo in grey, at most `side_max_px` a side; what no crop covers is dimmed, crops are
 * coloured by the probability of their patches (interpolated, averaged where crops overlap) and
 * outlined. ST_NOMEM: arena full. */
enum status detect_overlay_draw(struct image *out, const struct image *photo,
                                const struct detect_result *result, uint32_t side_max_px,
                                struct arena *arena, struct err *err) MUST_USE;

/* The parts that speak most for the verdict, strongest first; none inside another. */
size_t detect_overlay_regions(struct detect_region out[DETECT_REGIONS_MAX],
                              const struct detect_result *result);
