/* service/measure.h - the metrics of metrics.def: their label sets and typed updates.
 * Owns the registry; the only file that names a metric is measure.c.  Thread-safe. */
#pragma once

#include "metrics/metrics.h"
#include "service/drift_monitor.h"
#include "service/prediction_log.h"
#include "service/review.h"
#include "service/service.h"

enum measure_reason {
    MEASURE_QUEUE_FULL,
    MEASURE_DEADLINE,
    MEASURE_CLIENT_GONE,
    MEASURE_NOT_READY,
    MEASURE_OVERLOAD,
    MEASURE_REASON_COUNT
};

enum measure_swap_outcome {
    MEASURE_SWAP_SUCCESS,
    MEASURE_SWAP_FAILURE,
    MEASURE_SWAP_UNCHANGED,
    MEASURE_SWAP_COUNT
};

struct measure;

/* Borrows the texts of `options`. */
enum status measure_open(struct measure **out, const struct service_options *options,
                         struct err *err) MUST_USE;
void measure_close(struct measure *measure); /* NULL is fine */

/* The model in use; its texts must outlive the registry. */
void measure_model(struct measure *measure, const struct service_classifier *classifier);
void measure_swap(struct measure *measure, enum measure_swap_outcome outcome);
void measure_reload(struct measure *measure, bool success, int64_t utc_us);
/* A job that ended well. */
void measure_prediction(struct measure *measure, const struct service_job *job, double seconds);
/* A photo that the shadow model judged as well. */
void measure_comparison(struct measure *measure, bool agreed);
/* A photo without a verdict.  ST_INVALID, ST_UNSUPPORTED and ST_LIMIT are its sender's fault, and
 * so is ST_NOT_FOUND: a request without a photo. */
void measure_failure(struct measure *measure, enum status why);
void measure_batch(struct measure *measure, size_t count, double seconds, bool successful);
void measure_waited(struct measure *measure, double seconds);
void measure_rejection(struct measure *measure, enum measure_reason reason);
void measure_request(struct measure *measure, const struct service_request *request);
void measure_limited(struct measure *measure, size_t endpoint);
void measure_denied(struct measure *measure, enum service_denial why);
uint64_t measure_predictions_total(const struct measure *measure);

/* What gauges are read from, besides the process. */
struct measure_state {
    const struct service_health *health;
    const struct prediction_log_state *log;    /* NULL: none is kept */
    const struct service_review_state *review; /* NULL: no photos are kept */
    const struct drift_status *drift;          /* NULL: not told */
    uint64_t memory_limit_bytes;
    double cpu_limit;   /* processors */
    double drift_score; /* reported in place of the real one; negative: not */
    bool drift_alarm;   /* reported, also when there is none */
};
/* Reads the gauges, then writes everything. */
void measure_write(struct buf *out, struct measure *measure, const struct measure_state *state,
                   bool openmetrics);
