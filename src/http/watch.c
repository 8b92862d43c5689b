#include "http/watch.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"

#define SWEEP_INTERVAL_NS 500000000

/* The shape of every error answer, by hand: nothing of the request is there yet. */
static const char timeout_answer[] =
    "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nConnection: close\r\n"
    "Cache-Control: no-store\r\nContent-Length: 134\r\n\r\n"
    "{\"error\":\"Request timeout\",\"detail\":\"the request did not arrive in time\","
    "\"request_id\":null,\"status_code\":408,\"error_class\":\"timeout\"}\n";

static void cut_off(const struct http_watchlist *list, struct http_watch *watch)
{
    watch->expired = true;
    watch->deadline_us = 0;
    if (watch->reading && !list->silent)
        (void)send(watch->fd, timeout_answer, strlen(timeout_answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(watch->fd, SHUT_RDWR); /* the transport sees the end and cleans up */
}

/* The client closed in the middle of its request, and everything it sent has been read.  The
 * transport waits for an edge of the socket, and misses an end that came along with data. */
static bool has_left(const struct http_watch *watch)
{
    char byte;

    return watch->reading && recv(watch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void sweep(struct http_watchlist *list)
{
    int64_t now_us = clock_monotonic_us(list->clock);

    for (struct http_watch *watch = list->first; watch; watch = watch->next) {
        if (watch->deadline_us && now_us >= watch->deadline_us)
            cut_off(list, watch);
        else if (has_left(watch))
            (void)shutdown(watch->fd, SHUT_RDWR);
    }
}

void http_watch_sweep(struct http_watchlist *list)
{
    (void)pthread_mutex_lock(&list->lock);
    sweep(list);
    (void)pthread_mutex_unlock(&list->lock);
}

static void *run(void *payload)
{
    struct http_watchlist *list = payload;

    (void)pthread_mutex_lock(&list->lock);
    while (!list->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SWEEP_INTERVAL_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&list->wake, &list->lock, &until);
        sweep(list);
    }
    (void)pthread_mutex_unlock(&list->lock);
    return NULL;
}

enum status http_watch_start(struct http_watchlist *list, const struct clock *clock,
                             struct err *err)
{
    pthread_condattr_t monotonic;

    *list = (struct http_watchlist){.clock = clock};
    (void)pthread_mutex_init(&list->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&list->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    int error = pthread_create(&list->thread, NULL, run, list);
    if (error == 0)
        return ST_OK;
    (void)pthread_cond_destroy(&list->wake);
    (void)pthread_mutex_destroy(&list->lock);
    return err_set(err, ST_IO, "cannot start the connection watch: %s", strerror(error));
}

void http_watch_stop(struct http_watchlist *list)
{
    (void)pthread_mutex_lock(&list->lock);
    list->stopping = true;
    (void)pthread_cond_signal(&list->wake);
    (void)pthread_mutex_unlock(&list->lock);
    (void)pthread_join(list->thread, NULL);
    (void)pthread_cond_destroy(&list->wake);
    (void)pthread_mutex_destroy(&list->lock);
}

struct http_watch *http_watch_add(struct http_watchlist *list, int fd)
{
    struct http_watch *watch = mem_alloc(1, sizeof *watch);

    watch->fd = fd;
    (void)pthread_mutex_lock(&list->lock);
    watch->next = list->first;
    if (list->first)
        list->first->previous = watch;
    list->first = watch;
    (void)pthread_mutex_unlock(&list->lock);
    return watch;
}

void http_watch_remove(struct http_watchlist *list, struct http_watch *watch)
{
    (void)pthread_mutex_lock(&list->lock);
    if (watch->previous)
        watch->previous->next = watch->next;
    else
        list->first = watch->next;
    if (watch->next)
        watch->next->previous = watch->previous;
    (void)pthread_mutex_unlock(&list->lock);
    mem_free(watch);
}

void http_watch_arm(struct http_watchlist *list, struct http_watch *watch, unsigned timeout_ms,
                    bool reading)
{
    int64_t deadline_us =
        timeout_ms ? clock_monotonic_us(list->clock) + (int64_t)timeout_ms * 1000 : 0;

    (void)pthread_mutex_lock(&list->lock);
    watch->deadline_us = deadline_us;
    watch->reading = reading;
    (void)pthread_mutex_unlock(&list->lock);
}

bool http_watch_expired(struct http_watchlist *list, const struct http_watch *watch)
{
    (void)pthread_mutex_lock(&list->lock);
    bool expired = watch->expired;
    (void)pthread_mutex_unlock(&list->lock);
    return expired;
}
