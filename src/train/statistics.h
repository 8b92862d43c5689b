/* train/statistics.h - fits the second opinion: a linear classifier over the forensic statistics
 * of every training photo, as it is and shrunk, after every tier's re-encoding.  Must not know the
 * network. */
#pragma once

#include "train/dataset.h"

/* The forensic statistics of every photo of a dataset, validation photos too, after every tier. */
struct train_statistics;
/* By `workers` pinned threads; the same for any number of them.  progress(payload, done, total)
 * may be NULL.  Errors: ST_NOMEM, and those of reading photos. */
enum status train_statistics_open(struct train_statistics **out,
                                  const struct train_dataset *dataset, unsigned workers,
                                  void (*progress)(void *payload, size_t done, size_t total),
                                  void *payload, struct err *err) MUST_USE;
void train_statistics_close(struct train_statistics *statistics); /* NULL is fine */

enum train_statistics_photos {
    TRAIN_STATISTICS_TRAINING, /* leaves the validation photos out */
    TRAIN_STATISTICS_ALL
};
/* Fills `table` (detect/statistics.h: rows of DETECT_STATISTICS_COUNT floats).  Both classes weigh
 * the same; a photo weighs less the more its source and generator have.
 * Errors: ST_INVALID when a class is missing, ST_NOMEM. */
enum status train_statistics_fit(float *table, const struct train_statistics *statistics,
                                 enum train_statistics_photos photos, struct err *err) MUST_USE;
/* The rows of DETECT_EMBEDDING_TABLE: the directions in which photos, standardised by a table that
 * was fitted, differ most over all tiers.  Errors as above. */
enum status train_statistics_embedding(float *embedding, const float *table,
                                       const struct train_statistics *statistics,
                                       struct err *err) MUST_USE;
/* A table that says nothing about any photo. */
void train_statistics_neutral(float *table);
