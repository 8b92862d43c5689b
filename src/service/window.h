/* service/window.h - the last predictions, for /drift: plain statistics of a live window.
 * Owns its ring.  Must not know models or time.  One thread at a time: the service's lock. */
#pragma once

#include "base/base.h"

#define SERVICE_WINDOW_MAX 1000 /* predictions */

struct service_window {
    float probabilities[SERVICE_WINDOW_MAX];
    bool ai_generated[SERVICE_WINDOW_MAX];
    bool low[SERVICE_WINDOW_MAX]; /* confidence */
    size_t count;
    size_t next; /* the oldest, once it is full */
};

struct service_window_statistics {
    size_t count; /* 0: the figures below are 0 */
    double mean_probability;
    double std_probability; /* of the window itself: divided by count */
    double low_confidence_ratio;
    double ai_generated_ratio;
};

void service_window_add(struct service_window *window, double probability, bool ai_generated,
                        bool low);
struct service_window_statistics service_window_read(const struct service_window *window);
