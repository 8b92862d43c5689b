/* service/classifier.c - the real classifier: detect/ behind the service's table.
 * Owns the opened model.  Thread-safe but for sessions, which belong to one thread. */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "detect/detect.h"
#include "detect/explain.h"
#include "image/image.h"
#include "service/service.h"

#define SAMPLE_WIDTH  768
#define SAMPLE_HEIGHT 512
#define SAMPLE_ARENA  ((size_t)16 << 20)

_Static_assert(DETECT_CONFIDENCE_LOW == 0 && DETECT_CONFIDENCE_HIGH == 2, "as the service numbers");
_Static_assert(DETECT_UNSURE == 1 && DETECT_DECIDED_AI_GENERATED == 2, "as the service numbers");
_Static_assert(DETECT_CROPS_MAX <= SERVICE_CROPS_MAX, "every crop is reported");
_Static_assert(DETECT_REGIONS_MAX <= SERVICE_REGIONS_MAX, "every region is reported");

static enum status open_session(void **out, void *payload, struct err *err)
{
    struct detect_session *session = NULL;
    enum status st = detect_session_open(&session, payload, err);

    if (st == ST_OK)
        *out = session;
    return st;
}

unsigned service_quality_count(void)
{
    return DETECT_QUALITY_FLAG_COUNT;
}

const char *service_quality_name(unsigned i)
{
    return detect_quality_name(i);
}

const char *service_quality_help(unsigned i)
{
    return detect_quality_help(i);
}

static struct service_area area_of_crop(const struct detect_crop *crop,
                                        const struct detect_result *result)
{
    return (struct service_area){
        .x = crop->x,
        .y = crop->y,
        .width = MIN_OF(crop->side_px, result->width - crop->x),
        .height = MIN_OF(crop->side_px, result->height - crop->y),
        .probability = 1.0 / (1.0 + exp(-(double)crop->logit)),
    };
}

static void fill_verdict(struct service_verdict *out, const struct detect_result *result)
{
    *out = (struct service_verdict){
        .ai_generated = result->verdict == DETECT_AI_GENERATED,
        .probability = result->probability,
        .confidence = result->confidence,
        .threshold = result->threshold,
        .decision = result->decision,
        .unsure_low = result->band.low,
        .unsure_high = result->band.high,
        .quality = result->quality,
        .width = result->width,
        .height = result->height,
        .format = result->format,
        .embedding = result->embedding,
        .crop_count = result->crop_count,
        .decode_ms = result->decode_ms,
        .crops_ms = result->crops_ms,
        .network_ms = result->network_ms,
    };
    for (size_t i = 0; i < result->crop_count; i++)
        out->crops[i] = area_of_crop(&result->crops[i], result);
}

static enum status classify(struct service_verdict *out, void *session, struct bytes photo,
                            struct err *err)
{
    struct detect_result result;
    enum status st = detect_photo(&result, session, photo, err);

    if (st == ST_OK)
        fill_verdict(out, &result);
    return st;
}

static enum status explain(struct service_verdict *out, struct service_explanation *explanation,
                           void *session, struct bytes photo, struct err *err)
{
    struct detect_explanation found;
    struct detect_result result;
    enum status st = detect_explain(&result, &found, session, photo, 0, err);

    if (st != ST_OK)
        return st;
    buf_reset(&explanation->png);
    buf_add(&explanation->png, found.png.at, found.png.len);
    st = buf_check(&explanation->png, "the overlay", err);
    if (st != ST_OK)
        return st;
    explanation->width = found.width;
    explanation->height = found.height;
    explanation->region_count = found.region_count;
    for (size_t i = 0; i < found.region_count; i++) {
        const struct detect_region *region = &found.regions[i];
        explanation->regions[i] = (struct service_region){region->x, region->y, region->width,
                                                          region->height, region->log_odds};
    }
    fill_verdict(out, &result);
    return ST_OK;
}

static void close_session(void *session)
{
    detect_session_close(session);
}

static void close_model(void *payload)
{
    detect_model_close(payload);
}

/* A photo of soft waves and noise: every stage has something to do.  Made for every worker at every
 * start and swap, so a pixel costs no sine. */
static enum status make_sample(struct bytes *out, struct arena *arena, struct err *err)
{
    struct image image = {.width = SAMPLE_WIDTH, .height = SAMPLE_HEIGHT};
    int across[3 * SAMPLE_WIDTH]; /* of 256 */
    struct rng rng = rng_seed(1);

    image.rgb = ARENA_NEW(arena, uint8_t, (size_t)3 * SAMPLE_WIDTH * SAMPLE_HEIGHT);
    if (!image.rgb)
        return err_set(err, ST_NOMEM, "no room for the photo that warms a model");
    for (uint32_t x = 0; x < SAMPLE_WIDTH; x++)
        for (uint32_t c = 0; c < 3; c++)
            across[3 * x + c] = (int)(256 * sin(x * 0.05 + c));
    for (uint32_t y = 0; y < SAMPLE_HEIGHT; y++) {
        int down = (int)(60 * cos(y * 0.07));
        uint64_t noise = 0;
        for (uint32_t i = 0; i < ARRAY_LEN(across); i++, noise >>= 8) {
            if (i % 8 == 0)
                noise = rng_u64(&rng);
            image.rgb[(size_t)3 * SAMPLE_WIDTH * y + i] =
                (uint8_t)(128 + across[i] * down / 256 + (int)(noise % 32));
        }
    }
    return image_encode_jpeg(out, &image, 85, IMAGE_SUBSAMPLING_420, arena, err);
}

static enum status warm(void *session, struct err *err)
{
    struct service_verdict verdict;
    struct arena *arena = NULL;
    struct bytes sample;

    enum status st = arena_open(&arena, SAMPLE_ARENA, err);
    if (st == ST_OK)
        st = make_sample(&sample, arena, err);
    if (st == ST_OK)
        st = classify(&verdict, session, sample, err);
    if (st == ST_OK && !(verdict.probability >= 0 && verdict.probability <= 1))
        st = err_set(err, ST_CORRUPT, "the model gives no probability but %g", verdict.probability);
    arena_close(arena);
    return st;
}

enum status service_detect_open(struct service_classifier *out,
                                const struct service_model_options *options, struct err *err)
{
    const struct detect_options detect = {
        .bytes_max = options->bytes_max,
        .pixels_max = options->pixels_max,
        .side_max_px = options->side_max_px,
        .threshold = options->threshold,
        .fpr = options->fpr,
        .precision = options->precision,
    };
    struct detect_model *model = NULL;
    enum status st = detect_model_open(&model, options->path, &detect, err);

    if (st != ST_OK)
        return st;
    *out = (struct service_classifier){
        .payload = model,
        .model_version = detect_model_version(model),
        .model_hash = detect_model_hash(model),
        .precision = detect_precision_name(detect_model_precision(model)),
        .threshold = detect_model_threshold(model),
        .open_session = open_session,
        .warm = warm,
        .classify = classify,
        .explain = explain,
        .close_session = close_session,
        .close = close_model,
    };
    return ST_OK;
}
