/* http/watch.h - deadlines of connections: a client that is too slow is cut off, however busy it
 * keeps its socket.  Owns one thread; knows sockets only by number.  Thread-safe. */
#pragma once

#include <pthread.h>

#include "base/base.h"
#include "base/clock.h"

/* One open connection. */
struct http_watch {
    int fd;
    int64_t deadline_us; /* monotonic; 0: none */
    bool reading;        /* what is late is the request: a 408 can still be sent */
    bool expired;
    struct http_watch *previous, *next;
};

struct http_watchlist {
    pthread_mutex_t lock; /* guards the list, every watch on it, and `stopping` */
    pthread_cond_t wake;
    struct http_watch *first;
    const struct clock *clock;
    pthread_t thread;
    bool stopping;
    bool silent; /* the connections are encrypted: no 408 in plain text; set before any of them */
};

enum status http_watch_start(struct http_watchlist *list, const struct clock *clock,
                             struct err *err) MUST_USE;
void http_watch_stop(struct http_watchlist *list);
/* The socket must stay open until http_watch_remove. */
struct http_watch *http_watch_add(struct http_watchlist *list, int fd);
void http_watch_remove(struct http_watchlist *list, struct http_watch *watch);
/* timeout_ms from now; 0 takes the deadline away. */
void http_watch_arm(struct http_watchlist *list, struct http_watch *watch, unsigned timeout_ms,
                    bool reading);
bool http_watch_expired(struct http_watchlist *list, const struct http_watch *watch);
/* Cuts off every connection whose deadline has passed, or whose client left in the middle of its
 * request; the thread does so twice a second. */
void http_watch_sweep(struct http_watchlist *list);
