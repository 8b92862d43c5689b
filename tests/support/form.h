/* tests/support/form.h - collects what the multipart parser says, for tests and the fuzz target. */
#pragma once

#include <string.h>

#include "base/buf.h"
#include "http/multipart.h"

/* Everything that came out, as one text: "[name|filename|type]data;" a part. */
struct form_record {
    struct buf text;
    bool in_part;
    size_t data_calls;
};

static enum status form_begin(void *payload, const struct http_part_head *head, struct err *err)
{
    struct form_record *record = payload;

    (void)err;
    REQUIRE(!record->in_part);
    record->in_part = true;
    buf_printf(&record->text, "[%s|%s|%s]", head->name, head->filename, head->content_type);
    return ST_OK;
}

static enum status form_data(void *payload, struct bytes data, struct err *err)
{
    struct form_record *record = payload;

    (void)err;
    REQUIRE(record->in_part && data.len > 0);
    record->data_calls++;
    buf_add(&record->text, data.at, data.len);
    return ST_OK;
}

static enum status form_end(void *payload, struct err *err)
{
    struct form_record *record = payload;

    (void)err;
    REQUIRE(record->in_part);
    record->in_part = false;
    buf_add_str(&record->text, ";");
    return ST_OK;
}

/* Parses `body` in chunks of `chunk` bytes, the first one `first` bytes long. */
static enum status form_parse(struct form_record *record, const char *boundary, struct bytes body,
                              size_t first, size_t chunk, struct err *err)
{
    const struct http_multipart_sink sink = {
        .payload = record, .begin = form_begin, .data = form_data, .end = form_end};
    struct http_multipart parser;
    enum status st = ST_OK;
    size_t len = MIN_OF(first, body.len);

    http_multipart_init(&parser, boundary, &sink);
    for (size_t at = 0; at < body.len && st == ST_OK; len = MIN_OF(chunk, body.len - at)) {
        st = http_multipart_feed(&parser, (struct bytes){body.at + at, len}, err);
        at += len;
    }
    return st == ST_OK ? http_multipart_finish(&parser, err) : st;
}
