#include "cli/access.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access/audit.h"
#include "base/fs.h"
#include "base/log.h"

static void choose_path(char out[CLI_ACCESS_PATH_SIZE], const char *given, const char *folder,
                        const char *name)
{
    if (given[0])
        (void)snprintf(out, CLI_ACCESS_PATH_SIZE, "%s", given);
    else
        (void)snprintf(out, CLI_ACCESS_PATH_SIZE, "%s/%s", folder, name);
}

void cli_access_paths(struct cli_access_paths *out, const struct service_config *config)
{
    choose_path(out->keys, config->auth_keys, config->data, "keys.json");
    choose_path(out->audit, config->auth_audit, config->data, "audit.jsonl");
    choose_path(out->senders, "", config->data, "senders.secret");
}

void cli_access_options(struct api_options *out, const struct service_config *config,
                        const struct cli_access_paths *paths)
{
    out->access = (struct api_access_options){
        .keys_path = paths->keys,
        .audit_path = paths->audit,
        .senders_path = paths->senders,
        .bucket_count = (size_t)config->rate_buckets,
        .log_low_confidence = config->log_low_confidence,
    };
    service_access_settings(&out->access.settings, config);
    if (config->tls_certificate[0])
        out->tls = (struct http_tls_options){
            .certificate = config->tls_certificate,
            .key = config->tls_key[0] ? config->tls_key : NULL,
            .only_1_3 = strcmp(config->tls_minimum, "1.3") == 0,
        };
}

void cli_apply_log(const struct service_config *config)
{
    enum log_level level = LOG_INFO;

    if (log_level_parse(&level, str_of(config->log_level)))
        log_set_level(level);
    log_set_format(strcmp(config->log_format, "json") == 0 ? LOG_JSON : LOG_LOGFMT);
}

enum status cli_audit(const struct cli_access_paths *paths, const char *action, const char *target,
                      struct err *err)
{
    const struct passwd *user = getpwuid(getuid());
    char actor[80];

    (void)snprintf(actor, sizeof actor, "user:%s", user ? user->pw_name : "unknown");
    const struct access_audit_act act = {
        .actor = actor, .action = action, .target = target, .outcome = "done"};
    return access_audit_append(paths->audit, &act, clock_utc_us(&clock_system), err);
}
