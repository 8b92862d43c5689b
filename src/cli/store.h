/* cli/store.h - the store and the prediction log as the settings name them. */
#pragma once

#include "service/config.h"
#include "service/prediction_log.h"
#include "service/review.h"
#include "store/store.h"

/* store.url, or aidetect.db in the data folder. */
void cli_store_url(char out[STORE_URL_MAX], const struct service_config *config);
/* NULL when no photos are to be kept. */
enum status cli_open_review(struct service_review **out, const struct service_config *config,
                            struct err *err) MUST_USE;
/* Of baselines, state and history of drift: below the data folder. */
void cli_drift_folder(char *out, size_t size, const struct service_config *config);
/* NULL when no log is wanted. */
enum status cli_open_log(struct prediction_log **out, const struct service_config *config,
                         struct service_review *review, struct err *err) MUST_USE;
