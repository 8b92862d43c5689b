/* cli/time.h - points in time as people type them.  Thread-safe. */
#pragma once

#include "base/base.h"

/* "2026-01-31", "2026-01-31T09:05:00Z", or "7d", "12h", "30m" before now.  ST_INVALID names the
 * option. */
enum status cli_read_time(int64_t *out, const char *option, const char *typed, int64_t now_us,
                          struct err *err) MUST_USE;
