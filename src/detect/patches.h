/* detect/patches.h - what the patches of one crop say together.  A mean lets a few of them decide,
 * and on photos whose maker is not known a few are often wrong (docs/EXPERIMENTS.md).  Pure. */
#pragma once

#include "base/base.h"

/* The middle one of count >= 1 values, of an even number the mean of the two in the middle; their
 * order changes. */
float detect_patches_median(float *values, size_t count);
