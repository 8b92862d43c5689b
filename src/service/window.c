#include "service/window.h"

#include <math.h>

void service_window_add(struct service_window *window, double probability, bool ai_generated,
                        bool low)
{
    window->probabilities[window->next] = (float)probability;
    window->ai_generated[window->next] = ai_generated;
    window->low[window->next] = low;
    window->next = (window->next + 1) % SERVICE_WINDOW_MAX;
    window->count = MIN_OF(window->count + 1, (size_t)SERVICE_WINDOW_MAX);
}

struct service_window_statistics service_window_read(const struct service_window *window)
{
    struct service_window_statistics out = {.count = window->count};
    double n = (double)window->count;
    double squares = 0;

    if (!window->count)
        return out;
    for (size_t i = 0; i < window->count; i++) {
        out.mean_probability += (double)window->probabilities[i] / n;
        out.low_confidence_ratio += window->low[i];
        out.ai_generated_ratio += window->ai_generated[i];
    }
    for (size_t i = 0; i < window->count; i++) {
        double distance = (double)window->probabilities[i] - out.mean_probability;
        squares += distance * distance;
    }
    out.std_probability = sqrt(squares / n);
    out.low_confidence_ratio /= n;
    out.ai_generated_ratio /= n;
    return out;
}
