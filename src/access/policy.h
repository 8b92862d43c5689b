/* access/policy.h - the settings of access as texts, read into what a request is judged by.
 * Owns nothing.  Thread-safe. */
#pragma once

#include "access/address.h"
#include "access/keys.h"

#define ACCESS_ORIGINS_MAX    16
#define ACCESS_ORIGIN_SIZE    256
#define ACCESS_HOSTS_MAX      16
#define ACCESS_HOST_SIZE      256
#define ACCESS_PER_MINUTE_MAX 1000000.0

/* AUTO is on, unless the server answers on loopback only and knows no proxy. */
enum access_switch { ACCESS_AUTO, ACCESS_ON, ACCESS_OFF };

/* What is counted, each on its own. */
enum access_rate {
    ACCESS_RATE_NONE,
    ACCESS_RATE_PREDICT,
    ACCESS_RATE_BATCH,
    ACCESS_RATE_EXPLAIN,
    ACCESS_RATE_FAILURES, /* keys that were wrong, of one address */
    ACCESS_RATE_COUNT
};

/* NULL texts are empty ones. */
struct access_settings {
    enum access_switch require_auth;
    enum access_switch rate_limits;
    double per_minute[ACCESS_RATE_COUNT]; /* 0: no limit */
    const char *trusted_proxies;          /* networks */
    const char *cors_origins;             /* "https://shop.example", or "*" */
    const char *hosts;                    /* names under which administrative routes answer without
                                             keys, besides "localhost" and addresses */
    enum access_role metrics_role;        /* who may read /metrics */
    bool loopback_only;                   /* where the server listens */
};
/* The playbook's limits; everything else automatic or empty. */
extern const struct access_settings access_settings_default;

struct access_policy {
    bool require_auth;
    bool rate_limits;
    double per_minute[ACCESS_RATE_COUNT];
    struct access_networks trusted;
    bool any_origin;
    size_t origin_count;
    char origins[ACCESS_ORIGINS_MAX][ACCESS_ORIGIN_SIZE]; /* lower case */
    size_t host_count;
    char hosts[ACCESS_HOSTS_MAX][ACCESS_HOST_SIZE]; /* lower case */
    enum access_role metrics_role;
};

/* ST_INVALID and ST_LIMIT name the setting and the part of it that is wrong. */
enum status access_policy_read(struct access_policy *out, const struct access_settings *settings,
                               struct err *err) MUST_USE;

/* May scripts of pages of this origin read answers? */
bool access_policy_allows_origin(const struct access_policy *policy, struct str origin);
/* Whether a page of `origin` came from `host` itself (its Host field): same name, same port. */
bool access_same_origin(struct str origin, struct str host);
/* Whether an administrative request without a key may name this host: a name that outsiders can
 * point at this machine may not.  Addresses and "localhost" always may. */
bool access_policy_allows_host(const struct access_policy *policy, struct str host);
