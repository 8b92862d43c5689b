/* Fuzz target: a query.  The first line is the name that is looked for.  What is found is a text
 * without control bytes that is no longer than what it was made from. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http/query.h"

#define NAME_MAX_LEN 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size ? memchr(data, '\n', size) : NULL;
    char name[NAME_MAX_LEN + 1] = "";
    char out[64];
    struct err err = {0};

    if (!line_end || (size_t)(line_end - data) > NAME_MAX_LEN)
        return 0;
    memcpy(name, data, (size_t)(line_end - data));
    struct str query = {(const char *)line_end + 1, size - (size_t)(line_end + 1 - data)};
    if (http_query_find(out, sizeof out, query, name, &err) != ST_OK) {
        REQUIRE(err.msg[0] != '\0');
        return 0;
    }
    REQUIRE(strlen(out) <= query.len);
    for (const char *c = out; *c; c++)
        REQUIRE((unsigned char)*c >= ' ');
    return 0;
}
