/* detect/frontend.h - from pixels to what the network sees: 16 fixed channels, mostly residuals.
 * A camera and a generator differ in noise and fine texture, not in content: each channel removes
 * content, and clamping keeps strong edges from drowning the rest.  Pure; thread-safe. */
#pragma once

#include "base/base.h"

/* Weights name what they were trained on: these channels of the photo at half scale. */
#define DETECT_FRONTEND_NAME     "residual-16-half"
#define DETECT_FRONTEND_CHANNELS 16
/* Pixels around the crop that the filters look at; a multiple of 8, so that a crop which starts on
 * a JPEG block has a window that does. */
#define DETECT_FRONTEND_MARGIN   8
#define DETECT_FRONTEND_SIDE_MAX 256
#define DETECT_FRONTEND_MAX      2.0f /* most channels' largest output; few of the last are beyond */

/* Channels, of 8-bit values, each clamped to a few grey levels, because what is larger is content:
 * 0-2 colour minus its 3x3 median (as FerretNet, 2025); 3-5 crossed differences of colour
 * (Bammey's Synthbuster, 2023); 6-7 second differences of luma, horizontal and vertical; 8 the 5x5
 * SRM kernel (Fridrich & Kodovsky 2012); 9-10 chroma minus its blur; 11 luma minus its even-pixel
 * neighbour (NPR, Tan et al. 2024); 12-13 starlet bands 2 and 3 (Starck & Murtagh 2002); 14 luma
 * level, because sensor noise grows with it; 15 log of local texture. */

/* Floats of scratch memory that detect_frontend_apply needs for a crop of `side` pixels. */
size_t detect_frontend_scratch_floats(int side);

/* out: (side, side, 16).  window: packed RGB of side + 2 * margin pixels a side.  scratch: see
 * above, 64-byte aligned. */
void detect_frontend_apply(float *out, const uint8_t *window, int side, float *scratch);
