/* drift/synthetic.h - made-up traffic to try detectors on: real photos, AI-generated ones, and a
 * new kind of the latter; from formulas or from given scores; and the ways in which it changes.
 * Owns its pools.  One thread at a time. */
#pragma once

#include "base/rng.h"
#include "drift/drift.h"

enum drift_scenario {
    DRIFT_NO_CHANGE,
    DRIFT_MIXTURE,     /* a share of the AI-generated photos is of the new kind, at once */
    DRIFT_RAMP,        /* the same share, reached evenly over `ramp` predictions */
    DRIFT_COMPRESSION, /* everything is harder: log-odds fall by `share` * 2 and shrink */
    DRIFT_PRIOR,       /* the share of AI-generated photos changes by `share` of itself */
    DRIFT_THRESHOLD,   /* the decision threshold goes to 0.35, photos stay: nothing changes */
    DRIFT_CONFIDENCE,  /* log-odds grow by a factor of 1 + `share`: the model is surer */
    DRIFT_SCENARIO_COUNT
};
const char *drift_scenario_name(enum drift_scenario scenario); /* "none", "mixture", ... */
bool drift_scenario_parse(enum drift_scenario *out, const char *name) MUST_USE;

enum drift_pool { DRIFT_POOL_REAL, DRIFT_POOL_AI, DRIFT_POOL_NEW, DRIFT_POOL_COUNT };

/* One of given scores: arrays of mem_alloc, which drift_synthetic_close frees; each pool has one
 * score at least. */
struct drift_synthetic {
    float *scores[DRIFT_POOL_COUNT];
    uint64_t *embeddings[DRIFT_POOL_COUNT]; /* of the same photos; NULL: they have none */
    size_t counts[DRIFT_POOL_COUNT];
    double ai_share;
    /* Standard deviation of what is added to a drawn score's log-odds: a few hundred given scores,
     * drawn again and again, would be as many single points, which no traffic is. */
    double smoothing;
};

struct drift_change {
    enum drift_scenario scenario;
    double share;  /* of the new kind among AI-generated photos; other meanings see above */
    uint64_t ramp; /* predictions */
};

struct drift_draw {
    double probability;
    double before; /* the probability that it had before any change */
    uint64_t embedding;
    enum drift_pool pool;
};

/* Real photos Beta(1.2, 9), AI-generated ones Beta(7, 1), the new kind Beta(2.2, 3.2); 48 % are
 * AI-generated.  `count` scores of each. */
void drift_synthetic_open(struct drift_synthetic *synthetic, size_t count, struct rng rng);
void drift_synthetic_close(struct drift_synthetic *synthetic);
/* The next photo, `since` predictions after the change; change NULL: before it. */
struct drift_draw drift_synthetic_next(const struct drift_synthetic *synthetic,
                                       const struct drift_change *change, uint64_t since,
                                       struct rng *rng);

/* Senders do not come photo by photo: sizes of their bursts are Pareto with exponent 1.5, from 1 to
 * `most`.  Photos of one burst are alike: log-odds of the first, plus a little; what changes the
 * model changes all of them. */
uint32_t drift_synthetic_burst(uint32_t most, struct rng *rng);
double drift_synthetic_alike(const struct drift_draw *first, const struct drift_change *change,
                             struct rng *rng);
