#include "cli/store.h"

#include <stdio.h>

void cli_store_url(char out[STORE_URL_MAX], const struct service_config *config)
{
    if (config->store_url[0])
        (void)snprintf(out, STORE_URL_MAX, "%s", config->store_url);
    else
        (void)snprintf(out, STORE_URL_MAX, "%s/aidetect.db", config->data);
}

enum status cli_open_log(struct prediction_log **out, const struct service_config *config,
                         struct err *err)
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
