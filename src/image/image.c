/* image/image.c - names, default limits, dispatch to the decoders, and what they share.
 * Owns no memory: pixels go to the caller's arena.  Must not know any codec library.
 * Thread-safe. */
#include "image/image_internal.h"

#include <string.h>

#define SINK_STEP 65536u /* bytes an encoder's output grows by */

const struct image_limits image_limits_default = {
    .bytes_max = 10u * 1024 * 1024,
    .pixels_max = 50u * 1000 * 1000,
    .side_max_px = 16384,
};

static const char *const format_names[] = {
    [IMAGE_FORMAT_UNKNOWN] = "unknown",
    [IMAGE_JPEG] = "jpeg",
    [IMAGE_PNG] = "png",
    [IMAGE_WEBP] = "webp",
};
_Static_assert(ARRAY_LEN(format_names) == IMAGE_FORMAT_COUNT, "one name for each format");

const char *image_format_name(enum image_format format)
{
    return (unsigned)format < IMAGE_FORMAT_COUNT ? format_names[format] : "unknown";
}

enum status image_new(struct image *out, uint32_t width, uint32_t height, struct arena *arena,
                      struct err *err)
{
    if (!width || !height)
        return err_set(err, ST_INVALID, "an image of %ux%u pixels has no pixels", width, height);

    uint8_t *rgb = arena_try(arena, (size_t)width * height, 3);
    if (!rgb)
        return err_set(err, ST_NOMEM, "no room for an image of %ux%u pixels", width, height);
    *out = (struct image){.width = width, .height = height, .rgb = rgb};
    return ST_OK;
}

/* Exact rounding of v / 255 for v in [0, 65535]. */
static inline uint8_t divide_255(unsigned v)
{
    v += 128;
    return (uint8_t)((v + (v >> 8)) >> 8);
}

void image_flatten(uint8_t *rgb, const uint8_t *rgba, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned alpha = rgba[4 * i + 3], white = 255 * (255 - alpha);
        unsigned r = rgba[4 * i], g = rgba[4 * i + 1], b = rgba[4 * i + 2];

        rgb[3 * i] = divide_255(r * alpha + white);
        rgb[3 * i + 1] = divide_255(g * alpha + white);
        rgb[3 * i + 2] = divide_255(b * alpha + white);
    }
}

enum status image_new_rgba(uint8_t **out, uint32_t width, uint32_t height, struct arena *arena,
                           struct err *err)
{
    uint8_t *rgba = arena_try(arena, (size_t)width * height, 4);

    if (!rgba)
        return err_set(err, ST_NOMEM, "no room for an image of %ux%u pixels with alpha", width,
                       height);
    *out = rgba;
    return ST_OK;
}

struct image image_squeeze(uint8_t *rgba, uint32_t width, uint32_t height, struct arena *arena,
                           size_t mark)
{
    size_t count = (size_t)width * height;

    image_flatten(rgba, rgba, count);
    arena_release(arena, mark);
    uint8_t *rgb = arena_try(arena, count, 3);
    REQUIRE(rgb == rgba); /* less than before, so at the same place */
    return (struct image){.width = width, .height = height, .rgb = rgb};
}

enum status image_decode(struct image *out, struct image_info *info, struct bytes file,
                         const struct image_limits *limits, struct arena *arena, struct err *err)
{
    struct image_info probed;
    struct image image;
    size_t mark = arena_mark(arena);

    enum status st = image_probe(&probed, file, limits, err);
    if (st)
        return st;
    switch (probed.format) {
    case IMAGE_JPEG:
        st = image_decode_jpeg(&image, &probed, file, arena, err);
        break;
    case IMAGE_PNG:
        st = image_decode_png(&image, &probed, file, arena, err);
        break;
    case IMAGE_WEBP:
        st = image_decode_webp(&image, &probed, file, arena, err);
        break;
    case IMAGE_FORMAT_UNKNOWN:
    case IMAGE_FORMAT_COUNT:
    default:
        st = err_set(err, ST_UNSUPPORTED, "no decoder for this format");
        break;
    }
    if (st) {
        arena_release(arena, mark);
        return st;
    }
    *out = image;
    if (info)
        *info = probed;
    return ST_OK;
}

void image_sink_open(struct image_sink *sink, struct arena *arena)
{
    *sink = (struct image_sink){.arena = arena, .mark = arena_mark(arena)};
}

bool image_sink_grow(struct image_sink *sink)
{
    uint8_t *more = arena_try(sink->arena, SINK_STEP, 1);

    if (!more)
        return false;
    if (!sink->at)
        sink->at = more;
    REQUIRE(more == sink->at + sink->capacity); /* a bump allocator hands out neighbours */
    sink->capacity += SINK_STEP;
    return true;
}

bool image_sink_add(struct image_sink *sink, const uint8_t *at, size_t len)
{
    while (len > sink->capacity - sink->len)
        if (!image_sink_grow(sink))
            return false;
    if (len)
        memcpy(sink->at + sink->len, at, len);
    sink->len += len;
    return true;
}

struct bytes image_sink_close(struct image_sink *sink)
{
    arena_release(sink->arena, sink->mark);
    uint8_t *kept = arena_try(sink->arena, sink->len, 1);
    REQUIRE(!sink->at || kept == sink->at);
    return (struct bytes){.at = kept, .len = sink->len};
}
