/* Fuzz target: a form.  The first line is the Content-Type, the rest the body.  However the body
 * is cut into chunks, the parser says the same, and a refusal has a message. */
#include <stddef.h>
#include <stdint.h>

#include "../support/form.h"

#define TEXT_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status parse(struct form_record *record, const char *boundary, struct bytes body,
                         size_t first, size_t chunk)
{
    struct err err = {0};

    *record = (struct form_record){.in_part = false};
    buf_init(&record->text, TEXT_MAX);
    enum status st = form_parse(record, boundary, body, first, chunk, &err);
    REQUIRE(st == ST_OK || err.msg[0] != '\0');
    REQUIRE(st != ST_OK || !record->in_part);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t chunks[][2] = {{1, 1}, {2, 3}, {7, 64}};
    const uint8_t *line_end = size ? memchr(data, '\n', size) : NULL;
    char boundary[HTTP_BOUNDARY_MAX + 1];
    struct form_record whole;
    struct err err;

    if (!line_end)
        return 0;
    struct str type = {(const char *)data, (size_t)(line_end - data)};
    struct bytes body = {line_end + 1, size - type.len - 1};
    if (http_multipart_boundary(boundary, type, &err) != ST_OK)
        return 0;
    enum status expected = parse(&whole, boundary, body, body.len, body.len);
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct form_record cut;
        enum status st = parse(&cut, boundary, body, chunks[i][0], chunks[i][1]);
        REQUIRE(st == expected);
        if (st == ST_OK)
            REQUIRE(cut.text.len == whole.text.len &&
                    (cut.text.len == 0 || memcmp(cut.text.at, whole.text.at, cut.text.len) == 0));
        buf_fini(&cut.text);
    }
    buf_fini(&whole.text);
    return 0;
}
