#include "http/query.h"

#include <string.h>

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Takes one byte of a value off *rest; -1 for a bad escape or a control byte. */
static int next_byte(struct str *rest)
{
    char c = rest->at[0];
    int byte = c == '+' ? ' ' : (unsigned char)c;
    size_t taken = 1;

    if (c == '%') {
        if (rest->len < 3 || hex_of(rest->at[1]) < 0 || hex_of(rest->at[2]) < 0)
            return -1;
        byte = hex_of(rest->at[1]) * 16 + hex_of(rest->at[2]);
        taken = 3;
    }
    rest->at += taken;
    rest->len -= taken;
    return byte < 32 ? -1 : byte;
}

/* Checks the value and measures it when out is NULL, writes it otherwise. */
static enum status decode(char *out, size_t *len, struct str value, const char *name,
                          struct err *err)
{
    size_t count = 0;

    while (value.len) {
        int byte = next_byte(&value);
        if (byte < 0)
            return err_set(err, ST_INVALID, "the query's \"%s\" has a bad escape or control byte",
                           name);
        if (out)
            out[count] = (char)byte;
        count++;
    }
    *len = count;
    return ST_OK;
}

enum status http_query_find(char *out, size_t size, struct str query, const char *name,
                            struct err *err)
{
    struct str found = {0};
    bool is_there = false;
    size_t len = 0;

    while (query.len) {
        struct str value = str_split(&query, '&');
        struct str key = str_split(&value, '=');
        if (!str_equal(key, name))
            continue;
        if (is_there)
            return err_set(err, ST_INVALID, "the query has \"%s\" more than once", name);
        found = value;
        is_there = true;
    }
    if (!is_there)
        return err_set(err, ST_NOT_FOUND, "the query has no \"%s\"", name);
    enum status st = decode(NULL, &len, found, name, err);
    if (st != ST_OK)
        return st;
    if (len >= size)
        return err_set(err, ST_LIMIT, "the query's \"%s\" has %zu bytes, the limit is %zu", name,
                       len, size - 1);
    (void)decode(out, &len, found, name, err);
    out[len] = '\0';
    return ST_OK;
}
