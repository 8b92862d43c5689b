/* image/transform.c - crop, turn and resize: pixels to pixels.
 * Owns no memory: results and scratch live in the caller's arena, scratch is given back.  Must
 * not know any codec.  Thread-safe. */
#include "image/image_internal.h"

#include <math.h>
#include <string.h>

/* ---- crop ---- */

/* Folds any coordinate into [0, size): ... 2 1 0 | 0 1 2 ... size-1 | size-1 ... */
static size_t mirror(uint64_t at, uint32_t size)
{
    uint64_t folded = at % (2 * (uint64_t)size);

    return (size_t)(folded < size ? folded : 2 * (uint64_t)size - 1 - folded);
}

enum status image_crop(struct image *out, const struct image *in, uint32_t x, uint32_t y,
                       uint32_t width, uint32_t height, struct arena *arena, struct err *err)
{
    struct image crop;

    if (x >= in->width || y >= in->height)
        return err_set(err, ST_INVALID, "a crop at %u,%u starts outside %ux%u pixels", x, y,
                       in->width, in->height);
    enum status st = image_new(&crop, width, height, arena, err);
    if (st)
        return st;

    uint32_t inside = MIN_OF(width, in->width - x); /* pixels of a row that need no mirror */
    for (uint32_t row = 0; row < height; row++) {
        const uint8_t *from = in->rgb + 3 * (mirror((uint64_t)y + row, in->height) * in->width);
        uint8_t *to = crop.rgb + (size_t)3 * width * row;

        memcpy(to, from + (size_t)3 * x, (size_t)3 * inside);
        for (uint32_t i = inside; i < width; i++)
            memcpy(to + (size_t)3 * i, from + 3 * mirror((uint64_t)x + i, in->width), 3);
    }
    *out = crop;
    return ST_OK;
}

/* ---- orient ---- */

/* Where raw pixel (0, 0) goes, and how far a step to the right and one down move it. */
struct placing {
    uint8_t *origin;
    ptrdiff_t right, down; /* bytes */
};

static struct placing place(const struct image *out, uint8_t orientation)
{
    ptrdiff_t row = (ptrdiff_t)out->width * 3;
    ptrdiff_t last_x = row - 3, last_y = row * ((ptrdiff_t)out->height - 1);

    switch (orientation) {
    case 2: /* mirrored left to right */
        return (struct placing){out->rgb + last_x, -3, row};
    case 3: /* upside down */
        return (struct placing){out->rgb + last_x + last_y, -3, -row};
    case 4: /* mirrored top to bottom */
        return (struct placing){out->rgb + last_y, 3, -row};
    case 5: /* transposed */
        return (struct placing){out->rgb, row, 3};
    case 6: /* to be turned clockwise */
        return (struct placing){out->rgb + last_x, row, -3};
    case 7: /* transposed over the other diagonal */
        return (struct placing){out->rgb + last_x + last_y, -row, -3};
    case 8: /* to be turned counter-clockwise */
        return (struct placing){out->rgb + last_y, -row, 3};
    default:
        return (struct placing){out->rgb, 3, row};
    }
}

/* Column by column, so that a transposed strip is written as short runs. */
void image_place_rows(const struct image *out, const uint8_t *rows, uint32_t first, uint32_t count,
                      uint8_t orientation)
{
    uint32_t width = image_orientation_transposes(orientation) ? out->height : out->width;
    struct placing to = place(out, orientation);
    uint8_t *corner = to.origin + to.down * (ptrdiff_t)first;
    size_t stride = (size_t)3 * width;

    for (uint32_t x = 0; x < width; x++) {
        const uint8_t *from = rows + (size_t)3 * x;
        uint8_t *at = corner + to.right * (ptrdiff_t)x;

        for (uint32_t y = 0; y < count; y++, from += stride) {
            uint8_t *pixel = at + to.down * (ptrdiff_t)y;

            pixel[0] = from[0];
            pixel[1] = from[1];
            pixel[2] = from[2];
        }
    }
}

enum status image_orient(struct image *out, const struct image *in, uint8_t orientation,
                         struct arena *arena, struct err *err)
{
    struct image turned;
    bool swap = image_orientation_transposes(orientation);
    size_t stride = (size_t)3 * in->width;

    if (orientation < 1 || orientation > 8)
        return err_set(err, ST_INVALID, "orientation %u is not in 1..8", orientation);
    enum status st = image_new(&turned, swap ? in->height : in->width,
                               swap ? in->width : in->height, arena, err);
    if (st)
        return st;
    for (uint32_t row = 0; row < in->height; row += IMAGE_STRIP_ROWS)
        image_place_rows(&turned, in->rgb + stride * row, row,
                         MIN_OF(IMAGE_STRIP_ROWS, in->height - row), orientation);
    *out = turned;
    return ST_OK;
}

/* ---- resize ---- */

/* For each output position: the first input position and `taps` weights that sum to 1. */
struct kernel {
    uint32_t taps;   /* weights a position, padded with zeros */
    uint32_t *start; /* [positions], start + taps <= input size */
    float *weight;   /* [positions][taps] */
};

static double sinc(double x)
{
    double angle = 3.14159265358979323846 * x;

    return x == 0.0 ? 1.0 : sin(angle) / angle;
}

#define BOX_SLACK 1e-9 /* at a tie between two pixels rounding must not lose both */

/* Keys 1981 with a = -0.5. */
static double bicubic(double x)
{
    if (x < 1.0)
        return (1.5 * x - 2.5) * x * x + 1.0;
    return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
}

static double filter_value(enum image_filter filter, double x)
{
    double distance = fabs(x);

    switch (filter) {
    case IMAGE_BOX:
        return x > -0.5 && x <= 0.5 + BOX_SLACK ? 1.0 : 0.0;
    case IMAGE_BILINEAR:
        return distance < 1.0 ? 1.0 - distance : 0.0;
    case IMAGE_BICUBIC:
        return bicubic(distance);
    case IMAGE_LANCZOS3:
        return distance < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
    case IMAGE_FILTER_COUNT:
    default:
        return 0.0;
    }
}

static const double filter_radius[IMAGE_FILTER_COUNT] = {
    [IMAGE_BOX] = 0.5,
    [IMAGE_BILINEAR] = 1.0,
    [IMAGE_BICUBIC] = 2.0,
    [IMAGE_LANCZOS3] = 3.0,
};

/* Fills the weights of one output position whose centre is `centre` in input pixels. */
static void fill_weights(float *weight, uint32_t *start, uint32_t taps, uint32_t in_size,
                         double centre, double stretch, enum image_filter filter)
{
    double radius = filter_radius[filter] * stretch;
    double low = floor(centre - radius + 0.5), top = floor(centre + radius + 0.5);
    uint32_t from = low > 0.0 ? (uint32_t)low : 0;
    uint32_t to = top < in_size ? (uint32_t)top : in_size;
    double sum = 0.0;

    from = MIN_OF(from, in_size - taps); /* padding stays inside the input */
    to = MIN_OF(to, from + taps);
    for (uint32_t i = from; i < to; i++)
        sum += filter_value(filter, (i - centre + 0.5) / stretch);
    REQUIRE(sum > 0.0); /* the pixel under the centre is always inside the filter */
    for (uint32_t i = 0; i < taps; i++) {
        double x = (from + i - centre + 0.5) / stretch;
        weight[i] = from + i < to ? (float)(filter_value(filter, x) / sum) : 0.0f;
    }
    *start = from;
}

static bool make_kernel(struct kernel *out, uint32_t in_size, uint32_t out_size,
                        enum image_filter filter, struct arena *arena)
{
    double scale = (double)in_size / out_size;
    double stretch = MAX_OF(scale, 1.0); /* when shrinking, the filter covers more pixels */
    double taps = ceil(2.0 * filter_radius[filter] * stretch);
    struct kernel kernel = {.taps = taps < in_size ? (uint32_t)taps : in_size};

    kernel.start = ARENA_NEW(arena, uint32_t, out_size);
    kernel.weight = arena_try(arena, (size_t)out_size * kernel.taps, sizeof(float));
    if (!kernel.start || !kernel.weight)
        return false;
    for (uint32_t i = 0; i < out_size; i++)
        fill_weights(kernel.weight + (size_t)i * kernel.taps, &kernel.start[i], kernel.taps,
                     in_size, (i + 0.5) * scale, stretch, filter);
    *out = kernel;
    return true;
}

/* sum[i] over `taps` rows of `len` bytes, four rows at a time. */
static inline __attribute__((always_inline)) void blend_rows_body(float *restrict sum,
                                                                  const uint8_t *restrict rows,
                                                                  size_t len, const float *weight,
                                                                  uint32_t taps)
{
    uint32_t tap = 0;

    memset(sum, 0, len * sizeof *sum);
    for (; tap + 4 <= taps; tap += 4) {
        const uint8_t *a = rows + len * tap, *b = a + len, *c = b + len, *d = c + len;
        float wa = weight[tap], wb = weight[tap + 1], wc = weight[tap + 2], wd = weight[tap + 3];

        for (size_t i = 0; i < len; i++)
            sum[i] += wa * (float)a[i] + wb * (float)b[i] + (wc * (float)c[i] + wd * (float)d[i]);
    }
    for (; tap < taps; tap++) {
        const uint8_t *a = rows + len * tap;
        float wa = weight[tap];

        if (wa != 0.0f)
            for (size_t i = 0; i < len; i++)
                sum[i] += wa * (float)a[i];
    }
}

/* Four floats at once; the fourth lane of an RGB pixel is its neighbour's red and is ignored. */
typedef float lanes __attribute__((vector_size(16)));
typedef int32_t whole_lanes __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) lanes load_lanes(const float *at)
{
    lanes value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* `row` has one float more than its pixels need. */
static inline __attribute__((always_inline)) void blend_columns_body(uint8_t *restrict out,
                                                                     const float *restrict row,
                                                                     uint32_t width,
                                                                     const struct kernel *kernel)
{
    for (uint32_t x = 0; x < width; x++, out += 3) {
        const float *weight = kernel->weight + (size_t)x * kernel->taps;
        const float *from = row + (size_t)3 * kernel->start[x];
        lanes even = {0}, odd = {0};
        uint32_t tap = 0;

        for (; tap + 2 <= kernel->taps; tap += 2, from += 6) {
            even += load_lanes(from) * weight[tap];
            odd += load_lanes(from + 3) * weight[tap + 1];
        }
        if (tap < kernel->taps)
            even += load_lanes(from) * weight[tap];
        /* Rounds to nearest; what is below 0 is clamped anyway. */
        whole_lanes value = __builtin_convertvector(even + odd + 0.5f, whole_lanes);
        out[0] = (uint8_t)CLAMP(value[0], 0, 255);
        out[1] = (uint8_t)CLAMP(value[1], 0, 255);
        out[2] = (uint8_t)CLAMP(value[2], 0, 255);
    }
}

/* The same C for two instruction sets, without fused multiply-add: the same bits from both. */
struct blend {
    void (*rows)(float *sum, const uint8_t *rows, size_t len, const float *weight, uint32_t taps);
    void (*columns)(uint8_t *out, const float *row, uint32_t width, const struct kernel *kernel);
};

static void blend_rows_plain(float *sum, const uint8_t *rows, size_t len, const float *weight,
                             uint32_t taps)
{
    blend_rows_body(sum, rows, len, weight, taps);
}

static void blend_columns_plain(uint8_t *out, const float *row, uint32_t width,
                                const struct kernel *kernel)
{
    blend_columns_body(out, row, width, kernel);
}

static const struct blend blend_plain = {blend_rows_plain, blend_columns_plain};

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
blend_rows_avx2(float *sum, const uint8_t *rows, size_t len, const float *weight, uint32_t taps)
{
    blend_rows_body(sum, rows, len, weight, taps);
}

__attribute__((target("avx2"))) static void
blend_columns_avx2(uint8_t *out, const float *row, uint32_t width, const struct kernel *kernel)
{
    blend_columns_body(out, row, width, kernel);
}

static const struct blend blend_avx2 = {blend_rows_avx2, blend_columns_avx2};
#endif

static const struct blend *choose_blend(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &blend_avx2;
#endif
    return &blend_plain;
}

static enum status resize_rows(const struct image *out, const struct image *in,
                               enum image_filter filter, struct arena *arena, struct err *err)
{
    struct kernel across, down;
    const struct blend *blend = choose_blend();
    size_t stride = (size_t)3 * in->width;
    float *row = arena_try(arena, stride + 1, sizeof(float));

    if (!row || !make_kernel(&across, in->width, out->width, filter, arena) ||
        !make_kernel(&down, in->height, out->height, filter, arena))
        return err_set(err, ST_NOMEM, "no room to resize %ux%u to %ux%u pixels", in->width,
                       in->height, out->width, out->height);
    row[stride] = 0.0f;
    for (uint32_t y = 0; y < out->height; y++) {
        blend->rows(row, in->rgb + stride * down.start[y], stride,
                    down.weight + (size_t)y * down.taps, down.taps);
        blend->columns(out->rgb + (size_t)3 * out->width * y, row, out->width, &across);
    }
    return ST_OK;
}

enum status image_resize(struct image *out, const struct image *in, uint32_t width, uint32_t height,
                         enum image_filter filter, struct arena *arena, struct err *err)
{
    struct image resized;
    size_t start = arena_mark(arena);

    if ((unsigned)filter >= IMAGE_FILTER_COUNT)
        return err_set(err, ST_INVALID, "no resize filter %d", (int)filter);
    enum status st = image_new(&resized, width, height, arena, err);
    if (st)
        return st;

    size_t scratch = arena_mark(arena);
    st = resize_rows(&resized, in, filter, arena, err);
    if (st) {
        arena_release(arena, start);
        return st;
    }
    arena_release(arena, scratch);
    *out = resized;
    return ST_OK;
}

/* ---- halve ---- */

/* Every second pixel of `means`, two at a time as long as whole vectors can be read and stored. */
static inline void take_every_second(uint8_t *out, const uint8_t *means, size_t width)
{
    typedef uint8_t octets __attribute__((vector_size(16)));
    size_t x = 0;

    for (; x + 4 <= width; x += 2) {
        octets four;
        memcpy(&four, means + 6 * x, sizeof four);
        four = __builtin_shufflevector(four, four, 0, 1, 2, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        memcpy(out + 3 * x, &four, 8);
    }
    for (; x < width; x++)
        memcpy(out + 3 * x, means + 6 * x, 3);
}

/* All columns are added to their neighbours, which is faster than to step over every other one;
 * `means` has a place for each byte of a row. */
VECTORISED static void halve_row(uint8_t *restrict out, uint8_t *restrict means,
                                 const uint8_t *restrict above, const uint8_t *restrict below,
                                 uint32_t width)
{
    size_t last = (size_t)6 * width - 3;

    for (size_t i = 0; i < last; i++)
        means[i] = (uint8_t)((above[i] + above[i + 3] + below[i] + below[i + 3] + 2) >> 2);
    take_every_second(out, means, width);
}

enum status image_halve(struct image *out, const struct image *in, struct arena *arena,
                        struct err *err)
{
    size_t stride = (size_t)3 * in->width;
    size_t start = arena_mark(arena);
    struct image half;

    if (in->width < 2 || in->height < 2)
        return err_set(err, ST_INVALID, "%ux%u pixels have no half", in->width, in->height);
    enum status st = image_new(&half, in->width / 2, in->height / 2, arena, err);
    if (st)
        return st;

    size_t scratch = arena_mark(arena);
    uint8_t *means = ARENA_NEW(arena, uint8_t, stride);
    if (!means) {
        arena_release(arena, start);
        return err_set(err, ST_NOMEM, "no room to halve %ux%u pixels", in->width, in->height);
    }
    for (uint32_t y = 0; y < half.height; y++) {
        const uint8_t *above = in->rgb + 2 * stride * y;
        if (y + 2 < half.height)
            prefetch(above + 4 * stride, 2 * stride);
        halve_row(half.rgb + (size_t)3 * half.width * y, means, above, above + stride, half.width);
    }
    arena_release(arena, scratch);
    *out = half;
    return ST_OK;
}
