#include "detect/detect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "detect/convention.h"
#include "detect/crops.h"
#include "detect/evidence.h"
#include "detect/frontend.h"
#include "detect/overlay.h"
#include "detect/quality.h"
#include "detect/statistics.h"
#include "nn/inference.h"
#include "nn/weights.h"

#define CONFIDENCE_HIGH   0.6
#define CONFIDENCE_LOW    0.4
#define UNSURE_LOGIT      0.4 /* each side of the threshold, when a model states no band */
#define ARENA_KEEP_BYTES  ((size_t)24 << 20) /* pages kept between photos; more goes back */
#define ARENA_SPARE_BYTES ((size_t)64 << 20) /* beyond the pixels: codec and crop scratch */
#define OVERLAY_SIDE      1024 /* pixels of an explanation's longer side, unless asked otherwise */
#define MODEL_BYTES_MAX   NN_WEIGHTS_BYTES_MAX

struct detect_model {
    struct nn_weights *weights;
    struct detect_convention convention;
    const float *statistics; /* rows of detect/statistics.h; NULL: the network judges alone */
    const float *embedding;  /* NULL: it has none */
    struct image_limits limits;
    double threshold;
    struct detect_band band;
    enum detect_precision precision;
    char hash[HASH_HEX_SIZE];
};

struct detect_session {
    const struct detect_model *model;
    struct nn_inference *network;
    struct arena *arena; /* one photo's pixels and scratch */
    uint8_t *window;
    float *scratch;
    float *maps;                          /* patch logits of all crops */
    struct detect_statistics *statistics; /* NULL when the model has none */
};

const char *detect_verdict_name(enum detect_verdict verdict)
{
    return verdict == DETECT_AI_GENERATED ? "ai_generated" : "real";
}

const char *detect_decision_name(enum detect_decision decision)
{
    static const char *const names[] = {"real", "unsure", "ai_generated"};
    _Static_assert(ARRAY_LEN(names) == DETECT_DECISION_COUNT, "one name for each");

    return names[decision];
}

enum detect_decision detect_decide(double probability, struct detect_band band)
{
    if (probability < band.low)
        return DETECT_DECIDED_REAL;
    return probability >= band.high ? DETECT_DECIDED_AI_GENERATED : DETECT_UNSURE;
}

const char *detect_confidence_name(enum detect_confidence confidence)
{
    static const char *const names[] = {"low", "medium", "high"};
    _Static_assert(ARRAY_LEN(names) == DETECT_CONFIDENCE_COUNT, "one name for each");

    return names[confidence];
}

enum detect_confidence detect_confidence(double probability, double threshold)
{
    double distance = probability >= threshold ? (probability - threshold) / (1.0 - threshold)
                                               : (threshold - probability) / threshold;

    if (distance >= CONFIDENCE_HIGH)
        return DETECT_CONFIDENCE_HIGH;
    return distance < CONFIDENCE_LOW ? DETECT_CONFIDENCE_LOW : DETECT_CONFIDENCE_MEDIUM;
}

/* Model ----------------------------------------------------------------------------------- */

/* The table of the second opinion, when the file has one. */
static enum status find_statistics(const float **out, const struct nn_weights *weights,
                                   struct err *err)
{
    const struct nn_table *table = nn_graph_table(weights->graph, DETECT_STATISTICS_TABLE);

    if (!table)
        return ST_OK;
    if (table->rows != DETECT_STATISTICS_ROW_COUNT || table->columns != DETECT_STATISTICS_COUNT)
        return err_set(err, ST_CORRUPT, "the table of statistics is %dx%d, this program has %dx%d",
                       table->rows, table->columns, DETECT_STATISTICS_ROW_COUNT,
                       DETECT_STATISTICS_COUNT);
    const float *values = weights->values + weights->graph->parameters[table->parameter].offset;
    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        if (!(values[DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT + i] > 0))
            return err_set(err, ST_CORRUPT, "statistic %zu has no deviation above 0", i);
    *out = values;
    return ST_OK;
}

static enum status find_embedding(const float **out, const struct nn_weights *weights,
                                  struct err *err)
{
    const struct nn_table *table = nn_graph_table(weights->graph, DETECT_EMBEDDING_TABLE);

    if (!table)
        return ST_OK;
    if (table->rows != DETECT_EMBEDDING_SIZE || table->columns != DETECT_STATISTICS_COUNT)
        return err_set(err, ST_CORRUPT, "the table of the embedding is %dx%d, not %dx%d",
                       table->rows, table->columns, DETECT_EMBEDDING_SIZE, DETECT_STATISTICS_COUNT);
    *out = weights->values + weights->graph->parameters[table->parameter].offset;
    return ST_OK;
}

static enum status hash_file(char out[HASH_HEX_SIZE], const char *path, struct err *err)
{
    struct bytes file;
    enum status st = fs_map(&file, path, MODEL_BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    hash_sha256_hex(out, file);
    fs_unmap(file);
    return ST_OK;
}

enum status detect_threshold_read(struct detect_options *options, const char *text, struct err *err)
{
    double threshold = 0;
    double fpr = 0;

    if (strcmp(text, "fpr:0.01") == 0)
        fpr = 0.01;
    else if (strcmp(text, "fpr:0.05") == 0)
        fpr = 0.05;
    else if (text[0] && strcmp(text, "0") != 0 &&
             !str_to_double(&threshold, str_of(text), 0.0001, 0.9999))
        return err_set(err, ST_INVALID,
                       "'%.40s' is not a number from 0.0001 to 0.9999, fpr:0.01 or fpr:0.05", text);
    options->threshold = threshold;
    options->fpr = fpr;
    return ST_OK;
}

static enum status take_threshold_at(struct detect_model *model, double fpr, struct err *err)
{
    double threshold = fpr == 0.01   ? model->convention.threshold_fpr_1
                       : fpr == 0.05 ? model->convention.threshold_fpr_5
                                     : 0;

    if (threshold == 0)
        return err_set(err, ST_UNSUPPORTED,
                       "the model states no threshold for a false-positive rate of %g", fpr);
    model->threshold = threshold;
    return ST_OK;
}

static double logit_of(double probability)
{
    return log(probability / (1.0 - probability));
}

static double probability_of(double logit)
{
    return 1.0 / (1.0 + exp(-logit));
}

/* Around the threshold in use as far in log-odds as the model's limits are around its own. */
static struct detect_band band_of(const struct detect_convention *convention, double threshold)
{
    const struct detect_band *stated = &convention->unsure;
    double moved = logit_of(threshold) - logit_of(convention->threshold);

    if (stated->high == 0)
        return (struct detect_band){probability_of(logit_of(threshold) - UNSURE_LOGIT),
                                    probability_of(logit_of(threshold) + UNSURE_LOGIT)};
    if (threshold == convention->threshold)
        return *stated;
    return (struct detect_band){MIN_OF(probability_of(logit_of(stated->low) + moved), threshold),
                                MAX_OF(probability_of(logit_of(stated->high) + moved), threshold)};
}

const char *detect_precision_name(enum detect_precision precision)
{
    return precision == DETECT_AUTO ? "auto" : nn_precision_name((enum nn_precision)precision);
}

bool detect_precision_read(enum detect_precision *out, const char *word)
{
    for (int i = 0; i < DETECT_PRECISION_COUNT; i++)
        if (strcmp(word, detect_precision_name((enum detect_precision)i)) == 0) {
            *out = (enum detect_precision)i;
            return true;
        }
    return false;
}

static enum status open_network(struct nn_inference **out, const struct detect_model *model,
                                enum detect_precision precision, struct err *err)
{
    _Static_assert((int)DETECT_FP32 == NN_FP32 && (int)DETECT_BF16 == NN_BF16 &&
                       (int)DETECT_INT8 == NN_INT8 && (int)DETECT_AUTO == NN_PRECISION_COUNT,
                   "the same order");
    const struct nn_inference_options options = {
        .batch = 1, .precision = (enum nn_precision)precision, .input_max = DETECT_FRONTEND_MAX};

    return nn_inference_open(out, model->weights->graph, model->weights->values, &options, err);
}

/* Whether a form is there shows when the network is compiled; oneDNN keeps what it compiled, so
 * that sessions open faster afterwards. */
static enum status take_precision(struct detect_model *model, enum detect_precision asked,
                                  struct err *err)
{
    static const enum detect_precision by_speed[] = {DETECT_INT8, DETECT_BF16, DETECT_FP32};
    bool automatic = asked == DETECT_AUTO;
    struct err tried = {0}; /* what auto passes over is no error */
    enum status st = ST_UNSUPPORTED;

    if (asked == DETECT_FP32) /* there on every processor; sessions compile it */
        return ST_OK;
    for (size_t i = 0; i < ARRAY_LEN(by_speed) && st == ST_UNSUPPORTED; i++) {
        struct nn_inference *network = NULL;
        if (!automatic && asked != by_speed[i])
            continue;
        st = open_network(&network, model, by_speed[i], &tried);
        nn_inference_close(network);
        model->precision = by_speed[i];
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "%s", tried.msg);
}

enum status detect_model_open(struct detect_model **out, const char *path,
                              const struct detect_options *options, struct err *err)
{
    struct detect_model *model = mem_alloc(1, sizeof *model);
    enum status st = nn_weights_open(&model->weights, path, err);

    if (st == ST_OK)
        st = hash_file(model->hash, path, err);
    if (st == ST_OK)
        st = detect_convention_read(&model->convention, model->weights, err);
    if (st == ST_OK)
        st = find_statistics(&model->statistics, model->weights, err);
    if (st == ST_OK)
        st = find_embedding(&model->embedding, model->weights, err);
    if (st != ST_OK) {
        detect_model_close(model);
        return st;
    }
    model->limits = image_limits_default;
    model->threshold = model->convention.threshold;
    if (options && options->bytes_max)
        model->limits.bytes_max = options->bytes_max;
    if (options && options->pixels_max)
        model->limits.pixels_max = options->pixels_max;
    if (options && options->side_max_px)
        model->limits.side_max_px = options->side_max_px;
    if (options && options->threshold != 0)
        model->threshold = options->threshold;
    if (options && options->fpr != 0)
        st = take_threshold_at(model, options->fpr, err);
    if (st == ST_OK && options)
        st = take_precision(model, options->precision, err);
    if (st == ST_OK && !(model->threshold > 0 && model->threshold < 1))
        st = err_set(err, ST_INVALID, "a threshold of %g is outside 0 to 1", model->threshold);
    if (st != ST_OK) {
        detect_model_close(model);
        return st;
    }
    model->band = band_of(&model->convention, model->threshold);
    *out = model;
    return ST_OK;
}

void detect_model_close(struct detect_model *model)
{
    if (!model)
        return;
    nn_weights_close(model->weights);
    mem_free(model);
}

const char *detect_model_version(const struct detect_model *model)
{
    return model->convention.version;
}

const char *detect_model_hash(const struct detect_model *model)
{
    return model->hash;
}

double detect_model_threshold(const struct detect_model *model)
{
    return model->threshold;
}

struct detect_band detect_model_band(const struct detect_model *model)
{
    return model->band;
}

enum detect_precision detect_model_precision(const struct detect_model *model)
{
    return model->precision;
}

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
    enum status st = open_network(&session->network, model, model->precision, err);
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

/* Runs the network on one crop: its patch logits plus `offset` into `map`, their mean returned. */
static float run_crop(struct detect_session *session, const struct image *photo,
                      struct detect_place place, float offset, float *map)
{
    const struct detect_convention *convention = &session->model->convention;
    struct nn_tensor in = nn_inference_input(session->network);
    struct nn_tensor out = nn_inference_output(session->network);
    int patches = out.h * out.w;
    float sum = 0;

    detect_crops_window(session->window, photo, place, (uint32_t)convention->crop_side,
                        DETECT_FRONTEND_MARGIN);
    detect_frontend_apply(in.at, session->window, convention->crop_side, session->scratch);
    nn_inference_run(session->network);
    for (int i = 0; i < patches; i++) {
        float logit = out.at[i * out.c]; /* channel 0: AI-generated */
        map[i] = convention->scale * logit + offset;
        sum += map[i];
    }
    return sum / (float)patches;
}

/* The second opinion, calibrated, and the embedding; 0 when the model has none. */
static enum status run_statistics(struct detect_result *result, struct detect_session *session,
                                  const struct image *photo, struct err *err)
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

/* Crops, statistics and network over a decoded photo; fills everything but the decode time and
 * header. */
static enum status judge(struct detect_result *result, struct detect_session *session,
                         const struct image *photo, struct err *err)
{
    const struct detect_convention *convention = &session->model->convention;
    struct detect_place places[DETECT_CROPS_MAX];
    struct nn_tensor out = nn_inference_output(session->network);
    size_t patches = (size_t)out.h * (size_t)out.w;
    int64_t started = clock_monotonic_us(&clock_system);
    float texture = 0;
    double sum = 0;
    enum status st =
        detect_crops_choose(places, (size_t)convention->crop_count, &result->crop_count, &texture,
                            photo, (uint32_t)convention->crop_side, session->arena, err);

    if (st != ST_OK)
        return st;
    result->quality = detect_quality_flags(photo, texture);
    st = run_statistics(result, session, photo, err);
    if (st != ST_OK)
        return st;
    result->crops_ms = ms_since(started);
    started = clock_monotonic_us(&clock_system);
    float offset = convention->bias + (float)result->statistics_logit;
    for (size_t i = 0; i < result->crop_count; i++) {
        float *map = session->maps + i * patches;
        float logit = run_crop(session, photo, places[i], offset, map);
        result->crops[i] = (struct detect_crop){.x = places[i].x,
                                                .y = places[i].y,
                                                .side_px = (uint32_t)convention->crop_side,
                                                .logit = logit};
        sum += (double)logit;
    }
    sum /= (double)result->crop_count;
    result->probability = probability_of(sum);
    result->network_logit = sum - (double)offset;
    result->network_ms = ms_since(started);
    return ST_OK;
}

/* Decodes and judges; the pixels stay in the session's arena. */
static enum status decode_and_judge(struct detect_result *out, struct image *pixels,
                                    struct detect_session *session, struct bytes photo,
                                    struct err *err)
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

static void forget_photo(struct detect_session *session)
{
    arena_reset(session->arena);
    arena_trim(session->arena, ARENA_KEEP_BYTES);
}

enum status detect_photo(struct detect_result *out, struct detect_session *session,
                         struct bytes photo, struct err *err)
{
    struct image pixels;
    enum status st = decode_and_judge(out, &pixels, session, photo, err);

    forget_photo(session);
    return st;
}

/* What each cell adds, from what judging has left in the session. */
static enum status weigh_cells(struct detect_explanation *out, struct detect_session *session,
                               const struct image *photo, const struct detect_result *result,
                               struct err *err)
{
    const struct detect_model *model = session->model;
    const struct detect_convention *convention = &model->convention;
    struct detect_grid grid = detect_grid_of(photo->width, photo->height);
    struct detect_evidence_map maps[DETECT_CROPS_MAX];
    struct nn_tensor map = nn_inference_output(session->network);
    enum status st = ST_OK;

    if (session->statistics && convention->statistics_scale != 0)
        st = detect_statistics_compare(out->log_odds, session->statistics, model->statistics, photo,
                                       &grid, session->arena, err);
    if (st != ST_OK)
        return st;
    for (uint32_t i = 0; i < detect_grid_count(&grid); i++)
        out->log_odds[i] *= (double)convention->statistics_scale;
    for (size_t i = 0; i < result->crop_count; i++)
        maps[i] = (struct detect_evidence_map){.x = result->crops[i].x,
                                               .y = result->crops[i].y,
                                               .side_px = result->crops[i].side_px,
                                               .patches = (uint32_t)map.w,
                                               .logits = session->maps +
                                                         i * (size_t)map.h * (size_t)map.w};
    detect_evidence_add_network(out->log_odds, &grid, maps, result->crop_count,
                                (double)convention->bias + result->statistics_logit);
    out->columns = grid.columns;
    out->rows = grid.rows;
    out->cell_px = grid.side_px;
    out->region_count =
        detect_evidence_regions(out->regions, result->verdict, &grid, out->log_odds);
    return ST_OK;
}

enum status detect_explain(struct detect_result *out, struct detect_explanation *explanation,
                           struct detect_session *session, struct bytes photo, uint32_t side_max_px,
                           struct err *err)
{
    uint32_t side_px = side_max_px ? MIN_OF(side_max_px, DETECT_OVERLAY_SIDE_MAX) : OVERLAY_SIDE;
    struct detect_explanation found = {0};
    struct detect_result result;
    struct image pixels;
    struct image overlay;
    enum status st = decode_and_judge(&result, &pixels, session, photo, err);

    if (st == ST_OK)
        st = weigh_cells(&found, session, &pixels, &result, err);
    if (st == ST_OK)
        st = detect_overlay_draw(&overlay, &pixels, &found, side_px, session->arena, err);
    if (st == ST_OK)
        st = image_encode_png(&found.png, &overlay, session->arena, err);
    if (st != ST_OK) {
        forget_photo(session);
        return st;
    }
    found.width = overlay.width;
    found.height = overlay.height;
    *out = result;
    *explanation = found;
    return ST_OK;
}
