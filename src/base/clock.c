#include "base/clock.h"

#include <time.h>

const struct clock clock_system = {.manual_us = NULL};

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    REQUIRE(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t now_us(const struct clock *clock, clockid_t id)
{
    return clock->manual_us ? __atomic_load_n(clock->manual_us, __ATOMIC_RELAXED) : read_us(id);
}

void clock_move(const struct clock *clock, int64_t by_us)
{
    __atomic_fetch_add(clock->manual_us, by_us, __ATOMIC_RELAXED);
}

int64_t clock_monotonic_us(const struct clock *clock)
{
    return now_us(clock, CLOCK_MONOTONIC);
}

int64_t clock_utc_us(const struct clock *clock)
{
    return now_us(clock, CLOCK_REALTIME);
}

int64_t clock_thread_cpu_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

const char *clock_format_utc(char out[CLOCK_TEXT_SIZE], int64_t utc_us)
{
    time_t seconds = (time_t)(utc_us / 1000000);
    struct tm parts;

    if (!gmtime_r(&seconds, &parts) ||
        !strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts))
        out[0] = '\0';
    return out;
}
