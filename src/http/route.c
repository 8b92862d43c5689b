#include "http/route.h"

#include <stdio.h>
#include <string.h>

static bool is_parameter(struct str segment)
{
    return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

static bool segments_equal(struct str a, struct str b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* Walks both paths segment by segment; stops after parameter `name` when one is asked for. */
static bool walk(struct str *value, struct str template_rest, struct str path, const char *name)
{
    while (template_rest.len && path.len) {
        bool template_more = memchr(template_rest.at, '/', template_rest.len) != NULL;
        bool path_more = memchr(path.at, '/', path.len) != NULL;
        struct str segment = str_split(&template_rest, '/');
        struct str actual = str_split(&path, '/');
        bool parameter = is_parameter(segment);

        if (template_more != path_more)
            return false;
        if (parameter ? actual.len == 0 : !segments_equal(segment, actual))
            return false;
        struct str inside = {segment.at + 1, segment.len - MIN_OF(segment.len, 2)};
        if (parameter && name && str_equal(inside, name)) {
            *value = actual;
            return true;
        }
    }
    return template_rest.len == 0 && path.len == 0 && !name;
}

bool http_route_parameter(struct str *out, const char *template_path, struct str path,
                          const char *name)
{
    return walk(out, str_of(template_path), path, name);
}

/* HEAD is answered by the route for GET; the transport leaves the body out. */
static bool method_fits(const struct http_route *route, struct str method)
{
    return str_equal(method, route->method) ||
           (str_equal(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

static void add_allowed(char allow[HTTP_ALLOW_SIZE], const char *method)
{
    const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
    size_t used = strlen(allow);

    (void)snprintf(allow + used, HTTP_ALLOW_SIZE - used, "%s%s", used ? ", " : "", more);
}

unsigned http_route_find(size_t *out, char allow[HTTP_ALLOW_SIZE], const struct http_route *routes,
                         size_t count, struct str method, struct str path)
{
    size_t fits_path = count;
    char allowed[HTTP_ALLOW_SIZE] = "";

    for (size_t i = 0; i < count; i++) {
        if (!walk(NULL, str_of(routes[i].path), path, NULL))
            continue;
        if (method_fits(&routes[i], method)) {
            *out = i;
            return 200;
        }
        fits_path = i;
        add_allowed(allowed, routes[i].method);
    }
    if (fits_path == count)
        return 404;
    *out = fits_path;
    memcpy(allow, allowed, sizeof allowed);
    return 405;
}
