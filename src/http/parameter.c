#include "http/parameter.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool http_str_is(struct str text, const char *other)
{
    for (size_t i = 0; i < text.len; i++)
        if (!other[i] || lower(text.at[i]) != lower(other[i]))
            return false;
    return other[text.len] == '\0';
}

static bool is_token_byte(char c)
{
    if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_byte(text.at[i]))
            return false;
    return text.len > 0;
}

struct str http_parameter_value(struct str *rest)
{
    size_t len = 0;

    while (len < rest->len && rest->at[len] != ';')
        len++;
    struct str value = str_trim((struct str){.at = rest->at, .len = len});
    rest->at += len;
    rest->len -= len;
    return value;
}

static void skip(struct str *rest, size_t count)
{
    rest->at += count;
    rest->len -= count;
}

static void skip_blanks(struct str *rest)
{
    while (rest->len && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        skip(rest, 1);
}

static struct str take_token(struct str *rest)
{
    struct str token = {.at = rest->at};

    while (token.len < rest->len && is_token_byte(rest->at[token.len]))
        token.len++;
    skip(rest, token.len);
    return token;
}

/* The inside of a quoted string whose opening quote is at rest->at[0]; false without a closing
 * one.  Only \" and \\ are escapes: some clients put plain Windows paths into filenames. */
static bool take_quoted(struct str *out, struct str *rest)
{
    size_t i = 1;

    while (i < rest->len && rest->at[i] != '"') {
        bool escape = rest->at[i] == '\\' && i + 1 < rest->len &&
                      (rest->at[i + 1] == '"' || rest->at[i + 1] == '\\');
        i += escape ? 2 : 1;
    }
    if (i >= rest->len)
        return false;
    *out = (struct str){.at = rest->at + 1, .len = i - 1};
    skip(rest, i + 1);
    return true;
}

enum http_parameter_result http_parameter_next(struct http_parameter *out, struct str *rest)
{
    struct http_parameter found = {0};

    skip_blanks(rest);
    while (rest->len && rest->at[0] == ';') {
        skip(rest, 1);
        skip_blanks(rest);
    }
    if (!rest->len)
        return HTTP_PARAMETER_END;
    found.name = take_token(rest);
    if (!found.name.len || !rest->len || rest->at[0] != '=')
        return HTTP_PARAMETER_MALFORMED;
    skip(rest, 1);
    found.quoted = rest->len && rest->at[0] == '"';
    if (found.quoted && !take_quoted(&found.raw, rest))
        return HTTP_PARAMETER_MALFORMED;
    if (!found.quoted)
        found.raw = take_token(rest);
    skip_blanks(rest);
    if ((!found.quoted && !found.raw.len) || (rest->len && rest->at[0] != ';'))
        return HTTP_PARAMETER_MALFORMED;
    *out = found;
    return HTTP_PARAMETER_FOUND;
}

size_t http_parameter_copy(char *out, size_t size, const struct http_parameter *parameter)
{
    struct str raw = parameter->raw;
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        if (parameter->quoted && raw.at[i] == '\\' && i + 1 < raw.len &&
            (raw.at[i + 1] == '"' || raw.at[i + 1] == '\\'))
            i++;
        if (len + 1 < size)
            out[len] = raw.at[i];
        len++;
    }
    out[MIN_OF(len, size - 1)] = '\0';
    return len;
}
