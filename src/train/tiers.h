/* train/tiers.h - how a photo is degraded before it is judged: the same re-encoding for both
 * classes, from light to heavy.  Used by validation while training and by evaluate/.
 * Thread-safe: pure functions of their arguments. */
#pragma once

#include "base/mem.h"
#include "image/image.h"

enum train_tier {
    TRAIN_T0, /* JPEG q95 */
    TRAIN_T1, /* JPEG q80: the bar stands here */
    TRAIN_T2, /* longer side at most 768 px, JPEG q60 */
    TRAIN_T3, /* longer side at most 512 px, JPEG q40 */
    TRAIN_WEBP75,
    TRAIN_RESIZE75,  /* x 0.75, JPEG q80 */
    TRAIN_RESIZE125, /* x 1.25, JPEG q80 */
    TRAIN_TIER_COUNT
};
#define TRAIN_TIERS_STANDARD 0xFu /* T0 to T3, as bits 1u << tier */
#define TRAIN_SIDE_MIN       16u  /* pixels; shrinking stops here */

struct train_tier_info {
    const char *name; /* "T0", ..., "webp75", "resize75", "resize125" */
    const char *help;
    enum image_format format;
    int quality;
    uint32_t side_max_px; /* of the original photo; 0: no cap */
    double scale;         /* applied to every photo */
};
const struct train_tier_info *train_tier_info(enum train_tier tier);
/* "T0,T2,webp75", "standard" or "all" to a set of bits. */
enum status train_tiers_parse(unsigned *out, struct str list, struct err *err) MUST_USE;

/* The factor for a photo whose longer side was `original_side` before it was cropped. */
double train_tier_factor(enum train_tier tier, uint32_t original_side);
/* Degrades `photo`, which may be a crop of the original at its full resolution: it is resized by
 * the factor of the original.  original_side 0: the photo is whole.  *pixels, unless NULL, is what
 * was encoded.  Both outputs live in the arena. */
enum status train_tier_apply(struct bytes *out, struct image *pixels, const struct image *photo,
                             uint32_t original_side, enum train_tier tier, struct arena *arena,
                             struct err *err) MUST_USE;
