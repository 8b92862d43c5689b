/* detect/scales.h - a photo at half and at a quarter of its scale, which is all that statistics and
 * network look at.  At full scale a photo of a megapixel shows the traces of its last compression
 * and of its enlargement; those of its making, which a detector can carry over to generators and
 * shops that it has never seen, are a scale below (docs/EXPERIMENTS.md).  Pure. */
#pragma once

#include "image/image.h"

#define DETECT_SCALES 2

/* Half and quarter of the photo's sides, rounded down; in the arena. */
struct detect_scales {
    struct image at[DETECT_SCALES];
};

/* By image_halve(); no side becomes shorter than 8 pixels.
 * ST_NOMEM: arena full. */
enum status detect_scales_of(struct detect_scales *out, const struct image *photo,
                             struct arena *arena, struct err *err) MUST_USE;
