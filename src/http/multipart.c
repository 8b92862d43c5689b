#include "http/multipart.h"

#include <string.h>

#include "http/parameter.h"

/* ---- Content-Type ---- */

bool http_multipart_is_form(struct str content_type)
{
    return http_str_is(http_parameter_value(&content_type), "multipart/form-data");
}

/* RFC 2046 bchars; a blank must not come last. */
static bool boundary_is_valid(const char *boundary, size_t len)
{
    static const char others[] = "'()+_,-./:=? ";

    if (len == 0 || len > HTTP_BOUNDARY_MAX || boundary[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = boundary[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && (!c || !strchr(others, c)))
            return false;
    }
    return true;
}

enum status http_multipart_boundary(char out[HTTP_BOUNDARY_MAX + 1], struct str content_type,
                                    struct err *err)
{
    struct http_parameter parameter;
    enum http_parameter_result result;
    char boundary[HTTP_BOUNDARY_MAX + 1];
    size_t count = 0;
    size_t len = 0;

    (void)http_parameter_value(&content_type);
    while ((result = http_parameter_next(&parameter, &content_type)) == HTTP_PARAMETER_FOUND) {
        if (!http_str_is(parameter.name, "boundary"))
            continue;
        len = http_parameter_copy(boundary, sizeof boundary, &parameter);
        count++;
    }
    if (result == HTTP_PARAMETER_MALFORMED)
        return err_set(err, ST_INVALID, "the parameters of Content-Type are malformed");
    if (count != 1)
        return err_set(err, ST_INVALID, "Content-Type has %zu boundaries, exactly 1 is needed",
                       count);
    if (!boundary_is_valid(boundary, len))
        return err_set(err, ST_INVALID,
                       "the boundary has %zu characters or one that is not allowed (1 to %d)", len,
                       HTTP_BOUNDARY_MAX);
    memcpy(out, boundary, len + 1);
    return ST_OK;
}

/* ---- part headers ---- */

static bool has_control_byte(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static enum status read_disposition(struct http_multipart *parser, struct str value,
                                    struct err *err)
{
    struct http_parameter parameter;
    enum http_parameter_result result;

    if (parser->has_name)
        return err_set(err, ST_INVALID, "a part has two names");
    if (!http_str_is(http_parameter_value(&value), "form-data"))
        return err_set(err, ST_INVALID, "a part is not form-data");
    while ((result = http_parameter_next(&parameter, &value)) == HTTP_PARAMETER_FOUND) {
        if (http_str_is(parameter.name, "filename"))
            (void)http_parameter_copy(parser->head.filename, sizeof parser->head.filename,
                                      &parameter);
        if (!http_str_is(parameter.name, "name"))
            continue;
        if (parser->has_name)
            return err_set(err, ST_INVALID, "a part has two names");
        size_t len = http_parameter_copy(parser->head.name, sizeof parser->head.name, &parameter);
        if (len >= sizeof parser->head.name)
            return err_set(err, ST_LIMIT, "a part's name has %zu bytes, the limit is %zu", len,
                           sizeof parser->head.name - 1);
        parser->has_name = len > 0;
    }
    if (result == HTTP_PARAMETER_MALFORMED || !parser->has_name)
        return err_set(err, ST_INVALID, "a part's Content-Disposition has no well-formed name");
    if (has_control_byte(parser->head.name) || has_control_byte(parser->head.filename))
        return err_set(err, ST_INVALID, "a part's name has a control character");
    return ST_OK;
}

static enum status read_line(struct http_multipart *parser, struct err *err)
{
    struct str line = {.at = parser->line, .len = parser->line_len};
    size_t colon = 0;

    while (colon < line.len && line.at[colon] != ':')
        colon++;
    struct str name = {.at = line.at, .len = colon};
    if (colon == line.len || !http_is_token(name))
        return err_set(err, ST_INVALID, "header line %zu of a part is malformed",
                       parser->line_count);
    if (memchr(line.at, '\0', line.len))
        return err_set(err, ST_INVALID, "header line %zu of a part has a NUL byte",
                       parser->line_count);
    struct str value = str_trim((struct str){line.at + colon + 1, line.len - colon - 1});
    if (http_str_is(name, "content-disposition"))
        return read_disposition(parser, value, err);
    if (http_str_is(name, "content-type")) {
        size_t len = MIN_OF(value.len, sizeof parser->head.content_type - 1);
        memcpy(parser->head.content_type, value.at, len);
        parser->head.content_type[len] = '\0';
    }
    if (http_str_is(name, "content-transfer-encoding") && !http_str_is(value, "binary") &&
        !http_str_is(value, "8bit") && !http_str_is(value, "7bit"))
        return err_set(err, ST_UNSUPPORTED, "a part has a transfer encoding; send it as it is");
    return ST_OK;
}

/* A line of a part's header is complete; the empty one ends the header. */
static enum status end_line(struct http_multipart *parser, struct err *err)
{
    parser->line_len--; /* the CR */
    if (parser->line_len == 0) {
        if (!parser->has_name)
            return err_set(err, ST_INVALID, "a part has no Content-Disposition with a name");
        parser->state = HTTP_MULTIPART_DATA;
        return parser->sink.begin(parser->sink.payload, &parser->head, err);
    }
    if (++parser->line_count > HTTP_PART_LINES_MAX)
        return err_set(err, ST_LIMIT, "a part has over %d header lines", HTTP_PART_LINES_MAX);
    enum status st = read_line(parser, err);
    parser->line_len = 0;
    return st;
}

static enum status feed_head(struct http_multipart *parser, char c, struct err *err)
{
    bool after_return = parser->line_len > 0 && parser->line[parser->line_len - 1] == '\r';

    if (after_return != (c == '\n'))
        return err_set(err, ST_INVALID, "a line of a part's header does not end in CR LF");
    if (c == '\n')
        return end_line(parser, err);
    if (parser->line_len == sizeof parser->line)
        return err_set(err, ST_LIMIT, "a header line of a part is over %d bytes",
                       HTTP_PART_LINE_MAX);
    parser->line[parser->line_len++] = c;
    return ST_OK;
}

/* ---- delimiters and data ---- */

void http_multipart_init(struct http_multipart *parser, const char *boundary,
                         const struct http_multipart_sink *sink)
{
    size_t len = strlen(boundary);

    REQUIRE(len >= 1 && len <= HTTP_BOUNDARY_MAX);
    *parser = (struct http_multipart){
        .sink = *sink,
        .delimiter = "\r\n--",
        .delimiter_len = len + 4,
        .matched = 2, /* the first delimiter may open the body, without a line end before it */
    };
    memcpy(parser->delimiter + 4, boundary, len);
}

/* The byte after a delimiter: "--" closes, blanks are padding, CR LF opens the next part. */
static enum status feed_delimited(struct http_multipart *parser, char c, struct err *err)
{
    char last = parser->line_len ? parser->line[parser->line_len - 1] : '\0';

    if (last == '-' && c == '-') {
        parser->state = HTTP_MULTIPART_EPILOGUE;
    } else if (last == '\r' && c == '\n') {
        parser->state = HTTP_MULTIPART_HEAD;
        parser->head = (struct http_part_head){0};
        parser->has_name = false;
        parser->line_len = 0;
        parser->line_count = 0;
    } else if (last == '-' || last == '\r' || (last && c == '-') || !c || !strchr("-\r \t", c)) {
        return err_set(err, ST_INVALID, "a boundary is followed by something else");
    } else if (parser->line_len == HTTP_PART_PADDING_MAX) {
        return err_set(err, ST_LIMIT, "a boundary is followed by over %d blanks",
                       HTTP_PART_PADDING_MAX);
    } else {
        parser->line[parser->line_len++] = c;
    }
    return ST_OK;
}

static enum status emit(struct http_multipart *parser, const void *at, size_t len, struct err *err)
{
    if (parser->state == HTTP_MULTIPART_PREAMBLE || len == 0)
        return ST_OK;
    return parser->sink.data(parser->sink.payload, (struct bytes){at, len}, err);
}

static enum status end_part(struct http_multipart *parser, struct err *err)
{
    bool in_part = parser->state == HTTP_MULTIPART_DATA;

    parser->state = HTTP_MULTIPART_DELIMITED;
    parser->matched = 0;
    parser->line_len = 0;
    return in_part ? parser->sink.end(parser->sink.payload, err) : ST_OK;
}

/* Continues a delimiter that has begun.  CR occurs only as its first byte, so after a mismatch
 * the search starts afresh at the byte that did not fit.  *used: bytes of the chunk consumed. */
static enum status match_delimiter(struct http_multipart *parser, struct bytes chunk, size_t *used,
                                   struct err *err)
{
    size_t i = 0;

    while (i < chunk.len && parser->matched < parser->delimiter_len &&
           chunk.at[i] == (uint8_t)parser->delimiter[parser->matched]) {
        i++;
        parser->matched++;
    }
    *used = i;
    if (parser->matched == parser->delimiter_len)
        return end_part(parser, err);
    if (i == chunk.len)
        return ST_OK; /* undecided until more comes */
    size_t held = parser->matched;
    parser->matched = 0;
    return emit(parser, parser->delimiter, held, err);
}

/* Where the next delimiter may begin: at a CR that LF, or the end of the chunk, follows. */
static const uint8_t *find_candidate(struct bytes chunk)
{
    const uint8_t *end = chunk.at + chunk.len;
    const uint8_t *at = chunk.at;

    while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL)
        if (++at == end || *at == '\n')
            return at - 1;
    return NULL;
}

/* Data of a part, or what comes before the first one. */
static enum status feed_data(struct http_multipart *parser, struct bytes chunk, size_t *used,
                             struct err *err)
{
    if (parser->matched > 0)
        return match_delimiter(parser, chunk, used, err);
    const uint8_t *found = find_candidate(chunk);
    *used = found ? (size_t)(found - chunk.at) + 1 : chunk.len;
    parser->matched = found ? 1 : 0;
    return emit(parser, chunk.at, *used - parser->matched, err);
}

static enum status feed_some(struct http_multipart *parser, struct bytes chunk, size_t *used,
                             struct err *err)
{
    *used = 1;
    switch (parser->state) {
    case HTTP_MULTIPART_PREAMBLE:
    case HTTP_MULTIPART_DATA:
        return feed_data(parser, chunk, used, err);
    case HTTP_MULTIPART_DELIMITED:
        return feed_delimited(parser, (char)chunk.at[0], err);
    case HTTP_MULTIPART_HEAD:
        return feed_head(parser, (char)chunk.at[0], err);
    case HTTP_MULTIPART_EPILOGUE:
        *used = chunk.len;
        return ST_OK;
    case HTTP_MULTIPART_FAILED:
        break;
    }
    return err_set(err, ST_INVALID, "the form has failed before");
}

enum status http_multipart_feed(struct http_multipart *parser, struct bytes chunk, struct err *err)
{
    while (chunk.len > 0) {
        size_t used = 0;
        enum status st = feed_some(parser, chunk, &used, err);
        if (st != ST_OK) {
            parser->state = HTTP_MULTIPART_FAILED;
            return st;
        }
        chunk.at += used;
        chunk.len -= used;
    }
    return ST_OK;
}

enum status http_multipart_finish(const struct http_multipart *parser, struct err *err)
{
    if (parser->state != HTTP_MULTIPART_EPILOGUE)
        return err_set(err, ST_INVALID, "the form ends before its closing boundary");
    return ST_OK;
}
