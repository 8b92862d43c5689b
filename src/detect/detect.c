#include "detect/detect.h"

#include "base/clock.h"
#include "detect/crops.h"
#include "detect/detect_internal.h"
#include "detect/frontend.h"
#include "detect/patches.h"
#include "detect/quality.h"
#include "detect/scales.h"

#define ARENA_KEEP_BYTES  ((size_t)24 << 20) /* pages kept between photos; more goes back */
#define ARENA_SPARE_BYTES ((size_t)64 << 20) /* beyond the pixels: codec and crop scratch */

/* Session --------------------------------------------------------------------------------- */

static enum status open_memory(struct detect_session *session, struct err *err)
{
    const struct detect_model *model = session->model;
    size_t side = (size_t)model->convention.crop_side;
    size_t wide = side + (size_t)2 * DETECT_FRONTEND_MARGIN;
    struct nn_tensor map = nn_inference_output(session->network);
    size_t scratch = detect_frontend_scratch_floats((int)side);
    /* A photo, a turned copy of it, and spare; pages that are never used are never touched. */
    size_t capacity = (size_t)model->limits.pixels_max * 8 + ARENA_SPARE_BYTES;

    if (model->statistics)
        session->statistics = detect_statistics_open();
    session->window = mem_alloc(wide * wide, 3);
    session->scratch = mem_alloc(scratch, sizeof(float));
    session->maps = mem_alloc((size_t)map.h * (size_t)map.w * DETECT_CROPS_MAX, sizeof(float));
    return arena_open(&session->arena, capacity, err);
}

enum status detect_session_open(struct detect_session **out, const struct detect_model *model,
                                struct err *err)
{
    struct detect_session *session = mem_alloc(1, sizeof *session);

    session->model = model;
    enum status st = detect_open_network(&session->network, model, model->precision, err);
    if (st == ST_OK)
        st = open_memory(session, err);
    if (st != ST_OK) {
        detect_session_close(session);
        return st;
    }
    *out = session;
    return ST_OK;
}

void detect_session_close(struct detect_session *session)
{
    if (!session)
        return;
    nn_inference_close(session->network);
    arena_close(session->arena);
    detect_statistics_close(session->statistics);
    mem_free(session->window);
    mem_free(session->scratch);
    mem_free(session->maps);
    mem_free(session);
}

/* One photo ------------------------------------------------------------------------------- */

/* Runs the network on one crop of the photo at half scale: its patch logits plus `offset` into
 * `map`, their median returned. */
static float run_crop(struct detect_session *session, const struct image *photo,
                      struct detect_place place, float offset, float *map)
{
    const struct detect_convention *convention = &session->model->convention;
    struct nn_tensor in = nn_inference_input(session->network);
    struct nn_tensor out = nn_inference_output(session->network);
    float values[DETECT_MAP_SIDE_MAX * DETECT_MAP_SIDE_MAX];
    int patches = out.h * out.w;

    detect_crops_window(session->window, photo, place, (uint32_t)convention->crop_side,
                        DETECT_FRONTEND_MARGIN);
    detect_frontend_apply(in.at, session->window, convention->crop_side, session->scratch);
    nn_inference_run(session->network);
    for (int i = 0; i < patches; i++) /* channel 0: AI-generated */
        values[i] = map[i] = convention->scale * out.at[i * out.c] + offset;
    return detect_patches_median(values, (size_t)patches);
}

/* The second opinion, calibrated, and the embedding; 0 when the model has none. */
static enum status run_statistics(struct detect_result *result, struct detect_session *session,
                                  const struct detect_scales *photo, struct err *err)
{
    const struct detect_model *model = session->model;
    float values[DETECT_STATISTICS_COUNT];

    if (!session->statistics || model->convention.statistics_scale == 0)
        return ST_OK;
    enum status st =
        detect_statistics_measure(values, session->statistics, photo, session->arena, err);
    if (st != ST_OK)
        return st;
    result->statistics_logit = (double)model->convention.statistics_scale *
                               detect_statistics_score(model->statistics, values);
    if (model->embedding)
        result->embedding =
            detect_statistics_embedding(model->embedding, model->statistics, values);
    return ST_OK;
}

static double ms_since(int64_t started_us)
{
    return (double)(clock_monotonic_us(&clock_system) - started_us) / 1e3;
}

/* The network on each place; probability and what the crops say. */
static void run_network(struct detect_result *result, struct detect_session *session,
                        const struct image *half, const struct detect_place *places)
{
    const struct detect_convention *convention = &session->model->convention;
    struct nn_tensor out = nn_inference_output(session->network);
    size_t patches = (size_t)out.h * (size_t)out.w;
    float offset = convention->bias + (float)result->statistics_logit;
    double sum = 0;

    for (size_t i = 0; i < result->crop_count; i++) {
        float *map = session->maps + i * patches;
        float logit = run_crop(session, half, places[i], offset, map);
        result->crops[i] = (struct detect_crop){.x = 2 * places[i].x,
                                                .y = 2 * places[i].y,
                                                .side_px = 2 * (uint32_t)convention->crop_side,
                                                .logit = logit};
        sum += (double)logit;
    }
    sum /= (double)result->crop_count;
    result->probability = detect_probability_of(sum);
    result->network_logit = sum - (double)offset;
}

/* Crops, statistics and network over a decoded photo; fills everything but the decode time and
 * header. */
static enum status judge(struct detect_result *result, struct detect_session *session,
                         const struct image *photo, struct err *err)
{
    const struct detect_convention *convention = &session->model->convention;
    struct detect_place places[DETECT_CROPS_MAX];
    struct detect_scales scales;
    int64_t started = clock_monotonic_us(&clock_system);
    size_t mark = arena_mark(session->arena);
    float texture = 0;
    enum status st = detect_scales_of(&scales, photo, session->arena, err);

    if (st == ST_OK)
        st = detect_crops_choose(places, (size_t)convention->crop_count, &result->crop_count,
                                 &texture, &scales.at[0], (uint32_t)convention->crop_side,
                                 session->arena, err);
    if (st == ST_OK)
        st = run_statistics(result, session, &scales, err);
    if (st != ST_OK)
        return st;
    result->quality = detect_quality_flags(photo, texture);
    result->crops_ms = ms_since(started);
    started = clock_monotonic_us(&clock_system);
    run_network(result, session, &scales.at[0], places);
    result->network_ms = ms_since(started);
    arena_release(session->arena, mark);
    return ST_OK;
}

enum status detect_judge(struct detect_result *out, struct image *pixels,
                         struct detect_session *session, struct bytes photo, struct err *err)
{
    const struct detect_model *model = session->model;
    struct detect_result result = {.threshold = model->threshold, .band = model->band};
    struct image_info info;
    int64_t started = clock_monotonic_us(&clock_system);

    arena_reset(session->arena); /* an explanation may have been left there */
    enum status st = image_decode(pixels, &info, photo, &model->limits, session->arena, err);
    if (st != ST_OK)
        return st;
    result.decode_ms = (double)(clock_monotonic_us(&clock_system) - started) / 1e3;
    st = judge(&result, session, pixels, err);
    if (st != ST_OK)
        return st;
    result.verdict = result.probability >= result.threshold ? DETECT_AI_GENERATED : DETECT_REAL;
    result.decision = detect_decide(result.probability, model->band);
    result.confidence = detect_confidence(result.probability, result.threshold);
    result.width = pixels->width;
    result.height = pixels->height;
    result.format = image_format_name(info.format);
    *out = result;
    return ST_OK;
}

void detect_forget_photo(struct detect_session *session)
{
    arena_reset(session->arena);
    arena_trim(session->arena, ARENA_KEEP_BYTES);
}

enum status detect_photo(struct detect_result *out, struct detect_session *session,
                         struct bytes photo, struct err *err)
{
    struct image pixels;
    enum status st = detect_judge(out, &pixels, session, photo, err);

    detect_forget_photo(session);
    return st;
}
