/* http/multipart.h - a streaming multipart/form-data parser (RFC 7578): bytes arrive in chunks cut
 * anywhere, parts leave through a sink as soon as they are known.
 * Owns one line of a part's header, never a part's data.  Must not know HTTP or what a part means.
 * Every byte is hostile.  One thread at a time. */
#pragma once

#include "base/base.h"

#define HTTP_BOUNDARY_MAX       70   /* RFC 2046 */
#define HTTP_PART_LINE_MAX      2048 /* one header line of a part, bytes */
#define HTTP_PART_LINES_MAX     16   /* header lines of a part */
#define HTTP_PART_PADDING_MAX   64   /* blanks after a delimiter */
#define HTTP_PART_NAME_SIZE     64
#define HTTP_PART_FILENAME_SIZE 256
#define HTTP_PART_TYPE_SIZE     64

/* What a part's header says. */
struct http_part_head {
    char name[HTTP_PART_NAME_SIZE];
    char filename[HTTP_PART_FILENAME_SIZE]; /* "" when absent; cut when longer */
    char content_type[HTTP_PART_TYPE_SIZE]; /* "" when absent; cut when longer */
};

/* Called in the order begin, data (any number, never empty), end, begin, ...  A failing call ends
 * the parse with its error. */
struct http_multipart_sink {
    void *payload;
    enum status (*begin)(void *payload, const struct http_part_head *head, struct err *err);
    enum status (*data)(void *payload, struct bytes data, struct err *err);
    enum status (*end)(void *payload, struct err *err);
};

enum http_multipart_state {
    HTTP_MULTIPART_PREAMBLE,
    HTTP_MULTIPART_DELIMITED, /* after a delimiter: "--", blanks or a line end */
    HTTP_MULTIPART_HEAD,
    HTTP_MULTIPART_DATA,
    HTTP_MULTIPART_EPILOGUE,
    HTTP_MULTIPART_FAILED,
};

struct http_multipart {
    struct http_multipart_sink sink;
    enum http_multipart_state state;
    char delimiter[HTTP_BOUNDARY_MAX + 4]; /* CR LF - - boundary */
    size_t delimiter_len;
    size_t matched; /* bytes of the delimiter seen so far */
    char line[HTTP_PART_LINE_MAX];
    size_t line_len;
    size_t line_count;
    bool has_name;
    struct http_part_head head;
};

/* The boundary of a Content-Type value, or an error that says what is wrong with it. */
enum status http_multipart_boundary(char out[HTTP_BOUNDARY_MAX + 1], struct str content_type,
                                    struct err *err) MUST_USE;
/* True when the value's media type is multipart/form-data. */
bool http_multipart_is_form(struct str content_type);

/* `boundary` has 1 to HTTP_BOUNDARY_MAX bytes. */
void http_multipart_init(struct http_multipart *parser, const char *boundary,
                         const struct http_multipart_sink *sink);
/* ST_INVALID for malformed input, ST_LIMIT for a header over its limits, or the sink's error;
 * after a failure every later call fails too. */
enum status http_multipart_feed(struct http_multipart *parser, struct bytes chunk,
                                struct err *err) MUST_USE;
/* ST_INVALID when the input ended before the closing delimiter. */
enum status http_multipart_finish(const struct http_multipart *parser, struct err *err) MUST_USE;
