/* cli/access.h - the settings of access, where `serve`, `keys` and `audit` find them.
 * Owns nothing.  One thread. */
#pragma once

#include "api/api.h"
#include "service/config.h"

#define CLI_ACCESS_PATH_SIZE (SERVICE_PATH_SIZE + 32)

struct cli_access_paths {
    char keys[CLI_ACCESS_PATH_SIZE];
    char audit[CLI_ACCESS_PATH_SIZE];
    char senders[CLI_ACCESS_PATH_SIZE];
};

/* The files of keys and of administrative acts: as set, else in the data folder, where the secret
 * of senders is. */
void cli_access_paths(struct cli_access_paths *out, const struct service_config *config);
/* Access and TLS of `serve`.  `out` borrows the texts of both others. */
void cli_access_options(struct api_options *out, const struct service_config *config,
                        const struct cli_access_paths *paths);
/* The settings of the log, applied. */
void cli_apply_log(const struct service_config *config);
/* Appends what the person at this terminal did. */
enum status cli_audit(const struct cli_access_paths *paths, const char *action, const char *target,
                      struct err *err) MUST_USE;
