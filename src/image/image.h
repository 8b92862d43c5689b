/* image/image.h - hostile bytes to pixels under limits, and the pixel operations the rest needs.
 * Owns no memory: pixels live in the caller's arena.  Must not know where bytes came from.
 * Every byte of an encoded photo is hostile.  Thread-safe: no shared state. */
#pragma once

#include "base/base.h"
#include "base/mem.h"

enum image_format { IMAGE_FORMAT_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP, IMAGE_FORMAT_COUNT };
const char *image_format_name(enum image_format format); /* "unknown", "jpeg", "png", "webp" */

/* What the first bytes say the file is; nothing else of it is looked at. */
enum image_format image_format_of(struct bytes file);

/* Checked before anything is decoded; the defaults are those of docs/LIMITS.md. */
struct image_limits {
    size_t bytes_max;     /* of the encoded file */
    uint64_t pixels_max;  /* width * height */
    uint32_t side_max_px; /* longer side */
};
extern const struct image_limits image_limits_default; /* 10 MB, 50 MP, 16,384 px */

/* Packed 8-bit RGB (sRGB values as stored), row r starts at rgb + 3 * width * r. */
struct image {
    uint32_t width, height; /* pixels, both at least 1 */
    uint8_t *rgb;           /* 3 * width * height bytes */
};

/* What the header says: nothing is decoded, no pixel is touched. */
struct image_info {
    enum image_format format;
    uint32_t width, height; /* after the EXIF orientation is applied */
    uint8_t orientation;    /* EXIF 1..8; 1 when absent or not a JPEG */
    uint8_t components;     /* JPEG: 1, 3 or 4; PNG and WebP: 3, or 4 with alpha */
    bool progressive;       /* JPEG: needs whole-image coefficient memory */
    bool animated;          /* WebP, APNG: the first frame is what is decoded */
    uint8_t jpeg_quality;   /* estimate 1..100 from the luma table (IJG scale), 0 if not a JPEG */
};

/* Type by content, never by name.  Errors: ST_INVALID (empty, truncated, malformed),
 * ST_UNSUPPORTED (another format: the message names it when it is a known one), ST_LIMIT. */
enum status image_probe(struct image_info *out, struct bytes file,
                        const struct image_limits *limits, struct err *err) MUST_USE;

/* Decodes to upright RGB: EXIF orientation applied, alpha flattened on white, CMYK and YCCK
 * converted, grey tripled, 16-bit cut to 8, first frame of an animation.  *info may be NULL.
 * A file whose pixel data ends early or is damaged is ST_INVALID, never a half-grey picture. */
enum status image_decode(struct image *out, struct image_info *info, struct bytes file,
                         const struct image_limits *limits, struct arena *arena,
                         struct err *err) MUST_USE;

enum image_filter { IMAGE_BOX, IMAGE_BILINEAR, IMAGE_BICUBIC, IMAGE_LANCZOS3, IMAGE_FILTER_COUNT };

/* Separable resampling, kernel widened when shrinking (as Pillow does).  ST_NOMEM: arena full. */
enum status image_resize(struct image *out, const struct image *in, uint32_t width, uint32_t height,
                         enum image_filter filter, struct arena *arena, struct err *err) MUST_USE;

/* Means of 2x2 pixels, halves rounded up.  An odd last column or row is left out, so that every
 * pixel is made of the same four: fitted to the side, the middle of a photo of odd width would be
 * blurred.  ST_INVALID: a side of one pixel.  ST_NOMEM: arena full. */
enum status image_halve(struct image *out, const struct image *in, struct arena *arena,
                        struct err *err) MUST_USE;

/* A copy of a rectangle.  Outside the image it is mirrored, so any rectangle with a side of at
 * least 1 that starts inside the image is allowed. */
enum status image_crop(struct image *out, const struct image *in, uint32_t x, uint32_t y,
                       uint32_t width, uint32_t height, struct arena *arena,
                       struct err *err) MUST_USE;

/* The 8 orientations of EXIF: turns `in` upright as tag value `orientation` (1..8) asks. */
enum status image_orient(struct image *out, const struct image *in, uint8_t orientation,
                         struct arena *arena, struct err *err) MUST_USE;

enum image_subsampling { IMAGE_SUBSAMPLING_420, IMAGE_SUBSAMPLING_422, IMAGE_SUBSAMPLING_444 };

/* Encoders: *out lives in the arena.  quality 1..100. */
enum status image_encode_jpeg(struct bytes *out, const struct image *in, int quality,
                              enum image_subsampling subsampling, struct arena *arena,
                              struct err *err) MUST_USE;
enum status image_encode_webp(struct bytes *out, const struct image *in, int quality,
                              struct arena *arena, struct err *err) MUST_USE;
enum status image_encode_png(struct bytes *out, const struct image *in, struct arena *arena,
                             struct err *err) MUST_USE;
