/* service/swap.c - another model without a pause: opened, checked and warmed by the spare thread,
 * then workers take it between two photos.  A model that fails on the way changes nothing. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/state.h"

/* ---- models in use ---- */

/* The lock must be held, unless no thread runs yet. */
static const struct service_identity *identity_of(struct service *service,
                                                  const struct service_classifier *classifier)
{
    struct service_identity *identity = service->identities;

    while (identity && (strcmp(identity->version, classifier->model_version) != 0 ||
                        strcmp(identity->hash, classifier->model_hash) != 0))
        identity = identity->next;
    if (identity)
        return identity;
    identity = mem_alloc(1, sizeof *identity);
    (void)snprintf(identity->version, sizeof identity->version, "%s", classifier->model_version);
    (void)snprintf(identity->hash, sizeof identity->hash, "%s", classifier->model_hash);
    identity->next = service->identities;
    service->identities = identity;
    return identity;
}

struct service_generation *service_generation_new(struct service *service,
                                                  const struct service_classifier *classifier,
                                                  const struct service_model_options *options)
{
    struct service_generation *generation = mem_alloc(1, sizeof *generation);

    generation->classifier = *classifier;
    generation->options = *options;
    generation->sessions = mem_alloc(service->options.worker_count, sizeof *generation->sessions);
    (void)pthread_mutex_lock(&service->lock);
    const struct service_identity *identity = identity_of(service, classifier);
    (void)pthread_mutex_unlock(&service->lock);
    generation->classifier.model_version = identity->version;
    generation->classifier.model_hash = identity->hash;
    return generation;
}

void service_generation_close(struct service *service, struct service_generation *generation)
{
    if (!generation)
        return;
    const struct service_classifier *classifier = &generation->classifier;
    for (unsigned i = 0; i < service->options.worker_count; i++)
        if (generation->sessions[i])
            classifier->close_session(generation->sessions[i]);
    if (classifier->close)
        classifier->close(classifier->payload);
    mem_free(generation->sessions);
    mem_free(generation);
}

/* ---- the spare thread ---- */

static bool is_the_same(const struct service_generation *generation,
                        const struct service_classifier *classifier,
                        const struct service_model_options *options)
{
    return strcmp(generation->classifier.model_hash, classifier->model_hash) == 0 &&
           strcmp(generation->classifier.model_version, classifier->model_version) == 0 &&
           generation->classifier.threshold == classifier->threshold &&
           generation->options.precision == options->precision &&
           generation->options.bytes_max == options->bytes_max &&
           generation->options.pixels_max == options->pixels_max &&
           generation->options.side_max_px == options->side_max_px;
}

static enum status open_sessions(struct service *service, struct service_generation *generation,
                                 struct err *err)
{
    const struct service_classifier *classifier = &generation->classifier;

    for (unsigned i = 0; i < service->options.worker_count; i++) {
        void **session = &generation->sessions[i];
        enum status st = classifier->open_session(session, classifier->payload, err);
        if (st == ST_OK && classifier->warm)
            st = classifier->warm(*session, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* From now on this model answers.  Returns the old one once no worker has it any more. */
static struct service_generation *publish(struct service *service,
                                          struct service_generation *generation)
{
    (void)pthread_mutex_lock(&service->lock);
    struct service_generation *old = service->generation;
    service->generation = generation;
    service->admission.photo_us = 0;
    (void)pthread_cond_broadcast(&service->work); /* workers that wait move on as well */
    while (old->user_count > 0)
        (void)pthread_cond_wait(&service->loading, &service->lock);
    (void)pthread_mutex_unlock(&service->lock);
    return old;
}

static enum status swap_model(struct service *service, struct service_swap *swap, struct err *err)
{
    struct service_classifier classifier;

    enum status st = service->options.open_model(&classifier, &swap->model, err);
    if (st != ST_OK)
        return st;
    /* Only this thread ever replaces the model in use. */
    struct service_generation *generation =
        service_generation_new(service, &classifier, &swap->model);
    swap->model_version = generation->classifier.model_version;
    swap->model_hash = generation->classifier.model_hash;
    swap->unchanged = is_the_same(service->generation, &generation->classifier, &swap->model);
    if (!swap->unchanged)
        st = open_sessions(service, generation, err);
    if (swap->unchanged || st != ST_OK) {
        service_generation_close(service, generation);
        return st;
    }
    measure_model(service->measure, &generation->classifier);
    drift_monitor_use(service->drift, &(struct drift_model){generation->classifier.model_version,
                                                            generation->classifier.model_hash,
                                                            generation->classifier.threshold});
    service_generation_close(service, publish(service, generation));
    return ST_OK;
}

static void perform(struct service *service, struct service_swap *swap, bool stopping)
{
    char path[LOG_QUOTED_SIZE];
    int64_t start_us = clock_monotonic_us(service->options.clock);

    swap->status = stopping ? err_set(&swap->err, ST_CONFLICT, "the service is shutting down")
                            : swap_model(service, swap, &swap->err);
    swap->took_ms = (double)(clock_monotonic_us(service->options.clock) - start_us) / 1e3;
    if (swap->status != ST_OK)
        log_error("model.refused", "model=%s detail=%s", log_quote(path, swap->model.path),
                  log_quote((char[LOG_QUOTED_SIZE]){0}, swap->err.msg));
    else
        log_info("model.in_use", "version=%s sha256=%s unchanged=%s ms=%.0f", swap->model_version,
                 swap->model_hash, swap->unchanged ? "true" : "false", swap->took_ms);
    measure_swap(service->measure, swap->status != ST_OK ? MEASURE_SWAP_FAILURE
                                   : swap->unchanged     ? MEASURE_SWAP_UNCHANGED
                                                         : MEASURE_SWAP_SUCCESS);
}

static void *run_spare(void *payload)
{
    struct service *service = payload;

    cpu_yield_to_others();
    (void)pthread_mutex_lock(&service->lock);
    for (;;) {
        while (!service->swap && service->state < SERVICE_STOPPED)
            (void)pthread_cond_wait(&service->loading, &service->lock);
        struct service_swap *swap = service->swap;
        bool stopping = service->state >= SERVICE_STOPPED;
        if (!swap)
            break;
        (void)pthread_mutex_unlock(&service->lock);
        perform(service, swap, stopping);
        (void)pthread_mutex_lock(&service->lock);
        service->swap = NULL;
        (void)pthread_mutex_unlock(&service->lock);
        swap->done(swap); /* it is the caller's again */
        (void)pthread_mutex_lock(&service->lock);
    }
    (void)pthread_mutex_unlock(&service->lock);
    return NULL;
}

enum status service_spare_start(struct service *service, struct err *err)
{
    int error = pthread_create(&service->spare, NULL, run_spare, service);

    if (error != 0)
        return err_set(err, ST_IO, "cannot start the spare thread: %s", strerror(error));
    service->spare_started = true;
    return ST_OK;
}

enum status service_swap_model(struct service *service, struct service_swap *swap, struct err *err)
{
    enum status st = ST_OK;

    if (!service->options.open_model)
        return err_set(err, ST_UNSUPPORTED, "this service has one model only");
    (void)pthread_mutex_lock(&service->lock);
    if (service->state != SERVICE_READY)
        st = err_set(err, ST_CONFLICT, "the service is %s", service_state_name(service->state));
    else if (service->swap)
        st = err_set(err, ST_BUSY, "another model is being loaded");
    if (st == ST_OK) {
        swap->status = ST_OK;
        swap->unchanged = false;
        swap->model_version = swap->model_hash = "";
        service->swap = swap;
        (void)pthread_cond_broadcast(&service->loading);
    }
    (void)pthread_mutex_unlock(&service->lock);
    return st;
}
