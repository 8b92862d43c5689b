/* api/api.h - the HTTP API: routes on one side, the service on the other, JSON between them.
 * Must not know pixels, tensors or how a photo is judged.  Thread-safe. */
#pragma once

#include "access/policy.h"
#include "http/http.h"
#include "service/service.h"

struct api;

struct api_access_options {
    struct access_settings settings;
    const char *keys_path;    /* file of API keys; NULL: there are none */
    const char *audit_path;   /* file of administrative acts; NULL: they are not recorded */
    const char *senders_path; /* secret by which senders become numbers; NULL: this process's own */
    size_t bucket_count;      /* subjects of rate limits that are remembered; 0: 8192 */
    bool log_low_confidence;  /* a line for each prediction of low confidence */
};

struct api_options {
    const char *listen;        /* "ADDR:PORT"; port 0: a free one */
    int listen_fd;             /* > 0: a listening socket that is used instead; taken over */
    struct service *service;   /* borrowed; outlives the API, stopped before api_close */
    const char *models;        /* folder of POST /admin/model; NULL, "": that of the one in use */
    struct http_limits limits; /* zeros: the defaults */
    struct http_tls_options tls;
    struct api_access_options access; /* loopback_only is found out from `listen` */
    unsigned thread_count;            /* of HTTP; 0: 1 */
    uint64_t request_id_seed;
    const struct clock *clock; /* borrowed */
    bool no_pages;             /* the API alone */
};

/* The route templates, for struct service_options: metrics name routes, not raw paths. */
extern const char *const api_endpoints[];
extern const size_t api_endpoint_count;

enum status api_open(struct api **out, const struct api_options *options, struct err *err) MUST_USE;
unsigned api_port(const struct api *api);
int api_listen_fd(const struct api *api); /* to hand it to a successor; borrowed */
/* Applies settings, keys and certificate that changed; what cannot be read stays as it was.  Not
 * the paths and not bucket_count.  Any thread. */
enum status api_reload(struct api *api, const struct api_access_options *options,
                       struct err *err) MUST_USE;
/* No new connections, then waits until every request is answered; false after timeout_ms. */
bool api_drain(struct api *api, unsigned timeout_ms) MUST_USE;
/* After api_drain: kept connections end with their next answer; false when that takes longer. */
bool api_wait_closed(struct api *api, unsigned timeout_ms) MUST_USE;
void api_close(struct api *api); /* NULL is fine */
