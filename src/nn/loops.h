/* nn/loops.h - a step of a program that is a plain loop and no primitive; inside nn/ only. */
#pragma once

#include "nn/program.h"

/* a and b do not overlap. */
typedef void nn_loop(float *restrict a, const float *restrict b, size_t count);

/* Appends loop(a, b, floats of a); b may be NULL.  ST_INVALID: the two differ in size. */
enum status nn_program_loop(struct nn_program *program, nn_loop *loop, const struct nn_tensor *a,
                            const struct nn_tensor *b, struct err *err) MUST_USE;

/* A tensor as its memory has it: maps of pixels, each of `lanes` channels that follow each other.
 * Channels-last: one map an input, all channels a pixel.  Blocked: c / NN_BLOCK maps an input. */
struct nn_maps {
    float *at;
    int inputs, maps; /* maps of one input */
    int height, width, lanes;
};
struct nn_maps nn_program_maps(const struct nn_program *program, const struct nn_tensor *tensor);

/* A step that needs more than a loop does. */
struct nn_work {
    struct nn_maps out, in; /* in == out: in place */
    int groups;
    float limit; /* of a soft clamp; epsilon of a norm */
    const float *scale, *shift;
    bool relu;
    double *sums;
};
typedef void nn_worker(const struct nn_work *work);
void nn_program_work(struct nn_program *program, nn_worker *worker, const struct nn_work *work);
/* Scratch numbers of a step, in the program's arena, not zeroed. */
enum status nn_program_doubles(double **out, struct nn_program *program, size_t count,
                               struct err *err) MUST_USE;
