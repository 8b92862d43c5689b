/* evaluate/curves.c - ROC, reliability, histograms, and accuracy against coverage. */
#include "evaluate/curves.h"

#include <math.h>
#include <stdlib.h>

/* Keeps the ends and what is a step away from the last point kept. */
static size_t thin_roc(struct evaluate_roc_point *out, const struct evaluate_roc_point *points,
                       size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        double moved =
            n ? points[i].fpr - out[n - 1].fpr + points[i].tpr - out[n - 1].tpr : INFINITY;
        if (i + 1 == count || moved >= EVALUATE_ROC_STEP)
            out[n++] = points[i];
    }
    return n;
}

static enum status draw_roc(struct evaluate_curves *out, const struct evaluate_sample *samples,
                            size_t count, struct err *err)
{
    struct evaluate_roc_point *points = NULL;
    size_t point_count = 0;
    size_t generated = 0;

    for (size_t i = 0; i < count; i++)
        generated += samples[i].ai;
    if (!generated || generated == count)
        return ST_OK;
    enum status st = evaluate_roc(&points, &point_count, samples, count, err);
    if (st == ST_OK)
        out->roc_count = thin_roc(out->roc, points, point_count);
    mem_free(points);
    return st;
}

static size_t bin_of(double probability, size_t bins)
{
    return MIN_OF((size_t)(probability * (double)bins), bins - 1);
}

static void fill_bins(struct evaluate_curves *out, const struct evaluate_sample *samples,
                      size_t count)
{
    double sums[EVALUATE_BINS] = {0};
    size_t generated[EVALUATE_BINS] = {0};

    for (size_t i = 0; i < count; i++) {
        size_t bin = bin_of(samples[i].probability, EVALUATE_BINS);
        out->bins[bin].n++;
        sums[bin] += samples[i].probability;
        generated[bin] += samples[i].ai;
        out->histogram[samples[i].ai][bin_of(samples[i].probability, EVALUATE_HISTOGRAM_BINS)]++;
    }
    for (size_t i = 0; i < EVALUATE_BINS; i++) {
        struct evaluate_bin *bin = &out->bins[i];
        double n = bin->n ? (double)bin->n : (double)NAN;
        bin->mean = sums[i] / n;
        bin->share = (double)generated[i] / n;
        bin->share_ci = evaluate_wilson(generated[i], bin->n);
    }
}

struct decision {
    double distance;
    bool ai, right;
};

/* The surest first. */
static int compare_decisions(const void *a, const void *b)
{
    double x = ((const struct decision *)a)->distance;
    double y = ((const struct decision *)b)->distance;

    return (x < y) - (x > y);
}

static struct evaluate_coverage coverage_of(const size_t all[TRAIN_LABEL_COUNT],
                                            const size_t right[TRAIN_LABEL_COUNT], size_t count,
                                            double distance)
{
    size_t decided = all[0] + all[1];
    bool both = all[0] && all[1];

    return (struct evaluate_coverage){
        .coverage = (double)decided / (double)count,
        .distance = distance,
        .accuracy = (double)(right[0] + right[1]) / (double)decided,
        .balanced_accuracy =
            both ? ((double)right[0] / (double)all[0] + (double)right[1] / (double)all[1]) / 2
                 : (double)NAN};
}

/* Photos at the same distance are decided together, so that the curve has no luck in it. */
static void fill_coverages(struct evaluate_curves *out, const struct decision *decisions,
                           size_t count)
{
    size_t all[TRAIN_LABEL_COUNT] = {0};
    size_t right[TRAIN_LABEL_COUNT] = {0};
    size_t next = 1; /* hundredth */

    for (size_t i = 0; i < count;) {
        double distance = decisions[i].distance;
        for (; i < count && decisions[i].distance == distance; i++) {
            all[decisions[i].ai]++;
            right[decisions[i].ai] += decisions[i].right;
        }
        if (i * EVALUATE_COVERAGES_MAX < next * count)
            continue;
        out->coverages[out->coverage_count++] = coverage_of(all, right, count, distance);
        next = i * EVALUATE_COVERAGES_MAX / count + 1;
    }
}

double evaluate_accuracy_at(const struct evaluate_curves *curves, double coverage)
{
    for (size_t i = 0; i < curves->coverage_count; i++)
        if (curves->coverages[i].coverage >= coverage - 1e-9)
            return curves->coverages[i].balanced_accuracy;
    return (double)NAN;
}

enum status evaluate_curves(struct evaluate_curves *out, const struct evaluate_sample *samples,
                            size_t count, double threshold, struct err *err)
{
    struct evaluate_curves curves = {0};
    struct evaluate_ranking ranking = {0};
    enum status st = evaluate_ranking_init(&ranking, samples, count, threshold, err);

    if (st != ST_OK)
        return st;
    struct decision *decisions = mem_try_alloc(count, sizeof *decisions);
    if (!decisions)
        st = err_set(err, ST_NOMEM, "no room for %zu decisions", count);
    for (size_t i = 0; st == ST_OK && i < count; i++) {
        double probability = samples[i].probability;
        bool called_ai = probability >= threshold;
        decisions[i] =
            (struct decision){.distance = called_ai ? (probability - threshold) / (1 - threshold)
                                                    : (threshold - probability) / threshold,
                              .ai = samples[i].ai,
                              .right = called_ai == samples[i].ai};
    }
    if (st == ST_OK)
        st = draw_roc(&curves, samples, count, err);
    if (st == ST_OK) {
        qsort(decisions, count, sizeof *decisions, compare_decisions);
        fill_bins(&curves, samples, count);
        fill_coverages(&curves, decisions, count);
        *out = curves;
    }
    mem_free(decisions);
    mem_free(ranking.samples);
    return st;
}
