/* cli/scan_workers.c - pinned threads that judge a list of files, results handed back in order.
 * A ring of slots bounds how far the workers may run ahead of the output.
 * `lock` guards everything of struct scan but the contents of a slot, which belong to the worker
 * that took it until it is done, then to the calling thread. */
#include "cli/scan.h"

#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/mem.h"
#include "image/image.h"

#define SLOTS_PER_WORKER 8
#define WORKERS_MAX      256

struct slot {
    bool done;
    struct cli_scan_result result;
};

struct scan {
    const struct detect_model *model;
    const struct cli_scan_inputs *inputs;
    pthread_mutex_t lock;
    pthread_cond_t slot_done, slot_free;
    struct slot *slots;
    size_t slot_count;
    size_t taken;   /* inputs given to workers */
    size_t emitted; /* inputs whose result was handed back */
    struct err failure;
    bool failed; /* a worker could not start: everything stops */
};

struct worker {
    struct scan *scan;
    unsigned index;
    pthread_t thread;
};

/* A file of a folder that is no photo of ours is passed over. */
static bool is_passed_over(const struct cli_scan_input *input, struct bytes file)
{
    return !input->named && file.len > 0 && image_format_of(file) == IMAGE_FORMAT_UNKNOWN;
}

static void judge(struct cli_scan_result *out, const struct cli_scan_input *input,
                  struct detect_session *session, uint8_t *buffer)
{
    size_t capacity = image_limits_default.bytes_max;
    struct bytes file = {.at = buffer};
    enum status st;

    memset(&out->err, 0, sizeof(out->err));
    out->state = CLI_SCAN_FAILED;
    if (input->failure) {
        out->err = *input->failure;
        return;
    }
    st = fs_read_into(buffer, capacity, &file.len, input->path, &out->err);
    if (st == ST_LIMIT)
        file.len = capacity; /* the buffer is full: enough to see what it is */
    else if (st != ST_OK)
        return;
    if (is_passed_over(input, file))
        out->state = CLI_SCAN_SKIPPED;
    else if (st == ST_OK && detect_photo(&out->verdict, session, file, &out->err) == ST_OK)
        out->state = CLI_SCAN_JUDGED;
}

/* The next input's number; false when there is none left. */
static bool take(struct scan *scan, size_t *index)
{
    bool have;

    pthread_mutex_lock(&scan->lock);
    while (!scan->failed && scan->taken < scan->inputs->count &&
           scan->taken == scan->emitted + scan->slot_count)
        pthread_cond_wait(&scan->slot_free, &scan->lock);
    have = !scan->failed && scan->taken < scan->inputs->count;
    if (have)
        *index = scan->taken++;
    pthread_mutex_unlock(&scan->lock);
    return have;
}

static void finish(struct scan *scan, size_t index)
{
    pthread_mutex_lock(&scan->lock);
    scan->slots[index % scan->slot_count].done = true;
    pthread_cond_signal(&scan->slot_done);
    pthread_mutex_unlock(&scan->lock);
}

static void fail(struct scan *scan, const struct err *err)
{
    pthread_mutex_lock(&scan->lock);
    scan->failed = true;
    scan->failure = *err;
    pthread_cond_broadcast(&scan->slot_done);
    pthread_cond_broadcast(&scan->slot_free);
    pthread_mutex_unlock(&scan->lock);
}

static void *run_worker(void *payload)
{
    struct worker *worker = payload;
    struct scan *scan = worker->scan;
    struct detect_session *session = NULL;
    struct err err = {.code = ST_OK};
    size_t index;

    cpu_pin_thread(worker->index);
    uint8_t *buffer = mem_alloc(image_limits_default.bytes_max, 1); /* touched by use only */
    if (detect_session_open(&session, scan->model, &err) != ST_OK)
        fail(scan, &err);
    while (session && take(scan, &index)) {
        judge(&scan->slots[index % scan->slot_count].result, &scan->inputs->at[index], session,
              buffer);
        finish(scan, index);
    }
    detect_session_close(session);
    mem_free(buffer);
    return NULL;
}

/* Waits for the next result in order; NULL when everything stopped. */
static struct slot *await(struct scan *scan, size_t index)
{
    struct slot *slot = &scan->slots[index % scan->slot_count];
    bool failed;

    pthread_mutex_lock(&scan->lock);
    while (!slot->done && !scan->failed)
        pthread_cond_wait(&scan->slot_done, &scan->lock);
    failed = scan->failed;
    pthread_mutex_unlock(&scan->lock);
    return failed ? NULL : slot;
}

static void release(struct scan *scan, struct slot *slot)
{
    pthread_mutex_lock(&scan->lock);
    slot->done = false;
    scan->emitted++;
    pthread_cond_signal(&scan->slot_free);
    pthread_mutex_unlock(&scan->lock);
}

static void emit_all(struct scan *scan, cli_scan_emit *emit, void *payload)
{
    for (size_t i = 0; i < scan->inputs->count; i++) {
        struct slot *slot = await(scan, i);
        if (!slot)
            return;
        emit(payload, &scan->inputs->at[i], &slot->result);
        release(scan, slot);
    }
}

/* At least one thread, or ST_NOMEM; fewer than asked for is only slower. */
static enum status start_workers(struct worker *workers, unsigned *count, struct scan *scan,
                                 struct err *err)
{
    for (unsigned i = 0; i < *count; i++) {
        workers[i] = (struct worker){.scan = scan, .index = i};
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0)
            continue;
        *count = i;
        return i > 0 ? ST_OK : err_set(err, ST_NOMEM, "cannot start a worker thread");
    }
    return ST_OK;
}

enum status cli_scan_run(const struct detect_model *model, const struct cli_scan_inputs *inputs,
                         unsigned workers, cli_scan_emit *emit, void *payload, struct err *err)
{
    unsigned count = (unsigned)MIN_OF((size_t)CLAMP(workers, 1u, WORKERS_MAX), inputs->count);
    struct scan scan = {.model = model,
                        .inputs = inputs,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .slot_done = PTHREAD_COND_INITIALIZER,
                        .slot_free = PTHREAD_COND_INITIALIZER,
                        .slot_count = (size_t)MAX_OF(count, 1u) * SLOTS_PER_WORKER};
    struct worker *threads = mem_alloc(MAX_OF(count, 1u), sizeof(*threads));
    enum status st;

    scan.slots = mem_alloc(scan.slot_count, sizeof(*scan.slots));
    st = start_workers(threads, &count, &scan, err);
    if (st == ST_OK)
        emit_all(&scan, emit, payload);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i].thread, NULL);
    if (scan.failed) {
        st = scan.failure.code;
        *err = scan.failure;
    }
    mem_free(scan.slots);
    mem_free(threads);
    return st;
}
