/* detect/crops.h - where to look: square crops of a photo at one of its scales, the most textured
 * first, because flat areas say nothing about who made it.  Pure. */
#pragma once

#include "image/image.h"

struct detect_place {
    uint32_t x, y; /* top left corner, multiples of 16: on the grid of JPEG blocks */
};

/* Up to `max` places for crops of `side` pixels, by falling texture, spread over the photo; at
 * least one, also for a photo smaller than a crop.  *texture is the best place's mean step between
 * neighbouring pixels.  Scratch memory of the arena is given back.  ST_NOMEM: arena full. */
enum status detect_crops_choose(struct detect_place *out, size_t max, size_t *count, float *texture,
                                const struct image *photo, uint32_t side, struct arena *arena,
                                struct err *err) MUST_USE;

/* Packed RGB of the crop and `margin` pixels around it, mirrored at the photo's borders. */
void detect_crops_window(uint8_t *out, const struct image *photo, struct detect_place place,
                         uint32_t side, uint32_t margin);
/* Folds any coordinate into [0, size), as windows do: ... 1 0 | 0 1 ... size-1 | size-1 ... */
uint32_t detect_crops_mirror(int64_t at, uint32_t size);
