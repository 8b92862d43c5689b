#include "web/web.h"

#include <string.h>

#include "web_files.h" /* made by cmake/web.cmake: static const struct web_file web_files[] */

/* Scripts, styles and requests: this origin only.  Photos and heat maps are blobs of the page's
 * own.  A string can never become markup or code. */
#define WEB_POLICY                                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "              \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "            \
    "require-trusted-types-for 'script'; trusted-types 'none'"

_Static_assert(sizeof WEB_POLICY - 1 <= HTTP_FIELD_MAX, "the policy fits a field");

static const struct {
    const char *ending, *content_type;
} content_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
};

const struct web_file *web_file_at(size_t i)
{
    return i < ARRAY_LEN(web_files) ? &web_files[i] : NULL;
}

const struct web_file *web_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(web_files); i++)
        if (str_equal(name, web_files[i].name))
            return &web_files[i];
    return NULL;
}

static const char *content_type_of(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < ARRAY_LEN(content_types); i++) {
        size_t ending_len = strlen(content_types[i].ending);
        if (len > ending_len && strcmp(name + len - ending_len, content_types[i].ending) == 0)
            return content_types[i].content_type;
    }
    return "application/octet-stream";
}

/* If-None-Match is a list of quoted tags or "*"; weak ones count (RFC 9110, 13.1.2). */
static bool client_has(const struct http_request *request, const char *etag)
{
    struct str list;

    if (!http_request_header(&list, request, "If-None-Match"))
        return false;
    size_t len = strlen(etag);
    for (size_t at = 0; at + len <= list.len; at++)
        if (memcmp(list.at + at, etag, len) == 0)
            return true;
    return str_equal(list, "*");
}

void web_answer(struct http_request *request, const struct web_file *file)
{
    bool has = client_has(request, file->etag);
    const struct http_answer answer = {
        .status = has ? 304 : 200,
        .content_type = content_type_of(file->name),
        .body = has ? (struct bytes){0} : file->content,
    };

    /* Asked again each time, so that pages and scripts of two versions never mix. */
    http_answer_field(request, "Cache-Control", "no-cache");
    http_answer_field(request, "ETag", file->etag);
    http_answer_field(request, "Content-Security-Policy", WEB_POLICY);
    http_answer_field(request, "Cross-Origin-Opener-Policy", "same-origin");
    http_answer_field(request, "Cross-Origin-Resource-Policy", "same-origin");
    http_answer(request, &answer);
}
