/* service/access.c - the settings of access as access/ wants them.  Thread-safe. */
#include <string.h>

#include "access/policy.h"
#include "service/config.h"

static enum access_switch switch_of(const char *word)
{
    return strcmp(word, "on") == 0    ? ACCESS_ON
           : strcmp(word, "off") == 0 ? ACCESS_OFF
                                      : ACCESS_AUTO;
}

static enum access_role role_of(const char *word)
{
    enum access_role role = ACCESS_ROLE_PUBLIC;

    return access_role_parse(&role, str_of(word)) ? role : ACCESS_ROLE_PUBLIC;
}

void service_access_settings(struct access_settings *out, const struct service_config *config)
{
    *out = (struct access_settings){
        .require_auth = switch_of(config->auth_required),
        .rate_limits = switch_of(config->rate_enabled),
        .per_minute = {[ACCESS_RATE_PREDICT] = config->rate_predict,
                       [ACCESS_RATE_BATCH] = config->rate_batch,
                       [ACCESS_RATE_EXPLAIN] = config->rate_explain,
                       [ACCESS_RATE_FAILURES] = config->rate_failures},
        .trusted_proxies = config->proxy_trusted,
        .cors_origins = config->cors_origins,
        .hosts = config->auth_hosts,
        .metrics_role = role_of(config->auth_metrics),
    };
}
