/* service/state.h - what service.c and swap.c share: the service's state, and models in use.
 * Nobody else includes it. */
#pragma once

#include <pthread.h>

#include "service/admission.h"
#include "service/config.h"
#include "service/drift_monitor.h"
#include "service/fault.h"
#include "service/measure.h"

/* A model in use.  Workers go from one to the next between two photos; when the last has left, the
 * spare thread closes it. */
struct service_generation {
    struct service_classifier classifier; /* its texts are an identity's: they outlive it */
    struct service_model_options options;
    void **sessions;     /* one a worker */
    unsigned user_count; /* workers that compute with it */
};

/* Names of a model, kept as long as the service: answers and health lend them out. */
struct service_identity {
    char version[SERVICE_TEXT_SIZE];
    char hash[SERVICE_TEXT_SIZE];
    struct service_identity *next;
};

struct service_worker {
    struct service *service;
    unsigned index;
    pthread_t thread;
    struct service_generation *generation; /* the lock's; read by the worker without it */
    void *shadow;                          /* session; NULL: no such model */
    int64_t busy_since_us;                 /* the lock's; 0: it waits */
};

struct service {
    struct service_options options; /* queue_max, wait_ms, deadline_ms: the lock's */
    struct measure *measure;
    struct fault *fault; /* NULL: none is allowed */
    struct drift_monitor *drift;
    struct service_worker *workers;
    unsigned started_count; /* worker threads that run, or ran */
    int64_t started_us;
    pthread_t spare; /* opens and closes models, so that no worker has to */
    bool spare_started;
    pthread_mutex_t lock;   /* guards everything below */
    pthread_cond_t work;    /* a job or a new model came, or the service stops */
    pthread_cond_t ready;   /* a worker has its session, or could not get one */
    pthread_cond_t loading; /* for the spare thread: a swap, a worker that moved on, or the end */
    enum service_state state;
    struct service_generation *generation;
    struct service_identity *identities;
    struct service_swap *swap; /* under way; NULL: none */
    struct service_job *first, *last;
    size_t queue_depth;
    size_t active_count; /* waiting or being computed */
    unsigned ready_count;
    int64_t memory_read_us; /* when memory_mb was read; 0: never */
    double memory_mb;
    struct service_admission admission;
    struct err failure; /* of the first worker that failed */
};

/* Takes the classifier; its texts are replaced by ones that live as long as the service. */
struct service_generation *service_generation_new(struct service *service,
                                                  const struct service_classifier *classifier,
                                                  const struct service_model_options *options);
void service_generation_close(struct service *service, struct service_generation *generation);
/* service/drift.c */
void service_drift_open(struct service *service);
/* A job that ended well. */
void service_drift_watch(struct service *service, const struct service_job *job);
void service_drift_health(struct service_health *out, struct service *service);

enum status service_spare_start(struct service *service, struct err *err) MUST_USE;
