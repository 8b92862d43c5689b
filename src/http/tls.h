/* http/tls.h - certificate and key of the server, read again while it runs.
 * Owns the credentials; one that was replaced lives on while a handshake may still use it.
 * Must not know requests.  Thread-safe, http_tls_open and http_tls_close aside. */
#pragma once

#include "base/clock.h"
#include "http/http.h"

#define HTTP_TLS_FILE_MAX (1u << 20) /* bytes of a certificate chain or key */

struct http_tls;

/* Copies what it needs of `options`, whose certificate is not NULL; borrows `clock`.  Errors: ST_IO
 * and ST_NOT_FOUND for a file, ST_INVALID for its contents or a key that does not fit. */
enum status http_tls_open(struct http_tls **out, const struct http_tls_options *options,
                          const struct clock *clock, struct err *err) MUST_USE;
void http_tls_close(struct http_tls *tls); /* NULL is fine; no session may be left */
/* Reads both files again; on failure the old ones stay. */
enum status http_tls_reload(struct http_tls *tls, struct err *err) MUST_USE;

/* What the transport is started with: PEM texts and a priority string; NULL without TLS. */
const char *http_tls_certificate(const struct http_tls *tls);
const char *http_tls_key(const struct http_tls *tls);
const char *http_tls_priorities(const struct http_tls *tls);
/* Reads the files again when they have changed, looking once a second at most.  *changed: they
 * were read, and this is how it ended. */
enum status http_tls_follow(struct http_tls *tls, bool *changed, struct err *err) MUST_USE;
/* Gives a session that is about to shake hands the newest certificate. */
void http_tls_enter(struct http_tls *tls, void *session);
