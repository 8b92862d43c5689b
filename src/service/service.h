/* service/service.h - the use cases, and the only place that combines the modules below: a bounded
 * queue of photos to pinned workers, their deadlines, the metrics, health and drain.
 * Must not know HTTP or JSON.  Callers must not know models, sessions or metrics by name.
 * Thread-safe unless a comment says otherwise. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "detect/detect.h"

struct service;
struct prediction_log;
struct service_review;
struct drift_monitor_options;

/* ---- the classifier, behind a table so that tests can put their own in ---- */

#define SERVICE_CROPS_MAX   16
#define SERVICE_REGIONS_MAX 6
#define SERVICE_PNG_MAX     (8u << 20) /* bytes of an overlay */

/* A rectangle of the upright photo, pixels, and what it says by itself. */
struct service_area {
    uint32_t x, y, width, height;
    double probability;
};

struct service_verdict {
    bool ai_generated;
    double probability;             /* of "AI-generated", in [0, 1] */
    unsigned confidence;            /* 0 low, 1 medium, 2 high */
    double threshold;               /* what the probability was compared with */
    unsigned decision;              /* 0 real, 1 unsure, 2 AI-generated */
    double unsure_low, unsure_high; /* unsure: from the first, below the second */
    unsigned quality;               /* a set of bits, see service_quality_name */
    uint32_t width, height;         /* of the upright photo, pixels */
    const char *format;             /* "jpeg", "png", "webp"; NULL: not told */
    uint64_t embedding;             /* see detect_result; 0: none */
    size_t crop_count;
    struct service_area crops[SERVICE_CROPS_MAX];
    double decode_ms, crops_ms, network_ms; /* wall time of the stages */
};

/* Properties of a photo that make its verdict less reliable; i below the count. */
unsigned service_quality_count(void);
const char *service_quality_name(unsigned i); /* "too_small", ... */
const char *service_quality_help(unsigned i); /* one sentence for people */

/* A part of it, and what it adds to the log-odds of "AI-generated". */
struct service_region {
    uint32_t x, y, width, height;
    double log_odds;
};

/* A verdict made visible. */
struct service_explanation {
    struct buf png; /* the caller initialises and frees it */
    uint32_t width, height;
    size_t region_count;
    struct service_region regions[SERVICE_REGIONS_MAX]; /* that speak most for the verdict */
};

struct service_classifier {
    void *payload;
    const char *model_version; /* borrowed, as long as the classifier is open */
    const char *model_hash;
    const char *precision; /* of the network's numbers, "fp32"; NULL: it has none to speak of */
    double threshold;
    /* A session is used by one thread at a time, not always the one that opened it. */
    enum status (*open_session)(void **out, void *payload, struct err *err);
    /* Takes what the first photo would pay for, and fails when it computes nonsense; may be NULL */
    enum status (*warm)(void *session, struct err *err);
    enum status (*classify)(struct service_verdict *out, void *session, struct bytes photo,
                            struct err *err);
    /* The same with a picture of it; NULL: it cannot. */
    enum status (*explain)(struct service_verdict *out, struct service_explanation *explanation,
                           void *session, struct bytes photo, struct err *err);
    void (*close_session)(void *session);
    void (*close)(void *payload); /* may be NULL */
};

#define SERVICE_MODEL_PATH_SIZE 4096

/* A model file and how to use it; 0 stands for the default. */
struct service_model_options {
    char path[SERVICE_MODEL_PATH_SIZE];
    double threshold; /* 0: the model's own */
    double fpr;       /* see detect_options; 0: not asked for */
    enum detect_precision precision;
    size_t bytes_max;    /* of an encoded photo */
    uint64_t pixels_max; /* of a photo */
    uint32_t side_max_px;
};

/* The real one. */
enum status service_detect_open(struct service_classifier *out,
                                const struct service_model_options *options,
                                struct err *err) MUST_USE;

/* ---- life ---- */

struct service_options {
    struct service_classifier classifier; /* the service closes it, also when opening fails */
    struct service_model_options model;   /* what it was opened with */
    /* Opens models for service_swap_model; NULL: the first one stays. */
    enum status (*open_model)(struct service_classifier *out,
                              const struct service_model_options *options, struct err *err);
    struct service_classifier shadow; /* compared with on request; open_session NULL: none */
    unsigned worker_count;            /* 0: one a processor */
    size_t queue_max;                 /* photos waiting; 0: 64 */
    unsigned wait_ms;                 /* see service_admission_refuses() */
    unsigned deadline_ms;             /* from submission to the start of work; 0: 30 s */
    const struct clock *clock;        /* borrowed */
    struct prediction_log *log;       /* of finished predictions; borrowed, NULL: none */
    struct service_review *review;    /* keeps some of their photos; borrowed, NULL: none */
    const struct drift_monitor_options *drift; /* until it is open; NULL: defaults, no files */
    const char *const *endpoints;              /* route templates for metric labels; borrowed */
    size_t endpoint_count;
    uint64_t memory_limit_bytes; /* what aidetect_memory_limit_bytes says; 0: found out */
    double cpu_limit;            /* processors; 0: found out */
    bool faults_allowed;         /* see service_set_faults() */
    const char *version;         /* of this program, for aidetect_build_info; borrowed */
    const char *revision;
};

enum status service_open(struct service **out, const struct service_options *options,
                         struct err *err) MUST_USE;
/* Blocks until every worker has its session; ST_OK, or the error of the one that failed. */
enum status service_wait_ready(struct service *service, struct err *err) MUST_USE;
/* Readiness goes first; photos are still accepted and computed. */
void service_start_draining(struct service *service);
/* Nothing is accepted any more, what waits ends as ST_BUSY, what is being computed is finished.
 * When it returns every job is done. */
void service_stop(struct service *service);
void service_close(struct service *service); /* stops first; NULL is fine */

/* Takes effect for photos that come from now on; 0 as in the options. */
void service_set_queue(struct service *service, size_t queue_max, unsigned wait_ms,
                       unsigned deadline_ms);
/* How long the worker that is longest at one photo has been at it; 0: nobody works. */
int64_t service_longest_busy_us(struct service *service);

/* ---- another model, while the service runs ---- */

struct service_swap {
    struct service_model_options model;
    void *payload;                           /* the caller's */
    void (*done)(struct service_swap *swap); /* exactly once, on the spare thread */
    enum status status;                      /* from here on set before `done` */
    bool unchanged;                          /* this very model is in use already */
    struct err err;
    const char *model_version; /* valid as long as the service is open */
    const char *model_hash;
    double took_ms;
};

/* The model is opened, checked and warmed beside the one in use, which goes on until then and stays
 * when anything fails.  ST_OK: `done` will be called.  ST_BUSY: another swap is under way;
 * ST_CONFLICT: the service is not ready. */
enum status service_swap_model(struct service *service, struct service_swap *swap,
                               struct err *err) MUST_USE;
/* Whether the last reading of the settings was good; for the metrics. */
void service_count_reload(struct service *service, bool success);
/* The model in use: its path, and everything it was opened with. */
void service_read_model_path(char out[SERVICE_MODEL_PATH_SIZE], struct service *service);
void service_read_model_options(struct service_model_options *out, struct service *service);

/* ---- predictions ---- */

struct service_prediction {
    const char *prediction; /* "real", "ai_generated" */
    double probability;
    const char *confidence; /* "low", "medium", "high" */
    const char *decision;   /* "real", "unsure", "ai_generated" */
    double inference_time_ms;
    const char *model_version;
    const char *model_hash;
    const char *precision; /* as the classifier's */
};

enum service_work {
    SERVICE_JUDGE,
    SERVICE_EXPLAIN, /* fills the job's explanation */
    SERVICE_COMPARE, /* fills the job's shadow */
};

/* One photo under way.  The caller keeps it, and the photo's bytes, until `done` is called. */
struct service_job {
    struct bytes photo;
    enum service_work work;
    const char *request_id;                      /* for the prediction log; NULL: none */
    const char *trace_id;                        /* of its request; NULL: none */
    const char *key_id;                          /* of the client\'s API key; NULL: none */
    uint64_t sender;                             /* whom the photo is from; 0: not known */
    struct service_explanation *explanation;     /* SERVICE_EXPLAIN only: the caller's */
    void *payload;                               /* the caller's */
    bool (*gone)(const struct service_job *job); /* nobody waits any more?  may be NULL */
    void (*done)(struct service_job *job);       /* exactly once, on a worker's thread */
    enum status status;                          /* from here on set before `done` */
    bool abandoned;                              /* `gone` said so: not computed */
    struct err err;
    struct service_prediction prediction;
    struct service_verdict verdict;   /* what the prediction rests on */
    struct service_prediction shadow; /* SERVICE_COMPARE; prediction NULL: there is no such model */
    double queue_ms;                  /* waited for a worker */
    int64_t submitted_us;             /* the service's own */
    struct service_job *next;
};

/* ST_OK: `done` will be called.  ST_BUSY: it will not; the message says why. */
enum status service_submit(struct service *service, struct service_job *job,
                           struct err *err) MUST_USE;
/* All of them or none: `done` is called for each, in any order.  As many photos as may wait at all
 * are always taken when none is waiting. */
enum status service_submit_all(struct service *service, struct service_job *jobs, size_t count,
                               struct err *err) MUST_USE;
/* A photo that was refused before it became a job: counted as a failed prediction. */
void service_count_refused(struct service *service);

/* ---- what an answer's error is called, in answers and metrics ---- */

enum service_error {
    SERVICE_ERROR_NONE,
    SERVICE_ERROR_BAD_REQUEST,
    SERVICE_ERROR_UNAUTHORIZED,
    SERVICE_ERROR_FORBIDDEN,
    SERVICE_ERROR_RATE_LIMITED,
    SERVICE_ERROR_NOT_FOUND,
    SERVICE_ERROR_METHOD,
    SERVICE_ERROR_LENGTH_REQUIRED,
    SERVICE_ERROR_TOO_LARGE,
    SERVICE_ERROR_UNSUPPORTED_TYPE,
    SERVICE_ERROR_MISSING_FILE,
    SERVICE_ERROR_INVALID_IMAGE,
    SERVICE_ERROR_TIMEOUT,
    SERVICE_ERROR_CLIENT_GONE,
    SERVICE_ERROR_BUSY,
    SERVICE_ERROR_UNAVAILABLE,
    SERVICE_ERROR_INTERNAL,
    SERVICE_ERROR_COUNT
};
const char *service_error_name(enum service_error error); /* "bad_request", ... */

/* ---- measurement ---- */

struct service_request {
    struct str method;
    size_t endpoint; /* index in the options' endpoints; SIZE_MAX: unknown path */
    unsigned status; /* HTTP; 0: the client went away */
    enum service_error error;
    int64_t duration_us;
    uint64_t received_bytes; /* of its body */
    uint64_t sent_bytes;     /* of the answer's body */
    const char *trace_id;    /* NULL: it belongs to no trace */
};
void service_count_request(struct service *service, const struct service_request *request);
/* A batch of `count` photos; not successful: nobody had time for any of them. */
void service_count_batch(struct service *service, size_t count, int64_t duration_us,
                         bool successful);
/* A request over its rate limit; `endpoint` as above. */
void service_count_limited(struct service *service, size_t endpoint);

/* Why a request was not let in. */
enum service_denial {
    SERVICE_DENIAL_MISSING, /* no key where one is needed */
    SERVICE_DENIAL_INVALID, /* unknown or revoked */
    SERVICE_DENIAL_EXPIRED,
    SERVICE_DENIAL_GUESSING, /* too many wrong keys from one address */
    SERVICE_DENIAL_ROLE,     /* a key of a lesser role */
    SERVICE_DENIAL_ORIGIN,   /* a page of another origin */
    SERVICE_DENIAL_HOST,     /* administration under a foreign name */
    SERVICE_DENIAL_COUNT
};
void service_count_denied(struct service *service, enum service_denial why);
/* ---- faults on purpose ---- */

#define SERVICE_FAULT_DELAY_MAX_MS    10000
#define SERVICE_FAULT_MEMORY_MAX      (1u << 30) /* bytes */
#define SERVICE_FAULT_DESCRIPTORS_MAX 4096
#define SERVICE_FAULT_THREADS_MAX     64

struct service_faults {
    double error_ratio;   /* share of the photos that fail, in [0, 1] */
    int64_t delay_ms;     /* before each photo */
    int64_t memory_bytes; /* held */
    int64_t descriptors;  /* held open */
    int64_t cpu_threads;  /* that do nothing, all the time */
    double drift_score;   /* that is reported, in [0, 1]; -1: the real one */
    bool drift_alarm;     /* reported: a sequential detector's */
    bool model_unloaded;  /* reported */
    bool records_lost;    /* no prediction is recorded: each counts as lost */
};
/* All faults at once: what is not asked for ends.  ST_CONFLICT: they are not allowed (the options);
 * ST_LIMIT names a value out of range; ST_NOMEM, ST_IO. */
enum status service_set_faults(struct service *service, const struct service_faults *faults,
                               struct err *err) MUST_USE;

/* The metrics as Prometheus text 0.0.4, or as OpenMetrics 1.0. */
void service_write_metrics(struct buf *out, struct service *service, bool openmetrics);

/* A row of metrics.def, for documentation and rules. */
struct service_metric {
    const char *name;
    const char *type; /* "counter", "gauge", "histogram" */
    const char *unit; /* "": none */
    const char *help;
    const char *hint;      /* what to do with it */
    const char *labels[4]; /* names; NULL from the first unused on */
};
extern const size_t service_metric_count;
void service_metric_at(struct service_metric *out, size_t i); /* i below the count */

struct service_drift_figures {
    size_t count; /* predictions; 0: the figures below are 0 */
    double mean_probability, std_probability;
    double low_confidence_ratio, ai_generated_ratio;
};

struct service_drift_detector {
    const char *name;
    double level; /* how near it is to an alarm, [0, 1] */
    double value, limit;
};

/* How far a property of the photos is from the baseline. */
struct service_drift_shift {
    const char *name, *help;
    double baseline, window; /* means */
    double shift;            /* standard deviations */
    double z;                /* standard errors */
};

#define SERVICE_DRIFT_DETECTORS 4
#define SERVICE_DRIFT_SHIFTS    8
#define SERVICE_DRIFT_EXAMPLES  5
#define SERVICE_DRIFT_PLACES    16 /* numbers of an embedding */

/* The last predictions against the baseline: docs/DRIFT.md. */
struct service_drift {
    size_t window_max;
    struct service_drift_figures window;
    struct service_drift_figures baseline; /* count 0: there is none */
    int64_t baseline_version, baseline_created_us;
    bool baseline_rebased; /* its figures were made for another threshold than it was saved with */
    double baseline_saved_threshold;
    bool known; /* a baseline and enough predictions; false: everything down to action says nothing
                 */
    double score, probability_drift, confidence_drift, ratio_drift;
    bool over_probability, over_confidence, over_ratio;
    bool detected, confirmed;
    const char *level;                /* "none", "warning", "detected", "critical" */
    const char *action, *action_help; /* "none", "monitor", ... and a sentence */
    double probability_threshold, confidence_threshold, ratio_threshold;
    double warning_threshold, detected_threshold, critical_threshold;
    size_t minimum; /* predictions, before anything is said */
    struct service_drift_detector detectors[SERVICE_DRIFT_DETECTORS];
    size_t detector_count;       /* 0: the baseline is too small, or there is none */
    double run_length;           /* wanted, predictions between two false alarms */
    uint64_t steady_predictions; /* that ADWIN finds alike, up to now */
    bool grouped;                /* bursts count as one */
    bool alarmed;                /* a sequential detector raised an alarm that still holds */
    const char *alarm_detector, *alarm_what;
    int64_t alarm_us, alarm_since_us; /* since: 0 when nothing is known */
    bool diagnosed;                   /* everything below is there */
    double psi, ks, ks_p, jensen_shannon, wasserstein, wasserstein_normed, mmd, mmd_p;
    const char *story, *story_help;
    double more_low, more_top;       /* the range of probabilities that grew most */
    double more_window, more_before; /* its share of the window and of the baseline */
    struct service_drift_shift shifts[SERVICE_DRIFT_SHIFTS];
    /* What the photos look like: mean embeddings, their distance in deviations and how far beyond
     * chance it is; of so many photos, 0: nothing is known. */
    size_t embedding_count;
    double embedding_baseline[SERVICE_DRIFT_PLACES], embedding_window[SERVICE_DRIFT_PLACES];
    double embedding_shift, embedding_z;
    char examples[SERVICE_DRIFT_EXAMPLES][72]; /* requests in that range, the latest first */
    size_t example_count;
    double threshold;
    const char *model_version;
    int64_t utc_us; /* now */
};
void service_read_drift(struct service_drift *out, struct service *service);

enum service_state {
    SERVICE_STARTING,
    SERVICE_READY,
    SERVICE_DRAINING,
    SERVICE_STOPPED,
    SERVICE_FAILED,
    SERVICE_STATE_COUNT
};
const char *service_state_name(enum service_state state);

struct service_health {
    enum service_state state;
    bool model_loaded;
    const char *model_version;
    double uptime_seconds;
    size_t active_requests; /* waiting or being computed */
    size_t queue_depth;
    size_t queue_max;
    unsigned worker_count;
    unsigned workers_ready;
    uint64_t predictions_total; /* successful ones */
    double memory_usage_mb;
    int64_t pid;
    bool drift_known; /* there is a baseline, and enough predictions */
    bool drift_detected;
};
void service_read_health(struct service_health *out, struct service *service);
const char *service_model_version(struct service *service);
enum service_state service_state(struct service *service);
