#include "train/mixture.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "train/abstention.h"
#include "train/calibration.h"
#include "train/logistic.h"
#include "train/tiers.h"
#include "train/validation.h"

#define PENALTY   1e-3
#define LIMIT_LOW 1e-6 /* nearer to 0 or 1 no limit is read back */
#define SLOPE_MIN 1e-3 /* of the network: below it a model does not load */
#define TIERS     3    /* T0, T1, T2: what a marketplace serves */

/* A row of features for each validation photo and each tier. */
struct examples {
    const struct train_dataset *dataset;
    size_t photo_count;
    double *features, *weights;
    bool *labels;
    size_t feature_count;
};

static struct train_sample sample_of(const struct examples *examples, size_t i)
{
    return train_dataset_validation(examples->dataset, i);
}

/* Examples ---------------------------------------------------------------------------------- */

static double weight_of(const struct examples *examples, size_t i)
{
    struct train_sample sample = sample_of(examples, i);
    double same_source = 0;

    for (size_t k = 0; k < examples->photo_count; k++) {
        struct train_sample other = sample_of(examples, k);
        same_source += other.label == sample.label && other.row->source == sample.row->source;
    }
    return 1 / sqrt(same_source);
}

/* The same in every tier. */
static void weigh(struct examples *examples)
{
    size_t count = examples->photo_count;
    double *weights = examples->weights;
    double sums[TRAIN_LABEL_COUNT] = {0};

    for (size_t i = 0; i < count; i++) {
        weights[i] = weight_of(examples, i);
        sums[sample_of(examples, i).label] += weights[i];
    }
    for (size_t i = 0; i < count; i++)
        weights[i] *= (double)count / sums[sample_of(examples, i).label];
    for (size_t i = count; i < TIERS * count; i++)
        weights[i] = weights[i - count];
}

/* What the opinions say before they are mixed. */
static enum status gather_opinions(struct examples *examples,
                                   const struct train_mixture_options *options, struct err *err)
{
    struct train_opinion *opinions = mem_alloc(examples->photo_count, sizeof *opinions);
    size_t count = examples->photo_count;
    enum status st = ST_OK;

    weigh(examples);
    for (size_t tier = 0; tier < TIERS && st == ST_OK; tier++) {
        st = train_validation_run(opinions, examples->dataset, options->model_path,
                                  (enum train_tier)tier, options->workers, err);
        for (size_t i = 0; i < count; i++) {
            double *row = examples->features + (tier * count + i) * examples->feature_count;
            examples->labels[tier * count + i] = sample_of(examples, i).label == TRAIN_LABEL_AI;
            row[0] = opinions[i].network;
            if (examples->feature_count > 1)
                row[1] = opinions[i].statistics;
        }
    }
    mem_free(opinions);
    return st;
}

static enum status open_examples(struct examples *out, const struct train_mixture_options *options,
                                 struct err *err)
{
    struct examples examples = {.dataset = options->dataset,
                                .photo_count = train_dataset_validation_count(options->dataset),
                                .feature_count = options->has_statistics ? 2 : 1};

    size_t rows = TIERS * examples.photo_count;
    examples.features = mem_alloc(rows, examples.feature_count * sizeof *examples.features);
    examples.weights = mem_alloc(rows, sizeof *examples.weights);
    examples.labels = mem_alloc(rows, sizeof *examples.labels);
    *out = examples;
    return gather_opinions(&examples, options, err);
}

static void close_examples(struct examples *examples)
{
    mem_free(examples->features);
    mem_free(examples->weights);
    mem_free(examples->labels);
}

/* Limits ------------------------------------------------------------------------------------ */

/* The threshold at which at most `rate` of the real photos, weighed as the mixture weighs them, are
 * called AI-generated; 0: no number in (0, 1) does that. */
static double threshold_at(double rate, const double *probabilities,
                           const struct train_logistic_data *data)
{
    struct train_threshold threshold = {0};
    struct err ignored;

    if (train_threshold_at_fpr(&threshold, rate, probabilities, data->labels, data->weights,
                               data->count, &ignored) != ST_OK)
        return 0;
    return threshold.threshold;
}

/* Thresholds and the band, on the probabilities that the mixture gives. */
static enum status read_limits(struct train_mixture *mixture, double coverage,
                               const struct train_logistic *fitted,
                               const struct train_logistic_data *data, struct err *err)
{
    double *probabilities = mem_alloc(data->count, sizeof *probabilities);
    struct train_band band;

    for (size_t i = 0; i < data->count; i++)
        probabilities[i] =
            train_sigmoid(train_logistic_logit(fitted, data->features + i * data->feature_count));
    mixture->threshold_fpr_1 = threshold_at(0.01, probabilities, data);
    mixture->threshold_fpr_5 = threshold_at(0.05, probabilities, data);
    enum status st = train_band_fit(&band, coverage, TRAIN_THRESHOLD, probabilities, data->labels,
                                    data->weights, data->count, err);
    if (st == ST_OK) {
        mixture->unsure =
            (struct detect_band){MAX_OF(band.low, LIMIT_LOW), MIN_OF(band.high, 1 - LIMIT_LOW)};
        log_info("train.abstention",
                 "unsure_low=%.4f unsure_high=%.4f coverage=%.4f balanced_accuracy=%.4f", band.low,
                 band.high, band.coverage, band.balanced_accuracy);
    }
    mem_free(probabilities);
    return st;
}

/* Mixture ----------------------------------------------------------------------------------- */

/* A network that never learned, or whose opinion falls where the labels rise, must not count:
 * it keeps the least weight that a model may have, and the mixture is fitted on the other one. */
static enum status fit_slopes(struct train_logistic *out, bool network_trained,
                              const struct train_logistic_data *data, struct err *err)
{
    const struct train_logistic both = {.feature_count = 2, .slope = {1, 1}};
    const struct train_logistic one = {.feature_count = 1, .slope = {1}};
    struct train_logistic fitted = {0};
    enum status st = ST_OK;

    if (data->feature_count == 1)
        return train_logistic_fit(out, data, &one, PENALTY, err);
    if (network_trained)
        st = train_logistic_fit(out, data, &both, PENALTY, err);
    if (st != ST_OK || (network_trained && out->slope[0] >= SLOPE_MIN))
        return st;
    double *statistics = mem_alloc(data->count, sizeof *statistics);
    struct train_logistic_data alone = *data;
    for (size_t i = 0; i < data->count; i++)
        statistics[i] = data->features[2 * i + 1];
    alone.features = statistics;
    alone.feature_count = 1;
    st = train_logistic_fit(&fitted, &alone, &one, PENALTY, err);
    mem_free(statistics);
    *out = (struct train_logistic){
        .feature_count = 2, .slope = {SLOPE_MIN, fitted.slope[0]}, .bias = fitted.bias};
    log_warn("train.network_left_out", "reason=%s",
             network_trained ? "its opinion falls where the labels rise" : "it was not trained");
    return st;
}

enum status train_mixture_fit(struct train_mixture *out,
                              const struct train_mixture_options *options, struct err *err)
{
    struct examples examples;
    struct train_logistic fitted = {0};
    enum status st = open_examples(&examples, options, err);
    const struct train_logistic_data data = {.features = examples.features,
                                             .labels = examples.labels,
                                             .weights = examples.weights,
                                             .count = TIERS * examples.photo_count,
                                             .feature_count = examples.feature_count};

    if (st == ST_OK)
        st = fit_slopes(&fitted, options->network_trained, &data, err);
    struct train_mixture mixture = {
        .network = fitted.slope[0], .statistics = fitted.slope[1], .bias = fitted.bias};
    if (st == ST_OK)
        st = read_limits(&mixture, options->coverage, &fitted, &data, err);
    close_examples(&examples);
    if (st != ST_OK)
        return st;
    if (fitted.slope[0] < SLOPE_MIN || fitted.slope[1] < 0)
        return err_set(err, ST_INVALID, "slopes %g and %g: an opinion falls where the labels rise",
                       fitted.slope[0], fitted.slope[1]);
    *out = mixture;
    return ST_OK;
}
