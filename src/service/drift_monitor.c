#include "service/drift_monitor.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/baselines.h"
#include "service/drift_state.h"

#define TICK_MS    1000
#define SAVE_US    60000000
#define EVENTS_MAX 16 /* that wait for the thread; later ones are only counted */
#define PATH_SIZE  1024
#define SEED       0x6472696674u

/* What a baseline gives: built by the thread, then constant but for who uses it. */
struct engine {
    unsigned user_count; /* the lock's */
    struct drift_baseline baseline;
    struct drift_kernel kernel;
    struct drift_watch watch; /* as built: copied when it is put to use */
};

struct drift_monitor {
    struct drift_monitor_options options;
    char folder[PATH_SIZE];
    char baselines[PATH_SIZE + 16]; /* a folder of its own: its stamp changes with nothing else */
    pthread_t thread;
    bool is_running;
    pthread_mutex_t tick; /* one tick at a time */
    struct fs_stamp seen; /* the tick's: of the folder, when its baselines were looked at */
    uint64_t built;       /* the tick's: generation that the engine is for */
    int64_t saved_us;     /* the tick's */
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t wake;  /* another model, or the end */
    bool is_stopping;
    uint64_t generation; /* of the model in use: 1, 2, ... */
    char model_version[DRIFT_NAME_SIZE], model_hash[DRIFT_NAME_SIZE];
    double threshold;
    struct engine *engine; /* NULL: no baseline, or it is not built yet */
    struct drift_watch watch;
    struct drift_window window;
    char (*ids)[DRIFT_ID_SIZE];
    struct drift_kernel_point *points; /* of the window, by place */
    double point_sum[DRIFT_KERNEL_SIZE];
    struct json *restored; /* the detectors' saved sums, until their baseline is there */
    int64_t restored_version;
    bool alarmed;
    struct drift_alarm alarm;
    uint64_t alarm_counts[DRIFT_DETECTOR_COUNT];
    enum drift_level level; /* that the history knows */
    struct drift_event events[EVENTS_MAX];
    size_t event_count;
};

/* ---- predictions ---- */

/* The lock is held. */
static void add_point(struct drift_monitor *monitor, size_t place, bool replaces)
{
    struct drift_kernel_point *point = &monitor->points[place];
    const float *old = point->at;
    struct drift_kernel_point fresh;

    drift_kernel_map(&fresh, &monitor->engine->kernel, monitor->window.samples[place].features);
    for (unsigned i = 0; i < DRIFT_KERNEL_SIZE; i++)
        monitor->point_sum[i] += (double)fresh.at[i] - (replaces ? (double)old[i] : 0);
    *point = fresh;
}

static void map_window(struct drift_monitor *monitor)
{
    memset(monitor->point_sum, 0, sizeof monitor->point_sum);
    for (size_t i = 0; i < monitor->window.count; i++)
        add_point(monitor, i, false);
}

/* Samples of the window that speak most for the alarm: the latest first. */
static void find_examples(struct drift_event *event, const struct drift_monitor *monitor,
                          const struct drift_alarm *alarm)
{
    unsigned found = 0;

    for (size_t i = monitor->window.count; i-- > 0 && found < DRIFT_EXAMPLES_MAX;) {
        const struct drift_sample *sample = drift_window_at(&monitor->window, i);
        const char *id = monitor->ids[drift_window_place(&monitor->window, i)];
        if (sample->time_us < alarm->since_us)
            break;
        if (id[0] && drift_watch_speaks(&monitor->watch, alarm, sample))
            memcpy(event->examples[found++], id, DRIFT_ID_SIZE);
    }
}

static struct drift_event *next_event(struct drift_monitor *monitor, const char *name,
                                      int64_t time_us)
{
    static const struct drift_event empty;

    if (monitor->event_count == EVENTS_MAX)
        return NULL;
    struct drift_event *event = &monitor->events[monitor->event_count++];
    *event = empty;
    event->name = name;
    event->time_us = time_us;
    return event;
}

static void note_alarm(struct drift_monitor *monitor, const struct drift_alarm *alarm)
{
    struct drift_event *event = next_event(monitor, "alarm", alarm->time_us);

    monitor->alarmed = true;
    monitor->alarm = *alarm;
    monitor->alarm_counts[alarm->detector]++;
    if (!event)
        return;
    (void)snprintf(event->what, sizeof event->what, "%s", drift_alarm_help(alarm));
    (void)snprintf(event->detector, sizeof event->detector, "%s",
                   drift_detector_name(alarm->detector));
    event->value = alarm->value;
    event->limit = alarm->limit;
    event->since_us = alarm->since_us;
    find_examples(event, monitor, alarm);
}

void drift_monitor_add(struct drift_monitor *monitor, const struct drift_prediction *prediction)
{
    struct drift_sample sample = prediction->sample;
    struct drift_alarm alarm;

    (void)pthread_mutex_lock(&monitor->lock);
    if (strcmp(prediction->model_hash, monitor->model_hash) == 0) {
        sample.ai_generated = drift_is_ai(sample.probability, monitor->threshold);
        sample.low = drift_is_low(sample.probability, monitor->threshold);
        bool replaces = monitor->window.count == monitor->window.size;
        size_t place = drift_window_add(&monitor->window, &sample);
        (void)snprintf(monitor->ids[place], DRIFT_ID_SIZE, "%s",
                       prediction->request_id ? prediction->request_id : "");
        if (monitor->engine && monitor->engine->kernel.known)
            add_point(monitor, place, replaces);
        if (monitor->engine && drift_watch_add(&monitor->watch, &sample, &alarm))
            note_alarm(monitor, &alarm);
    }
    (void)pthread_mutex_unlock(&monitor->lock);
}

/* ---- models and baselines ---- */

/* The lock is held. */
static void release(struct engine *engine)
{
    if (!engine || --engine->user_count)
        return;
    drift_baseline_close(&engine->baseline);
    mem_free(engine);
}

static void set_model(struct drift_monitor *monitor, const struct drift_model *model)
{
    (void)snprintf(monitor->model_version, DRIFT_NAME_SIZE, "%s", model->version);
    (void)snprintf(monitor->model_hash, DRIFT_NAME_SIZE, "%s", model->hash);
    monitor->threshold = model->threshold;
    monitor->generation++;
}

static void forget_restored(struct drift_monitor *monitor)
{
    json_free(monitor->restored);
    monitor->restored = NULL;
}

void drift_monitor_use(struct drift_monitor *monitor, const struct drift_model *model)
{
    int64_t now_us = clock_utc_us(monitor->options.clock);

    (void)pthread_mutex_lock(&monitor->lock);
    bool same_model = strncmp(monitor->model_hash, model->hash, DRIFT_NAME_SIZE - 1) == 0;
    struct drift_event *event = next_event(monitor, same_model ? "threshold" : "model", now_us);
    if (event)
        (void)snprintf(event->what, sizeof event->what, "%.60s with threshold %.4f in use",
                       model->version, model->threshold);
    set_model(monitor, model);
    release(monitor->engine);
    monitor->engine = NULL;
    monitor->alarmed = false;
    forget_restored(monitor);
    if (same_model)
        drift_window_judge(&monitor->window, model->threshold);
    else
        drift_window_reset(&monitor->window);
    (void)pthread_cond_signal(&monitor->wake);
    (void)pthread_mutex_unlock(&monitor->lock);
}

/* NULL: that model has no baseline. */
static struct engine *build(struct drift_monitor *monitor, const struct baselines_key *key)
{
    struct engine *engine = mem_alloc(1, sizeof *engine);
    char detail[LOG_QUOTED_SIZE];
    struct err err;

    enum status st = baselines_load(&engine->baseline, monitor->baselines, key, &err);
    if (st != ST_OK) {
        if (st != ST_NOT_FOUND)
            log_error("drift.baseline_refused", "detail=%s", log_quote(detail, err.msg));
        mem_free(engine);
        return NULL;
    }
    engine->user_count = 1;
    drift_watch_open(&engine->watch, &engine->baseline, &monitor->options.watch, rng_seed(SEED));
    drift_kernel_open(&engine->kernel, &engine->baseline, rng_seed(SEED));
    return engine;
}

/* The lock is held: the sums of an earlier run go on when they are from this baseline. */
static void take_up(struct drift_monitor *monitor)
{
    char detail[LOG_QUOTED_SIZE];
    struct err err;

    if (monitor->restored && monitor->engine && monitor->watch.known &&
        monitor->restored_version == monitor->engine->baseline.version &&
        drift_watch_restore(&monitor->watch, monitor->restored, &err) != ST_OK)
        log_warn("drift.state_refused", "detail=%s", log_quote(detail, err.msg));
    forget_restored(monitor);
}

static bool same_baseline(const struct engine *a, const struct engine *b)
{
    if (!a || !b)
        return a == b;
    return a->baseline.version == b->baseline.version &&
           a->baseline.threshold == b->baseline.threshold &&
           a->baseline.saved_threshold == b->baseline.saved_threshold &&
           a->baseline.created_us == b->baseline.created_us;
}

static void put_to_use(struct drift_monitor *monitor, struct engine *engine, uint64_t generation)
{
    (void)pthread_mutex_lock(&monitor->lock);
    if (generation != monitor->generation || same_baseline(engine, monitor->engine)) {
        release(engine); /* the model has changed meanwhile, or the baseline has not */
        (void)pthread_mutex_unlock(&monitor->lock);
        return;
    }
    release(monitor->engine);
    monitor->engine = engine;
    monitor->watch.known = false;
    if (engine) {
        struct drift_event *event =
            next_event(monitor, "baseline", clock_utc_us(monitor->options.clock));
        if (event)
            (void)snprintf(event->what, sizeof event->what,
                           "version %" PRId64 " of %zu predictions in use%s",
                           engine->baseline.version, engine->baseline.count,
                           engine->baseline.threshold != engine->baseline.saved_threshold
                               ? ", rebased to another threshold"
                               : "");
        bool fresh = monitor->restored == NULL;
        monitor->watch = engine->watch;
        monitor->alarmed = monitor->alarmed && !fresh;
        map_window(monitor);
    }
    take_up(monitor);
    (void)pthread_mutex_unlock(&monitor->lock);
}

static void follow_baselines(struct drift_monitor *monitor)
{
    char version[DRIFT_NAME_SIZE], hash[DRIFT_NAME_SIZE];
    struct fs_stamp stamp = fs_stamp(monitor->baselines);

    if (!monitor->folder[0])
        return;
    (void)pthread_mutex_lock(&monitor->lock);
    uint64_t generation = monitor->generation;
    struct baselines_key key = {version, hash, monitor->threshold};
    memcpy(version, monitor->model_version, sizeof version);
    memcpy(hash, monitor->model_hash, sizeof hash);
    (void)pthread_mutex_unlock(&monitor->lock);
    if (generation == monitor->built && fs_same_stamp(&stamp, &monitor->seen))
        return;
    monitor->seen = stamp;
    monitor->built = generation;
    put_to_use(monitor, build(monitor, &key), generation);
}

/* ---- history ---- */

static void note_level(struct drift_monitor *monitor, const struct drift_status *status)
{
    (void)pthread_mutex_lock(&monitor->lock);
    bool changed = status->score.known && status->score.level != monitor->level;
    struct drift_event *event =
        changed ? next_event(monitor, "level", clock_utc_us(monitor->options.clock)) : NULL;
    if (event)
        (void)snprintf(event->what, sizeof event->what, "%s, was %s",
                       drift_level_name(status->score.level), drift_level_name(monitor->level));
    if (changed)
        monitor->level = status->score.level;
    (void)pthread_mutex_unlock(&monitor->lock);
}

static void write_event(struct drift_monitor *monitor, struct drift_event *event,
                        const struct drift_status *status, const char *story)
{
    char what[LOG_QUOTED_SIZE], detail[LOG_QUOTED_SIZE];
    struct err err;

    event->score = status->score.known ? status->score.score : NAN;
    if (event->detector[0]) {
        (void)snprintf(event->story, sizeof event->story, "%s", story);
        log_warn("drift.alarm", "detector=%s value=%.4g limit=%.4g story=%s what=%s example=%s",
                 event->detector, event->value, event->limit, story, log_quote(what, event->what),
                 event->examples[0]);
    } else {
        log_info("drift.event", "event=%s what=%s", event->name, log_quote(what, event->what));
    }
    if (monitor->folder[0] && drift_history_append(monitor->folder, event, &err) != ST_OK)
        log_warn("drift.history_failed", "detail=%s", log_quote(detail, err.msg));
}

static void write_events(struct drift_monitor *monitor, const struct drift_status *status)
{
    struct drift_event events[EVENTS_MAX];
    struct drift_diagnosis diagnosis = {.story = DRIFT_AS_BEFORE};

    (void)pthread_mutex_lock(&monitor->lock);
    size_t count = monitor->event_count;
    memcpy(events, monitor->events, count * sizeof *events);
    monitor->event_count = 0;
    (void)pthread_mutex_unlock(&monitor->lock);
    if (!count)
        return;
    bool known = drift_monitor_diagnose(&diagnosis, monitor);
    for (size_t i = 0; i < count; i++)
        write_event(monitor, &events[i], status, known ? drift_story_name(diagnosis.story) : "");
}

/* ---- state ---- */

static void save(struct drift_monitor *monitor)
{
    char path[PATH_SIZE + 16], detail[LOG_QUOTED_SIZE];
    struct drift_saved saved;
    struct buf text;
    struct err err;

    if (!monitor->folder[0])
        return;
    (void)snprintf(path, sizeof path, "%s/state.json", monitor->folder);
    buf_init(&text, DRIFT_STATE_BYTES);
    (void)pthread_mutex_lock(&monitor->lock);
    saved = (struct drift_saved){
        .threshold = monitor->threshold,
        .baseline_version = monitor->engine ? monitor->engine->baseline.version : 0,
        .alarmed = monitor->alarmed,
        .alarm = monitor->alarm,
    };
    memcpy(saved.model_version, monitor->model_version, DRIFT_NAME_SIZE);
    memcpy(saved.model_hash, monitor->model_hash, DRIFT_NAME_SIZE);
    drift_window_open(&saved.window, monitor->window.size);
    struct drift_sample *samples = saved.window.samples;
    memcpy(samples, monitor->window.samples, monitor->window.size * sizeof *samples);
    saved.window = monitor->window;
    saved.window.samples = samples;
    saved.ids = mem_alloc(monitor->window.size, sizeof *saved.ids);
    memcpy(saved.ids, monitor->ids, monitor->window.size * sizeof *saved.ids);
    saved.watch = monitor->watch.known ? drift_watch_save(&monitor->watch) : NULL;
    (void)pthread_mutex_unlock(&monitor->lock);
    drift_state_write(&text, &saved);
    enum status st = buf_check(&text, "the state of drift", &err);
    if (st == ST_OK)
        st = fs_make_folder(monitor->folder, &err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), &err);
    if (st != ST_OK)
        log_warn("drift.save_failed", "detail=%s", log_quote(detail, err.msg));
    buf_fini(&text);
    json_free(saved.watch);
    mem_free(saved.ids);
    drift_window_close(&saved.window);
}

static enum status read_saved(struct drift_saved *out, const char *folder, struct err *err)
{
    char path[PATH_SIZE + 16];
    struct bytes text;

    (void)snprintf(path, sizeof path, "%s/state.json", folder);
    if (!folder[0] || !fs_exists(path))
        return ST_NOT_FOUND;
    enum status st = fs_read(&text, path, DRIFT_STATE_BYTES, err);
    if (st != ST_OK)
        return st;
    st = drift_state_parse(out, text, err);
    mem_free((void *)(uintptr_t)text.at);
    return st;
}

/* Before the thread runs. */
static void restore(struct drift_monitor *monitor)
{
    struct drift_saved saved = {.ids = monitor->ids};
    char detail[LOG_QUOTED_SIZE];
    struct err err = {0};

    drift_window_open(&saved.window, monitor->window.size);
    enum status st = read_saved(&saved, monitor->folder, &err);
    if (st != ST_OK && st != ST_NOT_FOUND)
        log_warn("drift.state_refused", "detail=%s", log_quote(detail, err.msg));
    if (st != ST_OK || strcmp(saved.model_hash, monitor->model_hash) != 0) {
        memset(monitor->ids, 0, monitor->window.size * sizeof *monitor->ids);
        drift_window_close(&saved.window);
        json_free(saved.watch);
        return;
    }
    drift_window_close(&monitor->window);
    monitor->window = saved.window;
    drift_window_judge(&monitor->window, monitor->threshold);
    if (fabs(saved.threshold - monitor->threshold) > 1e-9) { /* JSON keeps ten digits */
        json_free(saved.watch);
        return;
    }
    monitor->restored = saved.watch;
    monitor->restored_version = saved.baseline_version;
    monitor->alarmed = saved.alarmed;
    monitor->alarm = saved.alarm;
}

/* ---- life ---- */

void drift_monitor_tick(struct drift_monitor *monitor)
{
    int64_t now_us = clock_monotonic_us(monitor->options.clock);
    struct drift_status status;

    (void)pthread_mutex_lock(&monitor->tick);
    follow_baselines(monitor);
    drift_monitor_read(&status, monitor);
    note_level(monitor, &status);
    write_events(monitor, &status);
    if (now_us - monitor->saved_us >= SAVE_US) {
        monitor->saved_us = now_us;
        save(monitor);
    }
    (void)pthread_mutex_unlock(&monitor->tick);
}

static void *run(void *payload)
{
    struct drift_monitor *monitor = payload;
    struct timespec until;

    cpu_yield_to_others();
    (void)pthread_mutex_lock(&monitor->lock);
    while (!monitor->is_stopping) {
        (void)pthread_mutex_unlock(&monitor->lock);
        drift_monitor_tick(monitor);
        (void)pthread_mutex_lock(&monitor->lock);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += TICK_MS / 1000;
        if (!monitor->is_stopping)
            (void)pthread_cond_timedwait(&monitor->wake, &monitor->lock, &until);
    }
    (void)pthread_mutex_unlock(&monitor->lock);
    return NULL;
}

void drift_monitor_open(struct drift_monitor **out, const struct drift_monitor_options *options,
                        const struct drift_model *model)
{
    struct drift_monitor *monitor = mem_alloc(1, sizeof *monitor);

    monitor->options = *options;
    (void)snprintf(monitor->folder, sizeof monitor->folder, "%s", options->folder);
    (void)snprintf(monitor->baselines, sizeof monitor->baselines, "%s/baselines", options->folder);
    monitor->options.folder = monitor->folder;
    (void)pthread_mutex_init(&monitor->tick, NULL);
    (void)pthread_mutex_init(&monitor->lock, NULL);
    (void)pthread_cond_init(&monitor->wake, NULL);
    drift_window_open(&monitor->window, options->window_size);
    monitor->ids = mem_alloc(options->window_size, sizeof *monitor->ids);
    monitor->points = mem_alloc(options->window_size, sizeof *monitor->points);
    monitor->saved_us = clock_monotonic_us(options->clock);
    set_model(monitor, model);
    restore(monitor);
    int error = pthread_create(&monitor->thread, NULL, run, monitor);
    monitor->is_running = error == 0;
    if (error != 0) /* figures go on; baselines are read when somebody ticks */
        log_error("drift.no_thread", "detail=\"%s\"", strerror(error));
    *out = monitor;
}

void drift_monitor_close(struct drift_monitor *monitor)
{
    if (!monitor)
        return;
    (void)pthread_mutex_lock(&monitor->lock);
    monitor->is_stopping = true;
    (void)pthread_cond_signal(&monitor->wake);
    (void)pthread_mutex_unlock(&monitor->lock);
    if (monitor->is_running)
        (void)pthread_join(monitor->thread, NULL);
    drift_monitor_tick(monitor); /* what happened last goes into the history */
    save(monitor);
    release(monitor->engine);
    forget_restored(monitor);
    drift_window_close(&monitor->window);
    mem_free(monitor->ids);
    mem_free(monitor->points);
    (void)pthread_cond_destroy(&monitor->wake);
    (void)pthread_mutex_destroy(&monitor->lock);
    (void)pthread_mutex_destroy(&monitor->tick);
    mem_free(monitor);
}

/* ---- reading ---- */

static void read_detectors(struct drift_status *out, const struct drift_watch *watch)
{
    out->detector_count = drift_watch_count(watch);
    for (unsigned i = 0; i < out->detector_count; i++) {
        out->levels[i] = drift_watch_level(watch, (enum drift_detector)i);
        drift_watch_measure(&out->values[i], &out->limits[i], watch, (enum drift_detector)i);
    }
    if (!out->detector_count)
        return;
    out->grouped = watch->grouped;
    out->run_length = watch->run_length;
    out->adwin_width = watch->adwin.width;
    out->seen = watch->seen;
}

void drift_monitor_read(struct drift_status *out, struct drift_monitor *monitor)
{
    int64_t now_us = clock_utc_us(monitor->options.clock);
    double hold_us = monitor->options.hold_hours * 3.6e9;

    *out = (struct drift_status){.utc_us = now_us, .thresholds = monitor->options.thresholds};
    (void)pthread_mutex_lock(&monitor->lock);
    memcpy(out->model_version, monitor->model_version, DRIFT_NAME_SIZE);
    out->threshold = monitor->threshold;
    out->window_size = monitor->window.size;
    out->window = drift_window_figures(&monitor->window);
    if (monitor->engine) {
        const struct drift_baseline *baseline = &monitor->engine->baseline;
        out->baseline = baseline->figures;
        out->baseline_version = baseline->version;
        out->baseline_saved_threshold = baseline->saved_threshold;
        out->baseline_created_us = baseline->created_us;
        read_detectors(out, &monitor->watch);
    }
    if (monitor->alarmed && (double)(now_us - monitor->alarm.time_us) >= hold_us)
        monitor->alarmed = false;
    out->alarmed = monitor->alarmed;
    out->alarm = monitor->alarm;
    memcpy(out->alarm_counts, monitor->alarm_counts, sizeof out->alarm_counts);
    (void)pthread_mutex_unlock(&monitor->lock);
    out->score = drift_score_of(&out->window, &out->baseline, &out->thresholds);
}

bool drift_monitor_diagnose(struct drift_diagnosis *out, struct drift_monitor *monitor)
{
    struct drift_window window;
    double sum[DRIFT_KERNEL_SIZE];

    drift_window_open(&window, monitor->window.size);
    (void)pthread_mutex_lock(&monitor->lock);
    struct engine *engine = monitor->engine;
    if (engine && monitor->window.count) {
        struct drift_sample *samples = window.samples;
        engine->user_count++;
        memcpy(samples, monitor->window.samples, monitor->window.size * sizeof *samples);
        window = monitor->window;
        window.samples = samples;
        memcpy(sum, monitor->point_sum, sizeof sum);
    } else {
        engine = NULL;
    }
    (void)pthread_mutex_unlock(&monitor->lock);
    if (engine) {
        drift_diagnose(out, &window, &engine->baseline, &engine->kernel, sum);
        (void)pthread_mutex_lock(&monitor->lock);
        release(engine);
        (void)pthread_mutex_unlock(&monitor->lock);
    }
    drift_window_close(&window);
    return engine != NULL;
}

size_t drift_monitor_examples(char out[DRIFT_EXAMPLES_MAX][DRIFT_ID_SIZE],
                              struct drift_monitor *monitor, double low, double top)
{
    size_t found = 0;

    (void)pthread_mutex_lock(&monitor->lock);
    bool by_look = monitor->alarmed && monitor->alarm.detector == DRIFT_BY_EMBEDDING;
    for (size_t i = monitor->window.count; i-- > 0 && found < DRIFT_EXAMPLES_MAX;) {
        const struct drift_sample *sample = drift_window_at(&monitor->window, i);
        const char *id = monitor->ids[drift_window_place(&monitor->window, i)];
        bool speaks = by_look
                          ? drift_watch_speaks(&monitor->watch, &monitor->alarm, sample)
                          : sample->probability >= low && (sample->probability < top || top >= 1);
        if (id[0] && speaks)
            memcpy(out[found++], id, DRIFT_ID_SIZE);
    }
    (void)pthread_mutex_unlock(&monitor->lock);
    return found;
}
