/* Tones against a plain sum over pixels, whatever the number of them. */
#include "support/unit.h"
#include "support/unit_arena.h"

#include <math.h>

#include "base/rng.h"
#include "detect/tones.h"

static struct image make_photo(uint32_t width, uint32_t height, uint32_t spread)
{
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};
    struct rng rng = rng_seed(width + 7 * spread);

    for (size_t i = 0; i < (size_t)3 * width * height; i++) {
        uint32_t value = (uint32_t)(i % 3 * 40 + i / 3 % width) % 200 + rng_below(&rng, spread);
        photo.rgb[i] = (uint8_t)MIN_OF(value, 255u);
    }
    return photo;
}

static int saturation_class(const uint8_t *p)
{
    int most = MAX_OF(MAX_OF(p[0], p[1]), p[2]);
    int least = MIN_OF(MIN_OF(p[0], p[1]), p[2]);

    return (most - least) * 8 / (most + 1);
}

static int brightness_class(const uint8_t *p)
{
    int level = (299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000;

    return level < 2 ? 0 : level >= 254 ? 11 : 1 + level * 10 / 256;
}

static void reference(double out[DETECT_TONES], const struct image *photo)
{
    size_t count = (size_t)photo->width * photo->height;
    double *colours = out + 20;
    double mean[3] = {0};
    double square[3] = {0};
    double product = 0;

    memset(out, 0, DETECT_TONES * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = photo->rgb + 3 * i;
        double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
        double at[3] = {luma, 1.128 * (p[2] - luma), 1.426 * (p[0] - luma)};
        out[saturation_class(p)]++;
        out[8 + brightness_class(p)]++;
        for (int c = 0; c < 3; c++) {
            mean[c] += at[c] / (double)count;
            square[c] += at[c] * at[c] / (double)count;
        }
        product += at[1] * at[2] / (double)count;
    }
    for (int k = 0; k < 20; k++)
        out[k] = sqrt(out[k] / (double)count);
    for (int c = 0; c < 3; c++) {
        square[c] -= mean[c] * mean[c];
        colours[2 * c] = mean[c];
        colours[2 * c + 1] = log(fmax(square[c], 0) + 1);
    }
    colours[6] = (product - mean[1] * mean[2]) / sqrt(square[1] * square[2] + 1);
}

static void test_against_a_plain_sum(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {8, 8}, {255, 1}, {256, 1}, {257, 3}, {331, 240}};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (uint32_t spread = 1; spread < 400; spread += 57) {
            struct image photo = make_photo(sizes[i][0], sizes[i][1], spread);
            float measured[DETECT_TONES];
            double plain[DETECT_TONES];
            detect_tones_measure(measured, &photo);
            reference(plain, &photo);
            for (int k = 0; k < DETECT_TONES; k++)
                if (fabs(measured[k] - plain[k]) > 1e-6 * fmax(fabs(plain[k]), 1))
                    fail_msg("%ux%u, spread %u: number %d is %.9g, should be %.9g", photo.width,
                             photo.height, spread, k, (double)measured[k], plain[k]);
            arena_reset(arena);
        }
}

/* Each pair of a difference and a largest value has the class of whole-number division. */
static void test_every_saturation(void **state)
{
    (void)state;
    for (int most = 0; most < 256; most++)
        for (int least = 0; least <= most; least++) {
            uint8_t pixel[3] = {(uint8_t)least, (uint8_t)most, (uint8_t)least};
            struct image photo = {1, 1, pixel};
            float measured[DETECT_TONES];
            detect_tones_measure(measured, &photo);
            assert_true(measured[saturation_class(pixel)] == 1);
            assert_true(measured[8 + brightness_class(pixel)] == 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_against_a_plain_sum, reset_arena),
        cmocka_unit_test(test_every_saturation),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
