/* Round trips through tiny autoencoders against plain loops, tile by tile against whole, and what a
 * wrong file is told.  Weights are made up; tests/cli/twins/pytorch.sh takes real ones. */
#include "support/unit.h"

#include <math.h>

#include "base/fs.h"
#include "support/synthetic_vae.h"
#include "support/temp_folder.h"
#include "train/vae.h"
#include "vae_reference.h"

/* Some 60 convolutions in single precision, among them Winograd's; what is promised is 1e-3. */
#define REFERENCE_TOLERANCE 1e-4
/* The same sums in another order. */
#define TILE_TOLERANCE 1e-5

struct fixture {
    struct nn_safetensors *encoder, *decoder;
    struct train_vae *vae;
};

static struct nn_safetensors *parse(const struct synthetic_vae *made, bool encoder)
{
    struct nn_safetensors *file = NULL;
    struct err err = {0};
    struct buf bytes;

    synthetic_vae_file(&bytes, made, encoder);
    if (nn_safetensors_parse(&file, buf_bytes(&bytes), &err) != ST_OK)
        fail_msg("%s", err.msg);
    buf_fini(&bytes);
    return file;
}

static void open_fixture(struct fixture *f, int latent, bool pooled)
{
    const struct synthetic_vae made = {.latent = latent, .pooled = pooled, .seed = 5};
    struct err err = {0};

    *f = (struct fixture){.encoder = parse(&made, true), .decoder = parse(&made, false)};
    if (train_vae_build(&f->vae, "tiny", f->encoder, f->decoder, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static void close_fixture(struct fixture *f)
{
    train_vae_close(f->vae);
    nn_safetensors_close(f->encoder);
    nn_safetensors_close(f->decoder);
}

/* Waves and some noise; *out->rgb is the caller's (mem_free). */
static struct image make_photo(uint32_t width, uint32_t height)
{
    struct image photo = {width, height, mem_alloc((size_t)width * height, 3)};
    struct rng rng = rng_seed(width * 1000u + height);

    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        photo.rgb[i] = (uint8_t)(128 + 70 * sin((double)(i / 3 % width) / 5 + (double)(i % 3)) +
                                 (int)rng_below(&rng, 40) - 20);
    return photo;
}

static float *round_trip(const struct fixture *f, const struct image *photo, uint32_t tile)
{
    struct train_vae_session *session = NULL;
    struct err err = {0};
    float *out = mem_alloc((size_t)photo->width * photo->height * 3, sizeof *out);

    if (train_vae_session_open(&session, tile, &err) != ST_OK ||
        train_vae_round_trip(out, session, f->vae, photo, &err) != ST_OK)
        fail_msg("%s", err.msg);
    train_vae_session_close(session);
    return out;
}

static int mirror(int i, int count)
{
    while (count > 1 && (i >= count || i < 0))
        i = i < 0 ? -i : 2 * (count - 1) - i;
    return count > 1 ? i : 0;
}

static void check_reference(const struct fixture *f, uint32_t width, uint32_t height)
{
    struct image photo = make_photo(width, height);
    struct plain_map in = plain_new(3, ((int)height + 7) / 8 * 8, ((int)width + 7) / 8 * 8);
    size_t at = 0;
    double worst = 0;

    for (int c = 0; c < 3; c++)
        for (int y = 0; y < in.h; y++)
            for (int x = 0; x < in.w; x++)
                in.at[at++] =
                    photo.rgb[(mirror(y, (int)height) * (int)width + mirror(x, (int)width)) * 3 +
                              c] /
                    255.0;
    float *got = round_trip(f, &photo, TRAIN_VAE_TILE_PX);
    struct plain_map want = plain_round_trip(in, f->encoder, f->decoder);
    double spread = 0;
    for (uint32_t i = 0; i < width * height * 3; i++) {
        double value = plain_at(&want, (int)(i % 3), (int)(i / 3 / width), (int)(i / 3 % width));
        worst = fmax(worst, fabs((double)got[i] - value));
        spread = fmax(spread, fabs(value));
    }
    assert_true(spread > 0.01 && spread < 30);
    if (!(worst <= REFERENCE_TOLERANCE * spread))
        fail_msg("%ux%u is %.2g off, values up to %.2g", width, height, worst, spread);
    mem_free(want.at);
    mem_free(got);
    mem_free(photo.rgb);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f, 4, false);
    check_reference(&f, 24, 16);
    check_reference(&f, 13, 21); /* continued by its mirror image */
    check_reference(&f, 1, 3);
    close_fixture(&f);
}

static void test_round_trip_with_normalised_branches(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f, 32, true);
    check_reference(&f, 16, 40);
    close_fixture(&f);
}

/* A photo of 2 x 3 windows, one whose sides are no multiples of 8. */
static void check_tiles(const struct fixture *f, uint32_t width, uint32_t height)
{
    struct image photo = make_photo(width, height);
    float *whole = round_trip(f, &photo, TRAIN_VAE_TILE_PX);
    float *tiled = round_trip(f, &photo, 64);
    double worst = 0;
    double spread = 0;

    for (size_t i = 0; i < (size_t)3 * width * height; i++) {
        worst = fmax(worst, fabs((double)whole[i] - (double)tiled[i]));
        spread = fmax(spread, fabs((double)whole[i]));
    }
    if (!(worst <= TILE_TOLERANCE * spread))
        fail_msg("tiles are %.2g off, values up to %.2g", worst, spread);
    mem_free(whole);
    mem_free(tiled);
    mem_free(photo.rgb);
}

static void test_tiles_are_the_whole(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f, 4, false);
    check_tiles(&f, 220, 283);
    close_fixture(&f);
    open_fixture(&f, 8, true); /* the norm is over the whole photo, not over a tile */
    check_tiles(&f, 212, 24);
    close_fixture(&f);
}

/* Sizes and autoencoders one after the other in one session. */
static void test_a_session_takes_any_photo(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{32, 24}, {32, 24}, {24, 32}, {40, 8}, {32, 24}};
    struct train_vae_session *session = NULL;
    struct fixture plain;
    struct fixture pooled;
    struct err err = {0};
    float out[40 * 32 * 3];

    open_fixture(&plain, 4, false);
    open_fixture(&pooled, 4, true);
    assert_int_equal(train_vae_session_open(&session, 64, &err), ST_OK);
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        const struct fixture *f = i % 3 ? &plain : &pooled;
        struct image photo = make_photo(sizes[i / 2][0], sizes[i / 2][1]);
        assert_int_equal(train_vae_round_trip(out, session, f->vae, &photo, &err), ST_OK);
        float *fresh = round_trip(f, &photo, 64);
        assert_memory_equal(out, fresh, (size_t)3 * photo.width * photo.height * sizeof *out);
        mem_free(fresh);
        mem_free(photo.rgb);
    }
    train_vae_session_close(session);
    close_fixture(&plain);
    close_fixture(&pooled);
}

static void test_work_is_that_of_the_architecture(void **state)
{
    (void)state;
    struct fixture f;

    open_fixture(&f, 4, false);
    uint64_t whole = train_vae_multiply_adds(f.vae, 256, 256);
    assert_in_range(whole, 32000000000, 35000000000); /* "about 33 GMAC" */
    assert_int_equal(train_vae_multiply_adds(f.vae, 249, 250), whole);
    assert_string_equal(train_vae_name(f.vae), "tiny");
    assert_string_equal(train_vae_encoder_sha256(f.vae), f.encoder->sha256);
    assert_string_equal(train_vae_decoder_sha256(f.vae), f.decoder->sha256);
    close_fixture(&f);
}

static void refuse(const struct nn_safetensors *encoder, const struct nn_safetensors *decoder,
                   const char *part)
{
    struct train_vae *vae = NULL;
    struct err err = {0};

    assert_int_equal(train_vae_build(&vae, "tiny", encoder, decoder, &err), ST_CORRUPT);
    assert_null(vae);
    if (!strstr(err.msg, part))
        fail_msg("'%s' is not in: %s", part, err.msg);
}

static void test_wrong_files_are_refused(void **state)
{
    (void)state;
    struct fixture plain;
    struct fixture pooled;
    struct fixture deep;

    open_fixture(&plain, 4, false);
    open_fixture(&pooled, 4, true);
    open_fixture(&deep, 16, false);
    refuse(plain.decoder, plain.encoder, "no tensor '1.weight'");
    refuse(plain.encoder, deep.decoder, "'14.weight' of the encoder has another shape");
    refuse(plain.encoder, pooled.decoder, "the encoder has no tensor '11.pool.0.weight'");
    refuse(pooled.encoder, plain.decoder, "the files hold 146 tensors, the network takes 134");
    (void)snprintf(plain.encoder->tensors[0].name, NN_SAFETENSORS_NAME_SIZE, "other");
    refuse(plain.encoder, plain.decoder, "the encoder has no tensor '0.weight'");
    close_fixture(&plain);
    close_fixture(&pooled);
    close_fixture(&deep);
}

static void test_names_and_tiles_are_checked(void **state)
{
    (void)state;
    static const uint32_t tiles[] = {0, 56, 1544, 100};
    struct train_vae_session *session = NULL;
    struct train_vae *vae = NULL;
    struct fixture f;
    struct err err = {0};

    open_fixture(&f, 4, false);
    assert_int_equal(train_vae_build(&vae, "", f.encoder, f.decoder, &err), ST_INVALID);
    assert_int_equal(train_vae_build(&vae, "../a", f.encoder, f.decoder, &err), ST_INVALID);
    for (size_t i = 0; i < ARRAY_LEN(tiles); i++)
        assert_int_equal(train_vae_session_open(&session, tiles[i], &err), ST_INVALID);
    close_fixture(&f);
}

static void write_half(const struct temp_folder *folder, const char *name, bool encoder)
{
    const struct synthetic_vae made = {.latent = 4, .seed = 2};
    char path[TEMP_PATH_SIZE];
    struct buf bytes;

    synthetic_vae_file(&bytes, &made, encoder);
    assert_int_equal(fs_write(temp_path(path, folder, name), buf_bytes(&bytes), NULL), ST_OK);
    buf_fini(&bytes);
}

static void test_files(void **state)
{
    (void)state;
    struct temp_folder folder;
    struct train_vae *vae = NULL;
    char encoder[TEMP_PATH_SIZE];
    char decoder[TEMP_PATH_SIZE];
    struct err err = {0};

    temp_folder_open(&folder);
    (void)temp_path(encoder, &folder, "e");
    (void)temp_path(decoder, &folder, "d");
    write_half(&folder, "e", true);
    assert_int_equal(train_vae_open(&vae, "tiny", encoder, decoder, &err), ST_NOT_FOUND);
    assert_null(vae);
    write_half(&folder, "d", false);
    assert_int_equal(train_vae_open(&vae, "tiny", encoder, decoder, &err), ST_OK);
    train_vae_close(vae);
    temp_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_with_normalised_branches),
        cmocka_unit_test(test_tiles_are_the_whole),
        cmocka_unit_test(test_a_session_takes_any_photo),
        cmocka_unit_test(test_work_is_that_of_the_architecture),
        cmocka_unit_test(test_wrong_files_are_refused),
        cmocka_unit_test(test_names_and_tiles_are_checked),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
