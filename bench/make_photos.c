/* bench/make_photos.c - synthetic photos for benchmarks on machines without a photo collection:
 *     make_photos FOLDER COUNT [WIDTH HEIGHT]
 * Soft shapes, edges, cloth and sensor noise, 1280 x 1024 pixels unless told; JPEG (baseline),
 * every fourth one WebP. */
#include <math.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "image/image.h"

#define WIDTH       1280
#define HEIGHT      1024
#define SIDE_MIN    64
#define SIDE_MAX    4096
#define QUALITY     88
#define NOISE       3.0 /* standard deviation, 8-bit values */
#define ARENA_BYTES ((size_t)64 << 20)

static void paint(struct image *photo, struct rng *rng)
{
    double slope = rng_range(rng, 0.003, 0.008);
    double weave = rng_range(rng, 0.5, 1.1);
    double x_centre = rng_range(rng, 300, 980);

    for (uint32_t y = 0; y < photo->height; y++) {
        for (uint32_t x = 0; x < photo->width; x++) {
            double shape = 50.0 * sin(x * slope) * cos(y * slope * 1.3);
            double edge = hypot(x - x_centre, y - 512.0) < 300.0 ? 40.0 : 0.0;
            double cloth = (x / 256 + y / 256) % 3 == 0 ? 12.0 * sin(x * weave) * sin(y * 0.8) : 0;
            double noise = NOISE * rng_normal(rng);
            for (uint32_t c = 0; c < 3; c++) {
                double value = 110.0 + shape * (1.0 - 0.3 * c) + edge + cloth + noise;
                photo->rgb[3 * ((size_t)y * photo->width + x) + c] =
                    (uint8_t)CLAMP(value, 0.0, 255.0);
            }
        }
    }
}

static enum status make_photo(const char *folder, int index, struct image photo,
                              struct arena *arena, struct err *err)
{
    char path[1024];
    struct rng rng = rng_derive(1, (uint64_t)index);
    struct bytes file = {0};
    bool webp = index % 4 == 3;

    photo.rgb = ARENA_NEW(arena, uint8_t, (size_t)photo.width * photo.height * 3);
    REQUIRE(photo.rgb != NULL);
    paint(&photo, &rng);
    enum status st =
        webp ? image_encode_webp(&file, &photo, QUALITY, arena, err)
             : image_encode_jpeg(&file, &photo, QUALITY, IMAGE_SUBSAMPLING_420, arena, err);
    if (st != ST_OK)
        return st;
    (void)snprintf(path, sizeof path, "%s/%02d.%s", folder, index, webp ? "webp" : "jpg");
    return fs_write(path, file, err);
}

int main(int argc, char **argv)
{
    struct arena *arena = NULL;
    struct err err = {0};
    int64_t count = 0;
    int64_t width = WIDTH;
    int64_t height = HEIGHT;

    if ((argc != 3 && argc != 5) || !str_to_int(&count, str_of(argv[2]), 1, 1000) ||
        (argc == 5 && (!str_to_int(&width, str_of(argv[3]), SIDE_MIN, SIDE_MAX) ||
                       !str_to_int(&height, str_of(argv[4]), SIDE_MIN, SIDE_MAX)))) {
        (void)fprintf(stderr, "usage: make_photos FOLDER COUNT [WIDTH HEIGHT]\n");
        return 64;
    }
    enum status st = fs_make_folder(argv[1], &err);
    if (st == ST_OK)
        st = arena_open(&arena, ARENA_BYTES, &err);
    for (int i = 0; i < count && st == ST_OK; i++) {
        st = make_photo(argv[1], i,
                        (struct image){.width = (uint32_t)width, .height = (uint32_t)height}, arena,
                        &err);
        arena_reset(arena);
    }
    if (st != ST_OK)
        (void)fprintf(stderr, "make_photos: %s\n", err.msg);
    arena_close(arena);
    return st == ST_OK ? 0 : 74;
}
