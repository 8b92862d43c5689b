/* http/client.h - the asking side: a form to a server, its answer back, again when the server has
 * no time (libcurl stays inside client.c).  Must not know what is asked.  One thread at a time. */
#pragma once

#include "base/base.h"
#include "base/rng.h"

struct http_client;

/* 0 and NULL stand for the default in brackets; texts are borrowed for http_client_open. */
struct http_client_options {
    unsigned connect_timeout_ms; /* [10 s] */
    unsigned timeout_ms;         /* of one attempt [60 s] */
    unsigned retries;            /* after answers 429 and 503 */
    size_t answer_bytes_max;     /* [16 MB] */
    const char *api_key;         /* sent as X-API-Key [none] */
    const char *sender;          /* sent as X-Sender-ID [none] */
    const char *user_agent;      /* [none] */
    uint64_t seed;               /* of the jitter */
    /* Waits between attempts [the system's clock]; a test counts instead. */
    void (*wait)(void *payload, unsigned ms);
    void *payload;
};

struct http_client_part {
    const char *name;
    const char *filename;
    struct bytes data;
};

struct http_client_answer {
    unsigned status;
    struct bytes body; /* the client's, until its next question */
    unsigned attempts;
};

enum status http_client_open(struct http_client **out, const struct http_client_options *options,
                             struct err *err) MUST_USE;
void http_client_close(struct http_client *client); /* NULL is fine */

/* POSTs a multipart form to an http:// or https:// URL; redirects are not followed.  Any HTTP
 * status is ST_OK.  ST_IO: no answer; ST_LIMIT: the answer is too large. */
enum status http_client_post_form(struct http_client_answer *out, struct http_client *client,
                                  const char *url, const struct http_client_part *parts,
                                  size_t count, struct err *err) MUST_USE;

/* GETs a URL, with the same limits, retries and errors. */
enum status http_client_get(struct http_client_answer *out, struct http_client *client,
                            const char *url, struct err *err) MUST_USE;

/* How long to wait before retry 0, 1, 2, ...: what Retry-After says (at most 60 s; negative: it was
 * absent), else 0.25 s doubled each time up to 8 s, 25 % more or less at random. */
unsigned http_client_delay_ms(unsigned retry, int64_t retry_after_s, struct rng *rng);
