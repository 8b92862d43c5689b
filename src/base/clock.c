#include "base/clock.h"

#include <time.h>

const struct clock clock_system = {.manual_us = NULL};

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    REQUIRE(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(const struct clock *clock)
{
    return clock->manual_us ? *clock->manual_us : read_us(CLOCK_MONOTONIC);
}

int64_t clock_utc_us(const struct clock *clock)
{
    return clock->manual_us ? *clock->manual_us : read_us(CLOCK_REALTIME);
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
