/* drift/window.h - the last samples: exact figures in constant time for each new one.
 * Probabilities are kept in steps of 2^-24 and summed as integers, so that nothing is ever lost by
 * rounding, however long it runs.  One thread at a time. */
#pragma once

#include "drift/drift.h"

#define DRIFT_WINDOW_MAX 32768 /* samples: sums of squares stay below 2^64 */
#define DRIFT_GRID       1024  /* steps of the probability for distances of distributions */

struct drift_window {
    struct drift_sample *samples; /* a ring of `size` */
    size_t size, count, next;     /* next: the oldest, once it is full */
    uint64_t sum, sum_of_squares; /* in steps, and of their squares */
    size_t low_count, ai_count;
    uint32_t grid[DRIFT_GRID];
};

/* size in [1, DRIFT_WINDOW_MAX]. */
void drift_window_open(struct drift_window *window, size_t size);
void drift_window_close(struct drift_window *window);
void drift_window_reset(struct drift_window *window);

/* Returns the place of the sample in the ring. */
size_t drift_window_add(struct drift_window *window, const struct drift_sample *sample);
struct drift_figures drift_window_figures(const struct drift_window *window);
/* The i-th sample from the oldest; i < count. */
const struct drift_sample *drift_window_at(const struct drift_window *window, size_t i);
/* Its place in the ring. */
size_t drift_window_place(const struct drift_window *window, size_t i);
/* Judges every sample again, as another threshold would have. */
void drift_window_judge(struct drift_window *window, double threshold);

/* The step of a probability on the grid, below DRIFT_GRID. */
unsigned drift_grid_step(double probability);
