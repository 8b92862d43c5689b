/* The service with a classifier of our own: what a photo says is what it does.  No sleeps: the
 * classifier waits at a gate that the test opens. */
#include "support/unit.h"

#include <pthread.h>
#include <sched.h>

#include "service/service.h"

#define JOBS_MAX 16

/* ---- a classifier that waits, and events to wait for ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed; /* the gate */
    int inside;  /* photos being classified */
    int classified;
    int done;
    int sessions;
    bool session_fails;
    int models; /* that open_model opened and nobody closed */
    const char *next_version;
    bool model_fails;
    bool warming_fails;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void add(int *counter, int amount)
{
    (void)pthread_mutex_lock(&world.lock);
    *counter += amount;
    (void)pthread_cond_broadcast(&world.changed);
    (void)pthread_mutex_unlock(&world.lock);
}

static void wait_for(const int *counter, int value)
{
    (void)pthread_mutex_lock(&world.lock);
    while (*counter != value)
        (void)pthread_cond_wait(&world.changed, &world.lock);
    (void)pthread_mutex_unlock(&world.lock);
}

static void set_gate(bool closed)
{
    (void)pthread_mutex_lock(&world.lock);
    world.closed = closed;
    (void)pthread_cond_broadcast(&world.changed);
    (void)pthread_mutex_unlock(&world.lock);
}

static enum status open_session(void **out, void *payload, struct err *err)
{
    if (world.session_fails)
        return err_set(err, ST_CORRUPT, "no session today");
    *out = payload;
    add(&world.sessions, 1);
    return ST_OK;
}

static void close_session(void *session)
{
    (void)session;
    add(&world.sessions, -1);
}

/* "bad": refused; anything else waits at the gate and is AI-generated when it begins with 'a'. */
static enum status classify(struct service_verdict *out, void *session, struct bytes photo,
                            struct err *err)
{
    assert_non_null(session);
    add(&world.inside, 1);
    (void)pthread_mutex_lock(&world.lock);
    while (world.closed)
        (void)pthread_cond_wait(&world.changed, &world.lock);
    world.inside--;
    world.classified++;
    (void)pthread_mutex_unlock(&world.lock);
    if (photo.len == 3 && memcmp(photo.at, "bad", 3) == 0)
        return err_set(err, ST_INVALID, "not a photo");
    bool ai_generated = photo.at[0] == 'a';
    *out = (struct service_verdict){.ai_generated = ai_generated,
                                    .probability = ai_generated ? 0.9 : 0.2,
                                    .confidence = 2,
                                    .decision = ai_generated ? 2 : 1};
    return ST_OK;
}

static enum status warm(void *session, struct err *err)
{
    (void)session;
    return world.warming_fails ? err_set(err, ST_CORRUPT, "nonsense") : ST_OK;
}

static void close_model(void *payload)
{
    (void)payload;
    add(&world.models, -1);
}

/* Its names are gone once it is closed. */
static enum status open_model(struct service_classifier *out,
                              const struct service_model_options *options, struct err *err)
{
    static char version[16];

    if (world.model_fails)
        return err_set(err, ST_NOT_FOUND, "no model '%.40s'", options->path);
    (void)snprintf(version, sizeof version, "%s", world.next_version);
    add(&world.models, 1);
    *out = (struct service_classifier){.payload = &world,
                                       .model_version = version,
                                       .model_hash = version,
                                       .threshold = options->threshold,
                                       .open_session = open_session,
                                       .warm = warm,
                                       .classify = classify,
                                       .close_session = close_session,
                                       .close = close_model};
    return ST_OK;
}

/* ---- a service and its jobs ---- */

static int64_t now_us;
static const struct clock manual_clock = {.manual_us = &now_us};
static const char *const endpoints[] = {"/predict"};

static struct service_options options_for(unsigned workers, size_t queue_max,
                                          const struct clock *clock)
{
    return (struct service_options){.classifier = {.payload = &world,
                                                   .model_version = "fake-1",
                                                   .model_hash = "00",
                                                   .threshold = 0.5,
                                                   .open_session = open_session,
                                                   .classify = classify,
                                                   .close_session = close_session},
                                    .open_model = open_model,
                                    .worker_count = workers,
                                    .queue_max = queue_max,
                                    .deadline_ms = 1000,
                                    .clock = clock,
                                    .endpoints = endpoints,
                                    .endpoint_count = 1,
                                    .version = "0",
                                    .revision = "r"};
}

static struct service *open_service(unsigned workers, size_t queue_max, const struct clock *clock)
{
    const struct service_options options = options_for(workers, queue_max, clock);
    struct service *service = NULL;
    struct err err;

    world.done = world.classified = world.inside = 0;
    world.model_fails = world.warming_fails = false;
    assert_int_equal(service_open(&service, &options, &err), ST_OK);
    return service;
}

static void on_done(struct service_job *job)
{
    (void)job;
    add(&world.done, 1);
}

static bool always_gone(const struct service_job *job)
{
    (void)job;
    return true;
}

static struct service_job job_for(const char *photo)
{
    return (struct service_job){.photo = {(const uint8_t *)photo, strlen(photo)}, .done = on_done};
}

static double metric(struct service *service, const char *line_start)
{
    struct buf text;
    double value = 0;

    buf_init(&text, 1u << 20);
    service_write_metrics(&text, service, false);
    const char *at = strstr((const char *)text.at, line_start);
    if (at) {
        struct str rest = str_of(at + strlen(line_start) + 1);
        assert_true(str_to_double(&value, str_split(&rest, '\n'), -1e300, 1e300));
    }
    buf_fini(&text);
    return value;
}

/* ---- cases ---- */

static void test_predicts(void **state)
{
    struct service *service = open_service(2, 4, &clock_system);
    struct service_job jobs[] = {job_for("ai"), job_for("real"), job_for("bad")};
    struct service_health health;
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        assert_int_equal(service_submit(service, &jobs[i], &err), ST_OK);
    wait_for(&world.done, 3);
    assert_string_equal(jobs[0].prediction.prediction, "ai_generated");
    assert_string_equal(jobs[0].prediction.confidence, "high");
    assert_string_equal(jobs[0].prediction.model_version, "fake-1");
    assert_string_equal(jobs[1].prediction.prediction, "real");
    assert_int_equal(jobs[2].status, ST_INVALID);
    service_read_health(&health, service);
    assert_int_equal(health.state, SERVICE_READY);
    assert_int_equal(health.predictions_total, 2);
    assert_int_equal(health.active_requests, 0);
    assert_int_equal(health.workers_ready, 2);
    assert_true(metric(service, "aidetect_predictions_total{status=\"success\",prediction=\"real\","
                                "confidence=\"high\"}") == 1);
    assert_true(metric(service, "aidetect_predictions_total{status=\"error\",prediction=\"none\","
                                "confidence=\"none\"}") == 1);
    assert_true(metric(service, "aidetect_prediction_probability_bucket{le=\"0.2\"}") == 1);
    assert_true(metric(service, "aidetect_image_size_bytes_count") == 2);
    assert_true(metric(service, "\naidetect_model_loaded") == 1);
    service_close(service);
    assert_int_equal(world.sessions, 0);
}

/* A batch enters the queue whole or not at all, and an empty queue takes any batch. */
static void test_batch_is_whole(void **state)
{
    struct service *service = open_service(1, 2, &clock_system);
    struct service_job jobs[5];
    struct service_job first = job_for("real");
    struct err err;

    (void)state;
    set_gate(true);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        jobs[i] = job_for(i % 2 ? "ai" : "real");
    assert_int_equal(service_submit(service, &first, &err), ST_OK);
    wait_for(&world.inside, 1);
    assert_int_equal(service_submit_all(service, jobs, 5, &err), ST_OK); /* more than may wait */
    struct service_job more[2] = {job_for("real"), job_for("real")};
    assert_int_equal(service_submit_all(service, more, 2, &err), ST_BUSY);
    assert_true(metric(service, "aidetect_queue_rejected_total{reason=\"queue_full\"}") == 2);
    set_gate(false);
    wait_for(&world.done, 6);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        assert_string_equal(jobs[i].prediction.prediction, i % 2 ? "ai_generated" : "real");
    service_close(service);
}

/* The window counts what was judged, and nothing that failed. */
static void test_drift_window(void **state)
{
    struct service *service = open_service(1, 8, &clock_system);
    struct service_job jobs[] = {job_for("ai"), job_for("real"), job_for("bad"), job_for("real")};
    struct service_drift drift;
    struct err err;

    (void)state;
    service_read_drift(&drift, service);
    assert_int_equal(drift.window.count, 0);
    assert_int_equal(service_submit_all(service, jobs, ARRAY_LEN(jobs), &err), ST_OK);
    wait_for(&world.done, 4);
    service_read_drift(&drift, service);
    assert_int_equal(drift.window.count, 3);
    assert_true(drift.window.mean_probability > 0.433 && drift.window.mean_probability < 0.434);
    assert_true(drift.window.ai_generated_ratio > 0.333 && drift.window.ai_generated_ratio < 0.334);
    assert_true(drift.window.low_confidence_ratio == 0);
    assert_string_equal(drift.model_version, "fake-1");
    service_close(service);
}

static enum status classify_as_real(struct service_verdict *out, void *session, struct bytes photo,
                                    struct err *err)
{
    (void)session;
    (void)photo;
    (void)err;
    *out = (struct service_verdict){.ai_generated = false, .probability = 0.1, .confidence = 2};
    return ST_OK;
}

/* The shadow is asked by a comparison only, and is in no statistics but the comparison's own. */
static void test_compares(void **state)
{
    struct service_options options = options_for(1, 4, &clock_system);
    struct service_job jobs[] = {job_for("ai"), job_for("real"), job_for("ai")};
    struct service *service = NULL;
    struct err err;

    (void)state;
    options.shadow = options.classifier;
    options.shadow.model_version = "shadow-2";
    options.shadow.classify = classify_as_real;
    world.done = 0;
    assert_int_equal(service_open(&service, &options, &err), ST_OK);
    jobs[0].work = jobs[1].work = SERVICE_COMPARE;
    assert_int_equal(service_submit_all(service, jobs, 3, &err), ST_OK);
    wait_for(&world.done, 3);
    assert_string_equal(jobs[0].prediction.prediction, "ai_generated");
    assert_string_equal(jobs[0].shadow.prediction, "real");
    assert_string_equal(jobs[0].shadow.model_version, "shadow-2");
    assert_string_equal(jobs[1].shadow.prediction, "real");
    assert_null(jobs[2].shadow.prediction);
    assert_true(metric(service, "aidetect_shadow_comparisons_total{agreement=\"false\"}") == 1);
    assert_true(metric(service, "aidetect_shadow_comparisons_total{agreement=\"true\"}") == 1);
    assert_true(metric(service, "aidetect_prediction_duration_seconds_count") == 3);
    service_close(service);
    assert_int_equal(world.sessions, 0);
}

/* A classifier without explanations says so. */
static void test_cannot_explain(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_job job = job_for("ai");
    struct err err;

    (void)state;
    job.work = SERVICE_EXPLAIN;
    assert_int_equal(service_submit(service, &job, &err), ST_OK);
    wait_for(&world.done, 1);
    assert_int_equal(job.status, ST_CONFLICT);
    assert_non_null(strstr(job.err.msg, "cannot explain"));
    service_close(service);
}

static void test_full_queue_is_busy(void **state)
{
    struct service *service = open_service(1, 2, &clock_system);
    struct service_job jobs[4];
    struct err err;

    (void)state;
    set_gate(true);
    for (size_t i = 0; i < 4; i++)
        jobs[i] = job_for("real");
    assert_int_equal(service_submit(service, &jobs[0], &err), ST_OK);
    wait_for(&world.inside, 1); /* the worker has it: the queue is empty again */
    assert_int_equal(service_submit(service, &jobs[1], &err), ST_OK);
    assert_int_equal(service_submit(service, &jobs[2], &err), ST_OK);
    assert_int_equal(service_submit(service, &jobs[3], &err), ST_BUSY);
    assert_non_null(strstr(err.msg, "limit is 2"));
    assert_true(metric(service, "aidetect_queue_rejected_total{reason=\"queue_full\"}") == 1);
    assert_true(metric(service, "\naidetect_queue_depth") == 2);
    assert_true(metric(service, "\naidetect_active_requests") == 3);
    set_gate(false);
    wait_for(&world.done, 3);
    assert_int_equal(service_submit(service, &jobs[3], &err), ST_OK);
    wait_for(&world.done, 4);
    service_close(service);
}

static void test_deadline_in_the_queue(void **state)
{
    now_us = 1000000;
    struct service *service = open_service(1, 4, &manual_clock);
    struct service_job first = job_for("real");
    struct service_job late = job_for("real");
    struct err err;

    (void)state;
    set_gate(true);
    assert_int_equal(service_submit(service, &first, &err), ST_OK);
    wait_for(&world.inside, 1);
    assert_int_equal(service_submit(service, &late, &err), ST_OK);
    (void)pthread_mutex_lock(&world.lock); /* the worker reads the clock after the gate opens */
    clock_move(&manual_clock, 1001 * 1000);
    (void)pthread_mutex_unlock(&world.lock);
    set_gate(false);
    wait_for(&world.done, 2);
    assert_int_equal(first.status, ST_OK);
    assert_int_equal(late.status, ST_BUSY);
    assert_int_equal(world.classified, 1);
    assert_true(metric(service, "aidetect_queue_rejected_total{reason=\"deadline\"}") == 1);
    service_close(service);
}

static void test_gone_client_is_not_computed(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_job job = job_for("real");
    struct err err;

    (void)state;
    job.gone = always_gone;
    assert_int_equal(service_submit(service, &job, &err), ST_OK);
    wait_for(&world.done, 1);
    assert_true(job.abandoned);
    assert_int_equal(world.classified, 0);
    assert_true(metric(service, "aidetect_queue_rejected_total{reason=\"client_gone\"}") == 1);
    service_close(service);
}

static void test_draining_finishes_what_was_accepted(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_job jobs[3];
    struct service_job refused = job_for("real");
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    set_gate(true);
    for (size_t i = 0; i < 3; i++) {
        jobs[i] = job_for("ai");
        assert_int_equal(service_submit(service, &jobs[i], &err), ST_OK);
    }
    service_start_draining(service);
    assert_int_equal(service_state(service), SERVICE_DRAINING);
    set_gate(false);
    wait_for(&world.done, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(jobs[i].status, ST_OK);
    service_stop(service);
    assert_int_equal(service_submit(service, &refused, &err), ST_CONFLICT);
    service_close(service);
    assert_int_equal(world.done, 3);
}

static void *stop(void *payload)
{
    service_stop(payload);
    return NULL;
}

static void test_stop_answers_what_waits(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_job computed = job_for("ai");
    struct service_job waiting = job_for("ai");
    pthread_t stopper;
    struct err err;

    (void)state;
    set_gate(true);
    assert_int_equal(service_submit(service, &computed, &err), ST_OK);
    wait_for(&world.inside, 1);
    assert_int_equal(service_submit(service, &waiting, &err), ST_OK);
    assert_int_equal(pthread_create(&stopper, NULL, stop, service), 0);
    while (service_state(service) != SERVICE_STOPPED)
        (void)sched_yield();
    set_gate(false);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_int_equal(world.done, 2);
    assert_int_equal(computed.status, ST_OK);
    assert_int_equal(waiting.status, ST_BUSY);
    service_close(service);
}

static void test_failing_session(void **state)
{
    struct service_job job = job_for("ai");
    struct err err;

    (void)state;
    world.session_fails = true;
    struct service *service = open_service(2, 4, &clock_system);
    assert_int_equal(service_wait_ready(service, &err), ST_CORRUPT);
    assert_string_equal(err.msg, "no session today");
    assert_int_equal(service_submit(service, &job, &err), ST_CONFLICT);
    assert_true(metric(service, "\naidetect_model_loaded") == 0);
    service_close(service);
    world.session_fails = false;
}

/* ---- another model ---- */

static int swaps_done;

static void on_swapped(struct service_swap *swap)
{
    (void)swap;
    add(&swaps_done, 1);
}

static void swap_to(struct service *service, struct service_swap *swap, const char *version)
{
    struct err err;

    world.next_version = version;
    swaps_done = 0;
    *swap = (struct service_swap){.model = {.path = "m", .threshold = 0.25}, .done = on_swapped};
    assert_int_equal(service_swap_model(service, swap, &err), ST_OK);
}

static void test_another_model_takes_over(void **state)
{
    struct service *service = open_service(2, 4, &clock_system);
    struct service_job jobs[2] = {job_for("ai"), job_for("ai")};
    char path[SERVICE_MODEL_PATH_SIZE];
    struct service_drift drift;
    struct service_swap swap;
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    assert_int_equal(service_submit(service, &jobs[0], &err), ST_OK);
    wait_for(&world.done, 1);
    swap_to(service, &swap, "fake-2");
    wait_for(&swaps_done, 1);
    assert_int_equal(swap.status, ST_OK);
    assert_false(swap.unchanged);
    assert_string_equal(swap.model_version, "fake-2");
    assert_string_equal(service_model_version(service), "fake-2");
    service_read_model_path(path, service);
    assert_string_equal(path, "m");
    assert_int_equal(world.sessions, 2); /* those of the old model are closed */
    service_read_drift(&drift, service);
    assert_int_equal(drift.window.count, 0); /* the old model's figures are no baseline */
    assert_true(drift.threshold == 0.25);
    assert_int_equal(service_submit(service, &jobs[1], &err), ST_OK);
    wait_for(&world.done, 2);
    assert_string_equal(jobs[0].prediction.model_version, "fake-1"); /* still there to be read */
    assert_string_equal(jobs[1].prediction.model_version, "fake-2");
    assert_true(metric(service, "aidetect_model_swaps_total{outcome=\"success\"}") == 1);
    assert_true(metric(service, "aidetect_model_info{version=\"fake-2\",sha256=\"fake-2\"}") == 1);
    assert_true(metric(service, "\naidetect_model_threshold_ratio") == 0.25);
    service_close(service);
    assert_int_equal(world.models, 0);
    assert_int_equal(world.sessions, 0);
}

static void test_the_same_model_is_left_alone(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_swap swap;
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    for (int i = 0; i < 2; i++) {
        swap_to(service, &swap, "fake-2");
        wait_for(&swaps_done, 1);
        assert_int_equal(swap.status, ST_OK);
        assert_int_equal(swap.unchanged, i == 1);
    }
    assert_int_equal(world.models, 1);
    assert_true(metric(service, "aidetect_model_swaps_total{outcome=\"unchanged\"}") == 1);
    service_close(service);
}

static void check_failed_swap(struct service *service, enum status status, const char *detail)
{
    struct service_swap swap;
    struct service_job job = job_for("ai");
    struct err err;
    int done = world.done;

    swap_to(service, &swap, "fake-3");
    wait_for(&swaps_done, 1);
    assert_int_equal(swap.status, status);
    assert_non_null(strstr(swap.err.msg, detail));
    assert_string_equal(service_model_version(service), "fake-1");
    assert_int_equal(service_submit(service, &job, &err), ST_OK);
    wait_for(&world.done, done + 1);
    assert_string_equal(job.prediction.model_version, "fake-1");
    assert_int_equal(world.models, 0);
    assert_int_equal(world.sessions, 2);
}

static void test_a_bad_model_never_replaces_a_good_one(void **state)
{
    struct service *service = open_service(2, 4, &clock_system);
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    world.model_fails = true;
    check_failed_swap(service, ST_NOT_FOUND, "no model 'm'");
    world.model_fails = false;
    world.warming_fails = true;
    check_failed_swap(service, ST_CORRUPT, "nonsense");
    world.warming_fails = false;
    world.session_fails = true;
    check_failed_swap(service, ST_CORRUPT, "no session today");
    world.session_fails = false;
    assert_true(metric(service, "aidetect_model_swaps_total{outcome=\"failure\"}") == 3);
    service_close(service);
}

/* The photo under way ends with the model it began with; the next photo has the new one. */
static void test_a_swap_waits_for_photos_under_way(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_job jobs[2] = {job_for("ai"), job_for("ai")};
    struct service_swap swap;
    struct service_swap other = {.done = on_swapped};
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    set_gate(true);
    assert_int_equal(service_submit(service, &jobs[0], &err), ST_OK);
    wait_for(&world.inside, 1);
    assert_int_equal(service_submit(service, &jobs[1], &err), ST_OK);
    swap_to(service, &swap, "fake-2");
    while (strcmp(service_model_version(service), "fake-2") != 0)
        (void)sched_yield();
    assert_int_equal(service_swap_model(service, &other, &err), ST_BUSY);
    assert_int_equal(swaps_done, 0);
    set_gate(false);
    wait_for(&swaps_done, 1);
    wait_for(&world.done, 2);
    assert_string_equal(jobs[0].prediction.model_version, "fake-1");
    assert_string_equal(jobs[1].prediction.model_version, "fake-2");
    service_close(service);
    assert_int_equal(world.models, 0);
}

static void test_no_swap_before_and_after(void **state)
{
    struct service *service = open_service(1, 4, &clock_system);
    struct service_swap swap = {.done = on_swapped};
    struct err err;

    (void)state;
    assert_int_equal(service_wait_ready(service, &err), ST_OK);
    service_stop(service);
    assert_int_equal(service_swap_model(service, &swap, &err), ST_CONFLICT);
    service_close(service);
}

/* A standing queue lets nobody in who would wait long; a burst on an idle service is taken whole.
 */
static void test_a_standing_queue_refuses(void **state)
{
    now_us = 1000000;
    struct service *service = open_service(1, 16, &manual_clock);
    struct service_job jobs[12];
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        jobs[i] = job_for("real");
    set_gate(true);
    assert_int_equal(service_submit(service, &jobs[0], &err), ST_OK);
    wait_for(&world.inside, 1);
    for (size_t i = 1; i < 11; i++)
        assert_int_equal(service_submit(service, &jobs[i], &err), ST_OK);
    (void)pthread_mutex_lock(&world.lock);
    clock_move(&manual_clock,
               200 * 1000); /* the first photo takes this long, and the queue stands as long */
    (void)pthread_mutex_unlock(&world.lock);
    service_set_queue(service, 16, 0, 600000);
    assert_true(service_longest_busy_us(service) == 200 * 1000);
    set_gate(false);
    wait_for(&world.done, 11);
    set_gate(true);
    assert_int_equal(service_submit(service, &jobs[0], &err), ST_OK);
    wait_for(&world.inside, 1);
    service_set_queue(service, 16, 1, 600000); /* ms that a photo may wait */
    for (size_t i = 1; i < 11; i++)
        assert_int_equal(service_submit(service, &jobs[i], &err), ST_OK); /* a burst */
    (void)pthread_mutex_lock(&world.lock);
    clock_move(&manual_clock, 200 * 1000);
    (void)pthread_mutex_unlock(&world.lock);
    assert_int_equal(service_submit(service, &jobs[11], &err), ST_BUSY);
    assert_non_null(strstr(err.msg, "overloaded"));
    assert_true(metric(service, "aidetect_queue_rejected_total{reason=\"overload\"}") == 1);
    set_gate(false);
    wait_for(&world.done, 22);
    assert_int_equal(service_submit(service, &jobs[11], &err), ST_OK);
    wait_for(&world.done, 23);
    assert_true(service_longest_busy_us(service) == 0);
    service_close(service);
}

static void test_counts_reloads(void **state)
{
    now_us = 5000000;
    struct service *service = open_service(1, 4, &manual_clock);

    (void)state;
    assert_true(metric(service, "\naidetect_config_last_reload_successful") == 1);
    assert_true(metric(service, "\naidetect_config_last_reload_success_timestamp_seconds") == 5);
    now_us = 7000000;
    service_count_reload(service, false);
    assert_true(metric(service, "\naidetect_config_last_reload_successful") == 0);
    assert_true(metric(service, "\naidetect_config_last_reload_success_timestamp_seconds") == 5);
    service_count_reload(service, true);
    assert_true(metric(service, "\naidetect_config_last_reload_successful") == 1);
    assert_true(metric(service, "\naidetect_config_last_reload_success_timestamp_seconds") == 7);
    service_close(service);
}

static void test_counts_requests_in_closed_sets(void **state)
{
    struct service *service = open_service(1, 1, &clock_system);
    const struct service_request requests[] = {
        {.method = str_of("POST"), .endpoint = 0, .status = 200, .duration_us = 4000},
        {.method = str_of("BREW"),
         .endpoint = SIZE_MAX,
         .status = 404,
         .error = SERVICE_ERROR_NOT_FOUND},
        {.method = str_of("GET"), .endpoint = 0, .status = 299},
        {.method = str_of("GET"), .endpoint = 0, .status = 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        service_count_request(service, &requests[i]);
    assert_true(metric(service,
                       "aidetect_http_requests_total{method=\"POST\",endpoint=\"/predict\","
                       "status_code=\"200\"}") == 1);
    assert_true(metric(service, "aidetect_http_requests_total{method=\"other\",endpoint=\"other\","
                                "status_code=\"404\"}") == 1);
    assert_true(metric(service, "aidetect_http_requests_total{method=\"GET\",endpoint=\"/predict\","
                                "status_code=\"other\"}") == 1);
    assert_true(metric(service, "aidetect_errors_total{error_class=\"not_found\"}") == 1);
    assert_true(metric(service, "\naidetect_http_requests_abandoned_total") == 1);
    assert_true(metric(service, "aidetect_http_request_duration_seconds_bucket{method=\"POST\","
                                "endpoint=\"/predict\",le=\"0.005\"}") == 1);
    service_close(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predicts),
        cmocka_unit_test(test_full_queue_is_busy),
        cmocka_unit_test(test_batch_is_whole),
        cmocka_unit_test(test_drift_window),
        cmocka_unit_test(test_compares),
        cmocka_unit_test(test_cannot_explain),
        cmocka_unit_test(test_deadline_in_the_queue),
        cmocka_unit_test(test_gone_client_is_not_computed),
        cmocka_unit_test(test_draining_finishes_what_was_accepted),
        cmocka_unit_test(test_stop_answers_what_waits),
        cmocka_unit_test(test_failing_session),
        cmocka_unit_test(test_counts_requests_in_closed_sets),
        cmocka_unit_test(test_another_model_takes_over),
        cmocka_unit_test(test_the_same_model_is_left_alone),
        cmocka_unit_test(test_a_bad_model_never_replaces_a_good_one),
        cmocka_unit_test(test_a_swap_waits_for_photos_under_way),
        cmocka_unit_test(test_no_swap_before_and_after),
        cmocka_unit_test(test_a_standing_queue_refuses),
        cmocka_unit_test(test_counts_reloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
