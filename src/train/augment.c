#include "train/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/frontend.h"

#define GRID_SHIFT     8u /* pixels given up so that an earlier JPEG grid can be out of phase */
#define BLUR_TAPS_MAX  15
#define WINDOW_MAX     (2u * (DETECT_FRONTEND_SIDE_MAX + 2u * DETECT_FRONTEND_MARGIN))
#define TEXTURE_STRIDE 3u

static uint32_t range_up_to(struct rng *rng, uint32_t top)
{
    return rng_below(rng, top + 1);
}

static int quality_between(struct rng *rng, double low, double top)
{
    return (int)lround(rng_range(rng, low, MAX_OF(low, top)));
}

/* Mean clipped step of the green channel over a rectangle, on a coarse grid. */
static double texture_of(const struct image *photo, uint32_t x, uint32_t y, uint32_t width,
                         uint32_t height)
{
    uint64_t sum = 0;
    uint64_t count = 1;

    for (uint32_t row = y; row < y + height; row += TEXTURE_STRIDE) {
        const uint8_t *green = photo->rgb + 3 * ((size_t)row * photo->width + x) + 1;
        for (uint32_t i = 0; i + 1 < width; i += TEXTURE_STRIDE, count++) {
            int step = abs((int)green[3 * i] - (int)green[3 * i + 3]);
            sum += (uint64_t)MIN_OF(step, 32);
        }
    }
    return (double)sum / (double)count;
}

/* A square of `need` pixels of the photo, which becomes one of `scaled` pixels. */
struct place {
    uint32_t x, y, need, scaled;
};

/* The most textured of a few squares of `need` pixels; one that the photo is too small for begins
 * at its border. */
static void find_texture(struct place *place, const struct image *photo, int64_t tries,
                         struct rng *rng)
{
    uint32_t width = MIN_OF(place->need, photo->width);
    uint32_t height = MIN_OF(place->need, photo->height);
    double best = -1;

    for (int64_t i = 0; i < tries; i++) {
        uint32_t x = range_up_to(rng, photo->width - width);
        uint32_t y = range_up_to(rng, photo->height - height);
        double texture = tries > 1 ? texture_of(photo, x, y, width, height) : 0;
        if (texture <= best)
            continue;
        best = texture;
        place->x = x;
        place->y = y;
    }
}

enum status train_recompress(struct image *inout, int quality, bool subsample, bool webp,
                             struct arena *arena, struct err *err)
{
    struct bytes file;
    enum status st =
        webp ? image_encode_webp(&file, inout, quality, arena, err)
             : image_encode_jpeg(&file, inout, quality,
                                 subsample ? IMAGE_SUBSAMPLING_420 : IMAGE_SUBSAMPLING_444, arena,
                                 err);

    return st == ST_OK ? image_decode(inout, NULL, file, &image_limits_default, arena, err) : st;
}

/* In place, each channel: value * gain + offset. */
static void change_colour(struct image *image, double strength, struct rng *rng)
{
    double all = rng_range(rng, 1 - strength, 1 + strength);
    double offset = rng_range(rng, -strength, strength) * 80;
    uint8_t table[3][256];
    size_t count = (size_t)image->width * image->height;

    for (int c = 0; c < 3; c++) {
        double gain = all * rng_range(rng, 1 - strength, 1 + strength);
        for (int v = 0; v < 256; v++)
            table[c][v] = (uint8_t)CLAMP((v - 128) * gain + 128 + offset + 0.5, 0.0, 255.0);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            image->rgb[3 * i + c] = table[c][image->rgb[3 * i + c]];
}

static void make_grey(struct image *image)
{
    size_t count = (size_t)image->width * image->height;

    for (size_t i = 0; i < count; i++) {
        uint8_t *p = image->rgb + 3 * i;
        unsigned luma = (77u * p[0] + 150u * p[1] + 29u * p[2] + 128u) >> 8;
        p[0] = p[1] = p[2] = (uint8_t)MIN_OF(luma, 255u);
    }
}

/* Sum of four bytes of one random word: close to normal, and cheap. */
static void add_noise(struct image *image, double sigma, struct rng *rng)
{
    size_t count = (size_t)3 * image->width * image->height;
    float scale = (float)(sigma / 147.8); /* deviation of a sum of four uniform bytes */

    for (size_t i = 0; i < count; i += 2) {
        uint64_t word = rng_u64(rng);
        for (size_t k = i; k < MIN_OF(i + 2, count); k++, word >>= 32) {
            int sum = (int)(word & 255) + (int)(word >> 8 & 255) + (int)(word >> 16 & 255) +
                      (int)(word >> 24 & 255) - 510;
            float value = (float)image->rgb[k] + scale * (float)sum + 0.5f;
            image->rgb[k] = (uint8_t)CLAMP(value, 0.0f, 255.0f);
        }
    }
}

/* One direction of a Gaussian blur; `step` is the distance between neighbours in bytes. */
static void blur_line(uint8_t *at, size_t count, size_t step, const float *taps, int radius,
                      uint8_t *copy)
{
    for (size_t i = 0; i < count; i++)
        copy[i] = at[i * step];
    for (int64_t i = 0; i < (int64_t)count; i++) {
        float sum = 0.5f;
        for (int k = -radius; k <= radius; k++)
            sum += taps[k + radius] * (float)copy[CLAMP(i + k, 0, (int64_t)count - 1)];
        at[(size_t)i * step] = (uint8_t)sum;
    }
}

static void blur(struct image *image, double sigma)
{
    int radius = MIN_OF((int)ceil(2.5 * sigma), BLUR_TAPS_MAX / 2);
    float taps[BLUR_TAPS_MAX] = {0};
    uint8_t copy[WINDOW_MAX];
    double total = 0;

    REQUIRE(image->width <= sizeof copy && image->height <= sizeof copy);
    for (int k = -radius; k <= radius; k++)
        total += exp(-k * k / (2 * sigma * sigma));
    for (int k = -radius; k <= radius; k++)
        taps[k + radius] = (float)(exp(-k * k / (2 * sigma * sigma)) / total);
    for (size_t c = 0; c < 3; c++) {
        for (size_t y = 0; y < image->height; y++)
            blur_line(image->rgb + 3 * y * image->width + c, image->width, 3, taps, radius, copy);
        for (size_t x = 0; x < image->width; x++)
            blur_line(image->rgb + 3 * x + c, image->height, (size_t)3 * image->width, taps, radius,
                      copy);
    }
}

/* Blur, noise, colour and grey: what cameras, shops and phones do to a photo. */
static void degrade(struct image *image, const struct train_augment_config *config, struct rng *rng)
{
    if (rng_chance(rng, config->blur_chance))
        blur(image, rng_range(rng, 0.3, MAX_OF(0.3, config->blur_sigma)));
    if (rng_chance(rng, config->colour_chance))
        change_colour(image, config->colour_strength, rng);
    if (rng_chance(rng, config->grey_chance))
        make_grey(image);
    if (rng_chance(rng, config->noise_chance))
        add_noise(image, rng_range(rng, 0, config->noise_sigma), rng);
}

/* The last compression starts on the window's own corner, as an upload's starts on the photo's. */
static enum status compress_last(struct image *inout, const struct train_augment_config *config,
                                 struct rng *rng, struct arena *arena, struct err *err)
{
    double way = rng_unit(rng);
    int quality = rng_chance(rng, config->last_jpeg_fixed_chance)
                      ? (int)lround(config->last_jpeg_fixed)
                      : quality_between(rng, config->last_jpeg_low, config->last_jpeg_high);
    bool subsample = rng_chance(rng, config->subsample_chance);

    if (way < config->lossless_chance)
        return ST_OK;
    return train_recompress(inout, quality, subsample,
                            way < config->lossless_chance + config->webp_chance, arena, err);
}

/* Pixels a side of what is compressed last: twice those of the example. */
static uint32_t window_of(uint32_t side)
{
    return 2 * (side + 2 * DETECT_FRONTEND_MARGIN);
}

static void choose_place(struct place *out, const struct image *photo,
                         const struct train_augment_config *config, uint32_t side, struct rng *rng)
{
    uint32_t scaled = window_of(side) + GRID_SHIFT;
    double factor = 1;

    if (rng_chance(rng, config->resize_chance))
        factor = exp(rng_range(rng, log(config->resize_low), log(config->resize_high)));
    /* A photo too small to be shrunk that far is shrunk as far as it goes. */
    uint32_t least = MIN_OF(photo->width, photo->height);
    if (factor < 1 && (double)least * factor < (double)scaled)
        factor = MIN_OF(1.0, (double)scaled / (double)least);
    *out = (struct place){.need = factor == 1.0 ? scaled : (uint32_t)ceil(scaled / factor),
                          .scaled = scaled};
    find_texture(out, photo, config->texture_tries, rng);
}

/* Mirrored where the photo is smaller. */
static enum status make_window(struct image *out, const struct image *photo,
                               const struct place *place, const struct train_augment_config *config,
                               uint32_t side, struct rng *rng, struct arena *arena, struct err *err)
{
    uint32_t window = window_of(side);
    uint32_t scaled = place->scaled;
    struct image image;
    enum status st =
        image_crop(&image, photo, place->x, place->y, place->need, place->need, arena, err);

    if (st == ST_OK && rng_chance(rng, config->first_jpeg_chance))
        st = train_recompress(&image,
                              quality_between(rng, config->first_jpeg_low, config->first_jpeg_high),
                              rng_chance(rng, config->subsample_chance), false, arena, err);
    if (st == ST_OK && place->need != scaled)
        st = image_resize(&image, &image, scaled, scaled,
                          (enum image_filter)rng_below(rng, IMAGE_FILTER_COUNT), arena, err);
    if (st == ST_OK)
        st = image_crop(&image, &image, range_up_to(rng, GRID_SHIFT), range_up_to(rng, GRID_SHIFT),
                        window, window, arena, err);
    if (st == ST_OK)
        st = image_orient(&image, &image, (uint8_t)(1 + rng_below(rng, 8)), arena, err);
    if (st != ST_OK)
        return st;
    degrade(&image, config, rng);
    st = compress_last(&image, config, rng, arena, err);
    if (st == ST_OK)
        st = image_halve(out, &image, arena, err);
    return st;
}

enum status train_augment(struct image *out, const struct image *photo,
                          const struct train_augment_config *config, uint32_t side, struct rng *rng,
                          struct arena *arena, struct err *err)
{
    struct place place;

    choose_place(&place, photo, config, side, rng);
    return make_window(out, photo, &place, config, side, rng, arena, err);
}

enum status train_augment_pair(struct image out[2], const struct image photos[2],
                               const struct train_augment_config *config, uint32_t side,
                               struct rng *rng, struct arena *arena, struct err *err)
{
    struct place place;

    choose_place(&place, &photos[0], config, side, rng);
    struct rng again = *rng;
    enum status st = make_window(&out[0], &photos[0], &place, config, side, rng, arena, err);
    return st == ST_OK ? make_window(&out[1], &photos[1], &place, config, side, &again, arena, err)
                       : st;
}
