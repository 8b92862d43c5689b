#include "detect/frontend.h"

#include <math.h>
#include <string.h>

#define CHANNELS DETECT_FRONTEND_CHANNELS
#define MARGIN   DETECT_FRONTEND_MARGIN

/* Planes of the whole window; side + 2 * margin pixels a side. */
enum plane {
    PLANE_RED,
    PLANE_GREEN,
    PLANE_BLUE,
    PLANE_LUMA,
    PLANE_CHROMA_BLUE,
    PLANE_CHROMA_RED,
    PLANE_SMOOTH1, /* starlet scales of luma */
    PLANE_SMOOTH2,
    PLANE_SMOOTH3,
    PLANE_SMOOTH_CHROMA_BLUE,
    PLANE_SMOOTH_CHROMA_RED,
    PLANE_TEXTURE,
    PLANE_TEMPORARY,
    PLANE_COUNT
};

size_t detect_frontend_scratch_floats(int side)
{
    size_t window = (size_t)side + 2 * MARGIN;

    return PLANE_COUNT * window * window + CHANNELS * (size_t)side;
}

/* Packed bytes to planes; luma and chroma of ITU-R BT.601 full range, as JPEG uses. */
VECTORISED static void split_planes(float *planes, const uint8_t *rgb, size_t count)
{
    float *red = planes + PLANE_RED * count;
    float *green = planes + PLANE_GREEN * count;
    float *blue = planes + PLANE_BLUE * count;
    float *luma = planes + PLANE_LUMA * count;
    float *chroma_blue = planes + PLANE_CHROMA_BLUE * count;
    float *chroma_red = planes + PLANE_CHROMA_RED * count;

    for (size_t i = 0; i < count; i++) {
        red[i] = rgb[3 * i];
        green[i] = rgb[3 * i + 1];
        blue[i] = rgb[3 * i + 2];
    }
    for (size_t i = 0; i < count; i++) {
        luma[i] = 0.299f * red[i] + 0.587f * green[i] + 0.114f * blue[i];
        chroma_blue[i] = 0.564f * (blue[i] - luma[i]);
        chroma_red[i] = 0.713f * (red[i] - luma[i]);
    }
}

/* [1 2 1] / 4 in both directions with taps `step` apart.  The outermost `step` rows and columns
 * are left as they are: the margin is wide enough that no output sees them. */
VECTORISED static void smooth(float *out, const float *in, float *temporary, int side, int step)
{
    memcpy(temporary, in, sizeof(float) * (size_t)side * (size_t)side);
    for (int y = 0; y < side; y++) {
        const float *row = in + (size_t)y * (size_t)side;
        float *to = temporary + (size_t)y * (size_t)side;
        for (int x = step; x < side - step; x++)
            to[x] = 0.25f * (row[x - step] + row[x + step]) + 0.5f * row[x];
    }
    memcpy(out, temporary, sizeof(float) * (size_t)side * (size_t)side);
    for (int y = step; y < side - step; y++) {
        const float *above = temporary + (size_t)(y - step) * (size_t)side;
        const float *row = temporary + (size_t)y * (size_t)side;
        const float *below = temporary + (size_t)(y + step) * (size_t)side;
        float *to = out + (size_t)y * (size_t)side;
        for (int x = 0; x < side; x++)
            to[x] = 0.25f * (above[x] + below[x]) + 0.5f * row[x];
    }
}

VECTORISED static void absolute_difference(float *out, const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = fabsf(a[i] - b[i]);
}

static inline float low(float a, float b)
{
    return a < b ? a : b;
}

static inline float high(float a, float b)
{
    return a > b ? a : b;
}

static inline float middle(float a, float b, float c)
{
    return high(low(a, b), low(high(a, b), c));
}

/* Clamped to +-limit, then in units of `unit`. */
static inline float clamped(float x, float limit, float unit)
{
    return high(low(x, limit), -limit) * (1.0f / unit);
}

/* x minus the median of its 3x3 neighbours: sort columns, then the middle of the largest low, the
 * middle middle and the smallest high (Smith 1996). */
VECTORISED static void median_residual(float *out, const float *at, size_t stride, int count)
{
    for (int x = 0; x < count; x++) {
        float lows[3];
        float middles[3];
        float highs[3];
        for (int k = 0; k < 3; k++) {
            const float *p = at + x + k - 1;
            float a = *(p - stride);
            float b = *p;
            float c = *(p + stride);
            lows[k] = low(low(a, b), c);
            middles[k] = middle(a, b, c);
            highs[k] = high(high(a, b), c);
        }
        float median = middle(high(high(lows[0], lows[1]), lows[2]),
                              middle(middles[0], middles[1], middles[2]),
                              low(low(highs[0], highs[1]), highs[2]));
        out[x] = clamped(at[x] - median, 3, 1.5f);
    }
}

VECTORISED static void crossed_difference(float *out, const float *at, ptrdiff_t stride, int count)
{
    for (int x = 0; x < count; x++) {
        const float *p = at + x;
        out[x] = clamped(p[0] - p[1] - p[stride] + p[stride + 1], 4, 2);
    }
}

VECTORISED static void second_differences(float *horizontal, float *vertical, const float *at,
                                          ptrdiff_t stride, int count)
{
    for (int x = 0; x < count; x++) {
        const float *p = at + x;
        horizontal[x] = clamped(p[-1] - 2 * p[0] + p[1], 4, 2);
        vertical[x] = clamped(p[-stride] - 2 * p[0] + p[stride], 4, 2);
    }
}

/* The symmetric 5x5 high-pass kernel of the spatial rich model, divided by 12. */
VECTORISED static void srm_residual(float *out, const float *at, ptrdiff_t stride, int count)
{
    for (int x = 0; x < count; x++) {
        const float *p = at + x;
        float corners =
            p[-2 * stride - 2] + p[-2 * stride + 2] + p[2 * stride - 2] + p[2 * stride + 2];
        float knights = p[-2 * stride - 1] + p[-2 * stride + 1] + p[2 * stride - 1] +
                        p[2 * stride + 1] + p[-stride - 2] + p[-stride + 2] + p[stride - 2] +
                        p[stride + 2];
        float far = p[-2 * stride] + p[2 * stride] + p[-2] + p[2];
        float diagonals = p[-stride - 1] + p[-stride + 1] + p[stride - 1] + p[stride + 1];
        float near = p[-stride] + p[stride] + p[-1] + p[1];
        float sum = -corners + 2 * knights - 2 * far - 6 * diagonals + 8 * near - 12 * p[0];
        out[x] = clamped(sum * (1.0f / 12), 3, 1.5f);
    }
}

VECTORISED static void band(float *out, const float *fine, const float *coarse, float limit,
                            float unit, int count)
{
    for (int x = 0; x < count; x++)
        out[x] = clamped(fine[x] - coarse[x], limit, unit);
}

VECTORISED static void level(float *out, const float *at, int count)
{
    for (int x = 0; x < count; x++)
        out[x] = (at[x] - 128) * (1.0f / 64);
}

/* Luma minus the even-row, even-column pixel of its 2x2 cell; an even count. */
VECTORISED static void cell_residual(float *restrict out, const float *restrict at,
                                     const float *restrict even_row, int count)
{
    for (int x = 0; x < count; x += 2) {
        out[x] = clamped(at[x] - even_row[x], 4, 2);
        out[x + 1] = clamped(at[x + 1] - even_row[x], 4, 2);
    }
}

/* log2(1 + t), close enough for a texture measure: exponent plus a quadratic in the mantissa. */
VECTORISED static void log_texture(float *out, const float *at, int count)
{
    for (int x = 0; x < count; x++) {
        union {
            float f;
            int32_t i;
        } v = {.f = 1.0f + at[x]};
        float exponent = (float)((v.i >> 23) - 127);
        v.i = (v.i & 0x007fffff) | 0x3f800000;
        float mantissa = v.f;
        float fraction = (-0.34484843f * mantissa + 2.02466578f) * mantissa - 1.67487759f;
        out[x] = (exponent + fraction) * 0.5f - 1.0f;
    }
}

typedef float quad __attribute__((vector_size(16), aligned(4)));

/* Four pixels of four channels, from a row a channel to a pixel after the other. */
static inline void interleave_quad(float *out, const float *rows, size_t stride)
{
    const quad a = *(const quad *)rows;
    const quad b = *(const quad *)(rows + stride);
    const quad c = *(const quad *)(rows + 2 * stride);
    const quad d = *(const quad *)(rows + 3 * stride);
    const quad low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const quad high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const quad high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);

    *(quad *)out = __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5);
    *(quad *)(out + CHANNELS) = __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7);
    *(quad *)(out + 2 * CHANNELS) = __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5);
    *(quad *)(out + 3 * CHANNELS) = __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7);
}

VECTORISED static void interleave(float *out, const float *rows, int side)
{
    for (int x = 0; x < side; x += 4)
        for (int c = 0; c < CHANNELS; c += 4)
            interleave_quad(out + x * CHANNELS + c, rows + c * side + x, (size_t)side);
}

static void make_planes(float *planes, const uint8_t *window, int wide)
{
    size_t count = (size_t)wide * (size_t)wide;
    float *temporary = planes + PLANE_TEMPORARY * count;
    float *texture = planes + PLANE_TEXTURE * count;
    const struct {
        enum plane out, in;
        int step;
    } smooths[] = {
        {PLANE_SMOOTH1, PLANE_LUMA, 1},
        {PLANE_SMOOTH2, PLANE_SMOOTH1, 2},
        {PLANE_SMOOTH3, PLANE_SMOOTH2, 4},
        {PLANE_SMOOTH_CHROMA_BLUE, PLANE_CHROMA_BLUE, 1},
        {PLANE_SMOOTH_CHROMA_RED, PLANE_CHROMA_RED, 1},
    };

    split_planes(planes, window, count);
    for (size_t i = 0; i < ARRAY_LEN(smooths); i++)
        smooth(planes + (size_t)smooths[i].out * count, planes + (size_t)smooths[i].in * count,
               temporary, wide, smooths[i].step);
    absolute_difference(texture, planes + PLANE_LUMA * count, planes + PLANE_SMOOTH1 * count,
                        count);
    smooth(texture, texture, temporary, wide, 2);
}

/* The 16 channels of one row, as 16 rows of `side` floats. */
static void make_row(float *rows, const float *planes, int y, int side)
{
    int wide = side + 2 * MARGIN;
    size_t count = (size_t)wide * (size_t)wide;
    size_t at = (size_t)(y + MARGIN) * (size_t)wide + MARGIN;
    const float *even = planes + PLANE_LUMA * count + (size_t)((y & ~1) + MARGIN) * (size_t)wide;

    const float *luma = planes + PLANE_LUMA * count + at;
    const float *smooth1 = planes + PLANE_SMOOTH1 * count + at;
    const float *smooth2 = planes + PLANE_SMOOTH2 * count + at;
    const float *smooth3 = planes + PLANE_SMOOTH3 * count + at;

    for (int c = 0; c < 3; c++) {
        const float *colour = planes + (size_t)c * count + at;
        median_residual(rows + c * side, colour, (size_t)wide, side);
        crossed_difference(rows + (3 + c) * side, colour, wide, side);
    }
    second_differences(rows + 6 * side, rows + 7 * side, luma, wide, side);
    srm_residual(rows + 8 * side, luma, wide, side);
    band(rows + 9 * side, planes + PLANE_CHROMA_BLUE * count + at,
         planes + PLANE_SMOOTH_CHROMA_BLUE * count + at, 2, 1, side);
    band(rows + 10 * side, planes + PLANE_CHROMA_RED * count + at,
         planes + PLANE_SMOOTH_CHROMA_RED * count + at, 2, 1, side);
    cell_residual(rows + 11 * side, luma, even + MARGIN, side);
    band(rows + 12 * side, smooth1, smooth2, 4, 2, side);
    band(rows + 13 * side, smooth2, smooth3, 8, 4, side);
    level(rows + 14 * side, smooth1, side);
    log_texture(rows + 15 * side, planes + PLANE_TEXTURE * count + at, side);
}

void detect_frontend_apply(float *out, const uint8_t *window, int side, float *scratch)
{
    int wide = side + 2 * MARGIN;
    float *rows = scratch + PLANE_COUNT * (size_t)wide * (size_t)wide;

    REQUIRE(side >= 8 && side <= DETECT_FRONTEND_SIDE_MAX && side % 8 == 0);
    make_planes(scratch, window, wide);
    for (int y = 0; y < side; y++) {
        make_row(rows, scratch, y, side);
        interleave(out + (size_t)y * (size_t)side * CHANNELS, rows, side);
    }
}
