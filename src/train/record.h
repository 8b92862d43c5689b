/* train/record.h - run.json: everything needed to repeat a run, and how it went so far.  Owns the
 * learning curve; everything else is lent while the record is written.  Must not know networks. */
#pragma once

#include "base/clock.h"
#include "base/json.h"
#include "train/pairs.h"

/* One line of the learning curve. */
struct train_epoch {
    int64_t number;                     /* from 1 */
    double loss, family_loss, accuracy; /* on training crops */
    double validation_auc;
    double seconds;
};

/* What stands beside the curve. */
struct train_record {
    const struct train_config *config;
    const struct train_dataset *dataset;
    const struct train_pairs *pairs; /* NULL: no twins */
    const char *revision;            /* of the program */
    const char *network;             /* its description */
    const struct clock *clock;
    int workers;
    int64_t best_epoch;
    double best_auc;
    struct json *curve; /* array of epochs; the owner of the record frees it */
};

void train_record_add(struct train_record *record, const struct train_epoch *epoch);
/* Replaces the file. */
enum status train_record_save(struct train_record *record, const char *path,
                              struct err *err) MUST_USE;
/* Takes the curve of an earlier record, for a run that goes on; without one it stays as it is. */
void train_record_restore(struct train_record *record, const char *path);
