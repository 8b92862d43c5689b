#include "detect/overlay.h"

#include <math.h>

#define ALPHA       0.6f  /* of the colour over the grey photo */
#define OUTSIDE     0.45f /* of the light that stays where no crop is */
#define OUTLINE     0.8f  /* of white in a crop's outline */
#define REGION_SIDE 4u    /* regions a side of a crop */

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

/* ---- heat: logits at every pixel of the overlay ---- */

struct heat {
    uint32_t width, height;
    float scale_x, scale_y; /* overlay pixels a photo pixel */
    float *sum;             /* of the logits of the crops over a pixel */
    uint8_t *count;
};

/* A rectangle of overlay pixels: [x0, x1) x [y0, y1). */
struct area {
    uint32_t x0, y0, x1, y1;
};

static struct area area_of(const struct heat *heat, const struct detect_crop *crop)
{
    float x0 = (float)crop->x * heat->scale_x;
    float y0 = (float)crop->y * heat->scale_y;
    float x1 = (float)(crop->x + crop->side_px) * heat->scale_x;
    float y1 = (float)(crop->y + crop->side_px) * heat->scale_y;

    return (struct area){(uint32_t)x0, (uint32_t)y0, MIN_OF((uint32_t)ceilf(x1), heat->width),
                         MIN_OF((uint32_t)ceilf(y1), heat->height)};
}

/* Two neighbours and the weight of the second, for a coordinate in patches. */
struct between {
    uint32_t low, high;
    float weight;
};

static struct between between_patches(float at, uint32_t side)
{
    float inside = CLAMP(at - 0.5f, 0.0f, (float)(side - 1));
    uint32_t low = (uint32_t)inside;

    return (struct between){low, MIN_OF(low + 1, side - 1), inside - (float)low};
}

static float logit_at(const struct detect_crop *crop, struct between x, struct between y)
{
    const float *top = crop->patch_logits + (size_t)y.low * crop->map_side;
    const float *bottom = crop->patch_logits + (size_t)y.high * crop->map_side;
    float above = top[x.low] + x.weight * (top[x.high] - top[x.low]);
    float below = bottom[x.low] + x.weight * (bottom[x.high] - bottom[x.low]);

    return above + y.weight * (below - above);
}

static void add_crop(struct heat *heat, const struct detect_crop *crop)
{
    struct area area = area_of(heat, crop);
    float patches = (float)crop->map_side / (float)crop->side_px; /* a photo pixel */

    for (uint32_t y = area.y0; y < area.y1; y++) {
        float photo_y = ((float)y + 0.5f) / heat->scale_y - (float)crop->y;
        struct between row = between_patches(photo_y * patches, crop->map_side);
        for (uint32_t x = area.x0; x < area.x1; x++) {
            float photo_x = ((float)x + 0.5f) / heat->scale_x - (float)crop->x;
            size_t at = (size_t)y * heat->width + x;
            heat->sum[at] +=
                logit_at(crop, between_patches(photo_x * patches, crop->map_side), row);
            heat->count[at]++;
        }
    }
}

static float probability_of(float logit)
{
    return 1 / (1 + expf(-logit));
}

/* ---- painting ---- */

static uint8_t mixed(float low, float high, float share)
{
    return (uint8_t)lroundf(CLAMP(low + share * (high - low), 0.0f, 255.0f));
}

static void paint(struct image *out, const struct heat *heat)
{
    uint8_t ramp[DETECT_OVERLAY_COLORS][3];

    detect_overlay_ramp(ramp);
    for (size_t i = 0; i < (size_t)out->width * out->height; i++) {
        uint8_t *rgb = out->rgb + 3 * i;
        float grey = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
        if (!heat->count[i]) {
            rgb[0] = rgb[1] = rgb[2] = (uint8_t)(grey * OUTSIDE);
            continue;
        }
        float probability = probability_of(heat->sum[i] / heat->count[i]);
        const uint8_t *color = ramp[(size_t)(probability * (DETECT_OVERLAY_COLORS - 1) + 0.5f)];
        for (int c = 0; c < 3; c++)
            rgb[c] = mixed(grey, color[c], ALPHA);
    }
}

static void whiten(struct image *out, uint32_t x, uint32_t y)
{
    uint8_t *rgb = out->rgb + 3 * ((size_t)y * out->width + x);

    for (int c = 0; c < 3; c++)
        rgb[c] = mixed(rgb[c], 255, OUTLINE);
}

static void outline(struct image *out, struct area area)
{
    for (uint32_t x = area.x0; x < area.x1; x++) {
        whiten(out, x, area.y0);
        whiten(out, x, area.y1 - 1);
    }
    for (uint32_t y = area.y0 + 1; y + 1 < area.y1; y++) {
        whiten(out, area.x0, y);
        whiten(out, area.x1 - 1, y);
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
                                const struct detect_result *result, uint32_t side_max_px,
                                struct arena *arena, struct err *err)
{
    struct image overlay;
    enum status st = shrink(&overlay, photo, side_max_px, arena, err);

    if (st != ST_OK)
        return st;
    size_t pixels = (size_t)overlay.width * overlay.height;
    struct heat heat = {
        .width = overlay.width,
        .height = overlay.height,
        .scale_x = (float)overlay.width / (float)photo->width,
        .scale_y = (float)overlay.height / (float)photo->height,
        .sum = ARENA_NEW(arena, float, pixels),
        .count = ARENA_NEW(arena, uint8_t, pixels),
    };
    if (!heat.sum || !heat.count)
        return err_set(err, ST_NOMEM, "no room for an overlay of %ux%u pixels", overlay.width,
                       overlay.height);
    for (size_t i = 0; i < pixels; i++) {
        heat.sum[i] = 0;
        heat.count[i] = 0;
    }
    for (size_t i = 0; i < result->crop_count; i++)
        add_crop(&heat, &result->crops[i]);
    paint(&overlay, &heat);
    for (size_t i = 0; i < result->crop_count; i++)
        outline(&overlay, area_of(&heat, &result->crops[i]));
    *out = overlay;
    return ST_OK;
}

/* ---- regions ---- */

/* The part (column, row) of REGION_SIDE x REGION_SIDE of a crop; false when the photo ends before
 * it.  *logit is the mean of its patches. */
static bool region_of(struct detect_region *out, float *logit, const struct detect_result *result,
                      const struct detect_crop *crop, uint32_t column, uint32_t row)
{
    uint32_t patch_x0 = column * crop->map_side / REGION_SIDE;
    uint32_t patch_x1 = (column + 1) * crop->map_side / REGION_SIDE;
    uint32_t patch_y0 = row * crop->map_side / REGION_SIDE;
    uint32_t patch_y1 = (row + 1) * crop->map_side / REGION_SIDE;
    uint32_t x0 = crop->x + patch_x0 * crop->side_px / crop->map_side;
    uint32_t y0 = crop->y + patch_y0 * crop->side_px / crop->map_side;
    uint32_t x1 = MIN_OF(crop->x + patch_x1 * crop->side_px / crop->map_side, result->width);
    uint32_t y1 = MIN_OF(crop->y + patch_y1 * crop->side_px / crop->map_side, result->height);
    float sum = 0;

    if (x0 >= x1 || y0 >= y1)
        return false;
    for (uint32_t y = patch_y0; y < patch_y1; y++)
        for (uint32_t x = patch_x0; x < patch_x1; x++)
            sum += crop->patch_logits[(size_t)y * crop->map_side + x];
    *logit = sum / (float)((patch_x1 - patch_x0) * (patch_y1 - patch_y0));
    *out = (struct detect_region){
        .x = x0, .y = y0, .width = x1 - x0, .height = y1 - y0, .probability = 0};
    return true;
}

static bool overlaps_any(const struct detect_region *chosen, size_t count,
                         const struct detect_region *region)
{
    for (size_t i = 0; i < count; i++) {
        bool across =
            region->x < chosen[i].x + chosen[i].width && chosen[i].x < region->x + region->width;
        bool down =
            region->y < chosen[i].y + chosen[i].height && chosen[i].y < region->y + region->height;
        if (across && down)
            return true;
    }
    return false;
}

/* The strongest region that overlaps none of those already in `out`; false when none is left. */
static bool find_next(struct detect_region *out, size_t count, const struct detect_result *result)
{
    float sign = result->verdict == DETECT_AI_GENERATED ? 1 : -1;
    float best = -INFINITY;

    for (size_t i = 0; i < result->crop_count; i++) {
        for (uint32_t part = 0; part < REGION_SIDE * REGION_SIDE; part++) {
            struct detect_region region;
            float logit;
            if (!region_of(&region, &logit, result, &result->crops[i], part % REGION_SIDE,
                           part / REGION_SIDE))
                continue;
            if (!(sign * logit > best) || overlaps_any(out, count, &region))
                continue;
            best = sign * logit;
            region.probability = (double)probability_of(logit);
            out[count] = region;
        }
    }
    return best > -INFINITY;
}

size_t detect_overlay_regions(struct detect_region out[DETECT_REGIONS_MAX],
                              const struct detect_result *result)
{
    size_t count = 0;

    for (size_t i = 0; i < result->crop_count; i++)
        if (result->crops[i].map_side < REGION_SIDE)
            return 0; /* too coarse to name parts of a crop */
    while (count < DETECT_REGIONS_MAX && find_next(out, count, result))
        count++;
    return count;
}
