/* bench/make_photos.c - synthetic photos for benchmarks on machines without a photo collection:
 *     make_photos FOLDER COUNT
 * Soft shapes, edges, cloth and sensor noise at 1.3 megapixels; JPEG, every fourth one WebP. */
#include <math.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "image/image.h"

#define WIDTH       1280u
#define HEIGHT      1024u
#define QUALITY     88
#define NOISE       3.0 /* standard deviation, 8-bit values */
#define ARENA_BYTES ((size_t)64 << 20)

static void paint(struct image *photo, struct rng *rng)
{
    double slope = rng_range(rng, 0.003, 0.008);
    double weave = rng_range(rng, 0.5, 1.1);
    double x_centre = rng_range(rng, 300, 980);

    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            double shape = 50.0 * sin(x * slope) * cos(y * slope * 1.3);
            double edge = hypot(x - x_centre, y - 512.0) < 300.0 ? 40.0 : 0.0;
            double cloth = (x / 256 + y / 256) % 3 == 0 ? 12.0 * sin(x * weave) * sin(y * 0.8) : 0;
            double noise = NOISE * rng_normal(rng);
            for (uint32_t c = 0; c < 3; c++) {
                double value = 110.0 + shape * (1.0 - 0.3 * c) + edge + cloth + noise;
                photo->rgb[3 * ((size_t)y * WIDTH + x) + c] = (uint8_t)CLAMP(value, 0.0, 255.0);
            }
        }
    }
}

static enum status make_photo(const char *folder, int index, struct arena *arena, struct err *err)
{
    char path[1024];
    struct rng rng = rng_derive(1, (uint64_t)index);
    struct image photo = {.width = WIDTH, .height = HEIGHT};
    struct bytes file = {0};
    bool webp = index % 4 == 3;

    photo.rgb = ARENA_NEW(arena, uint8_t, (size_t)WIDTH * HEIGHT * 3);
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

    if (argc != 3 || !str_to_int(&count, str_of(argv[2]), 1, 1000)) {
        (void)fprintf(stderr, "usage: make_photos FOLDER COUNT\n");
        return 64;
    }
    enum status st = fs_make_folder(argv[1], &err);
    if (st == ST_OK)
        st = arena_open(&arena, ARENA_BYTES, &err);
    for (int i = 0; i < count && st == ST_OK; i++) {
        st = make_photo(argv[1], i, arena, &err);
        arena_reset(arena);
    }
    if (st != ST_OK)
        (void)fprintf(stderr, "make_photos: %s\n", err.msg);
    arena_close(arena);
    return st == ST_OK ? 0 : 74;
}
