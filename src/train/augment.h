/* train/augment.h - one training example: a crop window of a photo after the same random resizing,
 * compression, noise, blur, colour and turning for every photo, whatever its label, at half scale.
 * The network must never learn how a class happened to be stored.  Thread-safe: state is passed. */
#pragma once

#include "base/rng.h"
#include "image/image.h"
#include "train/config.h"

/* Packed RGB of side + 2 * DETECT_FRONTEND_MARGIN pixels a side, in the arena.  All randomness
 * comes from `rng`.  ST_NOMEM: arena full. */
enum status train_augment(struct image *out, const struct image *photo,
                          const struct train_augment_config *config, uint32_t side, struct rng *rng,
                          struct arena *arena, struct err *err) MUST_USE;

/* The same of two photos of one size: the place is that of most texture in the first, and every
 * random choice is the same for both. */
enum status train_augment_pair(struct image out[2], const struct image photos[2],
                               const struct train_augment_config *config, uint32_t side,
                               struct rng *rng, struct arena *arena, struct err *err) MUST_USE;

/* Through a JPEG file (4:2:0 or 4:4:4 chroma) or a WebP file of that quality, into the arena. */
enum status train_recompress(struct image *inout, int quality, bool subsample, bool webp,
                             struct arena *arena, struct err *err) MUST_USE;
