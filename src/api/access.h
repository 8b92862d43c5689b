/* api/access.h - who may ask for what, and how often: between the transport and the routes.
 * Owns keys, buckets and policy while the API is open.  Must not know what a route does beyond its
 * row of routes.def.  Thread-safe, but for open and close. */
#pragma once

#include "access/audit.h"
#include "access/limiter.h"
#include "access/policy.h"
#include "api/routes.h"
#include "http/trace.h"

struct api_access;

/* What is known of a request once it is let in; in its context. */
struct api_client {
    struct access_address address; /* the client's own, behind proxies that are trusted */
    struct access_identity identity;
    bool has_key;
    bool is_traced;
    bool log_low_confidence;
    uint64_t sender; /* whom its photos are from, see access/sender.h */
    struct http_trace trace;
};

enum status api_access_open(struct api_access **out, const struct api_options *options,
                            struct err *err) MUST_USE;
void api_access_close(struct api_access *access); /* NULL is fine */
/* New settings; the file of keys is read again if it changed. */
enum status api_access_reload(struct api_access *access, const struct api_access_options *options,
                              struct err *err) MUST_USE;

/* http_options.admit for the API: rejects, adds fields, fills the request's struct api_client. */
void api_access_admit(struct api *api, struct http_request *request);
/* A browser asks whether a page of another origin may send what it wants to send: true when it
 * was answered. */
bool api_access_answer_preflight(struct api *api, struct http_request *request);
/* Records an administrative act once it is answered. */
void api_access_audit(struct api *api, const struct http_done *done);
