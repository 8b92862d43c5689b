/* train/least_squares.h - weighted ridge regression by normal equations: the one exact solution.
 * Must not know what the columns mean.  An object belongs to one thread. */
#pragma once

#include "base/base.h"

struct train_least_squares;

/* ST_NOMEM: the matrix of `columns` x `columns` doubles does not fit. */
enum status train_least_squares_open(struct train_least_squares **out, size_t columns,
                                     struct err *err) MUST_USE;
void train_least_squares_close(struct train_least_squares *squares); /* NULL is fine */

/* The next row, `columns` values for the caller to fill; counts with `weight`, which is not
 * negative, and should be answered with `target`.  Valid until the next call. */
float *train_least_squares_row(struct train_least_squares *squares, double weight, float target);

/* The coefficients, `columns` of them, that minimise
 *     sum of weight * (row . coefficients - target)^2 + sum of ridge[i] * coefficients[i]^2.
 * ridge: `columns` values, not negative.  Once an object; it takes no rows afterwards.
 * ST_INVALID: a value was not finite, or the ridge does not make the answer unique. */
enum status train_least_squares_solve(float *coefficients, struct train_least_squares *squares,
                                      const double *ridge, struct err *err) MUST_USE;
