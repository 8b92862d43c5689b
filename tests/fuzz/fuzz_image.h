/* fuzz_image.h - what the image targets share: one arena, small limits, one decoding.
 * The arena stays open for the life of the process: opening one a run would be most of the time. */
#pragma once

#include <stdlib.h>

#include "image/image.h"

#define FUZZ_ARENA (64u << 20)

/* Small, so that a run is short; no file of a size within them may fail for lack of memory. */
static const struct image_limits fuzz_limits = {
    .bytes_max = 1u << 20, .pixels_max = 1u << 20, .side_max_px = 4096};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes when the content is of `format`; every pixel of a success is read. */
static inline void fuzz_decode(struct bytes file, enum image_format format)
{
    static struct arena *arena;
    struct image_info info;
    struct image image;
    struct err err = {0};

    if (!arena && arena_open(&arena, FUZZ_ARENA, &err))
        abort();
    if (image_probe(&info, file, &fuzz_limits, &err) || info.format != format)
        return;
    arena_reset(arena);
    enum status st = image_decode(&image, &info, file, &fuzz_limits, arena, &err);
    if (st) {
        if (err.code != st || !err.msg[0] || arena_used(arena))
            abort();
        return;
    }
    if (image.width != info.width || image.height != info.height)
        abort();
    volatile uint8_t sink = 0;
    for (size_t i = 0; i < (size_t)3 * image.width * image.height; i++)
        sink = (uint8_t)(sink ^ image.rgb[i]);
}
