/* image_fixture.h - what the tests of image/ share: an arena, synthetic pictures, comparisons.
 * Include after the system headers.  One thread. */
#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/rng.h"
#include "image/image.h"

#define FIXTURE_ARENA (512u << 20)

static inline struct arena *fixture_arena(void)
{
    struct arena *arena = NULL;
    struct err err;

    assert_int_equal(arena_open(&arena, FIXTURE_ARENA, &err), ST_OK);
    return arena;
}

/* Smooth colours with edges and a little noise: compresses like a photo, differs everywhere. */
static inline struct image fixture_picture(uint32_t width, uint32_t height, struct arena *arena)
{
    struct rng rng = rng_seed(width * 7919u + height);
    struct image picture = {
        .width = width, .height = height, .rgb = arena_try(arena, (size_t)width * height, 3)};

    assert_non_null(picture.rgb);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *pixel = picture.rgb + 3 * ((size_t)y * width + x);
            double wave = 90.0 * sin(x * 0.11) * cos(y * 0.07);
            double edge = (x / 24 + y / 32) % 2 ? 30.0 : 0.0;

            for (unsigned c = 0; c < 3; c++) {
                double value = 110.0 + wave * (c == 1 ? -0.6 : 0.8) + edge + 40.0 * c * x / width +
                               rng_range(&rng, -4.0, 4.0);
                pixel[c] = (uint8_t)CLAMP(value, 0.0, 255.0);
            }
        }
    return picture;
}

static inline double fixture_psnr(const struct image *a, const struct image *b)
{
    size_t count = (size_t)3 * a->width * a->height;
    double sum = 0.0;

    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (size_t i = 0; i < count; i++)
        sum += (a->rgb[i] - b->rgb[i]) * (a->rgb[i] - b->rgb[i]);
    return sum == 0.0 ? 99.0 : 10.0 * log10(255.0 * 255.0 * (double)count / sum);
}

static inline void fixture_assert_same(const struct image *a, const struct image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_memory_equal(a->rgb, b->rgb, (size_t)3 * a->width * a->height);
}

static inline struct image fixture_decode(struct bytes file, struct arena *arena)
{
    struct image image = {0};
    struct err err = {0};
    enum status st = image_decode(&image, NULL, file, &image_limits_default, arena, &err);

    if (st)
        fail_msg("decoding failed: %s: %s", status_name(st), err.msg);
    return image;
}

/* Decoding must fail with `wanted`, say `needle`, leave *out and the arena as they were. */
static inline void fixture_assert_fails(struct bytes file, const struct image_limits *limits,
                                        struct arena *arena, enum status wanted, const char *needle)
{
    struct image image = {.width = 4711};
    struct image_info info = {.width = 4712};
    struct err err = {0};
    size_t used = arena_used(arena);
    enum status st = image_decode(&image, &info, file, limits, arena, &err);

    if (st != wanted || !strstr(err.msg, needle))
        fail_msg("wanted %s with '%s', got %s: %s", status_name(wanted), needle, status_name(st),
                 err.msg);
    assert_int_equal(err.code, wanted);
    assert_int_equal(image.width, 4711);
    assert_int_equal(info.width, 4712);
    assert_int_equal(arena_used(arena), used);
}

/* A file cut at every sixteenth, and one byte before `whole` bytes, is refused each time. */
static inline void fixture_assert_cuts_fail(struct bytes file, size_t whole, struct arena *arena)
{
    for (size_t part = 0; part <= 16; part++) {
        size_t len = part == 16 ? whole - 1 : file.len * part / 16;
        struct image image;
        struct err err = {0};
        /* An exact copy on the heap: AddressSanitizer sees any read beyond it. */
        uint8_t *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        memcpy(copy, file.at, len);
        enum status st = image_decode(&image, NULL, (struct bytes){copy, len},
                                      &image_limits_default, arena, &err);
        free(copy);
        if (st != ST_INVALID && !(len < 12 && st == ST_UNSUPPORTED))
            fail_msg("cut to %zu of %zu bytes: %s: %s", len, file.len, status_name(st), err.msg);
    }
}

/* Random damage: any answer but a crash, and a picture only of the promised size. */
static inline void fixture_damage(struct bytes file, struct arena *arena, unsigned rounds)
{
    struct rng rng = rng_seed(file.len);
    uint8_t *copy = malloc(file.len);

    assert_non_null(copy);
    for (unsigned round = 0; round < rounds; round++) {
        size_t mark = arena_mark(arena);
        struct image image;
        struct err err;

        memcpy(copy, file.at, file.len);
        for (unsigned i = 0; i <= round % 4; i++)
            copy[rng_below(&rng, (uint32_t)file.len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        enum status st = image_decode(&image, NULL, (struct bytes){copy, file.len},
                                      &image_limits_default, arena, &err);
        assert_true(st != ST_IO && st != ST_CORRUPT);
        if (!st)
            assert_true(image.width && image.height);
        arena_release(arena, mark);
    }
    free(copy);
}

/* One arena for all cases of a program, emptied after each. */
static inline int fixture_open(void **state)
{
    *state = fixture_arena();
    return 0;
}

static inline int fixture_reset(void **state)
{
    arena_reset(*state);
    return 0;
}

static inline int fixture_close(void **state)
{
    arena_close(*state);
    return 0;
}
#define FIXTURE_TEST(test) cmocka_unit_test_teardown(test, fixture_reset)
