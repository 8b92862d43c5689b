/* Traffic and baselines for the tests of drift/: seeded, so that every run sees the same. */
#pragma once

#include "drift/baseline.h"
#include "drift/synthetic.h"
#include "support/unit.h"

#define TRAFFIC_PACE_US 1728000 /* 50,000 a day */

static inline struct drift_sample traffic_sample(double p, int64_t time_us, double threshold)
{
    struct drift_sample sample = {.time_us = time_us,
                                  .probability = p,
                                  .ai_generated = drift_is_ai(p, threshold),
                                  .low = drift_is_low(p, threshold)};
    const struct drift_photo photo = {p, 640, 480, 60000 + (uint64_t)(10000 * p), 0};

    drift_features(sample.features, &photo);
    return sample;
}

static inline void traffic_baseline(struct drift_baseline *out, struct drift_synthetic *synthetic,
                                    size_t count, double threshold, struct rng *rng)
{
    struct drift_collector *collector =
        drift_collector_open("model-1", "abcdef0123456789abc", threshold);
    struct err err;

    for (size_t i = 0; i < count; i++) {
        double p = drift_synthetic_next(synthetic, NULL, 0, rng).probability;
        struct drift_sample sample = traffic_sample(p, (int64_t)i * TRAFFIC_PACE_US, threshold);
        assert_true(drift_collector_add(collector, &sample));
    }
    assert_int_equal(drift_collector_finish(out, collector, 77, &err), ST_OK);
    drift_collector_close(collector);
}
