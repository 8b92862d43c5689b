/* detect/tones.c - all pixels of the smallest scale.  Whole numbers are summed, so that neither
 * order nor vectors change a bit; colours are weighed once, at the end. */
#include "detect/tones.h"

#include <math.h>
#include <string.h>

#include "detect/tally.h"

#define PIECE    1024u /* pixels: sums of squares fit 32 bits, classes the stack */
#define NO_CLASS 255
#define MOMENTS  6 /* red, green and blue by each other, once each pair */
#define LUMA_ALL 1000u

_Static_assert(PIECE % DETECT_TALLY_COLUMNS == 0, "a piece is counted whole");

/* Thousandths of ITU-R BT.601. */
enum { LUMA_RED = 299, LUMA_GREEN = 587, LUMA_BLUE = 114 };

struct sums {
    uint64_t channel[3];
    uint64_t moment[MOMENTS]; /* rr, gg, bb, rg, rb, gb */
};

struct piece {
    uint8_t red[PIECE], green[PIECE], blue[PIECE];
    uint8_t saturation[PIECE], brightness[PIECE]; /* class of each pixel */
};

VECTORISED static void split(struct piece *piece, const uint8_t *restrict rgb, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        piece->red[i] = rgb[3 * i];
        piece->green[i] = rgb[3 * i + 1];
        piece->blue[i] = rgb[3 * i + 2];
    }
}

VECTORISED static void classify(struct piece *piece, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t red = piece->red[i];
        uint32_t green = piece->green[i];
        uint32_t blue = piece->blue[i];
        uint32_t most = MAX_OF(MAX_OF(red, green), blue);
        uint32_t least = MIN_OF(MIN_OF(red, green), blue);
        uint32_t level =
            (LUMA_RED * red + LUMA_GREEN * green + LUMA_BLUE * blue + LUMA_ALL / 2) / LUMA_ALL;
        uint32_t inner = 1 + level * (DETECT_TONES_BRIGHTNESS - 2) / 256;
        /* a quotient that is not whole is further from a whole one than single precision errs */
        piece->saturation[i] =
            (uint8_t)((float)(DETECT_TONES_SATURATION * (most - least)) / (float)(most + 1));
        piece->brightness[i] = (uint8_t)(level < 2      ? 0
                                         : level >= 254 ? DETECT_TONES_BRIGHTNESS - 1
                                                        : inner);
    }
}

VECTORISED static void add_piece(struct sums *sums, const struct piece *piece, size_t count)
{
    uint32_t channel[3] = {0};
    uint32_t moment[MOMENTS] = {0};

    for (size_t i = 0; i < count; i++) {
        uint32_t red = piece->red[i];
        uint32_t green = piece->green[i];
        uint32_t blue = piece->blue[i];
        channel[0] += red, channel[1] += green, channel[2] += blue;
        moment[0] += red * red, moment[1] += green * green, moment[2] += blue * blue;
        moment[3] += red * green, moment[4] += red * blue, moment[5] += green * blue;
    }
    for (int c = 0; c < 3; c++)
        sums->channel[c] += channel[c];
    for (int k = 0; k < MOMENTS; k++)
        sums->moment[k] += moment[k];
}

VECTORISED static void count_classes(uint64_t *counts, uint8_t class_count, const uint8_t *classes)
{
    for (uint8_t k = 0; k < class_count; k++)
        counts[k] += detect_tally(classes, PIECE / DETECT_TALLY_COLUMNS, k);
}

/* What the weights a and b make of the pixels' red, green and blue: how the two vary together. */
static double covariance(const double moment[MOMENTS], const double a[3], const double b[3])
{
    return moment[0] * a[0] * b[0] + moment[1] * a[1] * b[1] + moment[2] * a[2] * b[2] +
           moment[3] * (a[0] * b[1] + a[1] * b[0]) + moment[4] * (a[0] * b[2] + a[2] * b[0]) +
           moment[5] * (a[1] * b[2] + a[2] * b[1]);
}

static void put_colours(float *out, const struct sums *sums, double count)
{
    static const double weight[3][3] = {
        {0.299, 0.587, 0.114},
        {1.128 * -0.299, 1.128 * -0.587, 1.128 * (1 - 0.114)},
        {1.426 * (1 - 0.299), 1.426 * -0.587, 1.426 * -0.114},
    };
    static const uint8_t pairs[MOMENTS][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
    double mean[3];
    double moment[MOMENTS];
    double variance[3];

    for (int c = 0; c < 3; c++)
        mean[c] = (double)sums->channel[c] / count;
    for (int k = 0; k < MOMENTS; k++)
        moment[k] = (double)sums->moment[k] / count - mean[pairs[k][0]] * mean[pairs[k][1]];
    for (int k = 0; k < 3; k++) {
        const double *w = weight[k];
        variance[k] = MAX_OF(covariance(moment, w, w), 0.0);
        *out++ = (float)(w[0] * mean[0] + w[1] * mean[1] + w[2] * mean[2]);
        *out++ = (float)log(variance[k] + 1);
    }
    *out = (float)(covariance(moment, weight[1], weight[2]) / sqrt(variance[1] * variance[2] + 1));
}

void detect_tones_measure(float out[DETECT_TONES], const struct image *photo)
{
    size_t count = (size_t)photo->width * photo->height;
    uint64_t saturation[DETECT_TONES_SATURATION] = {0};
    uint64_t brightness[DETECT_TONES_BRIGHTNESS] = {0};
    struct sums sums = {0};
    struct piece piece;

    for (size_t at = 0; at < count; at += PIECE) {
        size_t pixels = MIN_OF(count - at, PIECE);
        split(&piece, photo->rgb + 3 * at, pixels);
        classify(&piece, pixels);
        add_piece(&sums, &piece, pixels);
        memset(piece.saturation + pixels, NO_CLASS, PIECE - pixels);
        memset(piece.brightness + pixels, NO_CLASS, PIECE - pixels);
        count_classes(saturation, DETECT_TONES_SATURATION, piece.saturation);
        count_classes(brightness, DETECT_TONES_BRIGHTNESS, piece.brightness);
    }
    for (int k = 0; k < DETECT_TONES_SATURATION; k++)
        *out++ = (float)sqrt((double)saturation[k] / (double)count);
    for (int k = 0; k < DETECT_TONES_BRIGHTNESS; k++)
        *out++ = (float)sqrt((double)brightness[k] / (double)count);
    put_colours(out, &sums, (double)count);
}
