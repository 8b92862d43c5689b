/* tests/support/run_vae.c - one round trip as numbers: run_vae ENCODER DECODER PHOTO OUT [TILE]
 * writes width * height * 3 float32, as the decoder gives them, and the photo's own pixels as
 * OUT.ppm, for comparison with others. */
#include <stdio.h>

#include "base/buf.h"
#include "base/fs.h"
#include "train/vae.h"

#define ARENA_BYTES ((size_t)1 << 30)

/* The photo's pixels, for those who do not decode: OUT.ppm. */
static enum status write_pixels(const char *out, const struct image *photo, struct err *err)
{
    char path[512];
    struct buf file;

    buf_init(&file, (size_t)64 << 20);
    buf_printf(&file, "P6\n%u %u\n255\n", photo->width, photo->height);
    buf_add(&file, photo->rgb, (size_t)3 * photo->width * photo->height);
    (void)snprintf(path, sizeof path, "%s.ppm", out);
    enum status st = buf_check(&file, "the photo", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&file), err);
    buf_fini(&file);
    return st;
}

static enum status run(char **argv, uint32_t tile, struct err *err)
{
    struct train_vae_session *session = NULL;
    struct train_vae *vae = NULL;
    struct arena *arena = NULL;
    struct bytes file = {0};
    struct image photo;
    enum status st = arena_open(&arena, ARENA_BYTES, err);

    if (st == ST_OK)
        st = train_vae_open(&vae, "vae", argv[1], argv[2], err);
    if (st == ST_OK)
        st = train_vae_session_open(&session, tile, err);
    if (st == ST_OK)
        st = fs_read(&file, argv[3], image_limits_default.bytes_max, err);
    if (st == ST_OK)
        st = image_decode(&photo, NULL, file, &image_limits_default, arena, err);
    if (st != ST_OK)
        goto out;
    size_t count = (size_t)3 * photo.width * photo.height;
    float *made = ARENA_NEW(arena, float, count);
    REQUIRE(made != NULL);
    st = train_vae_round_trip(made, session, vae, &photo, err);
    if (st == ST_OK)
        st = fs_write(argv[4], (struct bytes){(const uint8_t *)made, count * sizeof *made}, err);
    if (st == ST_OK)
        st = write_pixels(argv[4], &photo, err);
out:
    mem_free((void *)(uintptr_t)file.at);
    train_vae_session_close(session);
    train_vae_close(vae);
    arena_close(arena);
    return st;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    int64_t tile = TRAIN_VAE_TILE_PX;

    if (argc < 5 || argc > 6 || (argc == 6 && !str_to_int(&tile, str_of(argv[5]), 64, 1536))) {
        (void)fprintf(stderr, "usage: run_vae ENCODER DECODER PHOTO OUT [TILE]\n");
        return 64;
    }
    if (run(argv, (uint32_t)tile, &err) != ST_OK) {
        (void)fprintf(stderr, "run_vae: %s\n", err.msg);
        return 74;
    }
    return 0;
}
