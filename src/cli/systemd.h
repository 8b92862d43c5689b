/* cli/systemd.h - what systemd is told and what it hands over (libsystemd stays inside systemd.c).
 * Without the library, or without systemd, every call does nothing.  Any thread. */
#pragma once

#include "base/base.h"

/* "READY=1", "STATUS=...", one assignment a line. */
void systemd_notify(const char *format, ...) PRINTF_LIKE(1, 2);
/* RELOADING=1 with the time that systemd wants beside it. */
void systemd_notify_reloading(int64_t monotonic_us);
/* The socket that systemd opened for us; 0: none.  ST_UNSUPPORTED when there are several. */
enum status systemd_listen_fd(int *out, struct err *err) MUST_USE;
/* How often systemd wants to hear from us; 0: it does not ask. */
int64_t systemd_watchdog_us(void);
