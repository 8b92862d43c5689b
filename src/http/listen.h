/* http/listen.h - "ADDR:PORT" to a listening socket.  Owns nothing.  Thread-safe. */
#pragma once

#include "base/base.h"

#define HTTP_LISTEN_BACKLOG 511

/* Splits "127.0.0.1:8080", "[::1]:8080", "localhost:0" or ":8080"; host is "" for all addresses. */
enum status http_listen_split(struct str *host, struct str *port, const char *address,
                              struct err *err) MUST_USE;
/* A bound, listening, non-blocking socket (the caller's, close it) and the port it got. */
enum status http_listen(int *fd, unsigned *port, const char *address, struct err *err) MUST_USE;
/* A listening stream socket of somebody else, made non-blocking and close-on-exec.  ST_INVALID: it
 * is none. */
enum status http_listen_adopt(int fd, unsigned *port, struct err *err) MUST_USE;
/* Whether only this machine can connect to a listening socket; false when that is not known. */
bool http_listen_is_loopback(int fd);
