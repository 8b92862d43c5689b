/* evaluate/features.c - input of the metadata-only control.  The network is given crops of one
 * fixed size, so width, height and bytes of the file are hidden from it; how many crops there are,
 * how much of them is mirrored border, and how hard they are to compress are not. */
#include "evaluate/features.h"

#include <math.h>

/* Share of the crop's area that lies beyond the photo's right and lower border. */
static double mirrored_share(const struct detect_crop *crop, const struct image *pixels)
{
    double side = crop->side_px;
    double across = MIN_OF(side, (double)pixels->width - crop->x);
    double down = MIN_OF(side, (double)pixels->height - crop->y);

    return 1 - across * down / (side * side);
}

/* Log of bytes a pixel when the crop alone is encoded as the tier does. */
static enum status crop_bytes(double *out, const struct detect_crop *crop,
                              const struct image *pixels, enum train_tier tier, struct arena *arena,
                              struct err *err)
{
    size_t mark = arena_mark(arena);
    int quality = train_tier_info(tier)->quality;
    struct image part;
    struct bytes file = {0};
    enum status st = ST_OK;

    if (crop->x >= pixels->width || crop->y >= pixels->height || !crop->side_px)
        return err_set(err, ST_CORRUPT, "a crop at %u, %u lies outside a photo of %ux%u", crop->x,
                       crop->y, pixels->width, pixels->height);
    st = image_crop(&part, pixels, crop->x, crop->y, crop->side_px, crop->side_px, arena, err);
    if (st == ST_OK)
        st = image_encode_jpeg(&file, &part, quality, IMAGE_SUBSAMPLING_420, arena, err);
    if (st == ST_OK)
        *out = log((double)file.len / ((double)crop->side_px * crop->side_px));
    arena_release(arena, mark);
    return st;
}

static enum status crop_features(float *out, const struct detect_result *result,
                                 const struct image *pixels, enum train_tier tier,
                                 struct arena *arena, struct err *err)
{
    double mirrored = 0;
    double sum = 0;
    double low = 0;
    double high = 0;
    size_t n = result->crop_count;

    for (size_t i = 0; i < n; i++) {
        double bytes = 0;
        enum status st = crop_bytes(&bytes, &result->crops[i], pixels, tier, arena, err);
        if (st != ST_OK)
            return st;
        mirrored += mirrored_share(&result->crops[i], pixels);
        sum += bytes;
        low = i ? fmin(low, bytes) : bytes;
        high = i ? fmax(high, bytes) : bytes;
    }
    out[EVALUATE_CROP_COUNT] = (float)n;
    out[EVALUATE_CROP_MIRRORED] = n ? (float)(mirrored / (double)n) : 0;
    out[EVALUATE_CROP_BYTES_MEAN] = n ? (float)(sum / (double)n) : 0;
    out[EVALUATE_CROP_BYTES_MIN] = (float)low;
    out[EVALUATE_CROP_BYTES_MAX] = (float)high;
    return ST_OK;
}

enum status evaluate_features(float *out, const struct detect_result *result, struct bytes file,
                              const struct image *pixels, enum train_tier tier, struct arena *arena,
                              struct err *err)
{
    struct image_info info;
    enum status st = image_probe(&info, file, &image_limits_default, err);

    if (st == ST_OK)
        st = crop_features(out, result, pixels, tier, arena, err);
    if (st != ST_OK)
        return st;

    double width = pixels->width;
    double height = pixels->height;
    out[EVALUATE_FILE_WIDTH] = (float)log(width);
    out[EVALUATE_FILE_HEIGHT] = (float)log(height);
    out[EVALUATE_FILE_ASPECT] = (float)log(width / height);
    out[EVALUATE_FILE_BYTES] = (float)log((double)file.len / (width * height));
    out[EVALUATE_FILE_QUALITY] = info.jpeg_quality;
    return ST_OK;
}
