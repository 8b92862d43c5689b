/* detect/tones.h - how saturated and how bright a photo is, and how its colours vary.  Content, not
 * traces, and yet generators differ in it from shops (docs/EXPERIMENTS.md).  Pure. */
#pragma once

#include "image/image.h"

#define DETECT_TONES_SATURATION 8  /* classes of saturation */
#define DETECT_TONES_BRIGHTNESS 12 /* classes of brightness: black, ten of equal width, white */
#define DETECT_TONES            (DETECT_TONES_SATURATION + DETECT_TONES_BRIGHTNESS + 7)

/* Square roots of the classes' shares; of luma and both chroma (ITU-R BT.601, 8-bit values) the
 * mean and log(1 + variance); the correlation of the chroma. */
void detect_tones_measure(float out[DETECT_TONES], const struct image *photo);
