/* http/route.h - finds the route of a request: literal path segments and {parameters}.
 * Owns nothing.  Thread-safe. */
#pragma once

#include "http/http.h"

#define HTTP_ALLOW_SIZE 64

/* HTTP 200 with *out, the route's index; 404 when no path fits; 405 when the path fits and the
 * method does not: *out is then one that fits the path, and `allow` lists the methods that do. */
unsigned http_route_find(size_t *out, char allow[HTTP_ALLOW_SIZE], const struct http_route *routes,
                         size_t count, struct str method, struct str path) MUST_USE;
/* The text that stands for the {parameter} called `name` in the route's path template. */
bool http_route_parameter(struct str *out, const char *template_path, struct str path,
                          const char *name) MUST_USE;
