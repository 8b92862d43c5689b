/* train/principal.h - the directions in which weighted rows differ most (principal components), by
 * iterating a subspace.  Must not know what the columns mean.  An object belongs to one thread. */
#pragma once

#include "base/base.h"

#define TRAIN_PRINCIPAL_MAX 64u /* directions */

struct train_principal;

/* ST_NOMEM: the matrix of `columns` x `columns` doubles does not fit. */
enum status train_principal_open(struct train_principal **out, size_t columns,
                                 struct err *err) MUST_USE;
void train_principal_close(struct train_principal *principal); /* NULL is fine */

/* The next row, `columns` values for the caller to fill; counts with `weight`, which is not
 * negative.  Valid until the next call. */
float *train_principal_row(struct train_principal *principal, double weight);

/* `count` directions, each `columns` values, the one along which rows differ most first: what is
 * left of a row, along one, has deviation 1, and none says anything of another.  The largest value
 * of each is positive; when rows differ in fewer directions, the others are 0.  Once an object; it
 * takes no rows afterwards.
 * ST_INVALID: a value was not finite, or there were no rows. */
enum status train_principal_solve(float *directions, struct train_principal *principal,
                                  size_t count, struct err *err) MUST_USE;
