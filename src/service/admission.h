/* service/admission.h - who may still queue: bursts fill the queue, but while it stands - has not
 * been empty for a while - only photos that need not wait long are let in.  So under overload
 * workers stay busy and those who are let in are answered soon.
 * Pure: time is passed in.  One thread at a time: the service's lock. */
#pragma once

#include "base/base.h"

#define SERVICE_STANDING_US 100000 /* a queue that has not been empty for this long stands */
#define SERVICE_WAIT_PHOTOS 6      /* default wait, in times that one photo takes */

struct service_admission {
    int64_t waiting_since_us; /* the queue has not been empty since; 0: it is */
    double photo_us;          /* what one photo takes a worker, moving average; 0: not known */
};

/* `depth` photos wait now. */
void service_admission_depth(struct service_admission *admission, size_t depth, int64_t now_us);
void service_admission_measured(struct service_admission *admission, int64_t photo_us);
/* True when a photo behind `depth` others should be refused: *wait_us, which is what it would wait,
 * is over the limit.  wait_max_ms 0: SERVICE_WAIT_PHOTOS photos. */
bool service_admission_refuses(int64_t *wait_us, const struct service_admission *admission,
                               size_t depth, unsigned worker_count, unsigned wait_max_ms,
                               int64_t now_us);
