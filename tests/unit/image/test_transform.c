/* Crop, orientation and resize against slow, plain references. */
#include "image_fixture.h"

static const uint8_t *pixel_at(const struct image *image, size_t x, size_t y)
{
    return image->rgb + 3 * (y * image->width + x);
}

/* The reference of mirroring: walks there step by step, turning round at both ends. */
static uint32_t walk(uint32_t steps, uint32_t size)
{
    uint32_t at = 0;
    bool back = false;

    for (; steps; steps--) {
        if (!back && at == size - 1)
            back = true; /* the edge pixel comes twice */
        else if (back && at == 0)
            back = false;
        else
            at = back ? at - 1 : at + 1;
    }
    return at;
}

static void test_crop_equals_reference(void **state)
{
    static const uint32_t cases[][6] = {/* image, crop x y w h */
                                        {20, 10, 0, 0, 20, 10},  {20, 10, 3, 2, 5, 4},
                                        {20, 10, 15, 8, 30, 30}, {7, 5, 6, 4, 50, 40},
                                        {1, 1, 0, 0, 9, 9},      {3, 1, 1, 0, 1, 8}};
    struct arena *arena = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint32_t *c = cases[i];
        struct image source = fixture_picture(c[0], c[1], arena), crop;
        struct err err;

        assert_int_equal(image_crop(&crop, &source, c[2], c[3], c[4], c[5], arena, &err), ST_OK);
        assert_int_equal(crop.width, c[4]);
        assert_int_equal(crop.height, c[5]);
        for (uint32_t y = 0; y < c[5]; y++)
            for (uint32_t x = 0; x < c[4]; x++)
                assert_memory_equal(pixel_at(&crop, x, y),
                                    pixel_at(&source, walk(c[2] + x, c[0]), walk(c[3] + y, c[1])),
                                    3);
    }
}

static void test_crop_refusals(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(20, 10, arena), crop = {.width = 4711};
    struct err err;
    size_t used = arena_used(arena);

    assert_int_equal(image_crop(&crop, &source, 20, 0, 1, 1, arena, &err), ST_INVALID);
    assert_int_equal(image_crop(&crop, &source, 0, 10, 1, 1, arena, &err), ST_INVALID);
    assert_int_equal(image_crop(&crop, &source, 0, 0, 0, 1, arena, &err), ST_INVALID);
    assert_int_equal(image_crop(&crop, &source, 0, 0, 1, 0, arena, &err), ST_INVALID);
    assert_int_equal(image_crop(&crop, &source, 0, 0, UINT32_MAX, UINT32_MAX, arena, &err),
                     ST_NOMEM);
    assert_int_equal(crop.width, 4711);
    assert_int_equal(arena_used(arena), used);
}

static void test_orient_equals_reference(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {5, 3}, {40, 37}, {16, 33}};
    struct arena *arena = *state;

    for (size_t i = 0; i < 8 * ARRAY_LEN(sizes); i++) {
        uint32_t w = sizes[i / 8][0], h = sizes[i / 8][1];
        uint8_t orientation = (uint8_t)(i % 8 + 1);
        struct image source = fixture_picture(w, h, arena), turned;
        struct err err;

        assert_int_equal(image_orient(&turned, &source, orientation, arena, &err), ST_OK);
        assert_int_equal(turned.width, orientation > 4 ? h : w);
        assert_int_equal(turned.height, orientation > 4 ? w : h);
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++) { /* where raw (x, y) is seen, by the EXIF table */
                const uint32_t seen[8][2] = {
                    {x, y}, {w - 1 - x, y}, {w - 1 - x, h - 1 - y}, {x, h - 1 - y},
                    {y, x}, {h - 1 - y, x}, {h - 1 - y, w - 1 - x}, {y, w - 1 - x}};
                assert_memory_equal(
                    pixel_at(&turned, seen[orientation - 1][0], seen[orientation - 1][1]),
                    pixel_at(&source, x, y), 3);
            }
    }
}

static void test_orient_refuses_other_values(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(4, 4, arena), turned;
    struct err err;

    assert_int_equal(image_orient(&turned, &source, 0, arena, &err), ST_INVALID);
    assert_int_equal(image_orient(&turned, &source, 9, arena, &err), ST_INVALID);
}

static double filter_reference(enum image_filter filter, double x)
{
    double a = fabs(x), pi = acos(-1.0);

    if (filter == IMAGE_BOX)
        return x > -0.5 && x <= 0.5;
    if (filter == IMAGE_BILINEAR)
        return a < 1 ? 1 - a : 0;
    if (filter == IMAGE_BICUBIC)
        return a < 1   ? 1.5 * a * a * a - 2.5 * a * a + 1
               : a < 2 ? -0.5 * a * a * a + 2.5 * a * a - 4 * a + 2
                       : 0;
    if (a >= 3)
        return 0;
    return a == 0 ? 1 : 3 * sin(pi * x) * sin(pi * x / 3) / (pi * pi * x * x);
}

/* All weights of the whole input for one output position, in double. */
static void weights_reference(double *weight, uint32_t in, uint32_t out, uint32_t at,
                              enum image_filter filter)
{
    double scale = (double)in / out, stretch = scale > 1 ? scale : 1, sum = 0;

    for (uint32_t i = 0; i < in; i++)
        sum += weight[i] = filter_reference(filter, (i + 0.5 - (at + 0.5) * scale) / stretch);
    for (uint32_t i = 0; i < in; i++)
        weight[i] /= sum;
}

static double resize_reference(const struct image *in, const double *across, const double *down,
                               size_t channel)
{
    double sum = 0;

    for (uint32_t y = 0; y < in->height; y++)
        for (uint32_t x = 0; down[y] != 0 && x < in->width; x++)
            sum += down[y] * across[x] * pixel_at(in, x, y)[channel];
    return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

static void test_resize_equals_reference(void **state)
{
    static const uint32_t cases[][4] = {
        /* in, out */
        {40, 30, 40, 30}, {40, 30, 20, 15}, {41, 31, 17, 23}, {40, 30, 97, 71}, {8, 64, 31, 9},
        {1, 1, 5, 7},     {2, 3, 1, 1},     {64, 5, 1, 50},   {33, 47, 32, 46}, {200, 150, 13, 9}};
    struct arena *arena = *state;
    double across[256], down[256];

    for (size_t i = 0; i < ARRAY_LEN(cases) * IMAGE_FILTER_COUNT; i++) {
        const uint32_t *c = cases[i / IMAGE_FILTER_COUNT];
        enum image_filter filter = (enum image_filter)(i % IMAGE_FILTER_COUNT);
        struct image source = fixture_picture(c[0], c[1], arena), resized;
        struct err err;
        double worst = 0;

        for (size_t p = 0; p < (size_t)3 * c[0] * c[1]; p += 5)
            source.rgb[p] = p % 2 ? 255 : 0; /* hard edges: overshoot is clamped */
        size_t used = arena_used(arena);
        assert_int_equal(image_resize(&resized, &source, c[2], c[3], filter, arena, &err), ST_OK);
        assert_in_range(arena_used(arena) - used, (size_t)3 * c[2] * c[3],
                        (size_t)3 * c[2] * c[3] + 63); /* scratch was given back */
        assert_int_equal(resized.width, c[2]);
        assert_int_equal(resized.height, c[3]);
        for (uint32_t y = 0; y < c[3]; y++) {
            weights_reference(down, c[1], c[3], y, filter);
            for (uint32_t x = 0; x < c[2]; x++) {
                weights_reference(across, c[0], c[2], x, filter);
                for (size_t ch = 0; ch < 3; ch++)
                    worst = fmax(worst, fabs(pixel_at(&resized, x, y)[ch] -
                                             resize_reference(&source, across, down, ch)));
            }
        }
        /* 0.5 by rounding to a byte, the rest by single precision. */
        if (worst > 0.501)
            fail_msg("%ux%u to %ux%u, filter %d: off by %.4f", c[0], c[1], c[2], c[3], (int)filter,
                     worst);
    }
}

/* The mean of four whole numbers, halves rounded up: trained statistics stand on these bytes.  What
 * is odd is left out. */
static void test_halve(void **state)
{
    static const uint32_t sizes[][2] = {{2, 2}, {2, 18}, {19, 2}, {6, 5}, {3, 3}, {142, 67}};
    struct arena *arena = *state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint32_t w = sizes[i][0] / 2, h = sizes[i][1] / 2;
        struct image source = fixture_picture(sizes[i][0], sizes[i][1], arena), half;
        struct err err;

        for (size_t p = 0; p < (size_t)3 * sizes[i][0] * sizes[i][1]; p++)
            source.rgb[p] = (uint8_t)(p * 2654435761u >> 13);
        assert_int_equal(image_halve(&half, &source, arena, &err), ST_OK);
        assert_int_equal(half.width, w);
        assert_int_equal(half.height, h);
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++)
                for (size_t ch = 0; ch < 3; ch++) {
                    unsigned sum = 2;
                    for (uint32_t k = 0; k < 4; k++)
                        sum += pixel_at(&source, 2 * x + k % 2, 2 * y + k / 2)[ch];
                    assert_int_equal(pixel_at(&half, x, y)[ch], sum / 4);
                }
    }
}

static void test_halve_refusals(void **state)
{
    struct arena *arena = *state, *small = NULL;
    struct image thin = fixture_picture(1, 9, arena), wide = fixture_picture(2000, 600, arena);
    struct image half = {.width = 4711};
    struct err err;

    assert_int_equal(image_halve(&half, &thin, arena, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "1x9"));
    assert_int_equal(arena_open(&small, 2 << 20, &err), ST_OK);
    assert_non_null(arena_try(small, (2u << 20) - 3 * 1000 * 300 - 4096, 1)); /* all but the rows */
    assert_int_equal(image_halve(&half, &wide, small, &err), ST_NOMEM);
    assert_int_equal(half.width, 4711);
    arena_close(small);
}

static void test_resize_to_same_size_is_exact(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(123, 77, arena), resized;
    struct err err;

    for (int filter = 0; filter < IMAGE_FILTER_COUNT; filter++) {
        assert_int_equal(
            image_resize(&resized, &source, 123, 77, (enum image_filter)filter, arena, &err),
            ST_OK);
        fixture_assert_same(&resized, &source);
    }
}

static void test_resize_keeps_a_flat_colour(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(119, 81, arena), resized;
    struct err err;

    for (size_t i = 0; i < (size_t)119 * 81; i++)
        memcpy(source.rgb + 3 * i, "\xFF\x80\x01", 3);
    for (uint32_t size = 1; size < 400; size += 13)
        for (int filter = 0; filter < IMAGE_FILTER_COUNT; filter++) {
            assert_int_equal(image_resize(&resized, &source, size, 401 - size,
                                          (enum image_filter)filter, arena, &err),
                             ST_OK);
            for (size_t i = 0; i < (size_t)size * (401 - size); i++)
                assert_memory_equal(resized.rgb + 3 * i, "\xFF\x80\x01", 3);
        }
}

static void test_resize_refusals(void **state)
{
    struct arena *arena = *state, *small = NULL;
    struct image source = fixture_picture(20, 10, arena), resized = {.width = 4711};
    struct err err;
    size_t used = arena_used(arena);

    assert_int_equal(image_resize(&resized, &source, 0, 5, IMAGE_BOX, arena, &err), ST_INVALID);
    assert_int_equal(image_resize(&resized, &source, 5, 0, IMAGE_BOX, arena, &err), ST_INVALID);
    assert_int_equal(image_resize(&resized, &source, 5, 5, IMAGE_FILTER_COUNT, arena, &err),
                     ST_INVALID);
    assert_int_equal(
        image_resize(&resized, &source, UINT32_MAX, UINT32_MAX, IMAGE_LANCZOS3, arena, &err),
        ST_NOMEM);
    assert_int_equal(arena_used(arena), used);
    assert_int_equal(arena_open(&small, 2 << 20, &err), ST_OK);
    /* The result fits, its weights do not. */
    assert_int_equal(image_resize(&resized, &source, 690000, 1, IMAGE_LANCZOS3, small, &err),
                     ST_NOMEM);
    assert_non_null(strstr(err.msg, "690000x1"));
    assert_int_equal(arena_used(small), 0);
    assert_int_equal(resized.width, 4711);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_crop_equals_reference),
        FIXTURE_TEST(test_crop_refusals),
        FIXTURE_TEST(test_orient_equals_reference),
        FIXTURE_TEST(test_orient_refuses_other_values),
        FIXTURE_TEST(test_resize_equals_reference),
        FIXTURE_TEST(test_halve),
        FIXTURE_TEST(test_halve_refusals),
        FIXTURE_TEST(test_resize_to_same_size_is_exact),
        FIXTURE_TEST(test_resize_keeps_a_flat_colour),
        FIXTURE_TEST(test_resize_refusals),
    };

    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
