/* train/moments.h - the sum of weight * row * transposed row over many rows, from which least
 * squares and principal components are made.  Must not know what the columns mean.  An object
 * belongs to one thread. */
#pragma once

#include "base/base.h"

struct train_moments;

/* ST_NOMEM: the matrix of `columns` x `columns` doubles does not fit. */
enum status train_moments_open(struct train_moments **out, size_t columns,
                               struct err *err) MUST_USE;
void train_moments_close(struct train_moments *moments); /* NULL is fine */

/* The next row, `columns` values for the caller to fill; counts with `weight`, which is not
 * negative.  Valid until the next call. */
float *train_moments_row(struct train_moments *moments, double weight);

/* The sum over the rows so far: `columns` x `columns`, its lower triangle only.  The caller may
 * work in it; borrowed until the next row. */
double *train_moments_matrix(struct train_moments *moments);
