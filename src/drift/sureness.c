#include "drift/sureness.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define MOST       2.0   /* times surer, or less sure */
#define BLOCK      1000u /* units */
#define DEVIATIONS 2.0   /* of a mean, that the baseline's size leaves open */
#define LOGIT_EDGE 1e-6

/* Of the projection: what it leaves is no error, because the mean of a bet is bounded after it. */
#define ROUNDS   2000
#define HALVINGS 40
#define GAP      1e-6 /* of a mean over 1 */

double drift_sureness_move(double probability, double threshold, double by)
{
    double p = CLAMP(probability, LOGIT_EDGE, 1 - LOGIT_EDGE);
    double centre = log(threshold / (1 - threshold));
    double logit = centre + by * (log(p / (1 - p)) - centre);

    return 1 / (1 + exp(-logit));
}

double drift_sureness_factor(unsigned step)
{
    double part = ((double)step - DRIFT_SURENESS_AS_IS) / DRIFT_SURENESS_AS_IS;

    return pow(MOST, part);
}

/* ---- the normal distributions ---- */

/* The bin that each value of a baseline goes to: moving keeps the order, so edges are enough. */
static void map_values(uint8_t to[DRIFT_VALUE_TOP + 1], double threshold, double by)
{
    unsigned value = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++) {
        double edge =
            b + 1 < DRIFT_BINS ? drift_sureness_move((b + 1.0) / DRIFT_BINS, threshold, 1 / by) : 2;
        for (; value <= DRIFT_VALUE_TOP && drift_value((uint16_t)value) < edge; value++)
            to[value] = (uint8_t)b;
    }
}

static float *sums_of(const struct drift_sureness *sureness, unsigned step)
{
    return sureness->sums + (size_t)step * sureness->block_count * DRIFT_BINS;
}

static void fill_step(struct drift_sureness *sureness, unsigned step, struct drift_units units,
                      uint8_t to[DRIFT_VALUE_TOP + 1])
{
    float *sums = sums_of(sureness, step);
    double *mass = sureness->mass[step], total = 0;
    const uint16_t *values = NULL;
    size_t size = 0;

    map_values(to, units.baseline->threshold, drift_sureness_factor(step));
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        mass[b] = 1; /* what was never seen may still be normal */
    for (size_t unit = 0; (size = drift_units_next(&values, &units)) > 0; unit++) {
        size_t block = unit / sureness->block;
        for (size_t i = 0; i < size; i++) {
            mass[to[values[i]]] += 1 / (double)size;
            if (block < sureness->block_count)
                sums[block * DRIFT_BINS + to[values[i]]] += 1 / (float)size;
        }
    }
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        total += mass[b];
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        mass[b] /= total;
}

void drift_sureness_open(struct drift_sureness *sureness, const struct drift_baseline *baseline,
                         bool grouped)
{
    uint8_t *to = mem_alloc(DRIFT_VALUE_TOP + 1, sizeof *to);
    struct drift_units units = {.baseline = baseline, .grouped = grouped};

    if (drift_unit_count(baseline, grouped) < 2)
        units.grouped = false;
    size_t count = drift_unit_count(baseline, units.grouped);
    size_t block = MIN_OF((size_t)BLOCK, count / 2);
    *sureness = (struct drift_sureness){.block = block, .block_count = count / block};
    sureness->sums = mem_alloc(DRIFT_SURENESS_STEPS * sureness->block_count * DRIFT_BINS,
                               sizeof *sureness->sums);
    for (unsigned step = 0; step < DRIFT_SURENESS_STEPS; step++)
        fill_step(sureness, step, units, to);
    mem_free(to);
}

void drift_sureness_close(struct drift_sureness *sureness)
{
    mem_free(sureness->sums);
    *sureness = (struct drift_sureness){0};
}

/* ---- bets ---- */

static double mean_of(const double mass[DRIFT_BINS], const double value[DRIFT_BINS])
{
    double mean = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        mean += mass[b] * value[b];
    return mean;
}

/* Where the log-likelihood of `of` is highest between m and m + `top` * (a - b); bisection. */
static double best_step(const double of[DRIFT_BINS], const double m[DRIFT_BINS],
                        const double a[DRIFT_BINS], const double b[DRIFT_BINS], double top)
{
    double low = 0, high = top;

    for (unsigned round = 0; round < HALVINGS; round++) {
        double step = round ? (low + high) / 2 : top, slope = 0;
        for (unsigned i = 0; i < DRIFT_BINS; i++)
            slope += of[i] * (a[i] - b[i]) / (m[i] + step * (a[i] - b[i]));
        if (slope > 0)
            low = step;
        else
            high = step;
        if (low >= top)
            break;
    }
    return low;
}

struct ends {
    unsigned best, worst; /* worst: of those with weight */
    double gap;           /* how far the best mean is over 1: 0 at the optimum */
};

static struct ends find_ends(const struct drift_sureness *sureness, const double of[DRIFT_BINS],
                             const double out[DRIFT_BINS],
                             const double weights[DRIFT_SURENESS_STEPS])
{
    double ratios[DRIFT_BINS], most = 0, least = INFINITY;
    struct ends ends = {0};

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        ratios[b] = of[b] / out[b];
    for (unsigned s = 0; s < DRIFT_SURENESS_STEPS; s++) {
        double mean = mean_of(sureness->mass[s], ratios);
        if (mean > most) {
            most = mean;
            ends.best = s;
        }
        if (weights[s] > 0 && mean < least) {
            least = mean;
            ends.worst = s;
        }
    }
    ends.gap = most - 1;
    return ends;
}

void drift_sureness_nearest(double out[DRIFT_BINS], const struct drift_sureness *sureness,
                            const double of[DRIFT_BINS])
{
    double weights[DRIFT_SURENESS_STEPS] = {[DRIFT_SURENESS_AS_IS] = 1};

    memcpy(out, sureness->mass[DRIFT_SURENESS_AS_IS], DRIFT_BINS * sizeof *out);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct ends ends = find_ends(sureness, of, out, weights);
        if (ends.gap < GAP)
            break;
        const double *to = sureness->mass[ends.best], *from = sureness->mass[ends.worst];
        double step = best_step(of, out, to, from, weights[ends.worst]);
        weights[ends.best] += step;
        weights[ends.worst] -= step; /* exactly 0 when all of it goes */
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            out[b] += step * (to[b] - from[b]);
    }
}

static double upper_mean_at(const struct drift_sureness *sureness, unsigned step,
                            const double factor[DRIFT_BINS])
{
    const float *sums = sums_of(sureness, step);
    const double *mass = sureness->mass[step];
    double size = (double)sureness->block, count = (double)sureness->block_count;
    double mean = 0, square = 0, blocks = 0, squares = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++) {
        mean += mass[b] * factor[b];
        square += mass[b] * factor[b] * factor[b];
    }
    for (size_t i = 0; i < sureness->block_count; i++) {
        double distance = -mean; /* of the block's mean */
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            distance += (double)sums[i * DRIFT_BINS + b] * factor[b] / size;
        blocks += distance;
        squares += distance * distance;
    }
    double between = fmax(0, squares - blocks * blocks / count) / (count - 1);
    double expected = fmax(0, square - mean * mean) / size; /* of independent units */
    bool wanders = between > expected * (1 + 3 * sqrt(2 / count));
    double open = sqrt(fmax(between, expected) / count);
    return mean + DEVIATIONS * open + (wanders ? DEVIATIONS * sqrt(between - expected) : 0);
}

double drift_sureness_upper_mean(const struct drift_sureness *sureness,
                                 const double factor[DRIFT_BINS])
{
    double most = 0;

    for (unsigned step = 0; step < DRIFT_SURENESS_STEPS; step++)
        most = fmax(most, upper_mean_at(sureness, step, factor));
    return most;
}
