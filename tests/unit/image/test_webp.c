/* Lossy, lossless, transparent and animated WebP against plain libwebp, and what is refused. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <webp/decode.h>
#include <webp/encode.h>

#include "image_fixture.h"

/* RGBA of a picture; alpha runs through all values, or is 255 everywhere. */
static uint8_t *rgba_of(const struct image *picture, bool transparent, struct arena *arena)
{
    size_t count = (size_t)picture->width * picture->height;
    uint8_t *rgba = arena_try(arena, count, 4);

    assert_non_null(rgba);
    for (size_t i = 0; i < count; i++) {
        memcpy(rgba + 4 * i, picture->rgb + 3 * i, 3);
        rgba[4 * i + 3] = transparent ? (uint8_t)(i * 7) : 255;
    }
    return rgba;
}

static struct bytes write_webp(const struct image *picture, bool lossless, bool transparent,
                               struct arena *arena)
{
    WebPConfig config;
    WebPPicture target;
    WebPMemoryWriter writer;

    assert_true(WebPConfigInit(&config) && WebPPictureInit(&target));
    config.lossless = lossless;
    config.exact = 1; /* colours below alpha 0 are kept */
    target.use_argb = lossless;
    target.width = (int)picture->width;
    target.height = (int)picture->height;
    WebPMemoryWriterInit(&writer);
    target.writer = WebPMemoryWrite;
    target.custom_ptr = &writer;
    assert_true(WebPPictureImportRGBA(&target, rgba_of(picture, transparent, arena),
                                      (int)(4 * picture->width)));
    assert_true(WebPEncode(&config, &target));
    WebPPictureFree(&target);
    uint8_t *at = arena_try(arena, writer.size, 1);
    assert_non_null(at);
    memcpy(at, writer.mem, writer.size);
    struct bytes file = {at, writer.size};
    WebPMemoryWriterClear(&writer);
    return file;
}

static uint8_t flat(unsigned value, unsigned alpha)
{
    return (uint8_t)floor((value * alpha + 255.0 * (255 - alpha)) / 255 + 0.5);
}

static void test_every_kind_equals_plain_libwebp(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {2, 3}, {16, 16}, {83, 61}, {200, 131}};
    struct arena *arena = *state;

    for (size_t i = 0; i < 4 * ARRAY_LEN(sizes); i++) {
        bool lossless = i & 1, transparent = i & 2;
        struct image source = fixture_picture(sizes[i / 4][0], sizes[i / 4][1], arena);
        struct bytes file = write_webp(&source, lossless, transparent, arena);
        struct image image;
        struct image_info info;
        struct err err;
        int width = 0, height = 0;
        uint8_t *plain = WebPDecodeRGBA(file.at, file.len, &width, &height);

        assert_non_null(plain);
        assert_int_equal(image_decode(&image, &info, file, &image_limits_default, arena, &err),
                         ST_OK);
        assert_int_equal(image.width, width);
        assert_int_equal(image.height, height);
        assert_int_equal(info.format, IMAGE_WEBP);
        if (source.width > 1)
            assert_int_equal(info.components, transparent ? 4 : 3);
        for (size_t p = 0; p < (size_t)width * (size_t)height; p++)
            for (size_t c = 0; c < 3; c++)
                assert_int_equal(image.rgb[3 * p + c], flat(plain[4 * p + c], plain[4 * p + 3]));
        if (lossless && !transparent)
            fixture_assert_same(&image, &source);
        WebPFree(plain);
    }
}

static void put_le(uint8_t *at, size_t bytes, size_t value)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* A chunk header and its data, padded to an even length; returns the bytes written. */
static size_t put_chunk(uint8_t *at, const char *name, const uint8_t *data, size_t len)
{
    memcpy(at, name, 4);
    put_le(at + 4, 4, len);
    memcpy(at + 8, data, len);
    if (len % 2)
        at[8 + len] = 0;
    return 8 + len + len % 2;
}

/* A frame chunk: position, size, duration, then the image chunks of a still WebP. */
static size_t put_frame(uint8_t *at, struct bytes still, uint32_t x, uint32_t y, uint32_t width,
                        uint32_t height)
{
    bool extended = memcmp(still.at + 12, "VP8X", 4) == 0;
    size_t skip = extended ? 30 : 12, len = 16 + still.len - skip;

    memcpy(at, "ANMF", 4);
    put_le(at + 4, 4, len);
    put_le(at + 8, 3, x / 2);
    put_le(at + 11, 3, y / 2);
    put_le(at + 14, 3, width - 1);
    put_le(at + 17, 3, height - 1);
    put_le(at + 20, 3, 100);
    at[23] = 0;
    memcpy(at + 24, still.at + skip, still.len - skip);
    return 8 + len; /* still.len is even */
}

static struct bytes write_animation(struct bytes first, struct bytes second, uint32_t x, uint32_t y,
                                    const struct image *frame, uint32_t canvas_width,
                                    uint32_t canvas_height, struct arena *arena)
{
    uint8_t *at = arena_try(arena, first.len + second.len + 200, 1);
    uint8_t canvas[10] = {0x12}, loop[6] = {0};
    size_t len = 12;

    assert_non_null(at);
    put_le(canvas + 4, 3, canvas_width - 1);
    put_le(canvas + 7, 3, canvas_height - 1);
    len += put_chunk(at + len, "VP8X", canvas, sizeof canvas);
    len += put_chunk(at + len, "ANIM", loop, sizeof loop); /* background 0: black, transparent */
    len += put_frame(at + len, first, x, y, frame->width, frame->height);
    len += put_frame(at + len, second, 0, 0, frame->width, frame->height);
    memcpy(at, "RIFF", 4);
    put_le(at + 4, 4, len - 8);
    memcpy(at + 8, "WEBP", 4);
    return (struct bytes){at, len};
}

static void test_first_frame_of_animation(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(60, 40, arena);
    struct image other = fixture_picture(60, 40, arena);

    memset(other.rgb, 7, 3 * 60 * 40);
    for (int i = 0; i < 4; i++) {
        bool lossless = i & 1, transparent = i & 2;
        struct bytes first = write_webp(&source, lossless, transparent, arena);
        struct bytes second = write_webp(&other, true, false, arena);
        struct bytes file = write_animation(first, second, 10, 6, &source, 90, 50, arena);
        struct image frame = fixture_decode(first, arena), image;
        struct image_info info;
        struct err err;

        assert_int_equal(image_decode(&image, &info, file, &image_limits_default, arena, &err),
                         ST_OK);
        assert_true(info.animated);
        assert_int_equal(image.width, 90);
        assert_int_equal(image.height, 50);
        for (uint32_t y = 0; y < 50; y++)
            for (uint32_t x = 0; x < 90; x++) {
                bool inside = x >= 10 && x < 70 && y >= 6 && y < 46;
                for (size_t c = 0; c < 3; c++)
                    assert_int_equal(image.rgb[3 * (y * 90 + x) + c],
                                     inside ? frame.rgb[3 * ((y - 6) * 60 + x - 10) + c] : 255);
            }
    }
}

static void test_frame_outside_the_canvas_is_refused(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(60, 40, arena);
    struct bytes still = write_webp(&source, true, false, arena);

    fixture_assert_fails(write_animation(still, still, 40, 6, &source, 90, 50, arena),
                         &image_limits_default, arena, ST_INVALID, "WebP");
    fixture_assert_fails(write_animation(still, still, 0, 0, &source, 59, 50, arena),
                         &image_limits_default, arena, ST_INVALID, "WebP");
}

static void test_cut_files_are_refused(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(120, 90, arena);

    for (int i = 0; i < 5; i++) {
        struct bytes file = write_webp(&source, i & 1, i & 2, arena);

        if (i == 4)
            file = write_animation(file, file, 0, 0, &source, 120, 90, arena);
        fixture_assert_cuts_fail(file, file.len, arena);
    }
}

/* Cut, and the container's own length made to fit: only the bitstream can tell. */
static void test_cut_bitstream_is_refused(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(120, 90, arena);

    for (int lossless = 0; lossless < 2; lossless++) {
        struct bytes file = write_webp(&source, lossless, false, arena);
        uint8_t *at = (uint8_t *)(uintptr_t)file.at;

        for (size_t part = 1; part < 16; part++) {
            size_t len = (20 + (file.len - 20) * part / 16) & ~(size_t)1;
            put_le(at + 4, 4, len - 8);
            put_le(at + 16, 4, len - 20);
            fixture_assert_fails((struct bytes){at, len}, &image_limits_default, arena, ST_INVALID,
                                 "WebP");
        }
    }
}

static void test_damage_never_crashes(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(90, 70, arena);

    for (int i = 0; i < 5; i++) {
        struct bytes file = write_webp(&source, i & 1, i & 2, arena);

        if (i == 4)
            file = write_animation(file, file, 0, 0, &source, 120, 90, arena);
        fixture_damage(file, arena, 300);
    }
}

static void test_bomb_is_refused(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(60, 40, arena);
    struct bytes file = write_webp(&source, false, false, arena);
    uint8_t *at = (uint8_t *)(uintptr_t)file.at;

    put_le(at + 26, 2, 16000);
    put_le(at + 28, 2, 3000);
    fixture_assert_fails(file, &image_limits_default, arena, ST_INVALID, "WebP");
    put_le(at + 28, 2, 16000);
    fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "50000000 pixels");
    put_le(at + 28, 2, 0);
    fixture_assert_fails(file, &image_limits_default, arena, ST_INVALID, "no pixels");
    file = write_webp(&source, true, false, arena);
    put_le((uint8_t *)(uintptr_t)file.at + 21, 4, 16383u | 16383u << 14);
    fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "16384x16384");
    file = write_animation(file, file, 0, 0, &source, 1u << 24, 1, arena);
    fixture_assert_fails(file, &image_limits_default, arena, ST_LIMIT, "16384 a side");
}

static void test_bytes_after_the_end_are_ignored(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(60, 40, arena);
    struct bytes file = write_webp(&source, true, false, arena);
    uint8_t *longer = arena_try(arena, file.len + 9, 1);

    assert_non_null(longer);
    memcpy(longer, file.at, file.len);
    memcpy(longer + file.len, "\xFF\xD8\xFF<html>", 9);
    struct image image = fixture_decode((struct bytes){longer, file.len + 9}, arena);
    fixture_assert_same(&image, &source);
}

static void test_encode_round_trip(void **state)
{
    static const struct {
        int quality;
        double psnr;
    } cases[] = {{95, 31.0}, {80, 30.0}, {40, 27.0}};
    struct arena *arena = *state;
    struct image source = fixture_picture(301, 199, arena);
    size_t last_len = SIZE_MAX;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes file;
        struct err err;

        assert_int_equal(image_encode_webp(&file, &source, cases[i].quality, arena, &err), ST_OK);
        struct image image = fixture_decode(file, arena);
        double psnr = fixture_psnr(&image, &source);
        if (psnr <= cases[i].psnr)
            fail_msg("quality %d: PSNR %.2f", cases[i].quality, psnr);
        assert_true(file.len < last_len);
        last_len = file.len;
    }
}

static void test_full_arena_is_said(void **state)
{
    struct arena *small = NULL;
    struct bytes file;
    struct err err;
    struct image source = fixture_picture(1200, 1200, *state);

    assert_int_equal(arena_open(&small, 2 << 20, &err), ST_OK);
    file = write_webp(&source, false, false, *state);
    fixture_assert_fails(file, &image_limits_default, small, ST_NOMEM, "1200x1200");
    file = write_webp(&source, false, true, *state);
    fixture_assert_fails(file, &image_limits_default, small, ST_NOMEM, "1200x1200");
    void *most = arena_try(small, (2 << 20) - 70000, 1);
    assert_non_null(most);
    size_t used = arena_used(small);
    assert_int_equal(image_encode_webp(&file, &source, 100, small, &err), ST_NOMEM);
    assert_int_equal(arena_used(small), used);
    source.width = 17000;
    assert_int_equal(image_encode_webp(&file, &source, 100, small, &err), ST_LIMIT);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_kind_equals_plain_libwebp),
        FIXTURE_TEST(test_first_frame_of_animation),
        FIXTURE_TEST(test_frame_outside_the_canvas_is_refused),
        FIXTURE_TEST(test_cut_files_are_refused),
        FIXTURE_TEST(test_cut_bitstream_is_refused),
        FIXTURE_TEST(test_damage_never_crashes),
        FIXTURE_TEST(test_bomb_is_refused),
        FIXTURE_TEST(test_bytes_after_the_end_are_ignored),
        FIXTURE_TEST(test_encode_round_trip),
        FIXTURE_TEST(test_full_arena_is_said),
    };

    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
