/* Every kind of JPEG against a plain libjpeg decoding, and what must be refused. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "image_fixture.h"

struct recipe {
    uint32_t width, height;
    int components;        /* of the samples given: 1, 3 or 4 */
    J_COLOR_SPACE in, out; /* of the samples given, in the file */
    int quality;
    int sampling_h, sampling_v; /* of component 0; 0: libjpeg's choice */
    bool progressive, no_adobe;
    int restart_rows;
    int orientation; /* EXIF; 0: none */
    bool big_endian;
    const jpeg_scan_info *scans;
    int scan_count;
};

static const struct recipe plain = {
    .width = 83, .height = 61, .components = 3, .in = JCS_RGB, .out = JCS_YCbCr, .quality = 90};

static void write_exif(struct jpeg_compress_struct *codec, const struct recipe *recipe)
{
    uint8_t little[] = "Exif\0\0II*\0\x08\0\0\0\x02\0"
                       "\x0f\x01\x02\0\x01\0\0\0\0\0\0\0" /* another tag first */
                       "\x12\x01\x03\0\x01\0\0\0\x01\0\0\0";
    uint8_t big[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01"
                    "\x01\x12\0\x03\0\0\0\x01\0\x01\0\0";

    little[16 + 12 + 8] = (uint8_t)recipe->orientation;
    big[16 + 9] = (uint8_t)recipe->orientation;
    if (recipe->big_endian)
        jpeg_write_marker(codec, JPEG_APP0 + 1, big, sizeof big - 1);
    else
        jpeg_write_marker(codec, JPEG_APP0 + 1, little, sizeof little - 1);
}

/* libjpeg's own errors end the test program: these inputs are ours. */
static struct bytes write_jpeg(const struct recipe *recipe, const uint8_t *samples)
{
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    unsigned char *at = NULL;
    unsigned long len = 0;

    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &at, &len);
    codec.image_width = recipe->width;
    codec.image_height = recipe->height;
    codec.input_components = recipe->components;
    codec.in_color_space = recipe->in;
    jpeg_set_defaults(&codec);
    jpeg_set_colorspace(&codec, recipe->out);
    jpeg_set_quality(&codec, recipe->quality, TRUE);
    if (recipe->sampling_h) {
        codec.comp_info[0].h_samp_factor = recipe->sampling_h;
        codec.comp_info[0].v_samp_factor = recipe->sampling_v;
    }
    if (recipe->progressive)
        jpeg_simple_progression(&codec);
    if (recipe->scans) {
        codec.scan_info = recipe->scans;
        codec.num_scans = recipe->scan_count;
    }
    if (recipe->no_adobe)
        codec.write_Adobe_marker = FALSE;
    codec.restart_in_rows = recipe->restart_rows;
    jpeg_start_compress(&codec, TRUE);
    if (recipe->orientation)
        write_exif(&codec, recipe);
    while (codec.next_scanline < codec.image_height) {
        uint8_t row[4 * 4096];
        JSAMPROW rows[1] = {row};
        size_t stride = (size_t)recipe->width * (size_t)recipe->components;

        memcpy(row, samples + stride * codec.next_scanline, stride);
        (void)jpeg_write_scanlines(&codec, rows, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    return (struct bytes){at, len};
}

static void free_jpeg(struct bytes file)
{
    free((void *)(uintptr_t)file.at); /* libjpeg's malloc */
}

/* The plain reference: one row at a time, in the colour space asked for. */
static uint8_t *read_plain(struct bytes file, J_COLOR_SPACE space, int components,
                           struct arena *arena)
{
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;

    codec.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&codec);
    jpeg_mem_src(&codec, file.at, file.len);
    (void)jpeg_read_header(&codec, TRUE);
    codec.out_color_space = space;
    (void)jpeg_start_decompress(&codec);
    size_t stride = (size_t)codec.output_width * (size_t)components;
    uint8_t *samples = arena_try(arena, stride, codec.output_height);
    assert_non_null(samples);
    while (codec.output_scanline < codec.output_height) {
        JSAMPROW row = samples + stride * codec.output_scanline;
        (void)jpeg_read_scanlines(&codec, &row, 1);
    }
    jpeg_destroy_decompress(&codec);
    return samples;
}

static void test_rgb_equals_plain_libjpeg(void **state)
{
    static const int sampling[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}};
    static const uint32_t sizes[][2] = {{1, 1}, {7, 9}, {16, 16}, {83, 61}, {130, 257}};
    struct arena *arena = *state;

    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t i = 0; i < 2 * ARRAY_LEN(sampling); i++) {
            struct recipe recipe = plain;
            recipe.width = sizes[s][0];
            recipe.height = sizes[s][1];
            recipe.sampling_h = sampling[i / 2][0];
            recipe.sampling_v = sampling[i / 2][1];
            recipe.progressive = i % 2;
            struct image source = fixture_picture(recipe.width, recipe.height, arena);
            struct bytes file = write_jpeg(&recipe, source.rgb);
            struct image image = fixture_decode(file, arena);
            struct image wanted = source;

            wanted.rgb = read_plain(file, JCS_RGB, 3, arena);
            fixture_assert_same(&image, &wanted);
            if (recipe.width > 16)
                assert_true(fixture_psnr(&image, &source) > 28.0);
            free_jpeg(file);
        }
}

static void test_grey_is_tripled(void **state)
{
    struct arena *arena = *state;
    struct recipe recipe = plain;

    recipe.components = 1;
    recipe.in = recipe.out = JCS_GRAYSCALE;
    struct image source = fixture_picture(recipe.width, recipe.height, arena);
    struct bytes file = write_jpeg(&recipe, source.rgb);
    struct image image = fixture_decode(file, arena);
    uint8_t *grey = read_plain(file, JCS_GRAYSCALE, 1, arena);

    assert_int_equal(image.width, recipe.width);
    assert_int_equal(image.height, recipe.height);
    for (size_t i = 0; i < (size_t)3 * recipe.width * recipe.height; i++)
        assert_int_equal(image.rgb[i], grey[i / 3]);
    free_jpeg(file);
}

static void test_inks_are_converted(void **state)
{
    static const J_COLOR_SPACE spaces[] = {JCS_CMYK, JCS_YCCK};
    struct arena *arena = *state;

    for (size_t i = 0; i < 8; i++) {
        struct recipe recipe = plain;
        recipe.components = 4;
        recipe.in = JCS_CMYK;
        recipe.out = spaces[i % 2];
        recipe.progressive = i / 4;
        /* Without the Adobe marker 4 components are always CMYK. */
        recipe.no_adobe = i / 2 % 2 && recipe.out == JCS_CMYK;
        struct image source =
            fixture_picture(recipe.width * 4 / 3 + 1, recipe.height, arena); /* enough bytes */
        struct bytes file = write_jpeg(&recipe, source.rgb);
        struct image image = fixture_decode(file, arena);
        uint8_t *inks = read_plain(file, JCS_CMYK, 4, arena);

        for (size_t p = 0; p < (size_t)recipe.width * recipe.height; p++)
            for (size_t c = 0; c < 3; c++) {
                double ink = inks[4 * p + c], key = inks[4 * p + 3];
                double light = recipe.no_adobe ? (255 - ink) * (255 - key) / 255 : ink * key / 255;
                assert_int_equal(image.rgb[3 * p + c], (int)floor(light + 0.5));
            }
        free_jpeg(file);
    }
}

/* Where the upright pixel (x, y) lies in the raw picture, straight from the EXIF table. */
static void raw_position(int orientation, uint32_t x, uint32_t y, uint32_t raw_width,
                         uint32_t raw_height, uint32_t *raw_x, uint32_t *raw_y)
{
    uint32_t right = raw_width - 1, bottom = raw_height - 1;
    const uint32_t table[8][2] = {{x, y}, {right - x, y},  {right - x, bottom - y}, {x, bottom - y},
                                  {y, x}, {y, bottom - x}, {right - y, bottom - x}, {right - y, x}};

    *raw_x = table[orientation - 1][0];
    *raw_y = table[orientation - 1][1];
}

static void test_orientations_1_to_8(void **state)
{
    struct arena *arena = *state;

    for (int i = 0; i < 32; i++) {
        struct recipe recipe = plain;
        recipe.orientation = i % 8 + 1;
        recipe.big_endian = i / 8 % 2;
        recipe.progressive = i / 16;
        struct image source = fixture_picture(recipe.width, recipe.height, arena);
        struct bytes file = write_jpeg(&recipe, source.rgb);
        uint8_t *raw = read_plain(file, JCS_RGB, 3, arena);
        struct image image;
        struct image_info info;
        struct err err;

        assert_int_equal(image_decode(&image, &info, file, &image_limits_default, arena, &err),
                         ST_OK);
        bool swap = recipe.orientation > 4;
        assert_int_equal(info.orientation, recipe.orientation);
        assert_int_equal(image.width, swap ? recipe.height : recipe.width);
        assert_int_equal(image.height, swap ? recipe.width : recipe.height);
        assert_int_equal(info.width, image.width);
        for (uint32_t y = 0; y < image.height; y++)
            for (uint32_t x = 0; x < image.width; x++) {
                uint32_t raw_x = 0, raw_y = 0;
                raw_position(recipe.orientation, x, y, recipe.width, recipe.height, &raw_x, &raw_y);
                assert_memory_equal(image.rgb + 3 * ((size_t)y * image.width + x),
                                    raw + 3 * ((size_t)raw_y * recipe.width + raw_x), 3);
            }
        free_jpeg(file);
    }
}

static void test_turned_cmyk(void **state)
{
    struct arena *arena = *state;
    struct recipe recipe = plain;

    recipe.components = 4;
    recipe.in = recipe.out = JCS_CMYK;
    struct image source = fixture_picture(recipe.width * 4 / 3 + 1, recipe.height, arena);
    struct bytes upright_file = write_jpeg(&recipe, source.rgb);
    recipe.orientation = 6;
    struct bytes turned_file = write_jpeg(&recipe, source.rgb);
    struct image upright = fixture_decode(upright_file, arena);
    struct image turned = fixture_decode(turned_file, arena);
    struct image wanted;
    struct err err;

    assert_int_equal(image_orient(&wanted, &upright, 6, arena, &err), ST_OK);
    fixture_assert_same(&turned, &wanted);
    free_jpeg(upright_file);
    free_jpeg(turned_file);
}

static void test_cut_files_are_refused(void **state)
{
    struct arena *arena = *state;

    for (int i = 0; i < 6; i++) {
        struct recipe recipe = plain;
        recipe.progressive = i % 2;
        recipe.restart_rows = i / 2 == 1 ? 1 : 0;
        recipe.orientation = i / 2 == 2 ? 6 : 0;
        struct image source = fixture_picture(recipe.width, recipe.height, arena);
        struct bytes file = write_jpeg(&recipe, source.rgb);

        /* The last two bytes only say that the picture is over; from there on it is cut. */
        fixture_assert_cuts_fail(file, file.len - 2, arena);
        free_jpeg(file);
    }
}

static void test_damage_never_crashes(void **state)
{
    struct arena *arena = *state;

    for (int i = 0; i < 3; i++) {
        struct recipe recipe = plain;
        recipe.progressive = i == 1;
        recipe.restart_rows = i == 2;
        struct image source = fixture_picture(recipe.width, recipe.height, arena);
        struct bytes file = write_jpeg(&recipe, source.rgb);

        fixture_damage(file, arena, 400);
        free_jpeg(file);
    }
}

/* The offset just behind the marker code of the frame header. */
static size_t find_frame(struct bytes file, uint8_t code)
{
    for (size_t i = 2; i + 1 < file.len; i++)
        if (file.at[i] == 0xFF && file.at[i + 1] == code)
            return i + 2;
    fail_msg("no frame header");
    return 0;
}

static void test_bomb_is_refused(void **state)
{
    struct arena *arena = *state;

    for (int i = 0; i < 2; i++) {
        struct recipe recipe = plain;
        recipe.progressive = i;
        struct image source = fixture_picture(recipe.width, recipe.height, arena);
        struct bytes file = write_jpeg(&recipe, source.rgb);
        uint8_t *at = (uint8_t *)(uintptr_t)file.at;
        size_t frame = find_frame(file, recipe.progressive ? 0xC2 : 0xC0);

        /* 3000 x 16000 pixels are within the limits, but the data is for 83 x 61. */
        at[frame + 3] = 3000 >> 8, at[frame + 4] = 3000 & 255;
        at[frame + 5] = 16000 >> 8, at[frame + 6] = 16000 & 255;
        fixture_assert_fails(file, &image_limits_default, arena, ST_INVALID, "cut off");
        at[frame + 3] = 16000 >> 8, at[frame + 4] = 16000 & 255;
        fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT,
                             "over the limit of 50000000 pixels");
        at[frame + 3] = 255, at[frame + 4] = 255;
        fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT,
                             "over the limit of 16384 a side");
        at[frame + 3] = 0, at[frame + 4] = 0;
        fixture_assert_fails(file, &image_limits_default, arena, ST_INVALID, "no pixels");
        free_jpeg(file);
    }
}

static void test_too_many_scans_are_refused(void **state)
{
    struct arena *arena = *state;
    jpeg_scan_info scans[65] = {{.comps_in_scan = 1}};
    struct recipe recipe = plain;

    recipe.components = 1;
    recipe.in = recipe.out = JCS_GRAYSCALE;
    for (int i = 1; i < 64; i++) /* one scan a coefficient */
        scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i, .Al = i == 1};
    scans[64] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = 1, .Se = 1, .Ah = 1};
    recipe.scans = scans;
    struct image source = fixture_picture(recipe.width, recipe.height, arena);
    for (int count = 64; count <= 65; count++) {
        recipe.scan_count = count;
        struct bytes file = write_jpeg(&recipe, source.rgb);

        if (count == 64)
            (void)fixture_decode(file, arena);
        else
            fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "64 scans");
        free_jpeg(file);
    }
}

static void test_unknown_codings_are_named(void **state)
{
    static const struct {
        uint8_t code;
        const char *needle;
    } cases[] = {{0xC3, "lossless"},
                 {0xC5, "hierarchical"},
                 {0xC9, "arithmetic"},
                 {0xCA, "arithmetic"},
                 {0xCF, "arithmetic"}};
    struct arena *arena = *state;
    struct image source = fixture_picture(plain.width, plain.height, arena);
    struct bytes file = write_jpeg(&plain, source.rgb);
    uint8_t *at = (uint8_t *)(uintptr_t)file.at;
    size_t frame = find_frame(file, 0xC0);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        at[frame - 1] = cases[i].code;
        fixture_assert_fails(file, &image_limits_default, arena, ST_UNSUPPORTED, cases[i].needle);
    }
    at[frame - 1] = 0xC1;
    at[frame + 2] = 12;
    fixture_assert_fails(file, &image_limits_default, arena, ST_UNSUPPORTED, "12 bits");
    free_jpeg(file);
}

static void test_quality_is_estimated(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(32, 32, arena);

    for (int quality = 1; quality <= 100; quality++) {
        struct recipe recipe = plain;
        recipe.width = recipe.height = 32;
        recipe.quality = quality;
        recipe.progressive = quality % 2;
        struct bytes file = write_jpeg(&recipe, source.rgb);
        struct image_info info;
        struct err err;

        assert_int_equal(image_probe(&info, file, &image_limits_default, &err), ST_OK);
        assert_int_equal(info.jpeg_quality, quality);
        assert_int_equal(info.progressive, recipe.progressive);
        assert_int_equal(info.components, 3);
        free_jpeg(file);
    }
}

static void test_bytes_around_a_picture_are_ignored(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(plain.width, plain.height, arena);
    struct bytes file = write_jpeg(&plain, source.rgb);
    struct image wanted = fixture_decode(file, arena);
    uint8_t *longer = arena_try(arena, file.len + 100, 1);

    assert_non_null(longer);
    memcpy(longer, file.at, file.len);
    memcpy(longer + file.len, "PK\3\4%PDF-1.7<svg><html>", 23); /* a polyglot's second half */
    struct image image = fixture_decode((struct bytes){longer, file.len + 23}, arena);
    fixture_assert_same(&image, &wanted);

    size_t frame = find_frame(file, 0xC0) - 2; /* stray bytes between two segments */
    memcpy(longer, file.at, frame);
    memset(longer + frame, 0, 5);
    memcpy(longer + frame + 5, file.at + frame, file.len - frame);
    image = fixture_decode((struct bytes){longer, file.len + 5}, arena);
    fixture_assert_same(&image, &wanted);
    free_jpeg(file);
}

static void test_full_arena_is_said(void **state)
{
    struct arena *small = NULL;
    struct err err;
    struct image source = fixture_picture(1200, 1200, *state);

    assert_int_equal(arena_open(&small, 2 << 20, &err), ST_OK);
    for (int orientation = 1; orientation <= 6; orientation += 5) {
        struct recipe recipe = plain;
        recipe.width = recipe.height = 1200;
        recipe.orientation = orientation;
        struct bytes file = write_jpeg(&recipe, source.rgb);

        fixture_assert_fails(file, &image_limits_default, small, ST_NOMEM, "1200x1200");
        free_jpeg(file);
    }
    arena_close(small);
}

static void test_encode_round_trip(void **state)
{
    static const struct {
        enum image_subsampling subsampling;
        int quality;
        double psnr;
    } cases[] = {{IMAGE_SUBSAMPLING_444, 95, 36.0},
                 {IMAGE_SUBSAMPLING_422, 90, 30.0},
                 {IMAGE_SUBSAMPLING_420, 90, 30.0},
                 {IMAGE_SUBSAMPLING_420, 40, 27.0}};
    struct arena *arena = *state;
    struct image source = fixture_picture(301, 199, arena);
    size_t last_len = SIZE_MAX;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes file;
        struct image_info info;
        struct image image;
        struct err err;

        assert_int_equal(
            image_encode_jpeg(&file, &source, cases[i].quality, cases[i].subsampling, arena, &err),
            ST_OK);
        assert_int_equal(image_decode(&image, &info, file, &image_limits_default, arena, &err),
                         ST_OK);
        assert_int_equal(info.jpeg_quality, cases[i].quality);
        assert_true(fixture_psnr(&image, &source) > cases[i].psnr);
        assert_true(file.len < last_len); /* each case is coarser than the one before */
        last_len = file.len;
    }
}

/* The encoder's bytes are those of libjpeg writing to its own memory, over many growing steps. */
static void test_encode_equals_plain_libjpeg(void **state)
{
    struct arena *arena = *state;
    struct recipe recipe = plain;
    struct bytes file;
    struct err err;

    recipe.width = recipe.height = 700;
    recipe.quality = 98;
    recipe.sampling_h = recipe.sampling_v = 1;
    struct image source = fixture_picture(700, 700, arena);
    struct bytes wanted = write_jpeg(&recipe, source.rgb);
    assert_int_equal(image_encode_jpeg(&file, &source, 98, IMAGE_SUBSAMPLING_444, arena, &err),
                     ST_OK);
    assert_true(file.len > 2 * 65536);
    assert_int_equal(file.len, wanted.len);
    assert_memory_equal(file.at, wanted.at, file.len);
    free_jpeg(wanted);
}

static void test_encode_into_full_arena_is_said(void **state)
{
    struct arena *small = NULL;
    struct bytes file;
    struct err err;
    struct image source = fixture_picture(1600, 1600, *state);

    assert_int_equal(arena_open(&small, 2 << 20, &err), ST_OK);
    void *most = arena_try(small, (2 << 20) - 100000, 1);
    assert_non_null(most);
    size_t used = arena_used(small);
    assert_int_equal(image_encode_jpeg(&file, &source, 100, IMAGE_SUBSAMPLING_444, small, &err),
                     ST_NOMEM);
    assert_int_equal(arena_used(small), used);
    source.width = 70000;
    assert_int_equal(image_encode_jpeg(&file, &source, 100, IMAGE_SUBSAMPLING_444, small, &err),
                     ST_LIMIT);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_rgb_equals_plain_libjpeg),
        FIXTURE_TEST(test_grey_is_tripled),
        FIXTURE_TEST(test_inks_are_converted),
        FIXTURE_TEST(test_orientations_1_to_8),
        FIXTURE_TEST(test_turned_cmyk),
        FIXTURE_TEST(test_cut_files_are_refused),
        FIXTURE_TEST(test_damage_never_crashes),
        FIXTURE_TEST(test_bomb_is_refused),
        FIXTURE_TEST(test_too_many_scans_are_refused),
        FIXTURE_TEST(test_unknown_codings_are_named),
        FIXTURE_TEST(test_quality_is_estimated),
        FIXTURE_TEST(test_bytes_around_a_picture_are_ignored),
        FIXTURE_TEST(test_full_arena_is_said),
        FIXTURE_TEST(test_encode_round_trip),
        FIXTURE_TEST(test_encode_equals_plain_libjpeg),
        FIXTURE_TEST(test_encode_into_full_arena_is_said),
    };

    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
