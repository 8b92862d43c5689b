/* cli/serve_loop.c - the main thread while the service runs: signals, the watchdog, what reloads
 * and upgrades wait for, and the orderly end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/serve.h"
#include "cli/systemd.h"

#define ANSWER_WAIT_MS 2000     /* for answers to leave, once nothing is computed any more */
#define RETRY_MS       50       /* a reload that waits for another swap */
#define STUCK_US       60000000 /* a worker that is at one photo for this long never ends it */

enum next { NEXT_WAIT, NEXT_STOP, NEXT_HAND_OVER };

struct loop {
    struct serve *serve;
    int signal_fd;
    int64_t watchdog_us;     /* 0: nobody asks */
    int64_t next_ping_us;    /* monotonic */
    int64_t upgrade_late_us; /* monotonic; 0: no successor is starting */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(&clock_system);
}

/* ---- events ---- */

static void start_upgrade(struct loop *loop)
{
    struct serve *serve = loop->serve;
    char detail[LOG_QUOTED_SIZE];
    struct err err;

    enum status st = upgrade_start(&serve->upgrade, api_listen_fd(serve->api), &err);
    if (st != ST_OK) {
        log_error("upgrade.failed", "detail=%s", log_quote(detail, err.msg));
        return;
    }
    loop->upgrade_late_us = now_us() + serve->config->values.upgrade_timeout_ms * 1000;
    log_info("upgrade.started", "pid=%d program=%s", (int)serve->upgrade.pid,
             log_quote(detail, serve->upgrade.program));
    systemd_notify("STATUS=serving; process %d is getting ready to take over",
                   (int)serve->upgrade.pid);
}

static enum next finish_upgrade(struct loop *loop)
{
    struct serve *serve = loop->serve;
    char detail[LOG_QUOTED_SIZE];
    struct err err;

    loop->upgrade_late_us = 0;
    if (upgrade_finish(&serve->upgrade, &err) == ST_OK) {
        log_info("upgrade.ready", "pid=%d", (int)serve->upgrade.pid);
        systemd_notify("MAINPID=%d", (int)serve->upgrade.pid);
        return NEXT_HAND_OVER;
    }
    log_error("upgrade.failed", "detail=%s", log_quote(detail, err.msg));
    systemd_notify("STATUS=serving; the last upgrade failed");
    return NEXT_WAIT;
}

static void check_lateness(struct loop *loop)
{
    struct serve *serve = loop->serve;

    if (!loop->upgrade_late_us || now_us() < loop->upgrade_late_us)
        return;
    log_error("upgrade.failed", "detail=\"process %d is not ready after %lld ms\"",
              (int)serve->upgrade.pid, (long long)serve->config->values.upgrade_timeout_ms);
    upgrade_abandon(&serve->upgrade);
    loop->upgrade_late_us = 0;
}

/* A process whose worker hangs is not alive: systemd may start another. */
static void ping_watchdog(struct loop *loop)
{
    if (!loop->watchdog_us || now_us() < loop->next_ping_us)
        return;
    loop->next_ping_us = now_us() + loop->watchdog_us / 2;
    if (service_longest_busy_us(loop->serve->service) < STUCK_US)
        systemd_notify("WATCHDOG=1");
    else
        log_error("serve.worker_stuck", "us=%lld",
                  (long long)service_longest_busy_us(loop->serve->service));
}

static enum next on_signal(struct loop *loop)
{
    struct signalfd_siginfo info;

    if (read(loop->signal_fd, &info, sizeof info) != sizeof info)
        return NEXT_WAIT;
    switch (info.ssi_signo) {
    case SIGHUP:
        serve_reload_start(loop->serve);
        return NEXT_WAIT;
    case SIGUSR2:
        start_upgrade(loop);
        return NEXT_WAIT;
    default:
        return NEXT_STOP;
    }
}

/* Milliseconds until something has to be looked at; -1: never by itself. */
static int timeout_ms(const struct loop *loop, bool reload_retries)
{
    int64_t until_us = INT64_MAX;

    if (loop->watchdog_us)
        until_us = MIN_OF(until_us, loop->next_ping_us);
    if (loop->upgrade_late_us)
        until_us = MIN_OF(until_us, loop->upgrade_late_us);
    int64_t left_ms = until_us == INT64_MAX ? -1 : MAX_OF((until_us - now_us()) / 1000 + 1, 0);
    if (reload_retries)
        return left_ms < 0 ? RETRY_MS : (int)MIN_OF(left_ms, RETRY_MS);
    return (int)MIN_OF(left_ms, 60000);
}

static enum next wait_for_event(struct loop *loop)
{
    struct serve *serve = loop->serve;
    struct pollfd fds[] = {
        {.fd = loop->signal_fd, .events = POLLIN},
        {.fd = serve->wake_fd, .events = POLLIN},
        {.fd = -1, .events = POLLIN},
    };
    enum next next = NEXT_WAIT;
    uint64_t ignored = 0;

    bool retries = serve_reload_step(serve);
    ping_watchdog(loop);
    check_lateness(loop);
    if (serve->upgrade.ready_fd)
        fds[2].fd = serve->upgrade.ready_fd;
    if (poll(fds, ARRAY_LEN(fds), timeout_ms(loop, retries)) <= 0)
        return NEXT_WAIT;
    if (fds[1].revents) {
        ssize_t got = read(serve->wake_fd, &ignored, sizeof ignored);
        (void)got;
    }
    if (fds[0].revents)
        next = on_signal(loop);
    if (next == NEXT_WAIT && fds[2].revents)
        next = finish_upgrade(loop);
    return next;
}

/* ---- the end ---- */

/* Readiness has gone; connections are still accepted until those who send them have noticed. */
static void wait_for_load_balancers(struct loop *loop, unsigned delay_ms)
{
    struct pollfd fd = {.fd = loop->signal_fd, .events = POLLIN};

    log_info("serve.drain_delay", "ms=%u", delay_ms);
    if (delay_ms && poll(&fd, 1, (int)delay_ms) > 0)
        log_warn("serve.drain_delay_cut", "signal=again");
}

static void drain(struct loop *loop, bool handed_over)
{
    struct serve *serve = loop->serve;
    const struct service_config *config = &serve->config->values;
    unsigned timeout = (unsigned)config->drain_timeout_ms;

    if (!handed_over) {
        systemd_notify("STOPPING=1\nSTATUS=finishing what is under way");
        service_start_draining(serve->service);
        wait_for_load_balancers(loop, (unsigned)config->drain_delay_ms);
    }
    log_info("serve.drain", "timeout_ms=%u handed_over=%s", timeout,
             handed_over ? "true" : "false");
    bool idle = api_drain(serve->api, timeout);
    bool closed = idle && api_wait_closed(serve->api, (unsigned)config->drain_linger_ms);
    if (idle && !closed) /* what came meanwhile */
        idle = api_drain(serve->api, timeout);
    service_stop(serve->service);
    if (!idle && !api_drain(serve->api, ANSWER_WAIT_MS))
        log_warn("serve.drain_incomplete", "some clients did not take their answers, closing");
    log_info("serve.stopped", "clean=%s", idle ? "true" : "false");
}

int serve_loop(struct serve *serve, struct err *err)
{
    struct loop loop = {.serve = serve, .watchdog_us = systemd_watchdog_us()};
    enum next next = NEXT_WAIT;
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGUSR2);
    loop.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (loop.signal_fd < 0) {
        (void)err_set(err, ST_IO, "cannot wait for signals: %s", strerror(errno));
        return CLI_INTERNAL;
    }
    while (next == NEXT_WAIT)
        next = wait_for_event(&loop);
    if (next != NEXT_HAND_OVER && serve->upgrade.ready_fd)
        upgrade_abandon(&serve->upgrade); /* a stop is a stop for both */
    drain(&loop, next == NEXT_HAND_OVER);
    (void)close(loop.signal_fd);
    return CLI_FINE;
}
