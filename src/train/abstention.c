/* train/abstention.c - the best way to spend a number of undecided photos on both sides of the
 * threshold.  One number is chosen, of STEPS + 1: more would be learned from chance. */
#include "train/abstention.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define STEPS 20

struct row {
    double probability, weight;
    bool ai;
};

struct rows {
    struct row *at;
    size_t count;
    size_t below; /* the threshold */
    double threshold;
};

static int compare_rows(const void *a, const void *b)
{
    double x = ((const struct row *)a)->probability;
    double y = ((const struct row *)b)->probability;

    return (x > y) - (x < y);
}

static double middle(double low, double high)
{
    return low + (high - low) / 2;
}

/* A limit in (0, threshold] from which at most `undecided` rows lie below the threshold. */
static double low_limit(const struct rows *rows, size_t undecided)
{
    size_t first = rows->below - MIN_OF(undecided, rows->below);

    if (first == rows->below)
        return rows->threshold;
    while (first > 0 && first < rows->below &&
           rows->at[first].probability == rows->at[first - 1].probability)
        first++;
    if (first == rows->below)
        return rows->threshold;
    double limit = middle(first ? rows->at[first - 1].probability : 0, rows->at[first].probability);
    return limit > 0 ? limit : rows->threshold;
}

/* A limit in [threshold, 1) below which at most `undecided` rows reach the threshold. */
static double high_limit(const struct rows *rows, size_t undecided)
{
    size_t end = rows->below + MIN_OF(undecided, rows->count - rows->below);

    while (end > rows->below && end < rows->count &&
           rows->at[end].probability == rows->at[end - 1].probability)
        end--;
    if (end == rows->below)
        return rows->threshold;
    double next = end < rows->count ? rows->at[end].probability : 1;
    double limit = middle(rows->at[end - 1].probability, next);
    if (limit <= rows->at[end - 1].probability) /* neighbours in double precision */
        limit = next;
    return limit < 1 ? limit : rows->threshold;
}

static void measure(struct train_band *band, const struct rows *rows)
{
    double all[2] = {0, 0};
    double right[2] = {0, 0};
    size_t decided = 0;

    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->at[i];
        bool called_ai = row->probability >= band->high;
        if (!called_ai && row->probability >= band->low)
            continue;
        decided++;
        all[row->ai] += row->weight;
        right[row->ai] += called_ai == row->ai ? row->weight : 0;
    }
    band->coverage = (double)decided / (double)rows->count;
    band->balanced_accuracy =
        all[0] > 0 && all[1] > 0 ? (right[0] / all[0] + right[1] / all[1]) / 2 : (double)NAN;
}

static bool better(const struct train_band *a, int step_a, const struct train_band *b, int step_b)
{
    const double same = 1e-12; /* sums of weights in another order */

    if (isnan(a->balanced_accuracy) || isnan(b->balanced_accuracy))
        return isnan(b->balanced_accuracy) && !isnan(a->balanced_accuracy);
    if (fabs(a->balanced_accuracy - b->balanced_accuracy) > same)
        return a->balanced_accuracy > b->balanced_accuracy;
    return abs(2 * step_a - STEPS) < abs(2 * step_b - STEPS);
}

static struct train_band choose(const struct rows *rows, double coverage)
{
    size_t budget = (size_t)((1 - coverage) * (double)rows->count + 1e-9);
    struct train_band best = {.low = rows->threshold, .high = rows->threshold};
    int best_step = -STEPS; /* nothing undecided: worse than any of the others that is as good */

    measure(&best, rows);
    for (int step = 0; step <= STEPS; step++) {
        size_t below = budget * (size_t)step / STEPS;
        struct train_band band = {.low = low_limit(rows, below),
                                  .high = high_limit(rows, budget - below)};
        measure(&band, rows);
        if (!better(&band, step, &best, best_step))
            continue;
        best = band;
        best_step = step;
    }
    return best;
}

static enum status read_rows(struct rows *rows, const double *probabilities, const bool *labels,
                             const double *weights, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row row = {probabilities[i], weights ? weights[i] : 1, labels[i]};
        if (!(row.probability >= 0 && row.probability <= 1))
            return err_set(err, ST_INVALID, "row %zu: %g is no probability", i, row.probability);
        if (!(row.weight >= 0) || !isfinite(row.weight))
            return err_set(err, ST_INVALID, "row %zu: weight %g is negative or not finite", i,
                           row.weight);
        rows->below += row.probability < rows->threshold;
        rows->at[i] = row;
    }
    qsort(rows->at, rows->count, sizeof *rows->at, compare_rows);
    return ST_OK;
}

enum status train_band_fit(struct train_band *out, double coverage, double threshold,
                           const double *probabilities, const bool *labels, const double *weights,
                           size_t count, struct err *err)
{
    struct rows rows = {.count = count, .threshold = threshold};

    if (!(coverage > 0 && coverage <= 1))
        return err_set(err, ST_INVALID, "a coverage of %g is not above 0, up to 1", coverage);
    if (!(threshold > 0 && threshold < 1))
        return err_set(err, ST_INVALID, "a threshold of %g is not between 0 and 1", threshold);
    if (!count)
        return err_set(err, ST_INVALID, "no rows to fit a band on");
    rows.at = mem_try_alloc(count, sizeof *rows.at);
    if (!rows.at)
        return err_set(err, ST_NOMEM, "no room for %zu rows", count);
    enum status st = read_rows(&rows, probabilities, labels, weights, err);
    if (st == ST_OK)
        *out = choose(&rows, coverage);
    mem_free(rows.at);
    return st;
}
