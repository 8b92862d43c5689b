/* detect/model.c - a weights file becomes a model: what it must have, its threshold, its band, the
 * form in which the network computes. */
#include "base/fs.h"
#include "detect/detect_internal.h"
#include "detect/frontend.h"

#define UNSURE_LOGIT    0.4 /* each side of the threshold, when a model states no band */
#define MODEL_BYTES_MAX NN_WEIGHTS_BYTES_MAX

/* The values of a table of numbers about statistics; *out stays when the file has none. */
static enum status find_table(const float **out, const struct nn_weights *weights, const char *name,
                              int rows, struct err *err)
{
    const struct nn_table *table = nn_graph_table(weights->graph, name);

    if (!table)
        return ST_OK;
    if (table->rows != rows || table->columns != DETECT_STATISTICS_COUNT)
        return err_set(err, ST_CORRUPT, "the table '%s' is %dx%d, this program has %dx%d", name,
                       table->rows, table->columns, rows, DETECT_STATISTICS_COUNT);
    *out = weights->values + weights->graph->parameters[table->parameter].offset;
    return ST_OK;
}

static enum status check_deviations(const float *statistics, struct err *err)
{
    const float *deviation = statistics + DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT;

    for (size_t i = 0; i < DETECT_STATISTICS_COUNT; i++)
        if (!(deviation[i] > 0))
            return err_set(err, ST_CORRUPT, "statistic %zu has no deviation above 0", i);
    return ST_OK;
}

static enum status find_tables(struct detect_model *model, struct err *err)
{
    enum status st = find_table(&model->statistics, model->weights, DETECT_STATISTICS_TABLE,
                                DETECT_STATISTICS_ROW_COUNT, err);

    if (st == ST_OK && model->statistics)
        st = check_deviations(model->statistics, err);
    if (st == ST_OK)
        st = find_table(&model->embedding, model->weights, DETECT_EMBEDDING_TABLE,
                        DETECT_EMBEDDING_SIZE, err);
    return st;
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

/* Around the threshold in use as far in log-odds as the model's limits are around its own. */
static struct detect_band band_of(const struct detect_convention *convention, double threshold)
{
    const struct detect_band *stated = &convention->unsure;
    double moved = logit_of(threshold) - logit_of(convention->threshold);

    if (stated->high == 0)
        return (struct detect_band){detect_probability_of(logit_of(threshold) - UNSURE_LOGIT),
                                    detect_probability_of(logit_of(threshold) + UNSURE_LOGIT)};
    if (threshold == convention->threshold)
        return *stated;
    return (struct detect_band){
        MIN_OF(detect_probability_of(logit_of(stated->low) + moved), threshold),
        MAX_OF(detect_probability_of(logit_of(stated->high) + moved), threshold)};
}

enum status detect_open_network(struct nn_inference **out, const struct detect_model *model,
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
        st = detect_open_network(&network, model, by_speed[i], &tried);
        nn_inference_close(network);
        model->precision = by_speed[i];
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "%s", tried.msg);
}

/* What was asked for instead of the model's own. */
static enum status take_options(struct detect_model *model, const struct detect_options *options,
                                struct err *err)
{
    enum status st = ST_OK;

    if (options->bytes_max)
        model->limits.bytes_max = options->bytes_max;
    if (options->pixels_max)
        model->limits.pixels_max = options->pixels_max;
    if (options->side_max_px)
        model->limits.side_max_px = options->side_max_px;
    if (options->threshold != 0)
        model->threshold = options->threshold;
    if (options->fpr != 0)
        st = take_threshold_at(model, options->fpr, err);
    if (st == ST_OK)
        st = take_precision(model, options->precision, err);
    if (st == ST_OK && !(model->threshold > 0 && model->threshold < 1))
        st = err_set(err, ST_INVALID, "a threshold of %g is outside 0 to 1", model->threshold);
    return st;
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
        st = find_tables(model, err);
    model->limits = image_limits_default;
    model->threshold = model->convention.threshold;
    if (st == ST_OK && options)
        st = take_options(model, options, err);
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
