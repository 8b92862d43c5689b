#include "detect/scales.h"

#define SIDE_MIN 8u

/* A photo too small to be halved is brought to the smallest size. */
static enum status halve(struct image *out, const struct image *from, struct arena *arena,
                         struct err *err)
{
    uint32_t width = from->width / 2;
    uint32_t height = from->height / 2;

    if (width >= SIDE_MIN && height >= SIDE_MIN)
        return image_halve(out, from, arena, err);
    return image_resize(out, from, MAX_OF(width, SIDE_MIN), MAX_OF(height, SIDE_MIN), IMAGE_BOX,
                        arena, err);
}

enum status detect_scales_of(struct detect_scales *out, const struct image *photo,
                             struct arena *arena, struct err *err)
{
    const struct image *from = photo;
    enum status st = ST_OK;

    for (unsigned i = 0; i < DETECT_SCALES && st == ST_OK; i++) {
        st = halve(&out->at[i], from, arena, err);
        from = &out->at[i];
    }
    return st;
}
