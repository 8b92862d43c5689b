/* evaluate/statistics.c - point estimates, slices and the ROC curve. */
#include "evaluate/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define SAMPLES_MAX       100000000u /* keeps counts and indices in 32 bits */
#define BOOTSTRAP_PHOTOS  1
#define BOOTSTRAP_SOURCES 2

static double ratio(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : (double)NAN;
}

struct evaluate_interval evaluate_wilson(size_t part, size_t n)
{
    const double z = 1.959963985; /* of the normal distribution at EVALUATE_INTERVAL_SHARE */
    double rate = ratio(part, n);
    double spread = z * z / (double)n;
    double middle = (rate + spread / 2) / (1 + spread);
    double half = z / (1 + spread) * sqrt(rate * (1 - rate) / (double)n + spread / (4 * (double)n));

    return n ? (struct evaluate_interval){MAX_OF(middle - half, 0), MIN_OF(middle + half, 1)}
             : (struct evaluate_interval){(double)NAN, (double)NAN};
}

/* Falling probability; ties in an order that does not depend on qsort. */
static int compare_samples(const void *a, const void *b)
{
    const struct evaluate_sample *x = a;
    const struct evaluate_sample *y = b;

    if (x->probability != y->probability)
        return x->probability < y->probability ? 1 : -1;
    if (x->ai != y->ai)
        return x->ai ? 1 : -1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return (x->family > y->family) - (x->family < y->family);
}

enum status evaluate_ranking_init(struct evaluate_ranking *out,
                                  const struct evaluate_sample *samples, size_t count,
                                  double threshold, struct err *err)
{
    if (!count)
        return err_set(err, ST_INVALID, "no scores to measure");
    if (count > SAMPLES_MAX)
        return err_set(err, ST_LIMIT, "%zu scores are over %u", count, SAMPLES_MAX);
    if (!(threshold > 0 && threshold < 1))
        return err_set(err, ST_INVALID, "a threshold of %g is not between 0 and 1", threshold);
    for (size_t i = 0; i < count; i++)
        if (!(samples[i].probability >= 0 && samples[i].probability <= 1))
            return err_set(err, ST_INVALID, "score %zu: %g is no probability", i,
                           samples[i].probability);

    struct evaluate_sample *sorted = mem_try_alloc(count, sizeof *sorted);
    if (!sorted)
        return err_set(err, ST_NOMEM, "no room for %zu scores", count);
    memcpy(sorted, samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_samples);
    *out = (struct evaluate_ranking){.samples = sorted, .count = count, .threshold = threshold};
    return ST_OK;
}

double evaluate_ranking_auc(const struct evaluate_ranking *ranking, const uint32_t *counts)
{
    double above = 0; /* AI-generated photos with a higher probability */
    double reals = 0;
    double won = 0; /* pairs in the right order, ties half */

    for (size_t i = 0; i < ranking->count;) {
        double probability = ranking->samples[i].probability;
        double here[2] = {0, 0};
        for (; i < ranking->count && ranking->samples[i].probability == probability; i++)
            here[ranking->samples[i].ai] += counts ? counts[i] : 1;
        won += here[0] * (above + here[1] / 2);
        above += here[1];
        reals += here[0];
    }
    return above > 0 && reals > 0 ? won / (above * reals) : (double)NAN;
}

double evaluate_ranking_balanced_accuracy(const struct evaluate_ranking *ranking,
                                          const uint32_t *counts)
{
    double right[2] = {0, 0};
    double all[2] = {0, 0};

    for (size_t i = 0; i < ranking->count; i++) {
        const struct evaluate_sample *sample = &ranking->samples[i];
        double n = counts ? counts[i] : 1;
        all[sample->ai] += n;
        if ((sample->probability >= ranking->threshold) == sample->ai)
            right[sample->ai] += n;
    }
    return all[0] > 0 && all[1] > 0 ? (right[0] / all[0] + right[1] / all[1]) / 2 : (double)NAN;
}

static struct evaluate_confusion count_confusion(const struct evaluate_ranking *ranking)
{
    struct evaluate_confusion out = {0};

    for (size_t i = 0; i < ranking->count; i++) {
        bool called_ai = ranking->samples[i].probability >= ranking->threshold;
        if (ranking->samples[i].ai)
            *(called_ai ? &out.tp : &out.fn) += 1;
        else
            *(called_ai ? &out.fp : &out.tn) += 1;
    }
    return out;
}

/* Expected calibration error over equally wide bins, and the Brier score. */
static void measure_calibration(struct evaluate_statistics *out,
                                const struct evaluate_ranking *ranking)
{
    double predicted[EVALUATE_BINS] = {0};
    double observed[EVALUATE_BINS] = {0};
    double n = (double)ranking->count;

    out->ece = out->brier = 0;
    for (size_t i = 0; i < ranking->count; i++) {
        double probability = ranking->samples[i].probability;
        double truth = ranking->samples[i].ai ? 1 : 0;
        size_t bin = MIN_OF((size_t)(probability * EVALUATE_BINS), EVALUATE_BINS - 1u);
        predicted[bin] += probability;
        observed[bin] += truth;
        out->brier += (probability - truth) * (probability - truth) / n;
    }
    for (size_t bin = 0; bin < EVALUATE_BINS; bin++)
        out->ece += fabs(predicted[bin] - observed[bin]) / n;
}

/* `out` has room for one point more than there are samples. */
static size_t roc_points(struct evaluate_roc_point *out, const struct evaluate_ranking *ranking)
{
    struct evaluate_confusion all = count_confusion(ranking);
    size_t reals = all.fp + all.tn;
    size_t generated = all.tp + all.fn;
    size_t called[2] = {0, 0};
    size_t n = 0;

    out[n++] = (struct evaluate_roc_point){.threshold = (double)INFINITY};
    for (size_t i = 0; i < ranking->count;) {
        double probability = ranking->samples[i].probability;
        for (; i < ranking->count && ranking->samples[i].probability == probability; i++)
            called[ranking->samples[i].ai]++;
        out[n++] = (struct evaluate_roc_point){.threshold = probability,
                                               .fpr = ratio(called[0], reals),
                                               .tpr = ratio(called[1], generated)};
    }
    return n;
}

static enum status ranking_roc(struct evaluate_roc_point **out, size_t *count,
                               const struct evaluate_ranking *ranking, struct err *err)
{
    struct evaluate_roc_point *points = mem_try_alloc(ranking->count + 1, sizeof *points);

    if (!points)
        return err_set(err, ST_NOMEM, "no room for %zu ROC points", ranking->count + 1);
    *count = roc_points(points, ranking);
    *out = points;
    return ST_OK;
}

enum status evaluate_roc(struct evaluate_roc_point **out, size_t *point_count,
                         const struct evaluate_sample *samples, size_t count, struct err *err)
{
    struct evaluate_ranking ranking = {0};
    enum status st = evaluate_ranking_init(&ranking, samples, count, 0.5, err);

    if (st != ST_OK)
        return st;
    struct evaluate_confusion all = count_confusion(&ranking);
    if (!(all.fp + all.tn) || !(all.tp + all.fn))
        st = err_set(err, ST_INVALID, "a ROC curve needs both classes (real %zu, AI-generated %zu)",
                     all.fp + all.tn, all.tp + all.fn);
    if (st == ST_OK)
        st = ranking_roc(out, point_count, &ranking, err);
    mem_free(ranking.samples);
    return st;
}

/* Highest hit rate among the operating points whose false-positive rate is at most `rate`. */
static double tpr_at_fpr(const struct evaluate_roc_point *points, size_t count, double rate)
{
    double best = (double)NAN;

    for (size_t i = 0; i < count; i++)
        if (points[i].fpr <= rate) /* false when there are no real photos */
            best = points[i].tpr;
    return best;
}

static enum status measure_ranking(struct evaluate_statistics *out,
                                   const struct evaluate_ranking *ranking, struct err *err)
{
    struct evaluate_roc_point *points = NULL;
    size_t count = 0;
    enum status st = ranking_roc(&points, &count, ranking, err);
    bool both = out->confusion.tp + out->confusion.fn && out->confusion.fp + out->confusion.tn;

    if (st != ST_OK)
        return st;
    out->auc = evaluate_ranking_auc(ranking, NULL);
    out->tpr_at_fpr_1 = both ? tpr_at_fpr(points, count, 0.01) : (double)NAN;
    out->tpr_at_fpr_5 = both ? tpr_at_fpr(points, count, 0.05) : (double)NAN;
    mem_free(points);
    return ST_OK;
}

static void measure_decisions(struct evaluate_statistics *out,
                              const struct evaluate_ranking *ranking)
{
    struct evaluate_confusion c = count_confusion(ranking);

    out->n = ranking->count;
    out->confusion = c;
    out->balanced_accuracy = evaluate_ranking_balanced_accuracy(ranking, NULL);
    out->precision = ratio(c.tp, c.tp + c.fp);
    out->recall = ratio(c.tp, c.tp + c.fn);
    out->fpr = ratio(c.fp, c.fp + c.tn);
    out->f1 = ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn);
}

static int compare_ids(const void *a, const void *b)
{
    const struct evaluate_slice *x = a;
    const struct evaluate_slice *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static int compare_slices(const void *a, const void *b)
{
    const struct evaluate_slice *x = a;
    const struct evaluate_slice *y = b;

    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    return compare_ids(a, b);
}

/* Groups one class by source (real) or by family (AI-generated). */
static enum status slice(struct evaluate_slice **out, size_t *count,
                         const struct evaluate_ranking *ranking, bool ai, struct err *err)
{
    struct evaluate_slice *slices = mem_try_alloc(ranking->count, sizeof *slices);
    size_t n = 0;
    size_t used = 0;

    if (!slices)
        return err_set(err, ST_NOMEM, "no room for %zu slices", ranking->count);
    for (size_t i = 0; i < ranking->count; i++) {
        const struct evaluate_sample *sample = &ranking->samples[i];
        if (sample->ai != ai)
            continue;
        slices[n] = (struct evaluate_slice){.id = ai ? sample->family : sample->source,
                                            .n = 1,
                                            .called_ai = sample->probability >= ranking->threshold};
        n++;
    }
    if (n)
        qsort(slices, n, sizeof *slices, compare_ids);
    for (size_t i = 0; i < n; i++) {
        if (used && slices[used - 1].id == slices[i].id) {
            slices[used - 1].n++;
            slices[used - 1].called_ai += slices[i].called_ai;
        } else {
            slices[used++] = slices[i];
        }
    }
    if (used)
        qsort(slices, used, sizeof *slices, compare_slices);
    *out = slices;
    *count = used;
    return ST_OK;
}

static enum status measure_intervals(struct evaluate_statistics *out,
                                     const struct evaluate_ranking *ranking, uint64_t seed,
                                     struct err *err)
{
    struct evaluate_intervals photos = {0};
    struct evaluate_intervals sources = {0};
    struct rng rng = rng_derive(seed, BOOTSTRAP_PHOTOS);
    enum status st = evaluate_bootstrap(&photos, ranking, false, rng_u64(&rng), err);

    rng = rng_derive(seed, BOOTSTRAP_SOURCES);
    if (st == ST_OK)
        st = evaluate_bootstrap(&sources, ranking, true, rng_u64(&rng), err);
    if (st != ST_OK)
        return st;
    out->balanced_accuracy_ci = photos.balanced_accuracy;
    out->auc_ci = photos.auc;
    out->balanced_accuracy_ci_by_source = sources.balanced_accuracy;
    out->auc_ci_by_source = sources.auc;
    return ST_OK;
}

enum status evaluate_statistics(struct evaluate_statistics *out,
                                const struct evaluate_sample *samples, size_t count,
                                double threshold, uint64_t seed, struct err *err)
{
    struct evaluate_ranking ranking = {0};
    struct evaluate_statistics measured = {0};
    enum status st = evaluate_ranking_init(&ranking, samples, count, threshold, err);

    if (st != ST_OK)
        return st;
    measure_decisions(&measured, &ranking);
    measure_calibration(&measured, &ranking);
    st = measure_ranking(&measured, &ranking, err);
    if (st == ST_OK)
        st = slice(&measured.sources, &measured.source_count, &ranking, false, err);
    if (st == ST_OK)
        st = slice(&measured.families, &measured.family_count, &ranking, true, err);
    if (st == ST_OK)
        st = measure_intervals(&measured, &ranking, seed, err);
    if (st == ST_OK)
        *out = measured;
    else
        evaluate_statistics_fini(&measured);
    mem_free(ranking.samples);
    return st;
}

void evaluate_statistics_fini(struct evaluate_statistics *statistics)
{
    mem_free(statistics->sources);
    mem_free(statistics->families);
    statistics->sources = statistics->families = NULL;
    statistics->source_count = statistics->family_count = 0;
}

const struct evaluate_slice *evaluate_slice_find(const struct evaluate_statistics *statistics,
                                                 bool ai, uint32_t id)
{
    const struct evaluate_slice *slices = ai ? statistics->families : statistics->sources;
    size_t count = ai ? statistics->family_count : statistics->source_count;

    for (size_t i = 0; i < count; i++)
        if (slices[i].id == id)
            return &slices[i];
    return NULL;
}

enum status evaluate_samples_of(struct evaluate_sample **out, size_t *count,
                                const struct evaluate_scores *scores,
                                const struct train_manifest *manifest, enum train_tier tier,
                                struct err *err)
{
    struct evaluate_sample *samples = mem_try_alloc(scores->row_count, sizeof *samples);
    size_t n = 0;

    if (!samples)
        return err_set(err, ST_NOMEM, "no room for %zu samples", scores->row_count);
    for (size_t i = 0; i < scores->count; i++) {
        const struct evaluate_score *score = &scores->scores[i];
        const struct train_manifest_row *row = &manifest->rows[score->row];
        if (score->tier == tier && !score->failed)
            samples[n++] = (struct evaluate_sample){.probability = score->probability,
                                                    .ai = row->label == TRAIN_LABEL_AI,
                                                    .source = row->source,
                                                    .family = row->family};
    }
    *out = samples;
    *count = n;
    return ST_OK;
}
