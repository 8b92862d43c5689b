#include "drift/synthetic.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define LOGIT_EDGE 1e-6
#define BURST_TAIL 1.5
#define ALIKE      0.3 /* standard deviation of log-odds within a burst */

static const char *const names[] = {
    [DRIFT_NO_CHANGE] = "none",
    [DRIFT_MIXTURE] = "mixture",
    [DRIFT_RAMP] = "ramp",
    [DRIFT_COMPRESSION] = "compression",
    [DRIFT_PRIOR] = "prior",
    [DRIFT_THRESHOLD] = "threshold",
    [DRIFT_CONFIDENCE] = "confidence",
};
_Static_assert(ARRAY_LEN(names) == DRIFT_SCENARIO_COUNT, "one name for each scenario");

const char *drift_scenario_name(enum drift_scenario scenario)
{
    return names[scenario];
}

bool drift_scenario_parse(enum drift_scenario *out, const char *name)
{
    for (unsigned i = 0; i < DRIFT_SCENARIO_COUNT; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum drift_scenario)i;
            return true;
        }
    return false;
}

/* Marsaglia & Tsang 2000, for shapes of 1 and above. */
static double draw_gamma(double shape, struct rng *rng)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

    for (;;) {
        double x = rng_normal(rng), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(1 - rng_unit(rng)) < x * x / 2 + d - d * v + d * log(v))
            return d * v;
    }
}

static double draw_beta(double a, double b, struct rng *rng)
{
    double x = draw_gamma(a, rng), y = draw_gamma(b, rng);

    return x / (x + y);
}

void drift_synthetic_open(struct drift_synthetic *synthetic, size_t count, struct rng rng)
{
    static const double shapes[DRIFT_POOL_COUNT][2] = {{1.2, 9}, {7, 1}, {2.2, 3.2}};

    *synthetic = (struct drift_synthetic){.ai_share = 0.48};
    for (unsigned k = 0; k < DRIFT_POOL_COUNT; k++) {
        synthetic->counts[k] = count;
        synthetic->scores[k] = mem_alloc(count, sizeof *synthetic->scores[k]);
        for (size_t i = 0; i < count; i++)
            synthetic->scores[k][i] = (float)draw_beta(shapes[k][0], shapes[k][1], &rng);
    }
}

void drift_synthetic_close(struct drift_synthetic *synthetic)
{
    for (unsigned k = 0; k < DRIFT_POOL_COUNT; k++) {
        mem_free(synthetic->scores[k]);
        mem_free(synthetic->embeddings[k]);
    }
    *synthetic = (struct drift_synthetic){.ai_share = 0};
}

static const struct drift_change none = {.scenario = DRIFT_NO_CHANGE};

static double move_logit(double p, double factor, double by)
{
    double inner = CLAMP(p, LOGIT_EDGE, 1 - LOGIT_EDGE);

    return 1 / (1 + exp(-(factor * log(inner / (1 - inner)) + by)));
}

static double moved(double p, const struct drift_change *change)
{
    if (change->scenario == DRIFT_COMPRESSION)
        return move_logit(p, 1 - change->share / 2, -2 * change->share);
    if (change->scenario == DRIFT_CONFIDENCE)
        return move_logit(p, 1 + change->share, 0);
    return p;
}

struct drift_draw drift_synthetic_next(const struct drift_synthetic *synthetic,
                                       const struct drift_change *change, uint64_t since,
                                       struct rng *rng)
{
    const struct drift_change *now = change ? change : &none;
    double ai_share = synthetic->ai_share;
    double share = now->scenario == DRIFT_MIXTURE || now->scenario == DRIFT_RAMP ? now->share : 0;
    struct drift_draw out = {.pool = DRIFT_POOL_REAL};

    if (now->scenario == DRIFT_PRIOR)
        ai_share *= 1 + now->share;
    if (now->scenario == DRIFT_RAMP && since < now->ramp)
        share *= (double)since / (double)now->ramp;
    double u = rng_unit(rng);
    if (u < ai_share)
        out.pool = u < ai_share * share ? DRIFT_POOL_NEW : DRIFT_POOL_AI;
    uint32_t i = rng_below(rng, (uint32_t)synthetic->counts[out.pool]);
    out.before = (double)synthetic->scores[out.pool][i];
    if (synthetic->smoothing > 0)
        out.before = move_logit(out.before, 1, synthetic->smoothing * rng_normal(rng));
    out.probability = moved(out.before, now);
    out.embedding = synthetic->embeddings[out.pool] ? synthetic->embeddings[out.pool][i] : 0;
    return out;
}

uint32_t drift_synthetic_burst(uint32_t most, struct rng *rng)
{
    double size = pow(1 - rng_unit(rng), -1 / BURST_TAIL);

    return size < most ? (uint32_t)size : MAX_OF(most, 1u);
}

double drift_synthetic_alike(const struct drift_draw *first, const struct drift_change *change,
                             struct rng *rng)
{
    return moved(move_logit(first->before, 1, ALIKE * rng_normal(rng)), change ? change : &none);
}
