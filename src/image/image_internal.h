/* image/image_internal.h - what the files of this folder share; no other folder includes it.
 * Owns no memory: everything lives in the caller's arena.  Must not know detection.
 * Thread-safe: no shared state. */
#pragma once

#include "image/image.h"

/* Room for an image in the arena; its pixels are not set.  ST_NOMEM when the arena is full. */
enum status image_new(struct image *out, uint32_t width, uint32_t height, struct arena *arena,
                      struct err *err) MUST_USE;

/* Puts `count` raw rows, starting with raw row `first`, where EXIF `orientation` wants them in
 * the upright `out`.  A raw row is one of `out->height` pixels when the orientation transposes
 * (5..8), else of `out->width`. */
void image_place_rows(const struct image *out, const uint8_t *rows, uint32_t first, uint32_t count,
                      uint8_t orientation);
#define IMAGE_STRIP_ROWS 16u /* rows a decoder hands over at once: one row of 4:2:0 MCUs */

static inline bool image_orientation_transposes(uint8_t orientation)
{
    return orientation >= 5;
}

/* `count` RGBA pixels laid on white; `rgb` may be the same memory as `rgba`. */
void image_flatten(uint8_t *rgb, const uint8_t *rgba, size_t count);

/* Room for RGBA pixels in the arena, and its end: laid on white and squeezed to RGB in the same
 * memory, the rest given back.  `mark` is the arena's level before image_new_rgba; nothing else
 * may be taken in between. */
enum status image_new_rgba(uint8_t **out, uint32_t width, uint32_t height, struct arena *arena,
                           struct err *err) MUST_USE;
struct image image_squeeze(uint8_t *rgba, uint32_t width, uint32_t height, struct arena *arena,
                           size_t mark);

/* An encoder's output: grows at the arena's end, so nothing else may be taken from the arena
 * between image_sink_open and image_sink_close. */
struct image_sink {
    struct arena *arena;
    uint8_t *at;
    size_t len, capacity; /* capacity: bytes taken so far, a multiple of the arena's alignment */
    size_t mark;          /* arena level before the first byte */
};
void image_sink_open(struct image_sink *sink, struct arena *arena);
bool image_sink_grow(struct image_sink *sink) MUST_USE; /* false: the arena is full */
bool image_sink_add(struct image_sink *sink, const uint8_t *at, size_t len) MUST_USE;
struct bytes image_sink_close(struct image_sink *sink); /* gives back what was not used */

/* One decoder a format; `info` is what image_probe said of this very file, limits checked. */
enum status image_decode_jpeg(struct image *out, const struct image_info *info, struct bytes file,
                              struct arena *arena, struct err *err) MUST_USE;
enum status image_decode_png(struct image *out, const struct image_info *info, struct bytes file,
                             struct arena *arena, struct err *err) MUST_USE;
enum status image_decode_webp(struct image *out, const struct image_info *info, struct bytes file,
                              struct arena *arena, struct err *err) MUST_USE;
