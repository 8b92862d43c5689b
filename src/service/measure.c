#include "service/measure.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

/* ---- the tables that metrics.def refers to ---- */

#define NO_BOUNDS      NULL, 0
#define COUNT_BOUNDS   bounds_count, ARRAY_LEN(bounds_count)
#define SECONDS_BOUNDS bounds_seconds, ARRAY_LEN(bounds_seconds)
#define TENTHS_BOUNDS  bounds_tenths, ARRAY_LEN(bounds_tenths)
#define BYTES_BOUNDS   bounds_bytes, ARRAY_LEN(bounds_bytes)

static const double bounds_seconds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,  0.5,    1,     2.5,  5,     10};
static const double bounds_count[] = {1, 2, 3, 4, 5, 6, 8, 10};
static const double bounds_tenths[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1};
static const double bounds_bytes[] = {10000,  25000,   50000,   100000,  250000,
                                      500000, 1000000, 2500000, 5000000, 10000000};

enum label {
    LABEL_NONE,
    LABEL_METHOD,
    LABEL_ENDPOINT,
    LABEL_STATUS_CODE,
    LABEL_ERROR_CLASS,
    LABEL_STATUS,
    LABEL_FAULT,
    LABEL_PREDICTION,
    LABEL_CONFIDENCE,
    LABEL_REASON,
    LABEL_DENIAL,
    LABEL_AGREEMENT,
    LABEL_OUTCOME,
    LABEL_INDICATOR,
    LABEL_DETECTOR,
    LABEL_SIDE,
    LABEL_MODEL_VERSION,
    LABEL_MODEL_HASH,
    LABEL_VERSION,
    LABEL_REVISION,
    LABEL_COUNT
};

/* The last value of each set stands for everything else. */
static const char *const methods[] = {"GET",     "HEAD",  "POST",   "PUT",
                                      "OPTIONS", "PATCH", "DELETE", "other"};
static const char *const status_codes[] = {"200", "201", "202", "204", "301", "302",  "304",
                                           "400", "401", "403", "404", "405", "408",  "409",
                                           "411", "413", "414", "415", "417", "422",  "429",
                                           "431", "499", "500", "503", "505", "other"};
static const char *const statuses[] = {"success", "error"};
static const char *const predictions[] = {"real", "ai_generated", "none"};
static const char *const confidences[] = {"low", "medium", "high", "none"};
static const char *const reasons[] = {
    [MEASURE_QUEUE_FULL] = "queue_full",   [MEASURE_DEADLINE] = "deadline",
    [MEASURE_CLIENT_GONE] = "client_gone", [MEASURE_NOT_READY] = "not_ready",
    [MEASURE_OVERLOAD] = "overload",
};
static const char *const outcomes[] = {
    [MEASURE_SWAP_SUCCESS] = "success",
    [MEASURE_SWAP_FAILURE] = "failure",
    [MEASURE_SWAP_UNCHANGED] = "unchanged",
};
_Static_assert(ARRAY_LEN(outcomes) == MEASURE_SWAP_COUNT, "one name for each outcome");
/* Why a photo has no verdict though the service did its part: 0 is for everything else. */
static const char *const faults[] = {"none", "missing", "invalid", "unsupported", "limit"};
static const unsigned fault_of_status[ST_COUNT] = {
    [ST_NOT_FOUND] = 1, [ST_INVALID] = 2, [ST_UNSUPPORTED] = 3, [ST_LIMIT] = 4};
static const char *const indicators[] = {"probability", "confidence", "ratio"};
static const char *const sides[] = {"window", "baseline"};
static const char *const agreements[] = {"false", "true"};
_Static_assert(ARRAY_LEN(reasons) == MEASURE_REASON_COUNT, "one name for each reason");

static const char *const denials[] = {
    [SERVICE_DENIAL_MISSING] = "missing_key", [SERVICE_DENIAL_INVALID] = "invalid_key",
    [SERVICE_DENIAL_EXPIRED] = "expired_key", [SERVICE_DENIAL_GUESSING] = "guessing",
    [SERVICE_DENIAL_ROLE] = "role",           [SERVICE_DENIAL_ORIGIN] = "origin",
    [SERVICE_DENIAL_HOST] = "host",
};
_Static_assert(ARRAY_LEN(denials) == SERVICE_DENIAL_COUNT, "one name for each denial");

static const char *const errors[] = {
    [SERVICE_ERROR_NONE] = "none",
    [SERVICE_ERROR_BAD_REQUEST] = "bad_request",
    [SERVICE_ERROR_UNAUTHORIZED] = "unauthorized",
    [SERVICE_ERROR_FORBIDDEN] = "forbidden",
    [SERVICE_ERROR_RATE_LIMITED] = "rate_limited",
    [SERVICE_ERROR_NOT_FOUND] = "not_found",
    [SERVICE_ERROR_METHOD] = "method_not_allowed",
    [SERVICE_ERROR_LENGTH_REQUIRED] = "length_required",
    [SERVICE_ERROR_TOO_LARGE] = "too_large",
    [SERVICE_ERROR_UNSUPPORTED_TYPE] = "unsupported_type",
    [SERVICE_ERROR_MISSING_FILE] = "missing_file",
    [SERVICE_ERROR_INVALID_IMAGE] = "invalid_image",
    [SERVICE_ERROR_TIMEOUT] = "timeout",
    [SERVICE_ERROR_CLIENT_GONE] = "client_gone",
    [SERVICE_ERROR_BUSY] = "busy",
    [SERVICE_ERROR_UNAVAILABLE] = "unavailable",
    [SERVICE_ERROR_INTERNAL] = "internal",
};
_Static_assert(ARRAY_LEN(errors) == SERVICE_ERROR_COUNT, "one name for each error");

const char *service_error_name(enum service_error error)
{
    return errors[error];
}

enum metric {
#define METRIC(id, ...) METRIC_##id,
#include "service/metrics.def"
#undef METRIC
    METRIC_COUNT
};

struct row {
    enum metrics_type type;
    const char *name;
    const char *unit;
    const char *help;
    const char *hint;
    const double *bounds;
    size_t bound_count;
    enum label labels[METRICS_LABELS_MAX]; /* LABEL_NONE ends them */
};

/* clang-format off */
#define NO_LABELS              {LABEL_NONE}
#define LABELS_1(a)            {LABEL_##a}
#define LABELS_2(a, b)         {LABEL_##a, LABEL_##b}
#define LABELS_3(a, b, c)      {LABEL_##a, LABEL_##b, LABEL_##c}
static const struct row rows[] = {
#define METRIC(id, type, name, unit, help, hint, bounds, ...) \
    [METRIC_##id] = {METRICS_##type, name, unit, help, hint, bounds, __VA_ARGS__},
#include "service/metrics.def"
#undef METRIC
};
/* clang-format on */
_Static_assert(ARRAY_LEN(rows) == METRIC_COUNT, "one row for each metric");

const size_t service_metric_count = METRIC_COUNT;

/* ---- registry ---- */

struct measure {
    struct metrics *metrics;
    struct metrics_label labels[LABEL_COUNT];
    struct metrics_spec specs[METRIC_COUNT];
    const char **endpoints;    /* the options' and "other" */
    const struct clock *clock; /* of exemplars */
    pthread_mutex_t lock;      /* guards one_values */
    const char *detectors[DRIFT_DETECTOR_COUNT];
    const char *one_values[4]; /* of the labels that tell one fact */
};

static const struct metrics_label fixed_labels[] = {
    [LABEL_METHOD] = {"method", methods, ARRAY_LEN(methods)},
    [LABEL_STATUS_CODE] = {"status_code", status_codes, ARRAY_LEN(status_codes)},
    [LABEL_ERROR_CLASS] = {"error_class", errors, ARRAY_LEN(errors)},
    [LABEL_FAULT] = {"reason", faults, ARRAY_LEN(faults)},
    [LABEL_STATUS] = {"status", statuses, ARRAY_LEN(statuses)},
    [LABEL_PREDICTION] = {"prediction", predictions, ARRAY_LEN(predictions)},
    [LABEL_CONFIDENCE] = {"confidence", confidences, ARRAY_LEN(confidences)},
    [LABEL_REASON] = {"reason", reasons, ARRAY_LEN(reasons)},
    [LABEL_DENIAL] = {"reason", denials, ARRAY_LEN(denials)},
    [LABEL_OUTCOME] = {"outcome", outcomes, ARRAY_LEN(outcomes)},
    [LABEL_INDICATOR] = {"indicator", indicators, ARRAY_LEN(indicators)},
    [LABEL_SIDE] = {"of", sides, ARRAY_LEN(sides)},
    [LABEL_AGREEMENT] = {"agreement", agreements, ARRAY_LEN(agreements)},
};

/* Names of the labels that are not in fixed_labels. */
static const char *label_name(enum label label)
{
    switch (label) {
    case LABEL_ENDPOINT:
        return "endpoint";
    case LABEL_MODEL_HASH:
        return "sha256";
    case LABEL_REVISION:
        return "revision";
    case LABEL_MODEL_VERSION:
    case LABEL_VERSION:
        return "version";
    default:
        return fixed_labels[label].name;
    }
}

void service_metric_at(struct service_metric *out, size_t i)
{
    static const char *const types[] = {[METRICS_COUNTER] = "counter",
                                        [METRICS_GAUGE] = "gauge",
                                        [METRICS_HISTOGRAM] = "histogram"};
    const struct row *row = &rows[i];

    *out = (struct service_metric){.name = row->name,
                                   .type = types[row->type],
                                   .unit = row->unit,
                                   .help = row->help,
                                   .hint = row->hint};
    for (size_t k = 0; k < METRICS_LABELS_MAX && row->labels[k]; k++)
        out->labels[k] = label_name(row->labels[k]);
}

static void fill_labels(struct measure *measure, const struct service_options *options)
{
    size_t count = options->endpoint_count;
    static const enum label fact_labels[] = {LABEL_MODEL_VERSION, LABEL_MODEL_HASH, LABEL_VERSION,
                                             LABEL_REVISION};
    const char *const facts[] = {options->classifier.model_version, options->classifier.model_hash,
                                 options->version, options->revision};

    memcpy(measure->labels, fixed_labels, sizeof fixed_labels);
    for (unsigned i = 0; i < DRIFT_DETECTOR_COUNT; i++)
        measure->detectors[i] = drift_detector_name((enum drift_detector)i);
    measure->labels[LABEL_DETECTOR] =
        (struct metrics_label){"detector", measure->detectors, DRIFT_DETECTOR_COUNT};
    measure->endpoints = mem_alloc(count + 1, sizeof *measure->endpoints);
    for (size_t i = 0; i < count; i++)
        measure->endpoints[i] = options->endpoints[i];
    measure->endpoints[count] = "other";
    measure->labels[LABEL_ENDPOINT] =
        (struct metrics_label){label_name(LABEL_ENDPOINT), measure->endpoints, count + 1};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        measure->one_values[i] = facts[i] ? facts[i] : "unknown";
        measure->labels[fact_labels[i]] =
            (struct metrics_label){label_name(fact_labels[i]), &measure->one_values[i], 1};
    }
}

static void fill_specs(struct measure *measure)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        struct metrics_spec *spec = &measure->specs[i];
        *spec = (struct metrics_spec){
            .name = rows[i].name,
            .help = rows[i].help,
            .unit = rows[i].unit,
            .type = rows[i].type,
            .bounds = rows[i].bounds,
            .bound_count = rows[i].bound_count,
        };
        while (spec->label_count < METRICS_LABELS_MAX && rows[i].labels[spec->label_count]) {
            spec->labels[spec->label_count] = &measure->labels[rows[i].labels[spec->label_count]];
            spec->label_count++;
        }
    }
}

/* The index of `text` in a closed set, that of its last value when it is not there. */
static unsigned index_of(const struct metrics_label *label, struct str text)
{
    for (size_t i = 0; i + 1 < label->value_count; i++)
        if (str_equal(text, label->values[i]))
            return (unsigned)i;
    return (unsigned)label->value_count - 1;
}

static unsigned status_code_index(const struct measure *measure, unsigned status)
{
    const char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                            (char)('0' + status % 10)};

    return index_of(&measure->labels[LABEL_STATUS_CODE], (struct str){digits, sizeof digits});
}

static void begin_all(struct measure *measure, enum metric metric, unsigned first, unsigned count)
{
    for (unsigned i = first; i < count; i++)
        metrics_add(measure->metrics, metric, &i, 0);
}

static void begin_predictions(struct measure *measure)
{
    static const unsigned failed[] = {1, ARRAY_LEN(predictions) - 1, ARRAY_LEN(confidences) - 1};

    for (unsigned prediction = 0; prediction + 1 < ARRAY_LEN(predictions); prediction++)
        for (unsigned confidence = 0; confidence + 1 < ARRAY_LEN(confidences); confidence++)
            metrics_add(measure->metrics, METRIC_PREDICTIONS,
                        (const unsigned[]){0, prediction, confidence}, 0);
    metrics_add(measure->metrics, METRIC_PREDICTIONS, failed, 0);
}

/* A first failure that is a new series is no increase: rate() would not see it. */
static void begin_series(struct measure *measure)
{
    static const unsigned codes[] = {200, 500, 503};
    unsigned post = index_of(&measure->labels[LABEL_METHOD], str_of("POST"));
    const struct metrics_label *endpoints = &measure->labels[LABEL_ENDPOINT];

    begin_predictions(measure);
    begin_all(measure, METRIC_BATCHES, 0, ARRAY_LEN(statuses));
    begin_all(measure, METRIC_IMAGE_ERRORS, 1, ARRAY_LEN(faults));
    begin_all(measure, METRIC_QUEUE_REJECTED, 0, ARRAY_LEN(reasons));
    begin_all(measure, METRIC_MODEL_SWAPS, 0, ARRAY_LEN(outcomes));
    begin_all(measure, METRIC_ACCESS_DENIED, 0, ARRAY_LEN(denials));
    begin_all(measure, METRIC_ERRORS, 1, ARRAY_LEN(errors));
    begin_all(measure, METRIC_SHADOW_COMPARISONS, 0, 2);
    for (unsigned i = 0; i < endpoints->value_count; i++) {
        if (!strstr(endpoints->values[i], "/predict"))
            continue;
        metrics_add(measure->metrics, METRIC_RATE_LIMITED, &i, 0);
        for (size_t k = 0; k < ARRAY_LEN(codes); k++)
            metrics_add(measure->metrics, METRIC_HTTP_REQUESTS,
                        (const unsigned[]){post, i, status_code_index(measure, codes[k])}, 0);
    }
}

enum status measure_open(struct measure **out, const struct service_options *options,
                         struct err *err)
{
    static const unsigned first[] = {0, 0};
    struct measure *measure = mem_alloc(1, sizeof *measure);

    measure->clock = options->clock;
    (void)pthread_mutex_init(&measure->lock, NULL);
    fill_labels(measure, options);
    fill_specs(measure);
    enum status st = metrics_open(&measure->metrics, measure->specs, METRIC_COUNT, err);
    if (st != ST_OK) {
        measure_close(measure);
        return st;
    }
    begin_series(measure);
    metrics_set(measure->metrics, METRIC_DRIFT_SCORE, NULL, NAN);
    metrics_set(measure->metrics, METRIC_MODEL_INFO, first, 1);
    metrics_set(measure->metrics, METRIC_BUILD_INFO, first, 1);
    metrics_set(measure->metrics, METRIC_MODEL_THRESHOLD, NULL, options->classifier.threshold);
    measure_reload(measure, true, clock_utc_us(options->clock));
    *out = measure;
    return ST_OK;
}

void measure_close(struct measure *measure)
{
    if (!measure)
        return;
    metrics_close(measure->metrics);
    (void)pthread_mutex_destroy(&measure->lock);
    mem_free(measure->endpoints);
    mem_free(measure);
}

/* ---- updates ---- */

void measure_prediction(struct measure *measure, const struct service_job *job, double seconds)
{
    const struct service_verdict *verdict = &job->verdict;
    const unsigned labels[] = {0, verdict->ai_generated, verdict->confidence};

    metrics_add(measure->metrics, METRIC_PREDICTIONS, labels, 1);
    metrics_observe_traced(measure->metrics, METRIC_PREDICTION_DURATION, NULL, seconds,
                           job->trace_id, clock_utc_us(measure->clock));
    metrics_observe(measure->metrics, METRIC_PREDICTION_PROBABILITY, NULL, verdict->probability);
    metrics_observe(measure->metrics, METRIC_IMAGE_SIZE, NULL, (double)job->photo.len);
}

void measure_comparison(struct measure *measure, bool agreed)
{
    metrics_add(measure->metrics, METRIC_SHADOW_COMPARISONS, (const unsigned[]){agreed}, 1);
}

void measure_failure(struct measure *measure, enum status why)
{
    static const unsigned labels[] = {1, ARRAY_LEN(predictions) - 1, ARRAY_LEN(confidences) - 1};
    const unsigned fault[] = {fault_of_status[why]};

    metrics_add(measure->metrics, METRIC_PREDICTIONS, labels, 1);
    if (fault[0])
        metrics_add(measure->metrics, METRIC_IMAGE_ERRORS, fault, 1);
}

void measure_batch(struct measure *measure, size_t count, double seconds, bool successful)
{
    metrics_add(measure->metrics, METRIC_BATCHES, (const unsigned[]){!successful}, 1);
    metrics_observe(measure->metrics, METRIC_BATCH_SIZE, NULL, (double)count);
    metrics_observe(measure->metrics, METRIC_BATCH_DURATION, NULL, seconds);
}

void measure_model(struct measure *measure, const struct service_classifier *classifier)
{
    (void)pthread_mutex_lock(&measure->lock);
    measure->one_values[0] = classifier->model_version;
    measure->one_values[1] = classifier->model_hash;
    (void)pthread_mutex_unlock(&measure->lock);
    metrics_set(measure->metrics, METRIC_MODEL_THRESHOLD, NULL, classifier->threshold);
}

void measure_swap(struct measure *measure, enum measure_swap_outcome outcome)
{
    metrics_add(measure->metrics, METRIC_MODEL_SWAPS, (const unsigned[]){outcome}, 1);
}

void measure_reload(struct measure *measure, bool success, int64_t utc_us)
{
    metrics_set(measure->metrics, METRIC_CONFIG_RELOAD_SUCCESS, NULL, success);
    if (success)
        metrics_set(measure->metrics, METRIC_CONFIG_RELOAD_TIME, NULL, (double)utc_us / 1e6);
}

void measure_waited(struct measure *measure, double seconds)
{
    metrics_observe(measure->metrics, METRIC_QUEUE_DURATION, NULL, seconds);
}

void measure_rejection(struct measure *measure, enum measure_reason reason)
{
    const unsigned labels[] = {reason};

    metrics_add(measure->metrics, METRIC_QUEUE_REJECTED, labels, 1);
}

void measure_request(struct measure *measure, const struct service_request *request)
{
    size_t other = measure->labels[LABEL_ENDPOINT].value_count - 1;
    const unsigned labels[] = {
        index_of(&measure->labels[LABEL_METHOD], request->method),
        (unsigned)MIN_OF(request->endpoint, other),
        status_code_index(measure, request->status),
    };
    const unsigned error[] = {request->error};

    if (request->status == 0) {
        metrics_add(measure->metrics, METRIC_HTTP_ABANDONED, NULL, 1);
        return;
    }
    metrics_add(measure->metrics, METRIC_HTTP_REQUESTS, labels, 1);
    metrics_add(measure->metrics, METRIC_HTTP_RECEIVED, NULL, (double)request->received_bytes);
    metrics_add(measure->metrics, METRIC_HTTP_SENT, NULL, (double)request->sent_bytes);
    metrics_observe_traced(measure->metrics, METRIC_HTTP_DURATION, labels,
                           (double)request->duration_us / 1e6, request->trace_id,
                           clock_utc_us(measure->clock));
    if (request->error != SERVICE_ERROR_NONE)
        metrics_add(measure->metrics, METRIC_ERRORS, error, 1);
}

void measure_limited(struct measure *measure, size_t endpoint)
{
    size_t other = measure->labels[LABEL_ENDPOINT].value_count - 1;
    const unsigned labels[] = {(unsigned)MIN_OF(endpoint, other)};

    metrics_add(measure->metrics, METRIC_RATE_LIMITED, labels, 1);
}

void measure_denied(struct measure *measure, enum service_denial why)
{
    const unsigned labels[] = {why};

    metrics_add(measure->metrics, METRIC_ACCESS_DENIED, labels, 1);
}

uint64_t measure_predictions_total(const struct measure *measure)
{
    double sum = 0;

    for (unsigned prediction = 0; prediction + 1 < ARRAY_LEN(predictions); prediction++)
        for (unsigned confidence = 0; confidence + 1 < ARRAY_LEN(confidences); confidence++)
            sum += metrics_value(measure->metrics, METRIC_PREDICTIONS,
                                 (const unsigned[]){0, prediction, confidence});
    return (uint64_t)sum;
}

static void read_process(struct measure *measure)
{
    struct cpu_process_stats process;
    struct mem_heap heap = mem_heap();

    cpu_process_stats(&process);
    const struct {
        enum metric metric;
        double value;
    } values[] = {
        {METRIC_MEMORY_ALLOCATIONS, (double)mem_allocation_count()},
        {METRIC_MEMORY_HEAP, (double)heap.used_bytes},
        {METRIC_MEMORY_HEAP_FREE, (double)heap.free_bytes},
        {METRIC_MEMORY_ARENA, (double)mem_arena_bytes()},
        {METRIC_PROCESS_CPU, process.cpu_seconds},
        {METRIC_PROCESS_RESIDENT, (double)process.resident_bytes},
        {METRIC_PROCESS_VIRTUAL, (double)process.virtual_bytes},
        {METRIC_PROCESS_OPEN_FDS, (double)process.open_fds},
        {METRIC_PROCESS_MAX_FDS, (double)process.max_fds},
        {METRIC_PROCESS_START, process.start_time_seconds},
        {METRIC_PROCESS_VIRTUAL_MAX, process.virtual_max_bytes},
        {METRIC_PROCESS_MAJOR_FAULTS, (double)process.major_faults},
        {METRIC_PROCESS_MINOR_FAULTS, (double)process.minor_faults},
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        metrics_set(measure->metrics, values[i].metric, NULL, values[i].value);
}

static void read_log(struct measure *measure, const struct prediction_log_state *log)
{
    const struct {
        enum metric metric;
        double value;
    } values[] = {
        {METRIC_LOG_WRITTEN, (double)log->written},
        {METRIC_LOG_SPOOLED, (double)log->spooled},
        {METRIC_LOG_DROPPED, (double)log->dropped},
        {METRIC_LOG_FORGOTTEN, (double)log->forgotten},
        {METRIC_LOG_WAITING, (double)log->waiting},
        {METRIC_LOG_SPOOL, (double)log->spool_bytes},
        {METRIC_LOG_LAG, log->lag_s},
        {METRIC_LOG_UP, log->is_up},
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        metrics_set(measure->metrics, values[i].metric, NULL, values[i].value);
}

static void read_review(struct measure *measure, const struct service_review_state *review)
{
    metrics_set(measure->metrics, METRIC_REVIEW_PHOTOS, NULL, (double)review->photo_count);
    metrics_set(measure->metrics, METRIC_REVIEW_BYTES, NULL, (double)review->bytes);
    metrics_set(measure->metrics, METRIC_REVIEW_FAILED, NULL, (double)review->failed);
}

static void set_sides(struct metrics *metrics, size_t metric, double window, double baseline)
{
    metrics_set(metrics, metric, (const unsigned[]){0}, window);
    metrics_set(metrics, metric, (const unsigned[]){1}, baseline);
}

static void read_detectors(struct measure *measure, const struct drift_status *drift)
{
    for (unsigned i = 0; i < DRIFT_DETECTOR_COUNT; i++) {
        double before = metrics_value(measure->metrics, METRIC_DRIFT_ALARMS, &i);
        metrics_set(measure->metrics, METRIC_DRIFT_LEVEL, &i, drift->levels[i]);
        metrics_add(measure->metrics, METRIC_DRIFT_ALARMS, &i,
                    (double)drift->alarm_counts[i] - before);
    }
}

static void read_drift(struct measure *measure, const struct drift_status *drift)
{
    struct metrics *metrics = measure->metrics;
    const struct drift_score *score = &drift->score;
    const struct drift_figures *window = &drift->window, *baseline = &drift->baseline;
    const double indicators_now[] = {score->probability, score->confidence, score->ratio};
    double none = NAN;

    metrics_set(metrics, METRIC_DRIFT_SCORE, NULL, score->known ? score->score : none);
    metrics_set(metrics, METRIC_DRIFT_DETECTED, NULL, score->detected);
    metrics_set(metrics, METRIC_DRIFT_CONFIRMED, NULL, score->confirmed);
    metrics_set(metrics, METRIC_DRIFT_ALARM, NULL, drift->alarmed);
    for (unsigned i = 0; i < ARRAY_LEN(indicators); i++)
        metrics_set(metrics, METRIC_DRIFT_INDICATOR, &i, score->known ? indicators_now[i] : none);
    metrics_set(metrics, METRIC_DRIFT_WINDOW, NULL, (double)window->count);
    double w = window->count ? 0 : none, b = baseline->count ? 0 : none;
    set_sides(metrics, METRIC_DRIFT_MEAN, window->mean_probability + w,
              baseline->mean_probability + b);
    set_sides(metrics, METRIC_DRIFT_STD, window->std_probability + w,
              baseline->std_probability + b);
    set_sides(metrics, METRIC_DRIFT_LOW, window->low_confidence_ratio + w,
              baseline->low_confidence_ratio + b);
    set_sides(metrics, METRIC_DRIFT_AI, window->ai_generated_ratio + w,
              baseline->ai_generated_ratio + b);
    metrics_set(metrics, METRIC_DRIFT_BASELINE, NULL, baseline->count > 0);
    metrics_set(metrics, METRIC_DRIFT_BASELINE_TIME, NULL,
                (double)drift->baseline_created_us / 1e6);
    metrics_set(metrics, METRIC_DRIFT_BASELINE_SIZE, NULL, (double)baseline->count);
    (void)pthread_mutex_lock(&measure->lock); /* two scrapes at once must not add twice */
    read_detectors(measure, drift);
    (void)pthread_mutex_unlock(&measure->lock);
}

void measure_write(struct buf *out, struct measure *measure, const struct measure_state *state,
                   bool openmetrics)
{
    const struct service_health *health = state->health;
    struct metrics *metrics = measure->metrics;

    metrics_set(metrics, METRIC_ACTIVE_REQUESTS, NULL, (double)health->active_requests);
    metrics_set(metrics, METRIC_QUEUE_DEPTH, NULL, (double)health->queue_depth);
    metrics_set(metrics, METRIC_QUEUE_CAPACITY, NULL, (double)health->queue_max);
    metrics_set(metrics, METRIC_WORKERS, NULL, health->workers_ready);
    metrics_set(metrics, METRIC_MODEL_LOADED, NULL, health->model_loaded);
    metrics_set(metrics, METRIC_MEMORY_LIMIT, NULL, (double)state->memory_limit_bytes);
    metrics_set(metrics, METRIC_CPU_LIMIT, NULL, state->cpu_limit);
    if (state->drift)
        read_drift(measure, state->drift);
    if (state->drift_score >= 0)
        metrics_set(metrics, METRIC_DRIFT_SCORE, NULL, state->drift_score);
    if (state->drift_alarm)
        metrics_set(metrics, METRIC_DRIFT_ALARM, NULL, 1);
    if (state->log)
        read_log(measure, state->log);
    if (state->review)
        read_review(measure, state->review);
    read_process(measure);
    (void)pthread_mutex_lock(&measure->lock);
    metrics_write(out, metrics, openmetrics ? METRICS_OPENMETRICS : METRICS_TEXT);
    (void)pthread_mutex_unlock(&measure->lock);
}
