/* tests/support/make_photo.c - writes one synthetic photo: make_photo KIND FILE [SEED].
 * The pictures are made from formulas, so the tests need no photograph of anybody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "image/image.h"

#define ARENA_BYTES ((size_t)64 << 20)

/* Smooth shapes under noise: has texture everywhere. */
static void paint_texture(struct image *image, struct rng *rng)
{
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                double value =
                    128 + 40 * (double)((x / 19 + y / 23 + c) % 3) + 12 * rng_normal(rng);
                image->rgb[3 * ((size_t)y * image->width + x) + c] =
                    (uint8_t)CLAMP(value, 0.0, 255.0);
            }
}

static void paint_gradient(struct image *image, struct rng *rng)
{
    (void)rng;
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++)
            for (uint32_t c = 0; c < 3; c++)
                image->rgb[3 * ((size_t)y * image->width + x) + c] =
                    (uint8_t)(255 * (x + c * y) / (image->width + c * image->height));
}

static void paint_flat(struct image *image, struct rng *rng)
{
    memset(image->rgb, (int)rng_below(rng, 256), (size_t)3 * image->width * image->height);
}

static enum status encode_jpeg(struct bytes *out, const struct image *image, struct arena *arena,
                               struct err *err)
{
    return image_encode_jpeg(out, image, 92, IMAGE_SUBSAMPLING_420, arena, err);
}

static enum status encode_webp(struct bytes *out, const struct image *image, struct arena *arena,
                               struct err *err)
{
    return image_encode_webp(out, image, 90, arena, err);
}

static enum status encode_cut_jpeg(struct bytes *out, const struct image *image,
                                   struct arena *arena, struct err *err)
{
    enum status st = encode_jpeg(out, image, arena, err);

    out->len = st == ST_OK ? out->len / 2 : 0;
    return st;
}

/* A header that promises 30,000 x 30,000 pixels. */
static enum status encode_bomb(struct bytes *out, const struct image *image, struct arena *arena,
                               struct err *err)
{
    enum status st = image_encode_png(out, image, arena, err);
    uint8_t *header = arena_try(arena, out->len, 1);

    if (st != ST_OK || !header)
        return err_set(err, ST_NOMEM, "no room");
    memcpy(header, out->at, out->len);
    memcpy(header + 16, "\0\0\x75\x30\0\0\x75\x30", 8);
    out->at = header;
    return ST_OK;
}

static enum status encode_empty(struct bytes *out, const struct image *image, struct arena *arena,
                                struct err *err)
{
    (void)image, (void)arena, (void)err;
    *out = (struct bytes){0};
    return ST_OK;
}

static enum status encode_gif(struct bytes *out, const struct image *image, struct arena *arena,
                              struct err *err)
{
    static const char head[] = "GIF89a\1\0\1\0\0\0\0";

    (void)image, (void)arena, (void)err;
    *out = (struct bytes){.at = (const uint8_t *)head, .len = sizeof(head) - 1};
    return ST_OK;
}

static const struct kind {
    const char *name;
    uint32_t width, height;
    void (*paint)(struct image *image, struct rng *rng);
    enum status (*encode)(struct bytes *out, const struct image *image, struct arena *arena,
                          struct err *err);
} kinds[] = {
    {"texture-jpeg", 480, 320, paint_texture, encode_jpeg},
    {"texture-png", 320, 240, paint_texture, image_encode_png},
    {"texture-webp", 320, 240, paint_texture, encode_webp},
    {"gradient-jpeg", 400, 300, paint_gradient, encode_jpeg},
    {"flat-png", 300, 300, paint_flat, image_encode_png},
    {"tiny-jpeg", 48, 40, paint_texture, encode_jpeg},
    {"large-jpeg", 3000, 2000, paint_texture, encode_jpeg},
    {"cut-jpeg", 320, 240, paint_texture, encode_cut_jpeg},
    {"bomb-png", 16, 16, paint_flat, encode_bomb},
    {"empty", 16, 16, paint_flat, encode_empty},
    {"gif", 16, 16, paint_flat, encode_gif},
};

static enum status make(const struct kind *kind, const char *path, uint64_t seed, struct err *err)
{
    struct rng rng = rng_seed(seed);
    struct arena *arena = NULL;
    struct image image = {.width = kind->width, .height = kind->height};
    struct bytes file = {0};
    enum status st = arena_open(&arena, ARENA_BYTES, err);

    if (st != ST_OK)
        return st;
    image.rgb = ARENA_NEW(arena, uint8_t, (size_t)3 * image.width * image.height);
    st = image.rgb ? ST_OK : err_set(err, ST_NOMEM, "no room for the picture");
    if (st == ST_OK) {
        kind->paint(&image, &rng);
        st = kind->encode(&file, &image, arena, err);
    }
    if (st == ST_OK)
        st = fs_write(path, file, err);
    arena_close(arena);
    return st;
}

int main(int argc, char **argv)
{
    struct err err = {.code = ST_OK};
    int64_t seed = 1;

    if (argc < 3 || (argc > 3 && !str_to_int(&seed, str_of(argv[3]), 0, INT32_MAX))) {
        fprintf(stderr, "usage: make_photo KIND FILE [SEED]\n");
        return 64;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, argv[1]) != 0)
            continue;
        if (make(&kinds[i], argv[2], (uint64_t)seed, &err) == ST_OK)
            return 0;
        fprintf(stderr, "make_photo: %s\n", err.msg);
        return 70;
    }
    fprintf(stderr, "make_photo: unknown kind '%s'\n", argv[1]);
    return 64;
}
