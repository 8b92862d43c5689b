/* tests/support/make_vae.c - writes a tiny autoencoder with made-up weights:
 * make_vae NAME [SEED] gives NAME_encoder.safetensors and NAME_decoder.safetensors; a NAME that
 * ends in "pooled" has the normalised branches of FLUX.2. */
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "synthetic_vae.h"

static enum status write_half(const char *name, const struct synthetic_vae *vae, bool encoder,
                              struct err *err)
{
    char path[512];
    struct buf file;

    synthetic_vae_file(&file, vae, encoder);
    (void)snprintf(path, sizeof path, "%s_%s.safetensors", name, encoder ? "encoder" : "decoder");
    enum status st = fs_write(path, buf_bytes(&file), err);
    buf_fini(&file);
    return st;
}

int main(int argc, char **argv)
{
    struct synthetic_vae vae = {.latent = 4, .seed = 1};
    struct err err = {0};
    int64_t seed = 1;
    size_t len = argc > 1 ? strlen(argv[1]) : 0;

    if (argc < 2 || argc > 3 || (argc == 3 && !str_to_int(&seed, str_of(argv[2]), 0, 1000000))) {
        (void)fprintf(stderr, "usage: make_vae NAME [SEED]\n");
        return 64;
    }
    vae.seed = (uint64_t)seed;
    vae.pooled = len >= 6 && strcmp(argv[1] + len - 6, "pooled") == 0;
    if (write_half(argv[1], &vae, true, &err) != ST_OK ||
        write_half(argv[1], &vae, false, &err) != ST_OK) {
        (void)fprintf(stderr, "make_vae: %s\n", err.msg);
        return 74;
    }
    return 0;
}
