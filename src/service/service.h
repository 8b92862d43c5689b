/* service/service.h - the use cases, and the only place that combines the modules below: a bounded
 * queue of photos to pinned workers, their deadlines, the metrics, health and drain.
 * Must not know HTTP or JSON.  Callers must not know models, sessions or metrics by name.
 * Thread-safe unless a comment says otherwise. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"

struct service;

/* ---- the classifier, behind a table so that tests can put their own in ---- */

struct service_verdict {
    bool ai_generated;
    double probability;  /* of "AI-generated", in [0, 1] */
    unsigned confidence; /* 0 low, 1 medium, 2 high */
};

struct service_classifier {
    void *payload;
    const char *model_version; /* borrowed, as long as the classifier is open */
    const char *model_hash;
    double threshold;
    /* A session belongs to one worker thread, which opens and closes it. */
    enum status (*open_session)(void **out, void *payload, struct err *err);
    enum status (*classify)(struct service_verdict *out, void *session, struct bytes photo,
                            struct err *err);
    void (*close_session)(void *session);
    void (*close)(void *payload); /* may be NULL */
};

/* The real one: a model file and the threshold to use (0: the model's own). */
enum status service_detect_open(struct service_classifier *out, const char *model_path,
                                double threshold, struct err *err) MUST_USE;

/* ---- life ---- */

struct service_options {
    struct service_classifier classifier; /* the service closes it, also when opening fails */
    unsigned worker_count;                /* 0: one a processor */
    size_t queue_max;                     /* photos waiting; 0: 64 */
    unsigned deadline_ms;                 /* from submission to the start of work; 0: 30 s */
    const struct clock *clock;            /* borrowed */
    const char *const *endpoints;         /* route templates for metric labels; borrowed */
    size_t endpoint_count;
    const char *version; /* of this program, for aidetect_build_info; borrowed */
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

/* ---- predictions ---- */

struct service_prediction {
    const char *prediction; /* "real", "ai_generated" */
    double probability;
    const char *confidence; /* "low", "medium", "high" */
    double inference_time_ms;
    const char *model_version;
};

/* One photo under way.  The caller keeps it, and the photo's bytes, until `done` is called. */
struct service_job {
    struct bytes photo;
    void *payload;                               /* the caller's */
    bool (*gone)(const struct service_job *job); /* nobody waits any more?  may be NULL */
    void (*done)(struct service_job *job);       /* exactly once, on a worker's thread */
    enum status status;                          /* from here on set before `done` */
    bool abandoned;                              /* `gone` said so: not computed */
    struct err err;
    struct service_prediction prediction;
    int64_t submitted_us; /* the service's own */
    struct service_job *next;
};

/* ST_OK: `done` will be called.  ST_BUSY: it will not; the message says why. */
enum status service_submit(struct service *service, struct service_job *job,
                           struct err *err) MUST_USE;
/* A photo that was refused before it became a job: counted as a failed prediction. */
void service_count_refused(struct service *service);

/* ---- what an answer's error is called, in answers and metrics ---- */

enum service_error {
    SERVICE_ERROR_NONE,
    SERVICE_ERROR_BAD_REQUEST,
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
};
void service_count_request(struct service *service, const struct service_request *request);
/* The metrics as Prometheus text. */
void service_write_metrics(struct buf *out, struct service *service);

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
};
void service_read_health(struct service_health *out, struct service *service);
enum service_state service_state(struct service *service);
