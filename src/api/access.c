#include "api/access.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "access/sender.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#define BUCKETS_DEFAULT     8192
#define KEYS_CHECK_US       1000000 /* how often the file of keys is looked at */
#define FORWARDED_LINES_MAX 16
#define HSTS_VALUE          "max-age=31536000"
#define AUDIT_RETRY_S       60
#define SUBJECT_SIZE        (ACCESS_KEY_ID_SIZE + ACCESS_ADDRESS_LEN)

_Static_assert((int)API_ROLE_PUBLIC == (int)ACCESS_ROLE_PUBLIC, "same roles");
_Static_assert((int)API_ROLE_PREDICT == (int)ACCESS_ROLE_PREDICT, "same roles");
_Static_assert((int)API_ROLE_OPERATOR == (int)ACCESS_ROLE_OPERATOR, "same roles");
_Static_assert((int)API_ROLE_ADMIN == (int)ACCESS_ROLE_ADMIN, "same roles");
_Static_assert((int)API_RATE_PREDICT == (int)ACCESS_RATE_PREDICT, "same rates");
_Static_assert((int)API_RATE_BATCH == (int)ACCESS_RATE_BATCH, "same rates");
_Static_assert((int)API_RATE_EXPLAIN == (int)ACCESS_RATE_EXPLAIN, "same rates");
_Static_assert((int)API_RATE_COUNT == (int)ACCESS_RATE_FAILURES, "routes do not count failures");
_Static_assert(sizeof(struct api_client) <= HTTP_CONTEXT_MAX, "fits a request's context");

struct api_access {
    char *audit_path; /* NULL: no audit log */
    struct service *service;
    const struct clock *clock;
    struct access_keystore *keys; /* NULL: no file of keys */
    struct access_limiter *limiter;
    struct access_senders senders;
    uint64_t span_seed;
    _Atomic uint64_t span_count;
    _Atomic int64_t keys_checked_us;
    pthread_rwlock_t lock; /* guards what follows */
    struct access_policy policy;
    bool log_low_confidence;
};

/* A request while it is judged. */
struct visit {
    struct api *api;
    struct api_access *access;
    struct http_request *request;
    struct api_client *client;
    const struct access_policy *policy;
    const struct api_route *route;
};

/* ---- life ---- */

static void log_policy(struct api_access *access)
{
    size_t key_count = access->keys ? access_keystore_count(access->keys) : 0;

    log_info("access.policy", "auth=%s rate_limits=%s keys=%zu trusted_proxies=%zu origins=%zu",
             access->policy.require_auth ? "required" : "off",
             access->policy.rate_limits ? "on" : "off", key_count, access->policy.trusted.count,
             access->policy.origin_count);
    if (access->policy.require_auth && key_count == 0)
        log_warn("access.no_keys", "hint=\"aidetect keys create --role predict NAME\"");
}

/* Without the file numbers are others after a restart: nothing to stop for. */
static void open_senders(struct api_access *access, const char *path)
{
    char quoted[LOG_QUOTED_SIZE];
    struct err err;

    if (access_senders_open(&access->senders, path, &err) != ST_OK)
        log_warn("access.senders_not_kept", "error=%s", log_quote(quoted, err.msg));
}

enum status api_access_open(struct api_access **out, const struct api_options *options,
                            struct err *err)
{
    const struct api_access_options *mine = &options->access;
    struct api_access *access = mem_alloc(1, sizeof *access);
    size_t buckets = mine->bucket_count ? mine->bucket_count : BUCKETS_DEFAULT;

    access->service = options->service;
    access->clock = options->clock;
    access->span_seed = options->request_id_seed ^ UINT64_C(0x7370616e);
    access->log_low_confidence = mine->log_low_confidence;
    if (mine->audit_path)
        access->audit_path = mem_copy_str(str_of(mine->audit_path));
    (void)pthread_rwlock_init(&access->lock, NULL);
    enum status st = access_policy_read(&access->policy, &mine->settings, err);
    if (st == ST_OK && mine->keys_path)
        st = access_keystore_open(&access->keys, mine->keys_path, err);
    if (st == ST_OK)
        st = access_limiter_open(&access->limiter, buckets, ~options->request_id_seed, err);
    if (st != ST_OK) {
        api_access_close(access);
        return st;
    }
    open_senders(access, mine->senders_path);
    log_policy(access);
    *out = access;
    return ST_OK;
}

void api_access_close(struct api_access *access)
{
    if (!access)
        return;
    access_keystore_close(access->keys);
    access_limiter_close(access->limiter);
    (void)pthread_rwlock_destroy(&access->lock);
    mem_free(access->audit_path);
    mem_free(access);
}

static enum status refresh_keys(struct api_access *access, struct err *err)
{
    bool changed = false;

    if (!access->keys)
        return ST_OK;
    enum status st = access_keystore_refresh(access->keys, &changed, err);
    if (st == ST_OK && changed)
        log_info("access.keys_read", "keys=%zu", access_keystore_count(access->keys));
    return st;
}

enum status api_access_reload(struct api_access *access, const struct api_access_options *options,
                              struct err *err)
{
    struct access_policy policy;
    enum status st = access_policy_read(&policy, &options->settings, err);

    if (st == ST_OK)
        st = refresh_keys(access, err);
    if (st != ST_OK)
        return st;
    (void)pthread_rwlock_wrlock(&access->lock);
    access->policy = policy;
    access->log_low_confidence = options->log_low_confidence;
    log_policy(access);
    (void)pthread_rwlock_unlock(&access->lock);
    return ST_OK;
}

/* One thread a second looks whether the file of keys has changed. */
static void follow_keys(struct api_access *access, int64_t now_us)
{
    char quoted[LOG_QUOTED_SIZE];
    int64_t checked_us = atomic_load(&access->keys_checked_us);
    struct err err;

    if (!access->keys || now_us - checked_us < KEYS_CHECK_US ||
        !atomic_compare_exchange_strong(&access->keys_checked_us, &checked_us, now_us))
        return;
    if (refresh_keys(access, &err) != ST_OK)
        log_error("access.keys_unreadable", "keys=kept error=%s", log_quote(quoted, err.msg));
}

/* ---- who is it? ---- */

static void find_client(struct visit *visit)
{
    struct str forwarded[FORWARDED_LINES_MAX];
    struct access_address peer;

    memcpy(peer.bytes, http_request_peer(visit->request), sizeof peer.bytes);
    visit->client->address = peer;
    if (!access_networks_contain(&visit->policy->trusted, &peer))
        return;
    size_t count =
        http_request_header_all(forwarded, FORWARDED_LINES_MAX, visit->request, "X-Forwarded-For");
    if (count <= FORWARDED_LINES_MAX) /* otherwise nobody knows what the last line says */
        visit->client->address = access_client(&peer, forwarded, count, &visit->policy->trusted);
}

static void find_trace(struct visit *visit)
{
    char text[HTTP_TRACEPARENT_SIZE];
    struct str field;

    if (!http_request_header(&field, visit->request, "traceparent"))
        return;
    uint64_t number = atomic_fetch_add(&visit->access->span_count, 1);
    struct rng rng = rng_derive(visit->access->span_seed, number);
    visit->client->is_traced = http_trace_read(&visit->client->trace, field, rng_u64(&rng));
    if (visit->client->is_traced)
        http_answer_field(visit->request, "traceparent",
                          http_trace_write(text, &visit->client->trace));
}

/* The client's connection is encrypted, to us or to a proxy that we trust. */
static bool is_encrypted(const struct visit *visit)
{
    struct access_address peer;
    struct str scheme;

    if (http_request_is_tls(visit->request))
        return true;
    memcpy(peer.bytes, http_request_peer(visit->request), sizeof peer.bytes);
    return http_request_header_all(&scheme, 1, visit->request, "X-Forwarded-Proto") == 1 &&
           str_equal(scheme, "https") && access_networks_contain(&visit->policy->trusted, &peer);
}

static void add_origin_fields(const struct visit *visit)
{
    char copy[HTTP_FIELD_MAX + 1];
    struct str origin;

    if (!visit->policy->any_origin && visit->policy->origin_count == 0)
        return;
    http_answer_field(visit->request, "Vary", "Origin");
    if (!http_request_header(&origin, visit->request, "Origin") || origin.len >= sizeof copy ||
        !access_policy_allows_origin(visit->policy, origin))
        return;
    memcpy(copy, origin.at, origin.len);
    copy[origin.len] = '\0';
    http_answer_field(visit->request, "Access-Control-Allow-Origin",
                      visit->policy->any_origin ? "*" : copy);
    http_answer_field(visit->request, "Access-Control-Expose-Headers",
                      "X-Request-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, "
                      "RateLimit-Reset, traceparent");
    /* Pages of the list may read answers: the default for everybody else is not for them. */
    http_answer_field(visit->request, "Cross-Origin-Resource-Policy", "cross-origin");
}

/* ---- may they? ---- */

static void deny(const struct visit *visit, unsigned status, enum service_denial why,
                 unsigned retry_after_s, const char *detail)
{
    service_count_denied(visit->access->service, why);
    http_request_reject(visit->request, status, retry_after_s, detail);
}

static uint64_t subject_of(const struct visit *visit, unsigned kind, bool by_key)
{
    uint8_t who[SUBJECT_SIZE] = {0};
    struct access_address subscriber = access_address_subscriber(&visit->client->address);

    if (by_key)
        memcpy(who, visit->client->identity.id, ACCESS_KEY_ID_SIZE);
    else
        memcpy(who + ACCESS_KEY_ID_SIZE, subscriber.bytes, sizeof subscriber.bytes);
    return access_limiter_subject(visit->access->limiter, kind, (struct bytes){who, sizeof who});
}

static bool is_change(const struct visit *visit)
{
    struct str method = http_request_method(visit->request);

    return !str_equal(method, "GET") && !str_equal(method, "HEAD");
}

static enum access_role role_needed(const struct visit *visit)
{
    bool metrics = strcmp(visit->route->canonical, "/metrics") == 0;

    return metrics ? visit->policy->metrics_role : (enum access_role)visit->route->role;
}

static struct str host_of(const struct http_request *request)
{
    struct str host;

    return http_request_header(&host, request, "Host") ? host : (struct str){"", 0};
}

/* A page of another origin must not act in the name of who looks at it. */
static bool check_origin(const struct visit *visit)
{
    struct str origin;

    if (!is_change(visit) || !http_request_header(&origin, visit->request, "Origin"))
        return true;
    if (access_same_origin(origin, host_of(visit->request)) ||
        access_policy_allows_origin(visit->policy, origin))
        return true;
    deny(visit, 403, SERVICE_DENIAL_ORIGIN, 0, "pages of this origin may not send requests here");
    return false;
}

/* The key of X-API-Key or of Authorization: Bearer.  False: there are both, or another scheme. */
static bool find_key(struct str *out, const struct http_request *request)
{
    static const char scheme[] = "bearer ";
    struct str bearer;
    bool has_key = http_request_header(out, request, "X-API-Key");

    if (!has_key)
        *out = (struct str){"", 0};
    if (!http_request_header(&bearer, request, "Authorization"))
        return true;
    size_t len = sizeof scheme - 1;
    if (has_key || bearer.len < len || strncasecmp(bearer.at, scheme, len) != 0)
        return false;
    *out = str_trim((struct str){bearer.at + len, bearer.len - len});
    return true;
}

/* Counts a wrong key.  False: the address has sent too many, and the request is answered.  A good
 * key is never locked out by the bad ones of its neighbours. */
static bool count_failure(const struct visit *visit)
{
    double rate = visit->policy->per_minute[ACCESS_RATE_FAILURES];
    const struct access_limit limit = {.per_minute = rate, .burst = rate < 1 ? 1 : rate};
    struct access_allowance allowance;

    if (rate == 0)
        return true;
    access_limiter_take(&allowance, visit->access->limiter,
                        subject_of(visit, ACCESS_RATE_FAILURES, false), &limit,
                        clock_monotonic_us(visit->access->clock));
    if (!allowance.allowed)
        deny(visit, 429, SERVICE_DENIAL_GUESSING, allowance.retry_after_s,
             "too many wrong keys from this address");
    return allowance.allowed;
}

static void deny_unknown(const struct visit *visit, enum service_denial why, const char *detail)
{
    http_answer_field(visit->request, "WWW-Authenticate",
                      why == SERVICE_DENIAL_MISSING
                          ? "Bearer realm=\"aidetect\""
                          : "Bearer realm=\"aidetect\", error=\"invalid_token\"");
    deny(visit, 401, why, 0, detail);
}

static bool check_key(const struct visit *visit, struct str key)
{
    static const struct {
        enum service_denial why;
        const char *detail;
    } faults[] = {
        [ACCESS_FAULT_NONE] = {SERVICE_DENIAL_INVALID, ""},
        [ACCESS_FAULT_UNKNOWN] = {SERVICE_DENIAL_INVALID, "the API key is not valid"},
        [ACCESS_FAULT_REVOKED] = {SERVICE_DENIAL_INVALID, "the API key is revoked"},
        [ACCESS_FAULT_EXPIRED] = {SERVICE_DENIAL_EXPIRED, "the API key has expired"},
    };
    _Static_assert(ARRAY_LEN(faults) == ACCESS_FAULT_COUNT, "one row for each fault");
    enum access_fault fault = ACCESS_FAULT_UNKNOWN;
    int64_t now_s = clock_utc_us(visit->access->clock) / 1000000;

    if (visit->access->keys)
        fault = access_keystore_find(&visit->client->identity, visit->access->keys, key, now_s);
    visit->client->has_key = fault == ACCESS_FAULT_NONE;
    if (visit->client->has_key)
        return true;
    if (count_failure(visit))
        deny_unknown(visit, faults[fault].why, faults[fault].detail);
    return false;
}

/* Without a key everything is allowed, where keys are not asked for: but administration not to a
 * name that somebody else's domain may have been pointed at us by. */
static bool check_nobody(const struct visit *visit, enum access_role needed)
{
    visit->client->identity =
        (struct access_identity){.role = ACCESS_ROLE_ADMIN, .limit_factor = 1};
    if (needed < ACCESS_ROLE_OPERATOR)
        return true;
    if (access_policy_allows_host(visit->policy, host_of(visit->request)))
        return true;
    deny(visit, 403, SERVICE_DENIAL_HOST, 0,
         "without keys, administration answers to addresses, localhost and the hosts configured");
    return false;
}

static bool check_role(const struct visit *visit)
{
    enum access_role needed = role_needed(visit);
    char detail[128];
    struct str key;

    if (needed == ACCESS_ROLE_PUBLIC)
        return true;
    if (!find_key(&key, visit->request)) {
        deny_unknown(visit, SERVICE_DENIAL_INVALID,
                     "send one key, in X-API-Key or as Authorization: Bearer");
        return false;
    }
    if (key.len == 0 && visit->policy->require_auth) {
        deny_unknown(visit, SERVICE_DENIAL_MISSING,
                     "send an API key in X-API-Key or as Authorization: Bearer");
        return false;
    }
    if (key.len ? !check_key(visit, key) : !check_nobody(visit, needed))
        return false;
    if (visit->client->identity.role >= needed)
        return true;
    (void)snprintf(detail, sizeof detail, "this takes the role %s, the key has the role %s",
                   access_role_name(needed), access_role_name(visit->client->identity.role));
    deny(visit, 403, SERVICE_DENIAL_ROLE, 0, detail);
    return false;
}

/* ---- how often? ---- */

static void add_rate_fields(const struct visit *visit, const struct access_allowance *allowance)
{
    const struct {
        const char *name;
        unsigned value;
    } fields[] = {
        {"RateLimit-Limit", allowance->limit},
        {"RateLimit-Remaining", allowance->remaining},
        {"RateLimit-Reset", allowance->reset_s},
    };
    char text[16];

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        (void)snprintf(text, sizeof text, "%u", fields[i].value);
        http_answer_field(visit->request, fields[i].name, text);
    }
}

static bool check_rate(const struct visit *visit)
{
    double rate = visit->policy->per_minute[visit->route->rate];
    bool by_key = visit->client->has_key;
    struct access_allowance allowance;
    char detail[128];

    if (!visit->policy->rate_limits || rate == 0 || visit->route->rate == API_RATE_NONE)
        return true;
    if (by_key)
        rate *= visit->client->identity.limit_factor;
    const struct access_limit limit = {.per_minute = rate, .burst = rate < 1 ? 1 : rate};
    access_limiter_take(&allowance, visit->access->limiter,
                        subject_of(visit, visit->route->rate, by_key), &limit,
                        clock_monotonic_us(visit->access->clock));
    add_rate_fields(visit, &allowance);
    if (allowance.allowed)
        return true;
    (void)snprintf(detail, sizeof detail, "over %g requests a minute for this %s, retry in %u s",
                   rate, by_key ? "key" : "address", allowance.retry_after_s);
    service_count_limited(visit->access->service, http_request_route(visit->request));
    http_request_reject(visit->request, 429, allowance.retry_after_s, detail);
    return false;
}

/* ---- the record of acts ---- */

/* What changes something that operators answer for. */
static bool is_audited(const struct api_route *route)
{
    return route->role >= API_ROLE_OPERATOR && strcmp(route->method, "GET") != 0;
}

static enum status append_act(const struct api_access *access, const struct api_client *client,
                              const struct api_route *route, struct str path,
                              const char *request_id, const char *outcome)
{
    char address[ACCESS_ADDRESS_TEXT_SIZE];
    char actor[64];
    char action[96];
    char target[ACCESS_AUDIT_TEXT_MAX + 1];
    char quoted[LOG_QUOTED_SIZE];
    struct err err;

    (void)access_address_text(address, &client->address);
    (void)snprintf(actor, sizeof actor, "%s:%s", client->has_key ? "key" : "address",
                   client->has_key ? client->identity.id : address);
    (void)snprintf(action, sizeof action, "%s %s", route->method, route->canonical);
    (void)snprintf(target, sizeof target, "%.*s", (int)path.len, path.at);
    const struct access_audit_act act = {
        .actor = actor,
        .role = access_role_name(client->identity.role),
        .address = address,
        .action = action,
        .target = target,
        .outcome = outcome,
        .request_id = request_id,
    };
    enum status st =
        access_audit_append(access->audit_path, &act, clock_utc_us(access->clock), &err);
    if (st != ST_OK)
        log_error("audit.not_written", "request=%s error=%s", request_id,
                  log_quote(quoted, err.msg));
    return st;
}

/* No act without a line: what cannot be recorded is not done. */
static void record_intent(const struct visit *visit)
{
    const struct http_request *request = visit->request;

    if (!visit->access->audit_path || !is_audited(visit->route))
        return;
    if (append_act(visit->access, visit->client, visit->route, http_request_path(request),
                   http_request_id(request), "accepted") != ST_OK)
        http_request_reject(visit->request, 503, AUDIT_RETRY_S,
                            "the audit log cannot be written, so nothing is changed");
}

/* ---- whom is it from? ---- */

/* A marketplace that asks for its sellers names them; otherwise it is the key's owner, or whoever
 * has that address. */
static bool find_sender(struct visit *visit)
{
    struct api_client *client = visit->client;
    const struct access_senders *senders = &visit->access->senders;
    struct str named;
    char detail[96];
    size_t count = http_request_header_all(&named, 1, visit->request, "X-Sender-ID");

    if (count > 1 || (count == 1 && named.len > ACCESS_SENDER_NAME_MAX)) {
        (void)snprintf(detail, sizeof detail,
                       "X-Sender-ID: %zu fields; one of at most %d bytes is taken", count,
                       ACCESS_SENDER_NAME_MAX);
        http_request_reject(visit->request, 400, 0, detail);
        return false;
    }
    if (count == 1 && named.len)
        client->sender = access_sender(senders, ACCESS_SENDER_NAMED,
                                       (struct bytes){(const uint8_t *)named.at, named.len});
    else if (client->has_key)
        client->sender = access_sender(
            senders, ACCESS_SENDER_KEY,
            (struct bytes){(const uint8_t *)client->identity.id, strlen(client->identity.id)});
    else
        client->sender =
            access_sender(senders, ACCESS_SENDER_ADDRESS,
                          (struct bytes){client->address.bytes, sizeof client->address.bytes});
    return true;
}

/* ---- the door ---- */

static void judge(struct visit *visit)
{
    size_t route = http_request_route(visit->request);

    find_client(visit);
    find_trace(visit);
    visit->client->log_low_confidence = visit->access->log_low_confidence;
    if (is_encrypted(visit))
        http_answer_field(visit->request, "Strict-Transport-Security", HSTS_VALUE);
    add_origin_fields(visit);
    if (route == HTTP_ROUTE_NONE || http_request_allow(visit->request)[0])
        return; /* 404 or 405: nobody will see it */
    visit->route = &api_routes[route];
    if (check_origin(visit) && check_role(visit) && check_rate(visit) && find_sender(visit))
        record_intent(visit);
}

void api_access_admit(struct api *api, struct http_request *request)
{
    struct api_access *access = api->access;
    struct visit visit = {
        .api = api,
        .access = access,
        .request = request,
        .client = http_request_context(request, sizeof(struct api_client)),
        .policy = &access->policy,
    };

    follow_keys(access, clock_monotonic_us(access->clock));
    (void)pthread_rwlock_rdlock(&access->lock);
    judge(&visit);
    (void)pthread_rwlock_unlock(&access->lock);
}

bool api_access_answer_preflight(struct api *api, struct http_request *request)
{
    struct str origin;
    struct str method;

    if (!str_equal(http_request_method(request), "OPTIONS") ||
        !http_request_header(&origin, request, "Origin") ||
        !http_request_header(&method, request, "Access-Control-Request-Method"))
        return false;
    (void)pthread_rwlock_rdlock(&api->access->lock);
    bool allowed = access_policy_allows_origin(&api->access->policy, origin);
    (void)pthread_rwlock_unlock(&api->access->lock);
    if (!allowed)
        return false;
    http_answer_field(request, "Access-Control-Allow-Methods", http_request_allow(request));
    http_answer_field(request, "Access-Control-Allow-Headers",
                      "Content-Type, X-API-Key, Authorization, X-Request-ID, X-Sender-ID, "
                      "traceparent");
    http_answer_field(request, "Access-Control-Max-Age", "600");
    const struct http_answer answer = {.status = 204, .content_type = "text/plain"};
    http_answer(request, &answer);
    return true;
}

/* ---- afterwards ---- */

void api_access_audit(struct api *api, const struct http_done *done)
{
    const struct api_client *client = done->context;
    char outcome[24];

    if (!api->access->audit_path || done->route >= api_route_count || done->status == 401 ||
        done->status == 405 || !is_audited(&api_routes[done->route]))
        return;
    (void)snprintf(outcome, sizeof outcome, done->status ? "status %u" : "no answer", done->status);
    (void)append_act(api->access, client, &api_routes[done->route], done->path, done->request_id,
                     outcome);
}
