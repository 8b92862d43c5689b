/* service/service.c - one bounded queue, N pinned workers with a session each.
 * HTTP threads submit, workers take; no tensor is ever touched under a lock, and every job ends in
 * exactly one call of its `done`. */
#include "service/service.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/prediction_log.h"
#include "service/review.h"
#include "service/state.h"

#define QUEUE_MAX_DEFAULT   64
#define DEADLINE_MS_DEFAULT 30000
#define WORKERS_MAX         256u
#define MEMORY_KEPT_US      1000000

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

/* Before the answer leaves: what was answered is in the log's hands. */
static void record(struct service *service, const struct service_job *job)
{
    const struct service_verdict *verdict = &job->verdict;
    struct service_record out = {
        .time_us = clock_utc_us(service->options.clock),
        .photo_bytes = (int64_t)job->photo.len,
        .width = verdict->width,
        .height = verdict->height,
        .probability = verdict->probability,
        .ai_generated = verdict->ai_generated,
        .confidence = verdict->confidence,
        .threshold = verdict->threshold,
        .queue_us = (int64_t)(job->queue_ms * 1e3),
        .inference_us = (int64_t)(job->prediction.inference_time_ms * 1e3),
        .evidence = verdict->quality,
        .decision = verdict->decision,
        .embedding = (int64_t)verdict->embedding,
        .sender = (int64_t)(job->sender & INT64_MAX),
    };
    char hash[HASH_HEX_SIZE];
    struct service_faults faults;

    service_record_set_text(out.photo_sha256, hash_sha256_hex(hash, job->photo));
    if (service->options.review)
        out.sample_rate =
            service_review_keep(service->options.review, job->photo, hash, verdict->format);
    service_record_set_text(out.request_id, job->request_id ? job->request_id : "");
    service_record_set_text(out.key_id, job->key_id ? job->key_id : "");
    service_record_set_text(out.model_version, job->prediction.model_version);
    service_record_set_text(out.model_hash, job->prediction.model_hash);
    fault_read(&faults, service->fault);
    if (faults.records_lost)
        prediction_log_lose(service->options.log);
    else
        prediction_log_add(service->options.log, &out);
}

/* took_us 0: nothing was computed. */
static void finish(struct service_worker *worker, struct service_job *job, int64_t took_us)
{
    struct service *service = worker->service;
    bool fine = job->status == ST_OK;

    if (!fine)
        measure_failure(service->measure, job->status);
    else if (service->options.log)
        record(service, job);
    if (fine)
        service_drift_watch(service, job);
    (void)pthread_mutex_lock(&service->lock);
    if (took_us > 0)
        service_admission_measured(&service->admission, took_us);
    worker->busy_since_us = 0;
    service->active_count--;
    (void)pthread_mutex_unlock(&service->lock);
    job->done(job); /* the job is the caller's again */
}

static struct service_prediction prediction_of(const struct service_verdict *verdict,
                                               const struct service_classifier *classifier,
                                               int64_t took_us)
{
    static const char *const confidences[] = {"low", "medium", "high"};
    static const char *const decisions[] = {"real", "unsure", "ai_generated"};

    REQUIRE(verdict->confidence < ARRAY_LEN(confidences));
    REQUIRE(verdict->decision < ARRAY_LEN(decisions));
    return (struct service_prediction){
        .prediction = verdict->ai_generated ? "ai_generated" : "real",
        .probability = verdict->probability,
        .confidence = confidences[verdict->confidence],
        .decision = decisions[verdict->decision],
        .inference_time_ms = (double)took_us / 1e3,
        .model_version = classifier->model_version,
        .model_hash = classifier->model_hash,
        .precision = classifier->precision,
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

/* Drawing an explanation is no part of judging a photo. */
static double judging_seconds(const struct service_job *job, int64_t took_us)
{
    const struct service_verdict *verdict = &job->verdict;

    if (job->work != SERVICE_EXPLAIN)
        return (double)took_us / 1e6;
    return (verdict->decode_ms + verdict->crops_ms + verdict->network_ms) / 1e3;
}

static void compute(struct service_worker *worker, struct service_job *job)
{
    struct service *service = worker->service;
    const struct service_classifier *classifier = &worker->generation->classifier;
    void *session = worker->generation->sessions[worker->index];

    int64_t start_us = clock_monotonic_us(service->options.clock);
    job->status = fault_strike(service->fault, &job->err);
    if (job->status == ST_OK)
        job->status = judge(&job->verdict, classifier, job, session);
    int64_t took_us = clock_monotonic_us(service->options.clock) - start_us;
    if (job->status != ST_OK)
        return;
    job->prediction = prediction_of(&job->verdict, classifier, took_us);
    measure_prediction(service->measure, job, judging_seconds(job, took_us));
    if (job->work == SERVICE_COMPARE)
        compare(service, job, worker->shadow);
}

/* Computes a job unless nobody would see the result, or nobody should wait for it. */
static void serve(struct service_worker *worker, struct service_job *job, bool stopping,
                  unsigned deadline_ms)
{
    struct service *service = worker->service;
    int64_t start_us = clock_monotonic_us(service->options.clock);
    int64_t waited_us = start_us - job->submitted_us;
    int64_t took_us = 0;

    job->queue_ms = (double)waited_us / 1e3;
    measure_waited(service->measure, (double)waited_us / 1e6);
    if (stopping) {
        job->status = err_set(&job->err, ST_BUSY, "the service is shutting down");
        measure_rejection(service->measure, MEASURE_NOT_READY);
    } else if (waited_us > (int64_t)deadline_ms * 1000) {
        job->status =
            err_set(&job->err, ST_BUSY, "the photo waited over %u ms for a worker", deadline_ms);
        measure_rejection(service->measure, MEASURE_DEADLINE);
    } else if (job->gone && job->gone(job)) {
        job->abandoned = true;
        job->status = err_set(&job->err, ST_BUSY, "the client closed its connection");
        measure_rejection(service->measure, MEASURE_CLIENT_GONE);
    } else {
        compute(worker, job);
        took_us = clock_monotonic_us(service->options.clock) - start_us;
    }
    finish(worker, job, took_us);
}

/* With the lock held, between two photos: on to the model that is in use now. */
static void follow_model(struct service_worker *worker)
{
    struct service *service = worker->service;

    if (worker->generation == service->generation)
        return;
    worker->generation->user_count--;
    worker->generation = service->generation;
    worker->generation->user_count++;
    (void)pthread_cond_broadcast(&service->loading);
}

/* The next job, or NULL when the service stops and the queue is empty. */
static struct service_job *take(struct service_worker *worker, bool *stopping,
                                unsigned *deadline_ms)
{
    struct service *service = worker->service;

    (void)pthread_mutex_lock(&service->lock);
    follow_model(worker);
    while (!service->first && service->state < SERVICE_STOPPED) {
        (void)pthread_cond_wait(&service->work, &service->lock);
        follow_model(worker);
    }
    struct service_job *job = service->first;
    if (job) {
        int64_t now_us = clock_monotonic_us(service->options.clock);
        service->first = job->next;
        if (!service->first)
            service->last = NULL;
        service->queue_depth--;
        service_admission_depth(&service->admission, service->queue_depth, now_us);
        worker->busy_since_us = now_us;
    }
    *stopping = service->state >= SERVICE_STOPPED;
    *deadline_ms = service->options.deadline_ms;
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

static enum status open_session(void **out, const struct service_classifier *classifier,
                                struct err *err)
{
    enum status st = classifier->open_session(out, classifier->payload, err);

    if (st == ST_OK && classifier->warm)
        st = classifier->warm(*out, err);
    return st;
}

static enum status open_sessions(struct service_worker *worker, struct err *err)
{
    const struct service_classifier *shadow = &worker->service->options.shadow;
    struct service_generation *generation = worker->generation;
    enum status st =
        open_session(&generation->sessions[worker->index], &generation->classifier, err);

    if (st == ST_OK && shadow->open_session) {
        st = open_session(&worker->shadow, shadow, err);
        if (st != ST_OK)
            err_prefix(err, "the shadow model");
    }
    return st;
}

static void *run_worker(void *payload)
{
    struct service_worker *worker = payload;
    struct service *service = worker->service;
    struct service_job *job = NULL;
    struct err err;
    unsigned deadline_ms = 0;
    bool stopping = false;

    cpu_pin_thread(worker->index);
    if (open_sessions(worker, &err) == ST_OK) {
        tell_ready(service);
    } else {
        log_error("service.worker_failed", "worker=%u detail=\"%s\"", worker->index, err.msg);
        tell_failed(service, &err);
    }
    while ((job = take(worker, &stopping, &deadline_ms)) != NULL)
        serve(worker, job, stopping, deadline_ms);
    if (worker->shadow)
        service->options.shadow.close_session(worker->shadow);
    (void)pthread_mutex_lock(&service->lock);
    worker->generation->user_count--;
    (void)pthread_cond_broadcast(&service->loading);
    (void)pthread_mutex_unlock(&service->lock);
    return NULL;
}

/* ---- life ---- */

static enum status start_workers(struct service *service, struct err *err)
{
    for (unsigned i = 0; i < service->options.worker_count; i++) {
        struct service_worker *worker = &service->workers[i];
        *worker = (struct service_worker){
            .service = service, .index = i, .generation = service->generation};
        (void)pthread_mutex_lock(&service->lock);
        service->generation->user_count++;
        (void)pthread_mutex_unlock(&service->lock);
        int error = pthread_create(&worker->thread, NULL, run_worker, worker);
        if (error != 0)
            return err_set(err, ST_IO, "cannot start worker %u: %s", i, strerror(error));
        service->started_count++;
    }
    return ST_OK;
}

static void find_limits(struct service_options *options)
{
    struct cgroup_limits limits;

    cgroup_read_self(&limits);
    if (options->memory_limit_bytes == 0)
        options->memory_limit_bytes = limits.memory_bytes;
    if (options->cpu_limit == 0)
        options->cpu_limit = limits.processors;
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
    find_limits(own);
    if (own->faults_allowed)
        fault_open(&service->fault);
    service->started_us = clock_monotonic_us(own->clock);
    service->workers = mem_alloc(own->worker_count, sizeof *service->workers);
    (void)pthread_mutex_init(&service->lock, NULL);
    (void)pthread_cond_init(&service->work, NULL);
    (void)pthread_cond_init(&service->ready, NULL);
    (void)pthread_cond_init(&service->loading, NULL);
    service->generation = service_generation_new(service, &own->classifier, &own->model);
    own->classifier = service->generation->classifier; /* with texts that stay */
    service_drift_open(service);
    enum status st = measure_open(&service->measure, own, err);
    if (st == ST_OK)
        st = service_spare_start(service, err);
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
    (void)pthread_cond_broadcast(&service->loading);
    (void)pthread_mutex_unlock(&service->lock);
    for (; service->started_count > 0; service->started_count--)
        (void)pthread_join(service->workers[service->started_count - 1].thread, NULL);
    if (service->spare_started)
        (void)pthread_join(service->spare, NULL);
    service->spare_started = false;
}

void service_close(struct service *service)
{
    if (!service)
        return;
    service_stop(service);
    drift_monitor_close(service->drift);
    measure_close(service->measure);
    fault_close(service->fault);
    service_generation_close(service, service->generation);
    if (service->options.shadow.close)
        service->options.shadow.close(service->options.shadow.payload);
    while (service->identities) {
        struct service_identity *identity = service->identities;
        service->identities = identity->next;
        mem_free(identity);
    }
    (void)pthread_cond_destroy(&service->loading);
    (void)pthread_cond_destroy(&service->ready);
    (void)pthread_cond_destroy(&service->work);
    (void)pthread_mutex_destroy(&service->lock);
    mem_free(service->workers);
    mem_free(service);
}

void service_set_queue(struct service *service, size_t queue_max, unsigned wait_ms,
                       unsigned deadline_ms)
{
    (void)pthread_mutex_lock(&service->lock);
    service->options.queue_max = queue_max ? queue_max : QUEUE_MAX_DEFAULT;
    service->options.wait_ms = wait_ms;
    service->options.deadline_ms = deadline_ms ? deadline_ms : DEADLINE_MS_DEFAULT;
    (void)pthread_mutex_unlock(&service->lock);
}

int64_t service_longest_busy_us(struct service *service)
{
    int64_t now_us = clock_monotonic_us(service->options.clock);
    int64_t longest_us = 0;

    (void)pthread_mutex_lock(&service->lock);
    for (unsigned i = 0; i < service->options.worker_count; i++)
        if (service->workers[i].busy_since_us)
            longest_us = MAX_OF(longest_us, now_us - service->workers[i].busy_since_us);
    (void)pthread_mutex_unlock(&service->lock);
    return longest_us;
}

void service_read_model_path(char out[SERVICE_MODEL_PATH_SIZE], struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    memcpy(out, service->generation->options.path, SERVICE_MODEL_PATH_SIZE);
    (void)pthread_mutex_unlock(&service->lock);
}

void service_read_model_options(struct service_model_options *out, struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    *out = service->generation->options;
    (void)pthread_mutex_unlock(&service->lock);
}

void service_count_reload(struct service *service, bool success)
{
    measure_reload(service->measure, success, clock_utc_us(service->options.clock));
}

/* ---- submission ---- */

/* With the lock held.  ST_OK: the jobs are in the queue. */
static enum status enqueue(struct service *service, struct service_job *jobs, size_t count,
                           int64_t now_us, enum measure_reason *reason, struct err *err)
{
    size_t room = MAX_OF(service->options.queue_max, count);
    int64_t wait_us = 0;

    *reason = MEASURE_NOT_READY;
    if (service->state == SERVICE_FAILED)
        return err_set(err, ST_CONFLICT, "the model is not loaded");
    if (service->state == SERVICE_STOPPED)
        return err_set(err, ST_CONFLICT, "the service is shutting down");
    *reason = MEASURE_QUEUE_FULL;
    if (service->queue_depth + count > room)
        return err_set(err, ST_BUSY, "%zu photos are waiting, the limit is %zu",
                       service->queue_depth, service->options.queue_max);
    *reason = MEASURE_OVERLOAD;
    if (service_admission_refuses(&wait_us, &service->admission, service->queue_depth,
                                  service->options.worker_count, service->options.wait_ms, now_us))
        return err_set(err, ST_BUSY, "overloaded: the photo would wait %lld ms for a worker",
                       (long long)wait_us / 1000);
    for (size_t i = 0; i < count; i++) {
        if (service->last)
            service->last->next = &jobs[i];
        else
            service->first = &jobs[i];
        service->last = &jobs[i];
    }
    service->queue_depth += count;
    service_admission_depth(&service->admission, service->queue_depth, now_us);
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
    enum status st = enqueue(service, jobs, count, now_us, &reason, err);
    (void)pthread_mutex_unlock(&service->lock);
    /* Without the lock: who is woken would have to wait for it, which costs two switches. */
    if (st == ST_OK && count == 1)
        (void)pthread_cond_signal(&service->work);
    else if (st == ST_OK)
        (void)pthread_cond_broadcast(&service->work);
    for (size_t i = 0; st != ST_OK && i < count; i++) {
        measure_rejection(service->measure, reason);
        measure_failure(service->measure, st);
    }
    return st;
}

enum status service_submit(struct service *service, struct service_job *job, struct err *err)
{
    return service_submit_all(service, job, 1, err);
}

/* ---- measurement ---- */

enum status service_set_faults(struct service *service, const struct service_faults *faults,
                               struct err *err)
{
    if (!service->fault)
        return err_set(err, ST_CONFLICT, "faults on purpose are off (faults.enabled)");
    return fault_set(service->fault, faults, err);
}

void service_count_refused(struct service *service)
{
    measure_failure(service->measure, ST_NOT_FOUND);
}

void service_count_batch(struct service *service, size_t count, int64_t duration_us,
                         bool successful)
{
    measure_batch(service->measure, count, (double)duration_us / 1e6, successful);
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
    struct service_faults faults;

    fault_read(&faults, service->fault);
    (void)pthread_mutex_lock(&service->lock);
    *out = (struct service_health){
        .state = service->state,
        .active_requests = service->active_count,
        .queue_depth = service->queue_depth,
        .workers_ready = service->ready_count,
        .queue_max = service->options.queue_max,
        .model_version = service->generation->classifier.model_version,
    };
    (void)pthread_mutex_unlock(&service->lock);
    out->worker_count = service->options.worker_count;
    out->model_loaded = out->workers_ready == out->worker_count && !faults.model_unloaded;
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
    service_drift_health(out, service);
}

const char *service_model_version(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    const char *model_version = service->generation->classifier.model_version;
    (void)pthread_mutex_unlock(&service->lock);
    return model_version;
}

enum service_state service_state(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    enum service_state state = service->state;
    (void)pthread_mutex_unlock(&service->lock);
    return state;
}

void service_write_metrics(struct buf *out, struct service *service, bool openmetrics)
{
    struct service_health health;
    struct prediction_log_state log;
    struct service_review_state review;
    struct service_faults faults;
    struct drift_status drift;

    fault_read(&faults, service->fault);
    read_state(&health, service);
    drift_monitor_read(&drift, service->drift);
    if (service->options.log)
        prediction_log_read(&log, service->options.log);
    if (service->options.review)
        service_review_read(&review, service->options.review);
    const struct measure_state state = {
        .health = &health,
        .log = service->options.log ? &log : NULL,
        .review = service->options.review ? &review : NULL,
        .drift = &drift,
        .memory_limit_bytes = service->options.memory_limit_bytes,
        .cpu_limit = service->options.cpu_limit,
        .drift_score = faults.drift_score,
        .drift_alarm = faults.drift_alarm,
    };
    measure_write(out, service->measure, &state, openmetrics);
}
