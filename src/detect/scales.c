#include "detect/scales.h"

#define SIDE_MIN 8u

enum status detect_scales_of(struct detect_scales *out, const struct image *photo,
                             struct arena *arena, struct err *err)
{
    const struct image *from = photo;
    enum status st = ST_OK;

    for (unsigned i = 0; i < DETECT_SCALES && st == ST_OK; i++) {
        st = image_resize(&out->at[i], from, MAX_OF(from->width / 2, SIDE_MIN),
                          MAX_OF(from->height / 2, SIDE_MIN), IMAGE_BOX, arena, err);
        from = &out->at[i];
    }
    return st;
}
