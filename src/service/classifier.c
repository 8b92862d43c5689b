/* service/classifier.c - the real classifier: detect/ behind the service's table.
 * Owns the opened model.  Thread-safe but for sessions, which belong to one thread. */
#include <math.h>

#include "detect/detect.h"
#include "service/service.h"

_Static_assert(DETECT_CONFIDENCE_LOW == 0 && DETECT_CONFIDENCE_HIGH == 2, "as the service numbers");
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
        .quality = result->quality,
        .width = result->width,
        .height = result->height,
        .format = result->format,
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
        explanation->regions[i] = (struct service_area){region->x, region->y, region->width,
                                                        region->height, region->probability};
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

enum status service_detect_open(struct service_classifier *out, const char *model_path,
                                double threshold, struct err *err)
{
    const struct detect_options options = {.threshold = threshold};
    struct detect_model *model = NULL;
    enum status st = detect_model_open(&model, model_path, &options, err);

    if (st != ST_OK)
        return st;
    *out = (struct service_classifier){
        .payload = model,
        .model_version = detect_model_version(model),
        .model_hash = detect_model_hash(model),
        .threshold = threshold > 0 ? threshold : detect_model_threshold(model),
        .open_session = open_session,
        .classify = classify,
        .explain = explain,
        .close_session = close_session,
        .close = close_model,
    };
    return ST_OK;
}
