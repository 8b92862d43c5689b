#include "drift/edetector.h"

#include <math.h>
#include <string.h>

#include "drift/sureness.h"

#define RATIO_MAX 50.0 /* of a likelihood */
#define RATIO_MIN 0.1
#define SPREAD    6.0 /* of a guessed kind's probabilities: sum of a Beta's parameters */

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
static const double stakes[DRIFT_STAKES] = {0.025, 0.05, 0.1, 0.22, 0.45, 0.8};

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

/* Likelihood of what the bet supposes over that of the nearest normal distribution. */
static void set_bet(struct drift_edetector *detector, unsigned bet, const struct bins *score,
                    double stake, const struct drift_sureness *sureness)
{
    const double *normal = sureness->mass[DRIFT_SURENESS_AS_IS];
    struct bins supposed, nearest, factor;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        supposed.at[b] = normal[b] * (1 + stake * score->at[b]);
    drift_sureness_nearest(nearest.at, sureness, supposed.at);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        factor.at[b] = CLAMP(supposed.at[b] / nearest.at[b], RATIO_MIN, RATIO_MAX);
    double most = drift_sureness_upper_mean(sureness, factor.at);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        detector->factors[b][bet] = factor.at[b] / most;
}

void drift_edetector_open(struct drift_edetector *detector, const struct drift_baseline *baseline,
                          bool grouped, double run_length)
{
    struct drift_sureness sureness;
    struct bins normal;

    drift_sureness_open(&sureness, baseline, grouped);
    memcpy(normal.at, sureness.mass[DRIFT_SURENESS_AS_IS], sizeof normal.at);
    *detector = (struct drift_edetector){.limit = run_length};
    for (unsigned a = 0; a < DRIFT_ALTERNATIVES; a++) {
        struct bins score = score_of(&alternatives[a], &normal, baseline->threshold);
        for (unsigned s = 0; s < DRIFT_STAKES; s++)
            set_bet(detector, a * DRIFT_STAKES + s, &score, stakes[s], &sureness);
    }
    drift_sureness_close(&sureness);
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
