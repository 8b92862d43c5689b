#include "http/gate.h"

#include <string.h>

#include "http/parameter.h"

#define BODY_LEN_MAX (1ll << 50u) /* a sane ceiling; each route has its own, far lower */

static unsigned refuse(struct err *err, unsigned http_status, const char *why)
{
    (void)err_set(err, ST_INVALID, "%s", why);
    return http_status;
}

/* How often a field occurs; *out is its last value. */
static size_t find_field(struct str *out, const struct http_gate_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_str_is(head->fields[i].name, name))
            continue;
        *out = head->fields[i].value;
        count++;
    }
    return count;
}

static bool value_is_clean(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Fields of which a second one could be read by somebody else than the first. */
static const char *const single_fields[] = {
    "content-type", "expect", "authorization", "x-api-key", "origin", "traceparent",
};

static unsigned check_fields(const struct http_gate_head *head, struct err *err)
{
    if (head->uri_len > HTTP_URI_MAX) {
        (void)err_set(err, ST_LIMIT, "the URI has %zu bytes, the limit is %d", head->uri_len,
                      HTTP_URI_MAX);
        return 414;
    }
    if (head->field_count > HTTP_HEADERS_MAX) {
        (void)err_set(err, ST_LIMIT, "the request has %zu header fields, the limit is %d",
                      head->field_count, HTTP_HEADERS_MAX);
        return 431;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_is_token(head->fields[i].name))
            return refuse(err, 400, "a header field's name is malformed");
        if (!value_is_clean(head->fields[i].value))
            return refuse(err, 400, "a header field's value has a control character");
    }
    for (size_t i = 0; i < ARRAY_LEN(single_fields); i++) {
        struct str ignored;
        if (find_field(&ignored, head, single_fields[i]) < 2)
            continue;
        (void)err_set(err, ST_INVALID, "the request has several %s fields", single_fields[i]);
        return 400;
    }
    return 0;
}

/* What RFC 3986 allows in a host and its port, user information apart. */
static bool is_host(struct str host)
{
    if (host.len > HTTP_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && (c == '\0' || !strchr("-._~:[]%", c)))
            return false;
    }
    return true;
}

static unsigned check_host(const struct http_gate_head *head, struct err *err)
{
    struct str host = {0};
    size_t count = find_field(&host, head, "host");
    bool old = str_equal(head->version, "HTTP/1.0");

    if (!old && !str_equal(head->version, "HTTP/1.1"))
        return refuse(err, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (count > 1)
        return refuse(err, 400, "the request has several Host fields");
    if (count == 0 && !old)
        return refuse(err, 400, "the request has no Host field");
    if (!is_host(host))
        return refuse(err, 400, "the Host field is not one host and its port");
    return 0;
}

static bool all_digits(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.len > 0;
}

/* Exactly one Content-Length where a body is due, never a Transfer-Encoding: two readers of one
 * request must not disagree about where it ends. */
static unsigned check_framing(uint64_t *body_len, const struct http_gate_head *head,
                              struct err *err)
{
    struct str length = {0};
    struct str encoding = {0};
    int64_t value = 0;
    size_t length_count = find_field(&length, head, "content-length");
    bool encoded = find_field(&encoding, head, "transfer-encoding") > 0;
    bool needs_body = str_equal(head->method, "POST") || str_equal(head->method, "PUT") ||
                      str_equal(head->method, "PATCH");

    if (length_count > 1)
        return refuse(err, 400, "the request has several Content-Length fields");
    if (encoded && length_count)
        return refuse(err, 400, "the request has both Content-Length and Transfer-Encoding");
    if (encoded)
        return refuse(err, 411, "transfer encodings are not accepted; send Content-Length");
    if (length_count == 0 && needs_body)
        return refuse(err, 411, "the request has no Content-Length");
    if (length_count == 0)
        return 0;
    if (!all_digits(length) || !str_to_int(&value, length, 0, BODY_LEN_MAX))
        return refuse(err, 400, "Content-Length is not a number of bytes");
    *body_len = (uint64_t)value;
    return 0;
}

unsigned http_gate_check(struct http_gate_pass *out, const struct http_gate_head *head,
                         struct err *err)
{
    struct http_gate_pass pass = {0};
    struct str expect = {0};
    unsigned refusal = 0;

    if (!http_is_token(head->method) || head->method.len > HTTP_METHOD_MAX)
        refusal = refuse(err, 400, "the method is malformed");
    if (!refusal)
        refusal = check_fields(head, err);
    if (!refusal)
        refusal = check_host(head, err);
    if (!refusal)
        refusal = check_framing(&pass.body_len, head, err);
    if (refusal)
        return refusal;
    (void)find_field(&pass.content_type, head, "content-type");
    if (find_field(&expect, head, "expect") > 0) {
        if (!http_str_is(expect, "100-continue"))
            return refuse(err, 417, "the only expectation met here is 100-continue");
        pass.expects_continue = pass.body_len > 0;
    }
    *out = pass;
    return 0;
}
