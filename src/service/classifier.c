/* service/classifier.c - the real classifier: detect/ behind the service's table.
 * Owns the opened model.  Thread-safe but for sessions, which belong to one thread. */
#include "detect/detect.h"
#include "service/service.h"

_Static_assert(DETECT_CONFIDENCE_LOW == 0 && DETECT_CONFIDENCE_HIGH == 2, "as the service numbers");

static enum status open_session(void **out, void *payload, struct err *err)
{
    struct detect_session *session = NULL;
    enum status st = detect_session_open(&session, payload, err);

    if (st == ST_OK)
        *out = session;
    return st;
}

static enum status classify(struct service_verdict *out, void *session, struct bytes photo,
                            struct err *err)
{
    struct detect_result result;
    enum status st = detect_photo(&result, session, photo, err);

    if (st == ST_OK)
        *out = (struct service_verdict){
            .ai_generated = result.verdict == DETECT_AI_GENERATED,
            .probability = result.probability,
            .confidence = result.confidence,
        };
    return st;
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
        .close_session = close_session,
        .close = close_model,
    };
    return ST_OK;
}
