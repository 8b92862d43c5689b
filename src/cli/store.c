#include "cli/store.h"

#include <stdio.h>
#include <unistd.h>

void cli_store_url(char out[STORE_URL_MAX], const struct service_config *config)
{
    if (config->store_url[0])
        (void)snprintf(out, STORE_URL_MAX, "%s", config->store_url);
    else
        (void)snprintf(out, STORE_URL_MAX, "%s/aidetect.db", config->data);
}

enum status cli_open_review(struct service_review **out, const struct service_config *config,
                            struct err *err)
{
    char folder[2 * SERVICE_PATH_SIZE];
    struct service_review_options options = {
        .folder = folder,
        .sample_rate = config->review_sample_rate,
        .bytes_max = (uint64_t)config->review_bytes_max,
        .retention_days = (unsigned)config->review_days,
        .clock = &clock_system,
    };

    *out = NULL;
    if (config->review_sample_rate == 0)
        return ST_OK;
    if (!config->predictions_log)
        return err_set(err, ST_INVALID,
                       "review.sample_rate is %g, but predictions.log is off: "
                       "nothing would say what the photos are",
                       config->review_sample_rate);
    if (getentropy(&options.seed, sizeof options.seed) != 0)
        options.seed = (uint64_t)clock_utc_us(&clock_system);
    if (config->review_folder[0])
        (void)snprintf(folder, sizeof folder, "%s", config->review_folder);
    else
        (void)snprintf(folder, sizeof folder, "%s/review", config->data);
    enum status st = service_review_open(out, &options, err);
    if (st != ST_OK)
        err_prefix(err, "the photos for review");
    return st;
}

void cli_drift_folder(char *out, size_t size, const struct service_config *config)
{
    (void)snprintf(out, size, "%s/drift", config->data);
}

enum status cli_open_log(struct prediction_log **out, const struct service_config *config,
                         struct service_review *review, struct err *err)
{
    char url[STORE_URL_MAX];
    const struct prediction_log_options options = {
        .url = url,
        .folder = config->data,
        .spool_bytes_max = (size_t)config->predictions_spool_bytes_max,
        .batch_rows = (unsigned)config->predictions_batch,
        .interval_ms = (unsigned)config->predictions_interval_ms,
        .retention_days = (unsigned)config->predictions_days,
        .retention_rows = (uint64_t)config->predictions_rows,
        .review = review,
        .clock = &clock_system,
    };

    *out = NULL;
    if (!config->predictions_log)
        return ST_OK;
    cli_store_url(url, config);
    enum status st = prediction_log_open(out, &options, err);
    if (st != ST_OK)
        err_prefix(err, "the prediction log");
    return st;
}
