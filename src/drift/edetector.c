#include "drift/edetector.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK      1000u /* samples: the unit whose means show what a baseline leaves open */
#define DEVIATIONS 2.0   /* of a bet's mean, that the baseline's size leaves open */
#define RATIO_MAX  50.0  /* of a likelihood */
#define RATIO_MIN  0.1
#define SPREAD     6.0 /* of a guessed kind's probabilities: sum of a Beta's parameters */
#define LOGIT_EDGE 1e-6

/* A share of one class is replaced by photos of a new kind. */
enum kind { KIND_PEAK, KIND_OTHER_CLASS };

static const struct alternative {
    bool of_ai; /* which class shrinks */
    enum kind kind;
    double centre; /* of the new kind's probabilities */
    const char *help;
} alternatives[DRIFT_ALTERNATIVES] = {
    {true, KIND_OTHER_CLASS, 0, "fewer AI-generated verdicts, more real ones"},
    {true, KIND_PEAK, 0.25, "AI-generated photos that look real (probability around 0.25)"},
    {true, KIND_PEAK, 0.4, "AI-generated photos that are unsure (probability around 0.4)"},
    {true, KIND_PEAK, 0.55, "AI-generated photos that are unsure (probability around 0.55)"},
    {true, KIND_PEAK, 0.7, "AI-generated photos that are less sure (probability around 0.7)"},
    {false, KIND_PEAK, 0.3, "real photos that are less sure (probability around 0.3)"},
    {false, KIND_PEAK, 0.45, "real photos that are unsure (probability around 0.45)"},
    {false, KIND_PEAK, 0.6, "real photos that are unsure (probability around 0.6)"},
    {false, KIND_PEAK, 0.75, "real photos that look AI-generated (probability around 0.75)"},
    {false, KIND_OTHER_CLASS, 0, "more AI-generated verdicts, fewer real ones"},
};

/* Share of the class that is new. */
static const double stakes[DRIFT_STAKES] = {0.025, 0.08, 0.25, 0.7};

/* ---- distributions over the bins ---- */

struct bins {
    double at[DRIFT_BINS];
};

static double sum_of(const struct bins *bins)
{
    double sum = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        sum += bins->at[b];
    return sum;
}

static void normalise(struct bins *bins)
{
    double sum = sum_of(bins);

    for (unsigned b = 0; sum > 0 && b < DRIFT_BINS; b++)
        bins->at[b] /= sum;
}

static double middle_of(unsigned bin)
{
    return (bin + 0.5) / DRIFT_BINS;
}

/* One sample more in each bin: what was never seen may still be normal. */
static struct bins normal_of(const struct drift_baseline *baseline)
{
    struct bins out;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        out.at[b] = baseline->mass[b] * (double)baseline->count + 1;
    normalise(&out);
    return out;
}

static struct bins class_of(const struct bins *normal, bool ai, double threshold)
{
    struct bins out;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        out.at[b] = drift_is_ai(middle_of(b), threshold) == ai ? normal->at[b] : 0;
    return out; /* sums up to the share of the class */
}

static struct bins peak_at(double centre)
{
    double a = SPREAD * centre - 1, b = SPREAD * (1 - centre) - 1;
    struct bins out;

    for (unsigned i = 0; i < DRIFT_BINS; i++)
        out.at[i] = exp(a * log(middle_of(i)) + b * log1p(-middle_of(i)));
    normalise(&out);
    return out;
}

/* Probabilities with their log-odds, counted from the threshold, times `by`. */
static struct bins sharpened(const struct drift_baseline *baseline, double by)
{
    double centre = log(baseline->threshold / (1 - baseline->threshold));
    struct bins out = {{0}};
    unsigned *to = mem_alloc(DRIFT_VALUE_TOP + 1, sizeof *to);

    for (unsigned v = 0; v <= DRIFT_VALUE_TOP; v++) {
        double p = CLAMP(drift_value((uint16_t)v), LOGIT_EDGE, 1 - LOGIT_EDGE);
        double logit = centre + by * (log(p / (1 - p)) - centre);
        to[v] = drift_bin(1 / (1 + exp(-logit)));
    }
    for (size_t i = 0; i < baseline->count; i++)
        out.at[to[baseline->values[i]]] += 1;
    normalise(&out);
    mem_free(to);
    return out;
}

/* ---- bets ---- */

/* The score of an alternative: (density of what comes - density of what goes) / normal, times the
 * share of the class. */
static struct bins score_of(const struct alternative *alternative, const struct bins *normal,
                            double threshold)
{
    struct bins from = class_of(normal, alternative->of_ai, threshold);
    struct bins to = class_of(normal, !alternative->of_ai, threshold);
    double share = sum_of(&from);
    struct bins out;

    if (alternative->kind == KIND_PEAK)
        to = peak_at(alternative->centre);
    else
        normalise(&to);
    if (!(sum_of(&to) > 0))
        to = *normal; /* that class does not exist: the bet is none */
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        out.at[b] = (share * to.at[b] - from.at[b]) / normal->at[b];
    return out;
}

/* Directions in which a distribution moves when its model is only more, or less, sure. */
#define SURENESSES 4
struct sureness {
    struct bins at[SURENESSES]; /* orthonormal under `normal` */
};

static double along(const struct bins *a, const struct bins *b, const struct bins *normal)
{
    double sum = 0;

    for (unsigned i = 0; i < DRIFT_BINS; i++)
        sum += normal->at[i] * a->at[i] * b->at[i];
    return sum;
}

/* Takes out of a score what a change of sureness alone would give it: the first `count` of them. */
static void ignore_sureness(struct bins *score, const struct sureness *sureness, unsigned count,
                            const struct bins *normal)
{
    for (unsigned k = 0; k < count; k++) {
        double part = along(score, &sureness->at[k], normal);
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            score->at[b] -= part * sureness->at[k].at[b];
    }
}

static struct sureness sureness_of(const struct drift_baseline *baseline, const struct bins *normal)
{
    static const double by[SURENESSES] = {1.15, 1 / 1.15, 1.4, 1 / 1.4};
    struct sureness out;

    for (unsigned k = 0; k < SURENESSES; k++) {
        struct bins *at = &out.at[k];
        *at = sharpened(baseline, by[k]);
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            at->at[b] = at->at[b] / normal->at[b] - 1;
        ignore_sureness(at, &out, k, normal);
        double length = sqrt(along(at, at, normal));
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            at->at[b] = length > 1e-9 ? at->at[b] / length : 0;
    }
    return out;
}

/* Mean of a factor in each block of the baseline; *count is how many blocks there are. */
static double *block_means(const struct drift_baseline *baseline, const struct bins *factor,
                           size_t *count)
{
    size_t block = MIN_OF((size_t)BLOCK, baseline->count / 2);
    size_t n = baseline->count / block;
    double *means = mem_alloc(n, sizeof *means);

    for (size_t i = 0; i < n * block; i++)
        means[i / block] += factor->at[drift_bin(drift_value(baseline->values[i]))] / (double)block;
    *count = n;
    return means;
}

/* The most that a factor's mean can reasonably be under the baseline: its own mean, what its size
 * leaves open, and how far normal traffic itself wanders from hour to hour. */
static double upper_mean(const struct drift_baseline *baseline, const struct bins *factor,
                         const struct bins *normal)
{
    size_t count = 0;
    double *means = block_means(baseline, factor, &count);
    double mean = 0, square = 0, between = 0, blocks = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++) {
        mean += normal->at[b] * factor->at[b];
        square += normal->at[b] * factor->at[b] * factor->at[b];
    }
    for (size_t i = 0; i < count; i++)
        blocks += means[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        between += (means[i] - blocks) * (means[i] - blocks) / (double)(count - 1);
    mem_free(means);
    double size = (double)MIN_OF((size_t)BLOCK, baseline->count / 2);
    double expected = (square - mean * mean) / size; /* of independent samples */
    bool wanders = between > expected * (1 + 3 * sqrt(2 / (double)count));
    double open = sqrt(fmax(between, expected) / (double)count);
    return mean + DEVIATIONS * open + (wanders ? DEVIATIONS * sqrt(between - expected) : 0);
}

static void set_bet(struct drift_edetector *detector, unsigned bet, const struct bins *score,
                    double stake, const struct drift_baseline *baseline, const struct bins *normal)
{
    struct bins factor;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        factor.at[b] = CLAMP(1 + stake * score->at[b], RATIO_MIN, RATIO_MAX);
    double most = upper_mean(baseline, &factor, normal);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        detector->factors[b][bet] = factor.at[b] / most;
}

void drift_edetector_open(struct drift_edetector *detector, const struct drift_baseline *baseline,
                          double run_length)
{
    struct bins normal = normal_of(baseline);
    struct sureness sureness = sureness_of(baseline, &normal);

    *detector = (struct drift_edetector){.limit = run_length};
    for (unsigned a = 0; a < DRIFT_ALTERNATIVES; a++) {
        struct bins score = score_of(&alternatives[a], &normal, baseline->threshold);
        ignore_sureness(&score, &sureness, SURENESSES, &normal);
        for (unsigned s = 0; s < DRIFT_STAKES; s++)
            set_bet(detector, a * DRIFT_STAKES + s, &score, stakes[s], baseline, &normal);
    }
}

/* ---- evidence ---- */

void drift_edetector_reset(struct drift_edetector *detector)
{
    memset(detector->evidence, 0, sizeof detector->evidence);
    detector->value = 0;
}

static bool bet(struct drift_edetector *detector, const double factors[DRIFT_BETS])
{
    double *evidence = detector->evidence;
    double sum[4] = {0, 0, 0, 0}; /* four chains, so that additions overlap */

    for (unsigned i = 0; i < DRIFT_BETS; i += 4)
        for (unsigned j = 0; j < 4; j++) {
            evidence[i + j] = (evidence[i + j] + 1) * factors[i + j];
            sum[j] += evidence[i + j];
        }
    detector->value = (sum[0] + sum[1] + sum[2] + sum[3]) / DRIFT_BETS;
    return detector->value >= detector->limit;
}

bool drift_edetector_add(struct drift_edetector *detector, unsigned bin)
{
    return bet(detector, detector->factors[bin]);
}

bool drift_edetector_add_group(struct drift_edetector *detector,
                               const struct drift_burst_group *group)
{
    double factors[DRIFT_BETS] = {0};

    for (unsigned b = 0; b < DRIFT_BINS; b++) {
        double share = group->bins[b] ? (double)group->bins[b] / group->count : 0;
        for (unsigned i = 0; share > 0 && i < DRIFT_BETS; i++)
            factors[i] += share * detector->factors[b][i];
    }
    return bet(detector, factors);
}

unsigned drift_edetector_leader(const struct drift_edetector *detector)
{
    unsigned leader = 0;

    for (unsigned i = 1; i < DRIFT_BETS; i++)
        if (detector->evidence[i] > detector->evidence[leader])
            leader = i;
    return leader;
}

const char *drift_bet_help(unsigned bet)
{
    return alternatives[bet / DRIFT_STAKES].help;
}

double drift_bet_factor(const struct drift_edetector *detector, unsigned bet, unsigned bin)
{
    return detector->factors[bin][bet];
}
