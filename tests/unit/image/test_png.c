/* Every PNG colour type and depth against the samples it was made of, and what must be refused. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <png.h>

#include "image_fixture.h"

struct recipe {
    uint32_t width, height;
    int color, depth;
    bool interlaced;
    bool keyed; /* tRNS: one transparent value, or alpha in the palette */
};

#define PALETTE_SIZE 16
#define FILE_MAX     (4u << 20)

struct file {
    uint8_t *at;
    size_t len;
};

static void on_write(png_structp codec, png_bytep at, size_t len)
{
    struct file *file = png_get_io_ptr(codec);

    assert_true(len <= FILE_MAX - file->len);
    memcpy(file->at + file->len, at, len);
    file->len += len;
}

static void on_flush(png_structp codec)
{
    (void)codec;
}

static int channels_of(int color)
{
    return color == PNG_COLOR_TYPE_RGB          ? 3
           : color == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
           : color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                : 1;
}

static size_t stride_of(const struct recipe *recipe)
{
    return ((size_t)recipe->width * (size_t)channels_of(recipe->color) * (size_t)recipe->depth +
            7) /
           8;
}

/* Sample number i of a packed row. */
static unsigned sample(const uint8_t *row, int depth, size_t i)
{
    if (depth == 16)
        return row[2 * i] * 256u + row[2 * i + 1];
    if (depth == 8)
        return row[i];
    size_t per_byte = 8 / (size_t)depth;
    return row[i / per_byte] >> (8 - (size_t)depth * (i % per_byte + 1)) & ((1u << depth) - 1);
}

static const png_color_16 key = {.index = 0, .red = 3, .green = 3, .blue = 3, .gray = 1};

static void fill_palette(png_color palette[PALETTE_SIZE], png_byte alpha[PALETTE_SIZE])
{
    for (unsigned i = 0; i < PALETTE_SIZE; i++) {
        palette[i] = (png_color){.red = (png_byte)(i * 17),
                                 .green = (png_byte)(255 - i * 9),
                                 .blue = (png_byte)(i * 53)};
        alpha[i] = (png_byte)(i * 37);
    }
}

static void set_colours(png_structp codec, png_infop header, const struct recipe *recipe)
{
    png_color palette[PALETTE_SIZE];
    png_byte alpha[PALETTE_SIZE];
    int size = recipe->depth < 4 ? 1 << recipe->depth : PALETTE_SIZE;

    fill_palette(palette, alpha);
    if (recipe->color == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(codec, header, palette, size);
        if (recipe->keyed)
            png_set_tRNS(codec, header, alpha, size / 2, NULL); /* the rest is opaque */
    } else if (recipe->keyed) {
        png_set_tRNS(codec, header, NULL, 0, &key);
    }
    png_set_gAMA(codec, header, 0.6); /* must change nothing: values are taken as stored */
}

static struct bytes write_png(const struct recipe *recipe, const uint8_t *samples,
                              struct arena *arena)
{
    struct file file = {.at = arena_try(arena, FILE_MAX, 1)};
    png_structp codec = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop header = png_create_info_struct(codec);

    assert_non_null(file.at);
    png_set_write_fn(codec, &file, on_write, on_flush);
    png_set_IHDR(codec, header, recipe->width, recipe->height, recipe->depth, recipe->color,
                 recipe->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    set_colours(codec, header, recipe);
    png_write_info(codec, header);
    int passes = png_set_interlace_handling(codec);
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t row = 0; row < recipe->height; row++)
            png_write_row(codec, samples + stride_of(recipe) * row);
    png_write_end(codec, NULL);
    png_destroy_write_struct(&codec, &header);
    return (struct bytes){file.at, file.len};
}

/* Random samples; palette indices stay inside the palette, keyed values really occur. */
static uint8_t *random_samples(const struct recipe *recipe, struct arena *arena)
{
    size_t size = stride_of(recipe) * recipe->height;
    struct rng rng = rng_seed(size);
    uint8_t *samples = arena_try(arena, size, 1);

    assert_non_null(samples);
    for (size_t i = 0; i < size; i++) {
        samples[i] = (uint8_t)rng_below(&rng, 256);
        if (recipe->color == PNG_COLOR_TYPE_PALETTE && recipe->depth == 8)
            samples[i] &= PALETTE_SIZE - 1;
    }
    if (recipe->keyed && recipe->color != PNG_COLOR_TYPE_PALETTE && recipe->depth >= 8)
        for (int c = 0; c < channels_of(recipe->color); c++) { /* the first pixel */
            unsigned value = recipe->color == PNG_COLOR_TYPE_GRAY ? key.gray : key.red;
            if (recipe->depth == 16)
                samples[2 * c] = 0, samples[2 * c + 1] = (uint8_t)value;
            else
                samples[c] = (uint8_t)value;
        }
    return samples;
}

/* One pixel as the PNG specification reads it: channel values and alpha in [0, top]. */
static void wanted_pixel(unsigned rgb[3], const struct recipe *recipe, const uint8_t *row,
                         uint32_t x)
{
    png_color palette[PALETTE_SIZE];
    png_byte alphas[PALETTE_SIZE];
    unsigned top = recipe->depth == 16 ? 65535 : 255;
    unsigned value[4], alpha = top;
    size_t channels = (size_t)channels_of(recipe->color);

    for (size_t c = 0; c < channels; c++)
        value[c] = sample(row, recipe->depth, channels * x + c);
    fill_palette(palette, alphas);
    if (recipe->color == PNG_COLOR_TYPE_PALETTE) {
        unsigned size = recipe->depth < 4 ? 1u << recipe->depth : PALETTE_SIZE;
        unsigned index = value[0];
        rgb[0] = palette[index].red, rgb[1] = palette[index].green, rgb[2] = palette[index].blue;
        if (recipe->keyed && index < size / 2)
            alpha = alphas[index];
    } else if (channels <= 2) {
        unsigned scale = recipe->depth < 8 ? 255 / ((1u << recipe->depth) - 1) : 1;
        rgb[0] = rgb[1] = rgb[2] = value[0] * scale;
        if (channels == 2)
            alpha = value[1];
        else if (recipe->keyed && value[0] == key.gray)
            alpha = 0;
    } else {
        rgb[0] = value[0], rgb[1] = value[1], rgb[2] = value[2];
        if (channels == 4)
            alpha = value[3];
        else if (recipe->keyed && value[0] == key.red && value[1] == key.green &&
                 value[2] == key.blue)
            alpha = 0;
    }
    if (recipe->depth == 16) { /* the low byte is cut off before anything is laid on white */
        alpha >>= 8;
        for (size_t c = 0; c < 3; c++)
            rgb[c] >>= 8;
    }
    for (size_t c = 0; c < 3; c++)
        rgb[c] = (unsigned)floor((rgb[c] * alpha + 255.0 * (255 - alpha)) / 255 + 0.5);
}

static void check(const struct recipe *recipe, struct arena *arena)
{
    const uint8_t *samples = random_samples(recipe, arena);
    struct bytes file = write_png(recipe, samples, arena);
    struct image image;
    struct image_info info;
    struct err err;
    bool alpha = (recipe->color & PNG_COLOR_MASK_ALPHA) || recipe->keyed;

    assert_int_equal(image_decode(&image, &info, file, &image_limits_default, arena, &err), ST_OK);
    assert_int_equal(image.width, recipe->width);
    assert_int_equal(image.height, recipe->height);
    assert_int_equal(info.components, alpha ? 4 : 3);
    assert_int_equal(info.jpeg_quality, 0);
    for (uint32_t y = 0; y < recipe->height; y++)
        for (uint32_t x = 0; x < recipe->width; x++) {
            unsigned rgb[3];
            const uint8_t *at = image.rgb + 3 * ((size_t)y * recipe->width + x);

            wanted_pixel(rgb, recipe, samples + stride_of(recipe) * y, x);
            if (at[0] != rgb[0] || at[1] != rgb[1] || at[2] != rgb[2])
                fail_msg("type %d, %d bits, interlaced %d, keyed %d, %u,%u: %d %d %d, not %u %u %u",
                         recipe->color, recipe->depth, recipe->interlaced, recipe->keyed, x, y,
                         at[0], at[1], at[2], rgb[0], rgb[1], rgb[2]);
        }
}

static void test_every_type_and_depth(void **state)
{
    static const int kinds[][2] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                                   {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    static const uint32_t sizes[][2] = {{1, 1}, {3, 5}, {64, 17}, {101, 33}};
    struct arena *arena = *state;
    unsigned checked = 0;

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (int mode = 0; mode < 4; mode++) {
                struct recipe recipe = {.width = sizes[s][0],
                                        .height = sizes[s][1],
                                        .color = kinds[k][0],
                                        .depth = kinds[k][1],
                                        .interlaced = mode & 1,
                                        .keyed = mode & 2};
                if (recipe.keyed && (recipe.color & PNG_COLOR_MASK_ALPHA))
                    continue; /* PNG forbids both */
                check(&recipe, arena);
                checked++;
                arena_reset(arena);
            }
    assert_int_equal(checked, 15 * 16 - 4 * 8);
}

static struct bytes make_file(bool interlaced, struct arena *arena)
{
    struct recipe recipe = {
        .width = 120, .height = 90, .color = 2, .depth = 8, .interlaced = interlaced};
    struct image picture = fixture_picture(recipe.width, recipe.height, arena);

    return write_png(&recipe, picture.rgb, arena);
}

static void test_cut_files_are_refused(void **state)
{
    struct bytes file = make_file(false, *state);

    fixture_assert_cuts_fail(file, file.len, *state);
    file = make_file(true, *state);
    fixture_assert_cuts_fail(file, file.len, *state);
}

static void test_damage_never_crashes(void **state)
{
    fixture_damage(make_file(false, *state), *state, 300);
    fixture_damage(make_file(true, *state), *state, 300);
}

static void test_damaged_pixels_are_refused(void **state)
{
    struct bytes file = make_file(false, *state);
    uint8_t *at = (uint8_t *)(uintptr_t)file.at;

    at[file.len / 2] ^= 1; /* the checksum of its chunk is wrong now */
    fixture_assert_fails(file, &image_limits_default, *state, ST_INVALID, "damaged");
}

static uint32_t crc_of(const uint8_t *at, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}

static void put_be32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void set_size(struct bytes file, uint32_t width, uint32_t height)
{
    uint8_t *header = (uint8_t *)(uintptr_t)file.at + 12;

    put_be32(header + 4, width);
    put_be32(header + 8, height);
    put_be32(header + 17, crc_of(header, 17));
}

static void test_bomb_is_refused(void **state)
{
    struct bytes file = make_file(false, *state);
    struct arena *arena = *state;

    set_size(file, 16000, 3000);
    fixture_assert_fails(file, &image_limits_default, arena, ST_INVALID, "damaged or cut off");
    set_size(file, 10000, 5001);
    fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "50000000 pixels");
    set_size(file, 16385, 1);
    fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "16384 a side");
    set_size(file, 0xFFFFFFFFu, 0xFFFFFFFFu);
    fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "16384 a side");
    set_size(file, 0, 90);
    fixture_assert_fails(file, &image_limits_default, arena, ST_INVALID, "no pixels");
}

/* Puts a chunk before the pixel data (or before the end). */
static struct bytes insert_chunk(struct bytes file, const char *name, const uint8_t *data,
                                 size_t len, bool at_end, struct arena *arena)
{
    size_t cut = at_end ? file.len - 12 : 33;
    uint8_t *at = arena_try(arena, file.len + len + 12, 1);

    assert_non_null(at);
    memcpy(at, file.at, cut);
    put_be32(at + cut, (uint32_t)len);
    memcpy(at + cut + 4, name, 4);
    if (len)
        memcpy(at + cut + 8, data, len);
    put_be32(at + cut + 8 + len, crc_of(at + cut + 4, len + 4));
    memcpy(at + cut + 12 + len, file.at + cut, file.len - cut);
    return (struct bytes){at, file.len + len + 12};
}

static void test_other_chunks_are_skipped(void **state)
{
    static const char *const names[] = {"iCCP", "zTXt", "iTXt", "sPLT", "eXIf", "caBX", "fcTL"};
    struct arena *arena = *state;
    struct bytes file = make_file(false, arena);
    struct image wanted = fixture_decode(file, arena);
    size_t len = 1u << 20;
    uint8_t *junk = arena_try(arena, len, 1);

    assert_non_null(junk);
    memset(junk, 0x5A, len);
    for (size_t i = 0; i < 2 * ARRAY_LEN(names); i++) {
        struct bytes longer = insert_chunk(file, names[i / 2], junk, len, i % 2, arena);
        struct image image = fixture_decode(longer, arena);
        fixture_assert_same(&image, &wanted);
    }
}

static void test_first_frame_of_animation(void **state)
{
    static const uint8_t control[8] = {0, 0, 0, 2, 0, 0, 0, 0};
    struct arena *arena = *state;
    struct bytes file = make_file(false, arena);
    struct image wanted = fixture_decode(file, arena), image;
    struct image_info info;
    struct err err;

    file = insert_chunk(file, "fdAT", control, sizeof control, true, arena);
    file = insert_chunk(file, "acTL", control, sizeof control, false, arena);
    assert_int_equal(image_decode(&image, &info, file, &image_limits_default, arena, &err), ST_OK);
    assert_true(info.animated);
    fixture_assert_same(&image, &wanted);
}

static void test_bytes_after_the_end_are_ignored(void **state)
{
    struct arena *arena = *state;
    struct bytes file = make_file(false, arena);
    struct image wanted = fixture_decode(file, arena);
    uint8_t *longer = arena_try(arena, file.len + 10, 1);

    assert_non_null(longer);
    memcpy(longer, file.at, file.len);
    memcpy(longer + file.len, "\xFF\xD8\xFF<html>", 9);
    struct image image = fixture_decode((struct bytes){longer, file.len + 9}, arena);
    fixture_assert_same(&image, &wanted);
}

static void test_encode_round_trip_is_exact(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {17, 3}, {640, 480}};
    struct arena *arena = *state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct image source = fixture_picture(sizes[i][0], sizes[i][1], arena);
        struct bytes file;
        struct err err;

        assert_int_equal(image_encode_png(&file, &source, arena, &err), ST_OK);
        struct image image = fixture_decode(file, arena);
        fixture_assert_same(&image, &source);
    }
}

static void test_full_arena_is_said(void **state)
{
    struct arena *small = NULL;
    struct bytes file, encoded;
    struct err err;
    struct image source = fixture_picture(1200, 1200, *state);

    assert_int_equal(arena_open(&small, 2 << 20, &err), ST_OK);
    assert_int_equal(image_encode_png(&file, &source, *state, &err), ST_OK);
    fixture_assert_fails(file, &image_limits_default, small, ST_NOMEM, "1200x1200");
    assert_int_equal(image_encode_png(&encoded, &source, small, &err), ST_NOMEM);
    assert_int_equal(arena_used(small), 0);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_type_and_depth),
        FIXTURE_TEST(test_cut_files_are_refused),
        FIXTURE_TEST(test_damage_never_crashes),
        FIXTURE_TEST(test_damaged_pixels_are_refused),
        FIXTURE_TEST(test_bomb_is_refused),
        FIXTURE_TEST(test_other_chunks_are_skipped),
        FIXTURE_TEST(test_first_frame_of_animation),
        FIXTURE_TEST(test_bytes_after_the_end_are_ignored),
        FIXTURE_TEST(test_encode_round_trip_is_exact),
        FIXTURE_TEST(test_full_arena_is_said),
    };

    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
