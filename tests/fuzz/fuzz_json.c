/* Fuzz target: a JSON document.  What is accepted can be written, and what was written reads back
 * to the same text. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

#define TEXT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct buf *out, const struct json *value)
{
    buf_init(out, TEXT_MAX);
    json_write(out, value, 0);
    REQUIRE(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *first = NULL;
    struct json *second = NULL;
    struct buf once;
    struct buf twice;
    struct err err = {0};

    if (json_parse(&first, (struct bytes){.at = data, .len = size}, &err) != ST_OK) {
        REQUIRE(first == NULL && err.msg[0] != '\0');
        return 0;
    }
    write_value(&once, first);
    if (json_parse(&second, buf_bytes(&once), &err) == ST_OK) {
        write_value(&twice, second);
        REQUIRE(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
        buf_fini(&twice);
    } else { /* the largest doubles, rounded up to ten digits, are too large */
        REQUIRE(strstr(err.msg, "overflow") != NULL);
    }
    buf_fini(&once);
    json_free(first);
    json_free(second);
    return 0;
}
