#include "cli/systemd.h"

#include <inttypes.h>
#include <stdio.h>

#ifndef AIDETECT_SYSTEMD
#define AIDETECT_SYSTEMD 0
#endif
#if AIDETECT_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define MESSAGE_SIZE 512

void systemd_notify(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
#if AIDETECT_SYSTEMD
    (void)sd_notify(0, message);
#endif
}

void systemd_notify_reloading(int64_t monotonic_us)
{
    systemd_notify("RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reading the settings",
                   monotonic_us);
}

enum status systemd_listen_fd(int *out, struct err *err)
{
    int count = 0;
    int first = 0;

#if AIDETECT_SYSTEMD
    count = sd_listen_fds(1);
    first = SD_LISTEN_FDS_START;
#endif
    if (count > 1)
        return err_set(err, ST_UNSUPPORTED, "systemd hands over %d sockets, one is used", count);
    *out = count == 1 ? first : 0;
    return ST_OK;
}

int64_t systemd_watchdog_us(void)
{
#if AIDETECT_SYSTEMD
    uint64_t interval_us = 0;

    if (sd_watchdog_enabled(0, &interval_us) > 0)
        return (int64_t)interval_us;
#endif
    return 0;
}
