/* service/predictions.h - reading the prediction log: a filter, records newest or oldest first,
 * figures by group, exports with fixed columns (docs/FORMATS.md).
 * The store must be migrated.  Owns nothing. */
#pragma once

#include <stdio.h>

#include "service/record.h"

/* Every member restricts; zero does not. */
struct service_predictions_filter {
    int64_t since_us;     /* at or after */
    int64_t until_us;     /* before */
    const char *model;    /* version, or the start of its hash */
    const char *request;  /* id */
    const char *photo;    /* SHA-256, hexadecimal */
    const char *key;      /* id of the client's API key */
    const char *verdict;  /* "real", "ai_generated" */
    const char *decision; /* "real", "unsure", "ai_generated" */
    uint64_t limit;
    bool newest_first;
};

/* Calls visit(payload, record) until it returns something else than ST_OK. */
enum status service_predictions_each(
    struct store *store, const struct service_predictions_filter *filter,
    enum status (*visit)(void *payload, const struct service_record *record, struct err *err),
    void *payload, struct err *err) MUST_USE;

struct service_predictions_group {
    char name[SERVICE_RECORD_TEXT_SIZE]; /* a model's version, a day (UTC), a key's id */
    int64_t count, ai_generated, low_confidence, unsure;
    double mean_probability, mean_inference_us;
    int64_t first_us, last_us;
};
enum service_predictions_by { SERVICE_BY_MODEL, SERVICE_BY_DAY, SERVICE_BY_KEY };
enum status service_predictions_stats(struct store *store,
                                      const struct service_predictions_filter *filter,
                                      enum service_predictions_by by,
                                      void (*visit)(void *payload,
                                                    const struct service_predictions_group *group),
                                      void *payload, struct err *err) MUST_USE;

enum service_predictions_format {
    SERVICE_PREDICTIONS_CSV,
    SERVICE_PREDICTIONS_JSONL,
    SERVICE_PREDICTIONS_COLUMNS /* the schema alone: name and type of each column */
};
/* The export's first line, if its format has one. */
void service_predictions_write_head(struct buf *out, enum service_predictions_format format);
void service_predictions_write(struct buf *out, enum service_predictions_format format,
                               const struct service_record *record);
