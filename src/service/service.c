/* service/service.c - one bounded queue, N pinned workers with a session each.
 * HTTP threads submit, workers take; no tensor is ever touched under a lock, and every job ends in
 * exactly one call of its `done`. */
#include "service/service.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/measure.h"
#include "service/window.h"

#define QUEUE_MAX_DEFAULT   64
#define DEADLINE_MS_DEFAULT 30000
#define WORKERS_MAX         256u
#define MEMORY_KEPT_US      1000000

struct worker {
    struct service *service;
    unsigned index;
    pthread_t thread;
};

struct service {
    struct service_options options;
    struct measure *measure;
    struct worker *workers;
    unsigned started_count; /* worker threads that run, or ran */
    int64_t started_us;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work;  /* a job came, or the service stops */
    pthread_cond_t ready; /* a worker has its session, or could not get one */
    enum service_state state;
    struct service_job *first, *last;
    size_t queue_depth;
    size_t active_count; /* waiting or being computed */
    unsigned ready_count;
    int64_t memory_read_us; /* when memory_mb was read; 0: never */
    double memory_mb;
    struct service_window window;
    struct err failure; /* of the first worker that failed */
};

/* What a worker thread computes with. */
struct sessions {
    void *main;
    void *shadow; /* NULL: no such model */
};

static const char *const state_names[] = {
    [SERVICE_STARTING] = "starting", [SERVICE_READY] = "ready",   [SERVICE_DRAINING] = "draining",
    [SERVICE_STOPPED] = "stopped",   [SERVICE_FAILED] = "failed",
};
_Static_assert(ARRAY_LEN(state_names) == SERVICE_STATE_COUNT, "one name for each state");

const char *service_state_name(enum service_state state)
{
    return state_names[state];
}

/* ---- workers ---- */

static void finish(struct service *service, struct service_job *job)
{
    bool fine = job->status == ST_OK;

    if (!fine)
        measure_failure(service->measure);
    (void)pthread_mutex_lock(&service->lock);
    if (fine)
        service_window_add(&service->window, job->verdict.probability, job->verdict.ai_generated,
                           job->verdict.confidence == 0);
    service->active_count--;
    (void)pthread_mutex_unlock(&service->lock);
    job->done(job); /* the job is the caller's again */
}

static struct service_prediction prediction_of(const struct service_verdict *verdict,
                                               const struct service_classifier *classifier,
                                               int64_t took_us)
{
    static const char *const confidences[] = {"low", "medium", "high"};

    REQUIRE(verdict->confidence < ARRAY_LEN(confidences));
    return (struct service_prediction){
        .prediction = verdict->ai_generated ? "ai_generated" : "real",
        .probability = verdict->probability,
        .confidence = confidences[verdict->confidence],
        .inference_time_ms = (double)took_us / 1e3,
        .model_version = classifier->model_version,
        .model_hash = classifier->model_hash,
    };
}

static enum status judge(struct service_verdict *out, const struct service_classifier *classifier,
                         struct service_job *job, void *session)
{
    if (job->work != SERVICE_EXPLAIN)
        return classifier->classify(out, session, job->photo, &job->err);
    if (!classifier->explain)
        return err_set(&job->err, ST_CONFLICT, "this model cannot explain its verdicts");
    return classifier->explain(out, job->explanation, session, job->photo, &job->err);
}

/* What the other model says; its verdict is in no statistics but the comparison's own. */
static void compare(struct service *service, struct service_job *job, void *session)
{
    const struct service_classifier *classifier = &service->options.shadow;
    struct service_verdict verdict;

    if (!session)
        return;
    int64_t start_us = clock_monotonic_us(service->options.clock);
    job->status = classifier->classify(&verdict, session, job->photo, &job->err);
    int64_t took_us = clock_monotonic_us(service->options.clock) - start_us;
    if (job->status != ST_OK)
        return;
    job->shadow = prediction_of(&verdict, classifier, took_us);
    measure_comparison(service->measure, verdict.ai_generated == job->verdict.ai_generated);
}

static void compute(struct service *service, struct service_job *job, const struct sessions *own)
{
    const struct service_classifier *classifier = &service->options.classifier;

    int64_t start_us = clock_monotonic_us(service->options.clock);
    job->status = judge(&job->verdict, classifier, job, own->main);
    int64_t took_us = clock_monotonic_us(service->options.clock) - start_us;
    if (job->status != ST_OK)
        return;
    job->prediction = prediction_of(&job->verdict, classifier, took_us);
    measure_prediction(service->measure, &job->verdict, (double)took_us / 1e6, job->photo.len);
    if (job->work == SERVICE_COMPARE)
        compare(service, job, own->shadow);
}

/* Computes a job unless nobody would see the result, or nobody should wait for it. */
static void serve(struct service *service, struct service_job *job, const struct sessions *own,
                  bool stopping)
{
    int64_t waited_us = clock_monotonic_us(service->options.clock) - job->submitted_us;

    job->queue_ms = (double)waited_us / 1e3;
    measure_waited(service->measure, (double)waited_us / 1e6);
    if (stopping) {
        job->status = err_set(&job->err, ST_BUSY, "the service is shutting down");
        measure_rejection(service->measure, MEASURE_NOT_READY);
    } else if (waited_us > (int64_t)service->options.deadline_ms * 1000) {
        job->status = err_set(&job->err, ST_BUSY, "the photo waited over %u ms for a worker",
                              service->options.deadline_ms);
        measure_rejection(service->measure, MEASURE_DEADLINE);
    } else if (job->gone && job->gone(job)) {
        job->abandoned = true;
        job->status = err_set(&job->err, ST_BUSY, "the client closed its connection");
        measure_rejection(service->measure, MEASURE_CLIENT_GONE);
    } else {
        compute(service, job, own);
    }
    finish(service, job);
}

/* The next job, or NULL when the service stops and the queue is empty. */
static struct service_job *take(struct service *service, bool *stopping)
{
    (void)pthread_mutex_lock(&service->lock);
    while (!service->first && service->state < SERVICE_STOPPED)
        (void)pthread_cond_wait(&service->work, &service->lock);
    struct service_job *job = service->first;
    if (job) {
        service->first = job->next;
        if (!service->first)
            service->last = NULL;
        service->queue_depth--;
    }
    *stopping = service->state >= SERVICE_STOPPED;
    (void)pthread_mutex_unlock(&service->lock);
    return job;
}

static void tell_ready(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    service->ready_count++;
    if (service->ready_count == service->options.worker_count && service->state == SERVICE_STARTING)
        service->state = SERVICE_READY;
    (void)pthread_cond_broadcast(&service->ready);
    (void)pthread_mutex_unlock(&service->lock);
}

static void tell_failed(struct service *service, const struct err *err)
{
    (void)pthread_mutex_lock(&service->lock);
    if (service->state < SERVICE_STOPPED) {
        service->state = SERVICE_FAILED;
        service->failure = *err;
    }
    (void)pthread_cond_broadcast(&service->ready);
    (void)pthread_cond_broadcast(&service->work);
    (void)pthread_mutex_unlock(&service->lock);
}

static enum status open_sessions(struct sessions *own, const struct service_options *options,
                                 struct err *err)
{
    const struct service_classifier *shadow = &options->shadow;
    enum status st = options->classifier.open_session(&own->main, options->classifier.payload, err);

    if (st == ST_OK && shadow->open_session) {
        st = shadow->open_session(&own->shadow, shadow->payload, err);
        if (st != ST_OK)
            err_prefix(err, "the shadow model");
    }
    return st;
}

static void close_sessions(struct sessions *own, const struct service_options *options)
{
    if (own->shadow)
        options->shadow.close_session(own->shadow);
    if (own->main)
        options->classifier.close_session(own->main);
}

static void *run_worker(void *payload)
{
    struct worker *worker = payload;
    struct service *service = worker->service;
    struct sessions own = {NULL, NULL};
    struct service_job *job = NULL;
    struct err err;
    bool stopping = false;

    cpu_pin_thread(worker->index);
    if (open_sessions(&own, &service->options, &err) == ST_OK) {
        tell_ready(service);
    } else {
        log_error("service.worker_failed", "worker=%u detail=\"%s\"", worker->index, err.msg);
        tell_failed(service, &err);
    }
    while ((job = take(service, &stopping)) != NULL)
        serve(service, job, &own, stopping);
    close_sessions(&own, &service->options);
    return NULL;
}

/* ---- life ---- */

static enum status start_workers(struct service *service, struct err *err)
{
    for (unsigned i = 0; i < service->options.worker_count; i++) {
        struct worker *worker = &service->workers[i];
        *worker = (struct worker){.service = service, .index = i};
        int error = pthread_create(&worker->thread, NULL, run_worker, worker);
        if (error != 0)
            return err_set(err, ST_IO, "cannot start worker %u: %s", i, strerror(error));
        service->started_count++;
    }
    return ST_OK;
}

enum status service_open(struct service **out, const struct service_options *options,
                         struct err *err)
{
    struct service *service = mem_alloc(1, sizeof *service);
    struct service_options *own = &service->options;

    *own = *options;
    own->worker_count = MIN_OF(own->worker_count ? own->worker_count : cpu_count(), WORKERS_MAX);
    own->queue_max = own->queue_max ? own->queue_max : QUEUE_MAX_DEFAULT;
    own->deadline_ms = own->deadline_ms ? own->deadline_ms : DEADLINE_MS_DEFAULT;
    service->started_us = clock_monotonic_us(own->clock);
    service->workers = mem_alloc(own->worker_count, sizeof *service->workers);
    (void)pthread_mutex_init(&service->lock, NULL);
    (void)pthread_cond_init(&service->work, NULL);
    (void)pthread_cond_init(&service->ready, NULL);
    enum status st = measure_open(&service->measure, own, err);
    if (st == ST_OK)
        st = start_workers(service, err);
    if (st != ST_OK) {
        service_close(service);
        return st;
    }
    *out = service;
    return ST_OK;
}

enum status service_wait_ready(struct service *service, struct err *err)
{
    enum status st = ST_OK;

    (void)pthread_mutex_lock(&service->lock);
    while (service->state == SERVICE_STARTING)
        (void)pthread_cond_wait(&service->ready, &service->lock);
    if (service->state == SERVICE_FAILED)
        st = err_set(err, service->failure.code, "%s", service->failure.msg);
    (void)pthread_mutex_unlock(&service->lock);
    return st;
}

void service_start_draining(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    if (service->state < SERVICE_DRAINING)
        service->state = SERVICE_DRAINING;
    (void)pthread_cond_broadcast(&service->ready);
    (void)pthread_mutex_unlock(&service->lock);
}

void service_stop(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    if (service->state < SERVICE_STOPPED)
        service->state = SERVICE_STOPPED;
    (void)pthread_cond_broadcast(&service->work);
    (void)pthread_cond_broadcast(&service->ready);
    (void)pthread_mutex_unlock(&service->lock);
    for (; service->started_count > 0; service->started_count--)
        (void)pthread_join(service->workers[service->started_count - 1].thread, NULL);
}

void service_close(struct service *service)
{
    if (!service)
        return;
    service_stop(service);
    measure_close(service->measure);
    if (service->options.classifier.close)
        service->options.classifier.close(service->options.classifier.payload);
    if (service->options.shadow.close)
        service->options.shadow.close(service->options.shadow.payload);
    (void)pthread_cond_destroy(&service->ready);
    (void)pthread_cond_destroy(&service->work);
    (void)pthread_mutex_destroy(&service->lock);
    mem_free(service->workers);
    mem_free(service);
}

/* ---- submission ---- */

/* With the lock held.  ST_OK: the jobs are in the queue. */
static enum status enqueue(struct service *service, struct service_job *jobs, size_t count,
                           enum measure_reason *reason, struct err *err)
{
    size_t room = MAX_OF(service->options.queue_max, count);

    *reason = MEASURE_NOT_READY;
    if (service->state == SERVICE_FAILED)
        return err_set(err, ST_CONFLICT, "the model is not loaded");
    if (service->state == SERVICE_STOPPED)
        return err_set(err, ST_CONFLICT, "the service is shutting down");
    *reason = MEASURE_QUEUE_FULL;
    if (service->queue_depth + count > room)
        return err_set(err, ST_BUSY, "%zu photos are waiting, the limit is %zu",
                       service->queue_depth, service->options.queue_max);
    for (size_t i = 0; i < count; i++) {
        if (service->last)
            service->last->next = &jobs[i];
        else
            service->first = &jobs[i];
        service->last = &jobs[i];
    }
    service->queue_depth += count;
    service->active_count += count;
    return ST_OK;
}

enum status service_submit_all(struct service *service, struct service_job *jobs, size_t count,
                               struct err *err)
{
    int64_t now_us = clock_monotonic_us(service->options.clock);
    enum measure_reason reason;

    for (size_t i = 0; i < count; i++) {
        jobs[i].status = ST_OK;
        jobs[i].abandoned = false;
        jobs[i].shadow.prediction = NULL;
        jobs[i].next = NULL;
        jobs[i].submitted_us = now_us;
    }
    (void)pthread_mutex_lock(&service->lock);
    enum status st = enqueue(service, jobs, count, &reason, err);
    if (st == ST_OK && count == 1)
        (void)pthread_cond_signal(&service->work);
    else if (st == ST_OK)
        (void)pthread_cond_broadcast(&service->work);
    (void)pthread_mutex_unlock(&service->lock);
    for (size_t i = 0; st != ST_OK && i < count; i++) {
        measure_rejection(service->measure, reason);
        measure_failure(service->measure);
    }
    return st;
}

enum status service_submit(struct service *service, struct service_job *job, struct err *err)
{
    return service_submit_all(service, job, 1, err);
}

/* ---- measurement ---- */

void service_count_refused(struct service *service)
{
    measure_failure(service->measure);
}

void service_count_limited(struct service *service, size_t endpoint)
{
    measure_limited(service->measure, endpoint);
}

void service_count_denied(struct service *service, enum service_denial why)
{
    measure_denied(service->measure, why);
}

void service_count_request(struct service *service, const struct service_request *request)
{
    measure_request(service->measure, request);
}

static void read_state(struct service_health *out, struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    *out = (struct service_health){
        .state = service->state,
        .active_requests = service->active_count,
        .queue_depth = service->queue_depth,
        .workers_ready = service->ready_count,
    };
    (void)pthread_mutex_unlock(&service->lock);
    out->worker_count = service->options.worker_count;
    out->queue_max = service->options.queue_max;
    out->model_version = service->options.classifier.model_version;
    out->model_loaded = out->workers_ready == out->worker_count;
}

/* Read at most once a second: probes ask all day, and it takes several files of /proc. */
static double memory_usage_mb(struct service *service, int64_t now_us)
{
    struct cpu_process_stats process;

    (void)pthread_mutex_lock(&service->lock);
    bool fresh = service->memory_read_us && now_us - service->memory_read_us < MEMORY_KEPT_US;
    double memory_mb = service->memory_mb;
    (void)pthread_mutex_unlock(&service->lock);
    if (fresh)
        return memory_mb;
    cpu_process_stats(&process);
    memory_mb = (double)process.resident_bytes / (1024.0 * 1024.0);
    (void)pthread_mutex_lock(&service->lock);
    service->memory_mb = memory_mb;
    service->memory_read_us = now_us;
    (void)pthread_mutex_unlock(&service->lock);
    return memory_mb;
}

void service_read_health(struct service_health *out, struct service *service)
{
    int64_t now_us = clock_monotonic_us(service->options.clock);

    read_state(out, service);
    out->uptime_seconds = (double)(now_us - service->started_us) / 1e6;
    out->predictions_total = measure_predictions_total(service->measure);
    out->memory_usage_mb = memory_usage_mb(service, now_us);
    out->pid = getpid();
}

void service_read_drift(struct service_drift *out, struct service *service)
{
    const struct service_classifier *classifier = &service->options.classifier;

    (void)pthread_mutex_lock(&service->lock);
    struct service_window_statistics window = service_window_read(&service->window);
    (void)pthread_mutex_unlock(&service->lock);
    *out = (struct service_drift){
        .window_size = window.count,
        .window_max = SERVICE_WINDOW_MAX,
        .mean_probability = window.mean_probability,
        .std_probability = window.std_probability,
        .low_confidence_ratio = window.low_confidence_ratio,
        .ai_generated_ratio = window.ai_generated_ratio,
        .threshold = classifier->threshold,
        .model_version = classifier->model_version,
        .utc_us = clock_utc_us(service->options.clock),
    };
}

const char *service_model_version(struct service *service)
{
    return service->options.classifier.model_version;
}

enum service_state service_state(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    enum service_state state = service->state;
    (void)pthread_mutex_unlock(&service->lock);
    return state;
}

void service_write_metrics(struct buf *out, struct service *service)
{
    struct service_health health;

    read_state(&health, service);
    measure_write(out, service->measure, &health);
}
