/* detect/quality.h - is this photo fit to be judged?  Two luma statistics that expose upscaled and
 * heavily compressed pixels, whatever the header says.  Pure. */
#pragma once

#include "detect/detect.h"
#include "image/image.h"

struct detect_pixel_statistics {
    /* Mean step across 8-pixel block borders over the mean step everywhere: about 1 for light
     * compression, 1.3 to 1.6 at JPEG quality 40. */
    float blocking;
    /* Mean 1-pixel step over mean 2-pixel step: 0.55 to 0.9 natively, lower when upscaled. */
    float sharpness;
};

struct detect_pixel_statistics detect_quality_measure(const struct image *photo);

/* enum detect_quality bits; `texture` is that of the best crop, see detect_crops_choose(). */
unsigned detect_quality_flags(const struct image *photo, float texture);
