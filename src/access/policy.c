#include "access/policy.h"

#include <string.h>
#include <strings.h>

const struct access_settings access_settings_default = {
    .per_minute = {[ACCESS_RATE_PREDICT] = 30,
                   [ACCESS_RATE_BATCH] = 5,
                   [ACCESS_RATE_EXPLAIN] = 10,
                   [ACCESS_RATE_FAILURES] = 10},
    .metrics_role = ACCESS_ROLE_PUBLIC,
    .loopback_only = true,
};

/* ---- lists of words ---- */

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes the next word off *rest; len 0 when there is none. */
static struct str next_word(struct str *rest)
{
    size_t start = 0;

    while (start < rest->len && is_separator(rest->at[start]))
        start++;
    size_t end = start;
    while (end < rest->len && !is_separator(rest->at[end]))
        end++;
    struct str word = {rest->at + start, end - start};
    *rest = (struct str){rest->at + end, rest->len - end};
    return word;
}

static void copy_lower(char *out, struct str word)
{
    for (size_t i = 0; i < word.len; i++)
        out[i] = (char)(word.at[i] >= 'A' && word.at[i] <= 'Z' ? word.at[i] + 32 : word.at[i]);
    out[word.len] = '\0';
}

/* "https://shop.example:8443": a scheme and an authority, nothing after it. */
static bool is_origin(struct str word)
{
    struct str rest = word;
    struct str scheme = str_split(&rest, ':');

    if (!str_equal(scheme, "https") && !str_equal(scheme, "http"))
        return false;
    if (rest.len < 3 || rest.at[0] != '/' || rest.at[1] != '/')
        return false;
    for (size_t i = 2; i < rest.len; i++)
        if (strchr("/?#@*\\", rest.at[i]))
            return false;
    return true;
}

static enum status read_origins(struct access_policy *policy, const char *text, struct err *err)
{
    struct str rest = str_of(text ? text : "");

    for (struct str word = next_word(&rest); word.len; word = next_word(&rest)) {
        if (str_equal(word, "*")) {
            policy->any_origin = true;
            continue;
        }
        if (policy->origin_count == ACCESS_ORIGINS_MAX)
            return err_set(err, ST_LIMIT, "cors.origins: over %d origins", ACCESS_ORIGINS_MAX);
        if (word.len >= ACCESS_ORIGIN_SIZE || !is_origin(word))
            return err_set(err, ST_INVALID,
                           "cors.origins: '%.*s' is no origin like https://shop.example",
                           (int)MIN_OF(word.len, 60u), word.at);
        copy_lower(policy->origins[policy->origin_count++], word);
    }
    return ST_OK;
}

static enum status read_hosts(struct access_policy *policy, const char *text, struct err *err)
{
    struct str rest = str_of(text ? text : "");

    for (struct str word = next_word(&rest); word.len; word = next_word(&rest)) {
        if (policy->host_count == ACCESS_HOSTS_MAX)
            return err_set(err, ST_LIMIT, "auth.hosts: over %d hosts", ACCESS_HOSTS_MAX);
        if (word.len >= ACCESS_HOST_SIZE || memchr(word.at, '/', word.len))
            return err_set(err, ST_INVALID, "auth.hosts: '%.*s' is no host name",
                           (int)MIN_OF(word.len, 60u), word.at);
        copy_lower(policy->hosts[policy->host_count++], word);
    }
    return ST_OK;
}

static bool is_on(enum access_switch setting, bool automatic)
{
    return setting == ACCESS_AUTO ? automatic : setting == ACCESS_ON;
}

enum status access_policy_read(struct access_policy *out, const struct access_settings *settings,
                               struct err *err)
{
    struct access_policy policy = {.metrics_role = settings->metrics_role};
    const char *proxies = settings->trusted_proxies ? settings->trusted_proxies : "";

    for (size_t i = 0; i < ACCESS_RATE_COUNT; i++) {
        double rate = settings->per_minute[i];
        if (!(rate >= 0 && rate <= ACCESS_PER_MINUTE_MAX))
            return err_set(err, ST_INVALID, "a rate is 0 to %g a minute, not %g",
                           ACCESS_PER_MINUTE_MAX, rate);
        policy.per_minute[i] = rate;
    }
    enum status st = access_networks_parse(&policy.trusted, str_of(proxies), err);
    if (st != ST_OK) {
        err_prefix(err, "proxy.trusted");
        return st;
    }
    st = read_origins(&policy, settings->cors_origins, err);
    if (st == ST_OK)
        st = read_hosts(&policy, settings->hosts, err);
    if (st != ST_OK)
        return st;
    bool exposed = !settings->loopback_only || policy.trusted.count > 0;
    policy.require_auth = is_on(settings->require_auth, exposed);
    policy.rate_limits = is_on(settings->rate_limits, exposed);
    *out = policy;
    return ST_OK;
}

/* ---- questions ---- */

static bool equal_ignoring_case(struct str text, const char *lower)
{
    return text.len == strlen(lower) && strncasecmp(text.at, lower, text.len) == 0;
}

bool access_policy_allows_origin(const struct access_policy *policy, struct str origin)
{
    if (policy->any_origin && origin.len)
        return true;
    for (size_t i = 0; i < policy->origin_count; i++)
        if (equal_ignoring_case(origin, policy->origins[i]))
            return true;
    return false;
}

bool access_same_origin(struct str origin, struct str host)
{
    struct str rest = origin;
    struct str scheme = str_split(&rest, ':');

    if (!str_equal(scheme, "https") && !str_equal(scheme, "http"))
        return false;
    if (rest.len < 3 || rest.at[0] != '/' || rest.at[1] != '/' || rest.len - 2 != host.len)
        return false;
    return strncasecmp(rest.at + 2, host.at, host.len) == 0;
}

/* Without its port; the brackets of an IPv6 address stay. */
static struct str host_name(struct str host)
{
    struct str rest = host;

    if (host.len && host.at[0] == '[') {
        struct str inside = str_split(&rest, ']');
        return (struct str){host.at, MIN_OF(inside.len + 1, host.len)};
    }
    return str_split(&rest, ':');
}

bool access_policy_allows_host(const struct access_policy *policy, struct str host)
{
    struct str name = host_name(host);
    struct access_address address;

    if (access_address_parse(&address, name) || equal_ignoring_case(name, "localhost"))
        return true;
    for (size_t i = 0; i < policy->host_count; i++)
        if (equal_ignoring_case(name, policy->hosts[i]))
            return true;
    return false;
}
