#include "service/prediction_log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "service/review.h"
#include "service/spool.h"

#define BATCH_DEFAULT       256u
#define INTERVAL_MS_DEFAULT 500u
#define RETRY_MS_DEFAULT    1000u
#define STATEMENT_MS        10000u /* a database slower than that counts as away */
#define FORGET_BATCHES_MAX  20u    /* in a row */

struct prediction_log {
    struct prediction_log_options options;
    char url[STORE_URL_MAX];
    int64_t run;
    pthread_t writer;
    bool is_running;
    pthread_mutex_t lock;        /* guards everything down to `state` */
    pthread_cond_t work;         /* half a batch waits, somebody flushes, or the end */
    pthread_cond_t done;         /* records are kept somewhere */
    struct service_record *ring; /* batch_rows of them */
    size_t first, count;
    int64_t sequence;        /* of the last record */
    uint64_t taken, settled; /* records that were put into the ring; of these kept, or dropped */
    unsigned spilling;       /* threads on their way to the spool */
    unsigned flushing;
    bool is_stopping;
    int64_t spool_oldest_us; /* 0: the spool is empty */
    uint64_t outage_dropped; /* since records last went straight to the database */
    struct prediction_log_state state;
    pthread_mutex_t spool_lock; /* guards the spool; taken with no other lock held */
    struct service_spool *spool;
    /* The writer's own. */
    struct store *store; /* NULL: not open yet */
    struct service_record *batch;
    int64_t retry_us;  /* monotonic: not before that */
    int64_t forget_us; /* monotonic: next look at what is too old */
    bool is_migrated;
};

/* ---- spool ---- */

static bool is_spool_empty(struct prediction_log *log)
{
    (void)pthread_mutex_lock(&log->spool_lock);
    bool is_empty = service_spool_is_empty(log->spool);
    (void)pthread_mutex_unlock(&log->spool_lock);
    return is_empty;
}

/* oldest_us 0: what was the oldest still is. */
static void set_spool_state(struct prediction_log *log, int64_t oldest_us, size_t broken)
{
    (void)pthread_mutex_lock(&log->spool_lock);
    bool is_empty = service_spool_is_empty(log->spool);
    size_t bytes = service_spool_bytes(log->spool);
    (void)pthread_mutex_unlock(&log->spool_lock);
    (void)pthread_mutex_lock(&log->lock);
    log->state.spool_bytes = bytes;
    log->state.broken += broken;
    log->spool_oldest_us = is_empty                             ? 0
                           : log->spool_oldest_us && !oldest_us ? log->spool_oldest_us
                                                                : oldest_us;
    (void)pthread_mutex_unlock(&log->lock);
}

/* On any thread.  A batch of the writer's is synced, the others only have to outlive the process.
 */
static void spool_rows(struct prediction_log *log, const struct service_record *rows, size_t count,
                       enum service_spool_sync sync)
{
    char quoted[LOG_QUOTED_SIZE];
    struct err err;

    (void)pthread_mutex_lock(&log->spool_lock);
    bool was_empty = service_spool_is_empty(log->spool);
    enum status st = service_spool_add(log->spool, rows, count, sync, &err);
    (void)pthread_mutex_unlock(&log->spool_lock);
    (void)pthread_mutex_lock(&log->lock);
    bool first = st != ST_OK && !log->outage_dropped;
    if (st == ST_OK)
        log->state.spooled += count;
    else
        log->state.dropped += count, log->outage_dropped += count;
    (void)pthread_mutex_unlock(&log->lock);
    if (st == ST_OK)
        set_spool_state(log, was_empty ? rows[0].time_us : 0, 0);
    else if (first) /* once in an outage; the metric counts on */
        log_error("prediction_log.dropped", "records=%zu error=%s", count,
                  log_quote(quoted, err.msg));
}

/* ---- workers ---- */

/* The database is slower than the predictions come: on to the file. */
static void spill(struct prediction_log *log, const struct service_record *record, int64_t sequence)
{
    struct service_record copy = *record;

    copy.run = log->run;
    copy.sequence = sequence;
    spool_rows(log, &copy, 1, SERVICE_SPOOL_WRITTEN);
    (void)pthread_mutex_lock(&log->lock);
    log->spilling--;
    (void)pthread_cond_broadcast(&log->done);
    (void)pthread_mutex_unlock(&log->lock);
}

void prediction_log_add(struct prediction_log *log, const struct service_record *record)
{
    size_t ring_rows = log->options.batch_rows;

    (void)pthread_mutex_lock(&log->lock);
    int64_t sequence = ++log->sequence;
    if (log->taken - log->settled == ring_rows) {
        log->spilling++;
        (void)pthread_mutex_unlock(&log->lock);
        spill(log, record, sequence);
        return;
    }
    struct service_record *slot = &log->ring[(log->first + log->count) % ring_rows];
    *slot = *record;
    slot->run = log->run;
    slot->sequence = sequence;
    log->taken++;
    log->count++;
    /* The first one starts the interval, half a batch ends it. */
    bool wake = log->count == 1 || log->count == (ring_rows + 1) / 2;
    (void)pthread_mutex_unlock(&log->lock);
    if (wake)
        (void)pthread_cond_signal(&log->work);
}

void prediction_log_lose(struct prediction_log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    log->state.dropped++;
    (void)pthread_mutex_unlock(&log->lock);
}

void prediction_log_flush(struct prediction_log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    uint64_t wanted = log->taken;
    log->flushing++;
    (void)pthread_cond_signal(&log->work);
    while (log->settled < wanted || log->spilling)
        (void)pthread_cond_wait(&log->done, &log->lock);
    log->flushing--;
    (void)pthread_mutex_unlock(&log->lock);
}

void prediction_log_read(struct prediction_log_state *out, struct prediction_log *log)
{
    int64_t now_us = clock_utc_us(log->options.clock);
    int64_t oldest_us = now_us;

    (void)pthread_mutex_lock(&log->lock);
    *out = log->state;
    out->waiting = (size_t)(log->taken - log->settled);
    if (log->count)
        oldest_us = MIN_OF(oldest_us, log->ring[log->first].time_us);
    if (log->spool_oldest_us)
        oldest_us = MIN_OF(oldest_us, log->spool_oldest_us);
    (void)pthread_mutex_unlock(&log->lock);
    out->lag_s = (double)(now_us - oldest_us) / 1e6;
}

/* ---- writer: database ---- */

static enum status reach_store(struct prediction_log *log, struct err *err)
{
    const struct store_options options = {.statement_ms = STATEMENT_MS};
    enum status st = ST_OK;

    if (!log->store)
        st = store_open(&log->store, log->url, &options, err);
    if (st == ST_OK && !log->is_migrated) {
        st = store_migrate(log->store, log->options.clock, NULL, err);
        log->is_migrated = st == ST_OK;
    }
    return st;
}

static int64_t monotonic_us(void)
{
    return clock_monotonic_us(&clock_system);
}

/* Says so once, and when it is over. */
static void note(struct prediction_log *log, enum status st, const struct err *err)
{
    char quoted[LOG_QUOTED_SIZE];

    (void)pthread_mutex_lock(&log->lock);
    bool was_up = log->state.is_up;
    log->state.is_up = st == ST_OK;
    (void)pthread_mutex_unlock(&log->lock);
    if (st != ST_OK)
        log->retry_us = monotonic_us() + (int64_t)log->options.retry_ms * 1000;
    if (was_up && st != ST_OK)
        log_warn("prediction_log.database_away", "records=spooled error=%s",
                 log_quote(quoted, err->msg));
    else if (!was_up && st == ST_OK)
        log_info("prediction_log.database_up", "hint=\"the spool is written next\"");
}

static bool may_try(const struct prediction_log *log)
{
    return log->state.is_up || monotonic_us() >= log->retry_us;
}

static bool write_rows(struct prediction_log *log, const struct service_record *rows, size_t count)
{
    struct err err;
    enum status st = reach_store(log, &err);

    if (st == ST_OK && count)
        st = service_record_insert(log->store, rows, count, &err);
    note(log, st, &err);
    if (st != ST_OK)
        return false;
    (void)pthread_mutex_lock(&log->lock);
    log->state.written += count;
    (void)pthread_mutex_unlock(&log->lock);
    return true;
}

/* ---- writer: spool ---- */

/* Some of what waits in the spool, in its order.  False: the database is away. */
static bool replay_some(struct prediction_log *log)
{
    char quoted[LOG_QUOTED_SIZE];
    size_t count = 0;
    size_t broken = 0;
    struct err err;

    (void)pthread_mutex_lock(&log->spool_lock);
    enum status st =
        service_spool_read(log->batch, &count, log->options.batch_rows, &broken, log->spool, &err);
    (void)pthread_mutex_unlock(&log->spool_lock);
    if (st == ST_OK && !write_rows(log, log->batch, count))
        return false;
    (void)pthread_mutex_lock(&log->spool_lock);
    if (st == ST_OK) /* what others added meanwhile stays */
        st = service_spool_done(log->spool, &err);
    (void)pthread_mutex_unlock(&log->spool_lock);
    if (st != ST_OK) {
        log_error("prediction_log.spool", "error=%s", log_quote(quoted, err.msg));
        log->retry_us = monotonic_us() + (int64_t)log->options.retry_ms * 1000;
        return false;
    }
    if (broken)
        log_warn("prediction_log.spool_broken", "lines=%zu hint=\"cut off by a crash\"", broken);
    set_spool_state(log, count ? log->batch[count - 1].time_us : 0, broken);
    return true;
}

/* ---- writer: retention ---- */

static enum status forget_some(struct prediction_log *log, int64_t before_us, uint64_t *gone,
                               struct err *err)
{
    static const char sql[] =
        "DELETE FROM predictions WHERE (run, sequence) IN (SELECT run, sequence FROM predictions "
        "WHERE time_us < $1 ORDER BY time_us LIMIT $2)";
    const struct store_value values[] = {store_int(before_us),
                                         store_int(PREDICTION_LOG_FORGET_ROWS)};

    *gone = 0;
    enum status st = store_run(log->store, sql, values, ARRAY_LEN(values), gone, err);
    (void)pthread_mutex_lock(&log->lock);
    log->state.forgotten += *gone;
    (void)pthread_mutex_unlock(&log->lock);
    return st;
}

/* Records before that time are too old, or too many. */
static enum status find_cut(int64_t *out, struct prediction_log *log, struct err *err)
{
    static const char sql[] = "SELECT time_us FROM predictions ORDER BY time_us DESC "
                              "LIMIT 1 OFFSET $1";
    const struct prediction_log_options *options = &log->options;
    int64_t cut_us = INT64_MIN;
    int64_t rows_cut_us = 0;
    enum status st = ST_NOT_FOUND;

    if (options->retention_days)
        cut_us = clock_utc_us(options->clock) - (int64_t)options->retention_days * 86400000000;
    if (options->retention_rows) {
        /* The oldest that stays. */
        const struct store_value value = store_int((int64_t)options->retention_rows - 1);
        st = store_query_int(&rows_cut_us, log->store, sql, &value, 1, err);
    }
    if (st == ST_OK)
        cut_us = MAX_OF(cut_us, rows_cut_us);
    *out = cut_us;
    return st == ST_NOT_FOUND ? ST_OK : st;
}

static void forget_old(struct prediction_log *log)
{
    uint64_t gone = PREDICTION_LOG_FORGET_ROWS;
    int64_t cut_us = 0;
    struct err err;

    enum status st = find_cut(&cut_us, log, &err);
    for (unsigned i = 0; st == ST_OK && cut_us > INT64_MIN && i < FORGET_BATCHES_MAX &&
                         gone == PREDICTION_LOG_FORGET_ROWS;
         i++)
        st = forget_some(log, cut_us, &gone, &err);
    bool more = st == ST_OK && cut_us > INT64_MIN && gone == PREDICTION_LOG_FORGET_ROWS;
    log->forget_us = monotonic_us() + (more ? 100000 : PREDICTION_LOG_FORGET_EVERY_S * 1000000LL);
    if (st != ST_OK)
        note(log, st, &err);
}

/* ---- writer: the thread ---- */

/* With the lock held. */
static void wait_until(struct prediction_log *log, int64_t until_us)
{
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};

    (void)pthread_cond_timedwait(&log->work, &log->lock, &until);
}

static bool is_due(const struct prediction_log *log)
{
    return log->is_stopping || log->count >= (log->options.batch_rows + 1) / 2 ||
           (log->flushing && log->count);
}

/* Waits for a batch and takes it; with none, until there is something else to do. */
static size_t take_batch(struct prediction_log *log, struct service_record *out, bool *stopping)
{
    size_t ring_rows = log->options.batch_rows;

    REQUIRE(ring_rows > 0);
    (void)pthread_mutex_lock(&log->lock);
    int64_t until_us = MIN_OF(monotonic_us() + (int64_t)log->options.retry_ms * 1000,
                              MAX_OF(log->forget_us, monotonic_us()));
    while (!is_due(log) && !log->count && monotonic_us() < until_us)
        wait_until(log, until_us);
    until_us = monotonic_us() + (int64_t)log->options.interval_ms * 1000;
    while (!is_due(log) && log->count && monotonic_us() < until_us)
        wait_until(log, until_us);
    size_t count = MIN_OF(log->count, ring_rows);
    for (size_t i = 0; i < count; i++)
        out[i] = log->ring[(log->first + i) % ring_rows];
    log->first = (log->first + count) % ring_rows;
    log->count -= count;
    *stopping = log->is_stopping && log->count == 0;
    (void)pthread_mutex_unlock(&log->lock);
    return count;
}

static void settle(struct prediction_log *log, size_t count)
{
    (void)pthread_mutex_lock(&log->lock);
    log->settled += count;
    (void)pthread_cond_broadcast(&log->done);
    (void)pthread_mutex_unlock(&log->lock);
}

/* The end of an outage: nothing waits any more. */
static void note_complete(struct prediction_log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    uint64_t dropped = log->outage_dropped;
    log->outage_dropped = 0;
    (void)pthread_mutex_unlock(&log->lock);
    if (dropped)
        log_warn("prediction_log.complete_again", "dropped=%" PRIu64, dropped);
}

/* What is in the spool goes first, so that order is kept. */
static void keep(struct prediction_log *log, struct service_record *rows, size_t count)
{
    while (!is_spool_empty(log) && may_try(log))
        if (!replay_some(log) || count)
            break;
    if (!count)
        return;
    if (is_spool_empty(log) && may_try(log) && write_rows(log, rows, count))
        note_complete(log);
    else
        spool_rows(log, rows, count, SERVICE_SPOOL_SYNCED);
}

static void *run_writer(void *payload)
{
    struct prediction_log *log = payload;
    struct service_record *rows = mem_alloc(log->options.batch_rows, sizeof *rows);
    bool stopping = false;

    while (!stopping) {
        size_t count = take_batch(log, rows, &stopping);
        keep(log, rows, count);
        settle(log, count);
        if (log->options.review && monotonic_us() >= log->forget_us)
            service_review_forget(log->options.review, clock_utc_us(log->options.clock));
        if (log->store && log->state.is_up && monotonic_us() >= log->forget_us)
            forget_old(log);
        else if (monotonic_us() >= log->forget_us)
            log->forget_us = monotonic_us() + 1000000;
    }
    mem_free(rows);
    return NULL;
}

/* ---- life ---- */

static void set_defaults(struct prediction_log_options *options)
{
    options->batch_rows = options->batch_rows ? options->batch_rows : BATCH_DEFAULT;
    options->batch_rows = MIN_OF(options->batch_rows, PREDICTION_LOG_BATCH_MAX);
    options->interval_ms = options->interval_ms ? options->interval_ms : INTERVAL_MS_DEFAULT;
    options->retry_ms = options->retry_ms ? options->retry_ms : RETRY_MS_DEFAULT;
}

/* What no waiting will mend is an error; a database that is away is not. */
static enum status first_reach(struct prediction_log *log, struct err *err)
{
    struct err mine = {.code = ST_OK};
    enum status st = reach_store(log, &mine);

    if (st == ST_CONFLICT || st == ST_UNSUPPORTED || st == ST_LIMIT || st == ST_CORRUPT)
        return err_set(err, st, "%s", mine.msg);
    log->state.is_up = true; /* so that the first failure is told */
    note(log, st, &mine);
    return ST_OK;
}

enum status prediction_log_open(struct prediction_log **out,
                                const struct prediction_log_options *options, struct err *err)
{
    struct prediction_log *log = mem_alloc(1, sizeof *log);
    pthread_condattr_t monotonic;

    log->options = *options;
    set_defaults(&log->options);
    (void)snprintf(log->url, sizeof log->url, "%s", options->url);
    if (getentropy(&log->run, sizeof log->run) != 0)
        log->run = clock_utc_us(options->clock);
    log->run &= INT64_MAX;
    log->ring = mem_alloc(log->options.batch_rows, sizeof *log->ring);
    log->batch = mem_alloc(log->options.batch_rows, sizeof *log->batch);
    (void)pthread_mutex_init(&log->lock, NULL);
    (void)pthread_mutex_init(&log->spool_lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&log->work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_cond_init(&log->done, NULL);
    enum status st =
        service_spool_open(&log->spool, options->folder, options->spool_bytes_max, err);
    if (st == ST_OK)
        st = first_reach(log, err);
    if (st == ST_OK)
        set_spool_state(log, clock_utc_us(options->clock), 0);
    if (st == ST_OK && pthread_create(&log->writer, NULL, run_writer, log) != 0)
        st = err_set(err, ST_IO, "cannot start the writer of the prediction log");
    log->is_running = st == ST_OK;
    if (st != ST_OK) {
        prediction_log_close(log);
        return st;
    }
    *out = log;
    return ST_OK;
}

void prediction_log_close(struct prediction_log *log)
{
    if (!log)
        return;
    (void)pthread_mutex_lock(&log->lock);
    log->is_stopping = true;
    (void)pthread_cond_signal(&log->work);
    (void)pthread_mutex_unlock(&log->lock);
    if (log->is_running)
        (void)pthread_join(log->writer, NULL);
    store_close(log->store);
    service_spool_close(log->spool);
    (void)pthread_cond_destroy(&log->done);
    (void)pthread_cond_destroy(&log->work);
    (void)pthread_mutex_destroy(&log->spool_lock);
    (void)pthread_mutex_destroy(&log->lock);
    mem_free(log->batch);
    mem_free(log->ring);
    mem_free(log);
}
