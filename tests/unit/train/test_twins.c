/* Pixels of twins: how fake and photo are mixed, what a crop is the twin of, what the report says.
 */
#include "support/unit.h"

#include <stdlib.h>

#include "base/fs.h"
#include "support/synthetic_vae.h"
#include "support/temp_folder.h"
#include "support/unit_arena.h"
#include "train/manifest.h"
#include "train/twins.h"

#define WIDTH  56
#define HEIGHT 40

static struct train_vae *open_vae(void)
{
    const struct synthetic_vae made = {.latent = 4, .seed = 9};
    struct nn_safetensors *halves[2] = {NULL};
    struct train_vae *vae = NULL;
    struct err err = {0};

    for (int i = 0; i < 2; i++) {
        struct buf bytes;
        synthetic_vae_file(&bytes, &made, i == 0);
        assert_int_equal(nn_safetensors_parse(&halves[i], buf_bytes(&bytes), &err), ST_OK);
        buf_fini(&bytes);
    }
    if (train_vae_build(&vae, "tiny", halves[0], halves[1], &err) != ST_OK)
        fail_msg("%s", err.msg);
    nn_safetensors_close(halves[0]);
    nn_safetensors_close(halves[1]);
    return vae;
}

static struct image make_photo(const char *path)
{
    struct image photo = {WIDTH, HEIGHT, ARENA_NEW(arena, uint8_t, 3 * WIDTH * HEIGHT)};
    struct rng rng = rng_seed(4);
    struct bytes file;

    for (size_t i = 0; i < (size_t)3 * WIDTH * HEIGHT; i++)
        photo.rgb[i] = (uint8_t)(60 + i / 3 % WIDTH * 2 + rng_below(&rng, 30));
    assert_int_equal(image_encode_png(&file, &photo, arena, NULL), ST_OK);
    assert_int_equal(fs_write(path, file, NULL), ST_OK);
    return photo;
}

/* One twin of the photo; its pixels are in the arena. */
static struct image make_twin(const struct temp_folder *folder, const struct train_vae *vae,
                              const char *path, double mix, uint32_t crop)
{
    const struct train_twins_input input = {.path = path, .source = "shop"};
    char output[TEMP_PATH_SIZE];
    char name[32];
    char list[TEMP_PATH_SIZE + 16];
    struct train_twins_report report;
    struct train_manifest *manifest = NULL;
    struct image twin;
    struct bytes file;
    struct err err = {0};

    (void)snprintf(name, sizeof name, "%u-%u", (unsigned)(100 * mix), crop);
    const struct train_twins_options options = {.vaes = &vae,
                                                .vae_count = 1,
                                                .mix_low = mix,
                                                .mix_high = mix,
                                                .crop_px = crop,
                                                .tile_px = TRAIN_VAE_TILE_PX,
                                                .workers = 1,
                                                .output = temp_path(output, folder, name),
                                                .clock = &clock_system};
    if (train_twins_run(&report, &input, 1, &options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(report.total, 1);
    assert_int_equal(report.counts[TRAIN_TWINS_MADE], 1);
    (void)snprintf(list, sizeof list, "%s/manifest.tsv", output);
    if (train_manifest_open(&manifest, list, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(manifest->count, 1);
    assert_int_equal(manifest->rows[0].label, TRAIN_LABEL_AI);
    assert_string_equal(manifest->family_names[0], "twin-tiny");
    assert_string_equal(manifest->source_names[0], "shop");
    assert_int_equal(fs_read(&file, manifest->rows[0].path, 1u << 20, &err), ST_OK);
    assert_int_equal(image_decode(&twin, NULL, file, &image_limits_default, arena, &err), ST_OK);
    assert_int_equal(manifest->rows[0].width, twin.width);
    assert_int_equal(manifest->rows[0].original_width, WIDTH);
    assert_string_equal(manifest->rows[0].real, path);
    assert_int_equal(manifest->rows[0].real_x, (WIDTH - twin.width) / 2 / 16 * 16);
    assert_int_equal(manifest->rows[0].real_y, (HEIGHT - twin.height) / 2 / 16 * 16);
    assert_int_equal(report.pixels, twin.width * twin.height);
    mem_free((void *)(uintptr_t)file.at);
    train_manifest_close(manifest);
    return twin;
}

static void test_mixed_pixels(void **state)
{
    (void)state;
    struct train_vae *vae = open_vae();
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    int apart = 0;

    temp_folder_open(&folder);
    struct image photo = make_photo(temp_path(path, &folder, "photo.png"));
    struct image fake = make_twin(&folder, vae, path, 1, 0);
    struct image mixed = make_twin(&folder, vae, path, 0.25, 0);
    for (size_t i = 0; i < (size_t)3 * WIDTH * HEIGHT; i++) {
        double want = 0.25 * fake.rgb[i] + 0.75 * photo.rgb[i];
        assert_true(mixed.rgb[i] - want <= 0.75 && want - mixed.rgb[i] <= 0.75); /* two roundings */
        apart = MAX_OF(apart, abs(fake.rgb[i] - photo.rgb[i]));
    }
    assert_true(apart > 20);
    temp_folder_close(&folder);
    train_vae_close(vae);
}

/* The twin of a crop is that of the cut photo, not a piece of the whole one's. */
static void test_a_crop_is_cut_first(void **state)
{
    (void)state;
    struct train_vae *vae = open_vae();
    struct train_vae_session *session = NULL;
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    float made[24 * 24 * 3];
    struct image piece;

    temp_folder_open(&folder);
    struct image photo = make_photo(temp_path(path, &folder, "photo.png"));
    struct image twin = make_twin(&folder, vae, path, 1, 24);
    assert_int_equal(twin.width, 24);
    assert_int_equal(twin.height, 24);
    /* (56 - 24) / 2 = 16; (40 - 24) / 2 = 8, on the grid of 16: 0 */
    assert_int_equal(image_crop(&piece, &photo, 16, 0, 24, 24, arena, NULL), ST_OK);
    assert_int_equal(train_vae_session_open(&session, TRAIN_VAE_TILE_PX, NULL), ST_OK);
    assert_int_equal(train_vae_round_trip(made, session, vae, &piece, NULL), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        assert_int_equal(twin.rgb[i], (int)(CLAMP(made[i], 0.0f, 1.0f) * 255.0f + 0.5f));
    train_vae_session_close(session);
    temp_folder_close(&folder);
    train_vae_close(vae);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    struct train_vae *vae = open_vae();
    const struct train_vae *vaes[] = {vae};
    struct train_twins_report report;
    struct err err = {0};
    struct train_twins_options options = {.vaes = vaes,
                                          .vae_count = 1,
                                          .mix_low = 0.5,
                                          .mix_high = 0.4,
                                          .tile_px = 64,
                                          .output = "/nowhere",
                                          .clock = &clock_system};

    assert_int_equal(train_twins_run(&report, NULL, 0, &options, &err), ST_INVALID);
    options.mix_low = options.mix_high = 1.5;
    assert_int_equal(train_twins_run(&report, NULL, 0, &options, &err), ST_INVALID);
    options.vae_count = 0;
    assert_int_equal(train_twins_run(&report, NULL, 0, &options, &err), ST_LIMIT);
    train_vae_close(vae);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_mixed_pixels, reset_arena),
        cmocka_unit_test_teardown(test_a_crop_is_cut_first, reset_arena),
        cmocka_unit_test(test_options_are_checked),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
