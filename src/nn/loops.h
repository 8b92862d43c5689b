/* nn/loops.h - a step of a program that is a plain loop and no primitive; inside nn/ only. */
#pragma once

#include "nn/program.h"

typedef void nn_loop(float *a, const float *b, size_t count);

/* Appends loop(a, b, floats of a); b may be NULL.  ST_INVALID: the two differ in size. */
enum status nn_program_loop(struct nn_program *program, nn_loop *loop, const struct nn_tensor *a,
                            const struct nn_tensor *b, struct err *err) MUST_USE;
