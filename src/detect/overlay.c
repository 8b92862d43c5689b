#include "detect/overlay.h"

#include <math.h>

#define ALPHA 0.75f /* of the strongest colour over the grey photo */
#define FULL  2.0f  /* reached at half of the strongest heat */
#define DIM   0.7f  /* of the photo's light, so that yellow is seen on white */

/* ---- colours ---- */

/* A colour in OKLab (Ottosson 2020): lightness, green-red, blue-yellow. */
struct lab {
    float l, a, b;
};

/* Anchors at even steps: dark blue, violet, orange red, light yellow. */
static const struct lab anchors[] = {
    {0.30f, -0.01f, -0.13f},
    {0.50f, 0.13f, -0.10f},
    {0.70f, 0.14f, 0.10f},
    {0.95f, -0.02f, 0.12f},
};

static uint8_t gamma_encoded(float linear)
{
    float x = CLAMP(linear, 0.0f, 1.0f);
    float encoded = x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;

    return (uint8_t)lroundf(encoded * 255);
}

static void rgb_of(uint8_t rgb[3], struct lab color)
{
    float l = color.l + 0.3963377774f * color.a + 0.2158037573f * color.b;
    float m = color.l - 0.1055613458f * color.a - 0.0638541728f * color.b;
    float s = color.l - 0.0894841775f * color.a - 1.2914855480f * color.b;

    l = l * l * l;
    m = m * m * m;
    s = s * s * s;
    rgb[0] = gamma_encoded(4.0767416621f * l - 3.3077115913f * m + 0.2309699292f * s);
    rgb[1] = gamma_encoded(-1.2684380046f * l + 2.6097574011f * m - 0.3413193965f * s);
    rgb[2] = gamma_encoded(-0.0041960863f * l - 0.7034186147f * m + 1.7076147010f * s);
}

void detect_overlay_ramp(uint8_t ramp[DETECT_OVERLAY_COLORS][3])
{
    const size_t steps = ARRAY_LEN(anchors) - 1;

    for (size_t i = 0; i < DETECT_OVERLAY_COLORS; i++) {
        float at = (float)(i * steps) / (DETECT_OVERLAY_COLORS - 1);
        size_t step = MIN_OF((size_t)at, steps - 1);
        float t = at - (float)step;
        const struct lab *low = &anchors[step];
        const struct lab *high = &anchors[step + 1];
        rgb_of(ramp[i],
               (struct lab){low->l + t * (high->l - low->l), low->a + t * (high->a - low->a),
                            low->b + t * (high->b - low->b)});
    }
}

/* ---- heat ---- */

/* Two neighbouring cells and the weight of the second, for a pixel of the overlay, of `pixels`;
 * the photo has `size` there. */
struct between {
    uint32_t low, high;
    float weight;
};

static struct between between_cells(uint32_t pixel, uint32_t pixels, uint32_t size,
                                    uint32_t cell_px, uint32_t cells)
{
    float photo = ((float)pixel + 0.5f) * (float)size / (float)pixels;
    float at = photo / (float)cell_px - 0.5f;
    float inside = CLAMP(at, 0.0f, (float)(cells - 1));
    uint32_t low = (uint32_t)inside;

    return (struct between){low, MIN_OF(low + 1, cells - 1), inside - (float)low};
}

static float heat_at(const float *heat, uint32_t columns, struct between x, struct between y)
{
    const float *top = heat + (size_t)y.low * columns;
    const float *bottom = heat + (size_t)y.high * columns;
    float above = top[x.low] + x.weight * (top[x.high] - top[x.low]);
    float below = bottom[x.low] + x.weight * (bottom[x.high] - bottom[x.low]);

    return above + y.weight * (below - above);
}

/* In units of the strongest cell: -1 to 1. */
static void scale_heat(float heat[DETECT_CELLS_MAX], const struct detect_explanation *explanation)
{
    uint32_t count = explanation->columns * explanation->rows;
    double most = DETECT_OVERLAY_WEAK;

    for (uint32_t i = 0; i < count; i++)
        most = MAX_OF(most, fabs(explanation->log_odds[i]));
    for (uint32_t i = 0; i < count; i++)
        heat[i] = (float)(explanation->log_odds[i] / most);
}

/* ---- painting ---- */

static void paint_pixel(uint8_t *rgb, float heat, uint8_t (*ramp)[3])
{
    float grey = DIM * (0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]);
    const uint8_t *color = ramp[(size_t)((heat + 1) / 2 * (DETECT_OVERLAY_COLORS - 1) + 0.5f)];
    float alpha = ALPHA * MIN_OF(FULL * fabsf(heat), 1.0f);

    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(grey + alpha * (color[c] - grey) + 0.5f);
}

static void paint(struct image *out, const struct image *photo,
                  const struct detect_explanation *explanation)
{
    uint8_t ramp[DETECT_OVERLAY_COLORS][3];
    float heat[DETECT_CELLS_MAX];
    struct between columns[DETECT_OVERLAY_SIDE_MAX];

    REQUIRE(out->width <= DETECT_OVERLAY_SIDE_MAX);
    detect_overlay_ramp(ramp);
    scale_heat(heat, explanation);
    for (uint32_t x = 0; x < out->width; x++)
        columns[x] =
            between_cells(x, out->width, photo->width, explanation->cell_px, explanation->columns);
    for (uint32_t y = 0; y < out->height; y++) {
        struct between row =
            between_cells(y, out->height, photo->height, explanation->cell_px, explanation->rows);
        for (uint32_t x = 0; x < out->width; x++)
            paint_pixel(out->rgb + 3 * ((size_t)y * out->width + x),
                        heat_at(heat, explanation->columns, columns[x], row), ramp);
    }
}

static enum status shrink(struct image *out, const struct image *photo, uint32_t side_max_px,
                          struct arena *arena, struct err *err)
{
    uint32_t longer = MAX_OF(photo->width, photo->height);
    uint32_t width = photo->width;
    uint32_t height = photo->height;

    if (longer > side_max_px) {
        width = MAX_OF((uint32_t)((uint64_t)width * side_max_px / longer), 1u);
        height = MAX_OF((uint32_t)((uint64_t)height * side_max_px / longer), 1u);
        return image_resize(out, photo, width, height, IMAGE_BOX, arena, err);
    }
    return image_crop(out, photo, 0, 0, width, height, arena, err); /* a copy */
}

enum status detect_overlay_draw(struct image *out, const struct image *photo,
                                const struct detect_explanation *explanation, uint32_t side_max_px,
                                struct arena *arena, struct err *err)
{
    struct image overlay;
    enum status st = shrink(&overlay, photo, side_max_px, arena, err);

    if (st != ST_OK)
        return st;
    paint(&overlay, photo, explanation);
    *out = overlay;
    return ST_OK;
}
