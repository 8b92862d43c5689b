/* web/web.h - the pages for people, built into the program: a photo to check, the state of the
 * service, the documentation of its API.  The files are those of src/web/, byte for byte.
 * Must not know photos, routes or who may ask.  Thread-safe: everything is constant. */
#pragma once

#include "http/http.h"

struct web_file {
    const char *name; /* "page.css" */
    struct bytes content;
    const char *etag; /* quoted, of the content */
};

/* NULL when there is no file of that name. */
const struct web_file *web_find(struct str name);
/* Every file, for tests. */
const struct web_file *web_file_at(size_t i); /* NULL past the last one */
/* Answers with the file, or with 304 when the client says that it has this content already.
 * Nothing but our own files may load or run in a page: see WEB_POLICY in web.c. */
void web_answer(struct http_request *request, const struct web_file *file);
