/* train/calibration.c - Platt scaling, and thresholds read off the sorted probabilities. */
#include "train/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/logistic.h"

enum status train_calibration_fit(struct train_calibration *out, const double *logits,
                                  const bool *labels, const double *weights, size_t count,
                                  double penalty, struct err *err)
{
    const struct train_logistic_data data = {.features = logits,
                                             .labels = labels,
                                             .weights = weights,
                                             .count = count,
                                             .feature_count = 1};
    const struct train_logistic identity = {.feature_count = 1, .slope = {1}};
    struct train_logistic fitted = {0};
    enum status st = train_logistic_fit(&fitted, &data, &identity, penalty, err);

    if (st != ST_OK)
        return st;
    if (!(fitted.slope[0] > 0))
        return err_set(err, ST_INVALID, "slope %g: the logits fall where the labels rise",
                       fitted.slope[0]);
    *out = (struct train_calibration){.slope = fitted.slope[0], .bias = fitted.bias};
    return ST_OK;
}

double train_calibration_apply(const struct train_calibration *calibration, double logit)
{
    return train_sigmoid(calibration->slope * logit + calibration->bias);
}

struct item {
    double probability;
    double weight;
    bool ai;
};

/* The data sorted by probability, with the weight of each class. */
struct sorted {
    struct item *items;
    size_t count;
    double mass[2];
};

static int compare_items(const void *a, const void *b)
{
    double x = ((const struct item *)a)->probability;
    double y = ((const struct item *)b)->probability;

    return (x > y) - (x < y);
}

static enum status read_items(struct sorted *sorted, const double *probabilities,
                              const bool *labels, const double *weights, struct err *err)
{
    for (size_t i = 0; i < sorted->count; i++) {
        struct item item = {probabilities[i], weights ? weights[i] : 1, labels[i]};
        if (!(item.probability >= 0 && item.probability <= 1))
            return err_set(err, ST_INVALID, "row %zu: %g is no probability", i, item.probability);
        if (!(item.weight >= 0) || !isfinite(item.weight))
            return err_set(err, ST_INVALID, "row %zu: weight %g is negative or not finite", i,
                           item.weight);
        sorted->mass[item.ai] += item.weight;
        sorted->items[i] = item;
    }
    if (!(sorted->mass[0] > 0) || !(sorted->mass[1] > 0))
        return err_set(err, ST_INVALID, "one class has no weight (real %g, AI-generated %g)",
                       sorted->mass[0], sorted->mass[1]);
    qsort(sorted->items, sorted->count, sizeof *sorted->items, compare_items);
    return ST_OK;
}

/* sorted->items is the caller's also on failure (mem_free). */
static enum status sort_items(struct sorted *sorted, const double *probabilities,
                              const bool *labels, const double *weights, size_t count,
                              struct err *err)
{
    *sorted = (struct sorted){.count = count};
    if (!count)
        return err_set(err, ST_INVALID, "no rows to choose a threshold on");
    sorted->items = mem_try_alloc(count, sizeof *sorted->items);
    if (!sorted->items)
        return err_set(err, ST_NOMEM, "no room for %zu rows", count);
    return read_items(sorted, probabilities, labels, weights, err);
}

/* The cut before items[i]: those from i on are called AI-generated.  below: weight before it.
 * False when no number in (0, 1) cuts there: next to a probability of exactly 0 or 1. */
static bool cut_at(struct train_threshold *out, const struct sorted *sorted, size_t i,
                   const double below[2])
{
    double low = i ? sorted->items[i - 1].probability : 0;
    double high = i < sorted->count ? sorted->items[i].probability : 1;
    double middle = low + (high - low) / 2;

    if (middle <= low) /* neighbours in double precision */
        middle = high;
    if (middle <= low || middle >= 1)
        return false;
    *out = (struct train_threshold){
        .threshold = middle,
        .true_positive_rate = 1 - below[1] / sorted->mass[1],
        .false_positive_rate = 1 - below[0] / sorted->mass[0],
    };
    out->balanced_accuracy = (out->true_positive_rate + 1 - out->false_positive_rate) / 2;
    return true;
}

static bool better(const struct train_threshold *a, const struct train_threshold *b)
{
    const double same = 1e-12; /* sums of weights in another order */

    if (fabs(a->balanced_accuracy - b->balanced_accuracy) > same)
        return a->balanced_accuracy > b->balanced_accuracy;
    return fabs(a->threshold - 0.5) < fabs(b->threshold - 0.5);
}

/* Goes through all cuts upwards.  rate < 0: keeps the best; else: the first one at most rate. */
static bool choose_cut(struct train_threshold *out, const struct sorted *sorted, double rate)
{
    double below[2] = {0, 0};
    bool found = false;

    for (size_t i = 0;;) {
        struct train_threshold cut;
        bool usable = cut_at(&cut, sorted, i, below);
        if (usable && rate >= 0 && cut.false_positive_rate <= rate + 1e-12) {
            *out = cut;
            return true;
        }
        if (usable && rate < 0 && (!found || better(&cut, out))) {
            *out = cut;
            found = true;
        }
        if (i == sorted->count)
            return found;
        double probability = sorted->items[i].probability;
        for (; i < sorted->count && sorted->items[i].probability == probability; i++)
            below[sorted->items[i].ai] += sorted->items[i].weight;
    }
}

static enum status choose(struct train_threshold *out, double rate, const double *probabilities,
                          const bool *labels, const double *weights, size_t count, struct err *err)
{
    struct sorted sorted = {0};
    enum status st = sort_items(&sorted, probabilities, labels, weights, count, err);

    if (st == ST_OK && !choose_cut(out, &sorted, rate))
        st = err_set(err, ST_INVALID, "no threshold in (0, 1) separates these probabilities");
    mem_free(sorted.items);
    return st;
}

enum status train_threshold_balanced(struct train_threshold *out, const double *probabilities,
                                     const bool *labels, const double *weights, size_t count,
                                     struct err *err)
{
    return choose(out, -1, probabilities, labels, weights, count, err);
}

enum status train_threshold_at_fpr(struct train_threshold *out, double rate,
                                   const double *probabilities, const bool *labels,
                                   const double *weights, size_t count, struct err *err)
{
    if (!(rate >= 0 && rate <= 1))
        return err_set(err, ST_INVALID, "a false-positive rate of %g is not in 0 to 1", rate);
    return choose(out, rate, probabilities, labels, weights, count, err);
}
