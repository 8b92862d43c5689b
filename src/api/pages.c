/* api/pages.c - the web pages: which path shows which file, and what the front door is for whom.
 * Threads: HTTP threads; never waits. */
#include "api/routes.h"

#include <string.h>
#include <strings.h>

#include "web/web.h"

static bool contains(struct str text, const char *word)
{
    size_t len = strlen(word);

    for (size_t at = 0; at + len <= text.len; at++)
        if (strncasecmp(text.at + at, word, len) == 0)
            return true;
    return false;
}

static void answer_file(const struct api *api, struct http_request *request, struct str name)
{
    const struct web_file *file = api->options.no_pages ? NULL : web_find(name);

    if (file)
        web_answer(request, file);
    else
        api_answer_error(request, SERVICE_ERROR_NOT_FOUND, "there is nothing at this path");
}

/* A browser names HTML among what it accepts; curl and scripts do not. */
bool api_answer_front_page(const struct api *api, struct http_request *request)
{
    struct str accept;

    if (api->options.no_pages || !http_request_header(&accept, request, "Accept") ||
        !contains(accept, "text/html"))
        return false;
    answer_file(api, request, str_of("predict.html"));
    return true;
}

void api_handle_page(void *payload, struct http_request *request)
{
    bool status = str_equal(http_request_path(request), "/status");

    answer_file(payload, request, str_of(status ? "status.html" : "docs.html"));
}

void api_handle_web_file(void *payload, struct http_request *request)
{
    struct str name;

    if (!http_request_parameter(&name, request, "file"))
        name = str_of("");
    answer_file(payload, request, name);
}
