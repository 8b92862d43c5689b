/* train/tiers.c - the degradations, one table; both classes go through the same one.
 * Resizing uses Lanczos-3; JPEG is always 4:2:0.  Thread-safe. */
#include "train/tiers.h"

#include <math.h>
#include <string.h>

static const struct train_tier_info tiers[TRAIN_TIER_COUNT] = {
    [TRAIN_T0] = {"T0", "JPEG q95", IMAGE_JPEG, 95, 0, 1},
    [TRAIN_T1] = {"T1", "JPEG q80", IMAGE_JPEG, 80, 0, 1},
    [TRAIN_T2] = {"T2", "at most 768 px, JPEG q60", IMAGE_JPEG, 60, 768, 1},
    [TRAIN_T3] = {"T3", "at most 512 px, JPEG q40", IMAGE_JPEG, 40, 512, 1},
    [TRAIN_WEBP75] = {"webp75", "WebP q75", IMAGE_WEBP, 75, 0, 1},
    [TRAIN_RESIZE75] = {"resize75", "x 0.75, JPEG q80", IMAGE_JPEG, 80, 0, 0.75},
    [TRAIN_RESIZE125] = {"resize125", "x 1.25, JPEG q80", IMAGE_JPEG, 80, 0, 1.25},
};

const struct train_tier_info *train_tier_info(enum train_tier tier)
{
    REQUIRE(tier < TRAIN_TIER_COUNT);
    return &tiers[tier];
}

static unsigned tier_bits(struct str name)
{
    if (str_equal(name, "standard"))
        return TRAIN_TIERS_STANDARD;
    if (str_equal(name, "all"))
        return (1u << TRAIN_TIER_COUNT) - 1;
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (str_equal(name, tiers[i].name))
            return 1u << i;
    return 0;
}

enum status train_tiers_parse(unsigned *out, struct str list, struct err *err)
{
    unsigned set = 0;

    do {
        struct str name = str_trim(str_split(&list, ','));
        unsigned bits = tier_bits(name);
        if (!bits)
            return err_set(err, ST_INVALID,
                           "tier '%.*s' is none of T0, T1, T2, T3, webp75, resize75, resize125, "
                           "standard, all",
                           (int)MIN_OF(name.len, 32), name.at ? name.at : "");
        set |= bits;
    } while (list.len);
    *out = set;
    return ST_OK;
}

double train_tier_factor(enum train_tier tier, uint32_t original_side)
{
    const struct train_tier_info *info = train_tier_info(tier);
    double factor = info->scale;

    if (info->side_max_px && original_side > info->side_max_px)
        factor *= (double)info->side_max_px / original_side;
    return factor;
}

/* Never below TRAIN_SIDE_MIN, nor enlarged to it. */
static uint32_t scaled_side(uint32_t side, double factor)
{
    uint32_t scaled = (uint32_t)lround(side * factor);

    return MAX_OF(scaled, MIN_OF(side, TRAIN_SIDE_MIN));
}

enum status train_tier_apply(struct bytes *out, struct image *pixels, const struct image *photo,
                             uint32_t original_side, enum train_tier tier, struct arena *arena,
                             struct err *err)
{
    const struct train_tier_info *info = train_tier_info(tier);
    uint32_t side = MAX_OF(photo->width, photo->height);
    double factor = train_tier_factor(tier, MAX_OF(side, original_side));
    uint32_t width = scaled_side(photo->width, factor);
    uint32_t height = scaled_side(photo->height, factor);
    struct image resized = *photo;
    struct bytes file = {0};
    enum status st = ST_OK;

    if (width != photo->width || height != photo->height)
        st = image_resize(&resized, photo, width, height, IMAGE_LANCZOS3, arena, err);
    if (st == ST_OK && info->format == IMAGE_WEBP)
        st = image_encode_webp(&file, &resized, info->quality, arena, err);
    else if (st == ST_OK)
        st = image_encode_jpeg(&file, &resized, info->quality, IMAGE_SUBSAMPLING_420, arena, err);
    if (st != ST_OK)
        return st;
    *out = file;
    if (pixels)
        *pixels = resized;
    return ST_OK;
}
