/* base/clock.h - time as a parameter: the system's clock, or one that a test moves by hand.
 * Thread-safe. */
#pragma once

#include "base/base.h"

struct clock {
    /* NULL: the system's clocks.  Otherwise both readings are what a test put there. */
    int64_t *manual_us;
};

extern const struct clock clock_system;
/* Of a manual clock, while others read it. */
void clock_move(const struct clock *clock, int64_t by_us);

/* Microseconds since an arbitrary start, never goes back: for durations and deadlines. */
int64_t clock_monotonic_us(const struct clock *clock);
/* Microseconds since 1970-01-01 UTC: for records that people and other systems read. */
int64_t clock_utc_us(const struct clock *clock);
/* CPU time of the calling thread, microseconds. */
int64_t clock_thread_cpu_us(void);

#define CLOCK_TEXT_SIZE 32
/* "2026-01-31T09:05:00Z" into `out`, returned for use in a printf argument. */
const char *clock_format_utc(char out[CLOCK_TEXT_SIZE], int64_t utc_us);
