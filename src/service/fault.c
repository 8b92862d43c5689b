#include "service/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

struct fault {
    struct service_faults faults; /* what is held */
    pthread_mutex_t lock;         /* guards everything but `spinning` */
    double debt;                  /* failures that are due, in predictions */
    uint8_t *memory;
    int descriptors[SERVICE_FAULT_DESCRIPTORS_MAX];
    pthread_t threads[SERVICE_FAULT_THREADS_MAX];
    _Atomic bool spinning;
};

static const struct service_faults no_faults = {.drift_score = -1};

static void *spin(void *payload)
{
    struct fault *fault = payload;

    while (atomic_load_explicit(&fault->spinning, memory_order_relaxed))
        ;
    return NULL;
}

/* Memory grows and shrinks in place; new bytes are made resident. */
static enum status hold_memory(struct fault *fault, int64_t bytes, struct err *err)
{
    int64_t held = fault->faults.memory_bytes;

    if (bytes == 0) {
        mem_free(fault->memory);
        fault->memory = NULL;
    } else if (bytes != held) {
        uint8_t *memory = mem_try_resize(fault->memory, (size_t)bytes, 1);
        if (!memory)
            return err_set(err, ST_NOMEM, "no room for %lld bytes", (long long)bytes);
        fault->memory = memory;
        if (bytes > held)
            memset(memory + held, 1, (size_t)(bytes - held));
    }
    fault->faults.memory_bytes = bytes;
    return ST_OK;
}

static enum status hold_descriptors(struct fault *fault, int64_t count, struct err *err)
{
    int64_t *held = &fault->faults.descriptors;

    while (*held > count)
        (void)close(fault->descriptors[--*held]);
    while (*held < count) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return err_set(err, ST_IO, "cannot open descriptor %lld: %s", (long long)*held,
                           strerror(errno));
        fault->descriptors[(*held)++] = fd;
    }
    return ST_OK;
}

static enum status hold_processors(struct fault *fault, int64_t count, struct err *err)
{
    int64_t *held = &fault->faults.cpu_threads;

    if (*held > count) {
        atomic_store(&fault->spinning, false);
        for (; *held > 0; --*held)
            (void)pthread_join(fault->threads[*held - 1], NULL);
    }
    atomic_store(&fault->spinning, true);
    for (; *held < count; ++*held)
        if (pthread_create(&fault->threads[*held], NULL, spin, fault) != 0)
            return err_set(err, ST_IO, "cannot start thread %lld", (long long)*held);
    return ST_OK;
}

/* Giving back does not fail. */
static void give_back(struct fault *fault)
{
    struct err ignored;

    (void)(hold_memory(fault, 0, &ignored) == ST_OK);
    (void)(hold_descriptors(fault, 0, &ignored) == ST_OK);
    (void)(hold_processors(fault, 0, &ignored) == ST_OK);
    fault->faults = no_faults;
    fault->debt = 0;
}

void fault_open(struct fault **out)
{
    struct fault *fault = mem_alloc(1, sizeof *fault);

    (void)pthread_mutex_init(&fault->lock, NULL);
    fault->faults = no_faults;
    *out = fault;
}

void fault_close(struct fault *fault)
{
    if (!fault)
        return;
    give_back(fault);
    (void)pthread_mutex_destroy(&fault->lock);
    mem_free(fault);
}

static enum status check(const struct service_faults *faults, struct err *err)
{
    const struct {
        const char *name;
        double value, top;
    } values[] = {
        {"error_ratio", faults->error_ratio, 1},
        {"delay_ms", (double)faults->delay_ms, SERVICE_FAULT_DELAY_MAX_MS},
        {"memory_bytes", (double)faults->memory_bytes, SERVICE_FAULT_MEMORY_MAX},
        {"descriptors", (double)faults->descriptors, SERVICE_FAULT_DESCRIPTORS_MAX},
        {"cpu_threads", (double)faults->cpu_threads, SERVICE_FAULT_THREADS_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (!(values[i].value >= 0 && values[i].value <= values[i].top))
            return err_set(err, ST_LIMIT, "%s is %g, from 0 to %g is allowed", values[i].name,
                           values[i].value, values[i].top);
    if (!(faults->drift_score == -1 || (faults->drift_score >= 0 && faults->drift_score <= 1)))
        return err_set(err, ST_LIMIT, "drift_score is %g, from 0 to 1 is allowed, -1: as it is",
                       faults->drift_score);
    return ST_OK;
}

static enum status take(struct fault *fault, const struct service_faults *faults, struct err *err)
{
    enum status st = hold_memory(fault, faults->memory_bytes, err);

    if (st == ST_OK)
        st = hold_descriptors(fault, faults->descriptors, err);
    if (st == ST_OK)
        st = hold_processors(fault, faults->cpu_threads, err);
    if (st != ST_OK)
        return st;
    if (fault->faults.error_ratio != faults->error_ratio)
        fault->debt = 0;
    fault->faults = *faults;
    return ST_OK;
}

enum status fault_set(struct fault *fault, const struct service_faults *faults, struct err *err)
{
    enum status st = check(faults, err);

    (void)pthread_mutex_lock(&fault->lock);
    if (st == ST_OK)
        st = take(fault, faults, err);
    if (st != ST_OK)
        give_back(fault);
    (void)pthread_mutex_unlock(&fault->lock);
    return st;
}

void fault_read(struct service_faults *out, struct fault *fault)
{
    *out = no_faults;
    if (!fault)
        return;
    (void)pthread_mutex_lock(&fault->lock);
    *out = fault->faults;
    (void)pthread_mutex_unlock(&fault->lock);
}

enum status fault_strike(struct fault *fault, struct err *err)
{
    if (!fault)
        return ST_OK;
    (void)pthread_mutex_lock(&fault->lock);
    int64_t delay_ms = fault->faults.delay_ms;
    fault->debt += fault->faults.error_ratio;
    bool fails = fault->debt >= 1;
    if (fails)
        fault->debt -= 1;
    (void)pthread_mutex_unlock(&fault->lock);
    struct timespec rest = {.tv_sec = delay_ms / 1000,
                            .tv_nsec = (long)(delay_ms % 1000) * 1000000};
    while (delay_ms && nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ; /* the rest of it */
    return fails ? err_set(err, ST_IO, "a fault on purpose (faults.enabled)") : ST_OK;
}
