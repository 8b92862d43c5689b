#include "drift/window.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define STEPS 16777216.0 /* 2^24 */

void drift_window_open(struct drift_window *window, size_t size)
{
    REQUIRE(size >= 1 && size <= DRIFT_WINDOW_MAX);
    *window = (struct drift_window){.size = size};
    window->samples = mem_alloc(size, sizeof *window->samples);
}

void drift_window_close(struct drift_window *window)
{
    mem_free(window->samples);
    *window = (struct drift_window){0};
}

void drift_window_reset(struct drift_window *window)
{
    struct drift_sample *samples = window->samples;

    *window = (struct drift_window){.samples = samples, .size = window->size};
}

static uint64_t steps_of(double probability)
{
    return (uint64_t)llrint(CLAMP(probability, 0.0, 1.0) * STEPS);
}

unsigned drift_grid_step(double probability)
{
    double step = probability * DRIFT_GRID;

    return step >= DRIFT_GRID - 1 ? DRIFT_GRID - 1 : step > 0 ? (unsigned)step : 0;
}

static void forget(struct drift_window *window, const struct drift_sample *sample)
{
    uint64_t steps = steps_of(sample->probability);

    window->sum -= steps;
    window->sum_of_squares -= steps * steps;
    window->low_count -= sample->low;
    window->ai_count -= sample->ai_generated;
    window->grid[drift_grid_step(sample->probability)]--;
}

size_t drift_window_add(struct drift_window *window, const struct drift_sample *sample)
{
    uint64_t steps = steps_of(sample->probability);
    size_t place = window->next;

    if (window->count == window->size)
        forget(window, &window->samples[place]);
    else
        window->count++;
    window->samples[place] = *sample;
    window->next = place + 1 == window->size ? 0 : place + 1;
    window->sum += steps;
    window->sum_of_squares += steps * steps;
    window->low_count += sample->low;
    window->ai_count += sample->ai_generated;
    window->grid[drift_grid_step(sample->probability)]++;
    return place;
}

struct drift_figures drift_window_figures(const struct drift_window *window)
{
    struct drift_figures out = {.count = window->count};
    double n = (double)window->count;

    if (!window->count)
        return out;
    double mean = (double)window->sum / n;
    /* n * sum of squares - square of the sum, in long double: below 2^79, over 2^64 only beyond
     * what its 64 bits tell apart. */
    long double spread = (long double)window->sum_of_squares * window->count -
                         (long double)window->sum * window->sum;
    out.mean_probability = mean / STEPS;
    out.std_probability = (double)sqrtl(fmaxl(spread, 0)) / n / STEPS;
    out.low_confidence_ratio = (double)window->low_count / n;
    out.ai_generated_ratio = (double)window->ai_count / n;
    return out;
}

size_t drift_window_place(const struct drift_window *window, size_t i)
{
    size_t place = i + (window->count == window->size ? window->next : 0);

    return place >= window->size ? place - window->size : place;
}

const struct drift_sample *drift_window_at(const struct drift_window *window, size_t i)
{
    return &window->samples[drift_window_place(window, i)];
}

void drift_window_judge(struct drift_window *window, double threshold)
{
    window->low_count = window->ai_count = 0;
    for (size_t i = 0; i < window->count; i++) {
        struct drift_sample *sample = &window->samples[i];
        sample->ai_generated = drift_is_ai(sample->probability, threshold);
        sample->low = drift_is_low(sample->probability, threshold);
        window->ai_count += sample->ai_generated;
        window->low_count += sample->low;
    }
}
