/* Fuzz target: networks on the first line, then the lines of X-Forwarded-For.  The client is the
 * peer or an address that was named, and never a trusted proxy's word alone. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "access/address.h"
#include "access/policy.h"
#include "http/trace.h"

#define LINES_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_trace(struct str line)
{
    struct http_trace trace;
    struct http_trace again;
    char text[HTTP_TRACEPARENT_SIZE];

    if (!http_trace_read(&trace, line, 7))
        return;
    REQUIRE(http_trace_read(&again, str_of(http_trace_write(text, &trace)), 7));
    REQUIRE(strcmp(trace.trace_id, again.trace_id) == 0);
    REQUIRE(strcmp(trace.span_id, again.parent_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct access_networks networks = {.count = 0};
    struct access_address peer = {{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    struct str lines[LINES_MAX];
    char text[ACCESS_ADDRESS_TEXT_SIZE];
    size_t count = 0;
    struct err err = {0};

    struct str first = str_split(&rest, '\n');
    if (access_networks_parse(&networks, first, &err) != ST_OK)
        REQUIRE(err.msg[0] != '\0' && networks.count == 0);
    while (rest.len && count < LINES_MAX) {
        lines[count] = str_split(&rest, '\n');
        check_trace(lines[count++]);
    }
    struct access_address client = access_client(&peer, lines, count, &networks);
    if (!access_networks_contain(&networks, &peer))
        REQUIRE(memcmp(&client, &peer, sizeof peer) == 0);
    REQUIRE(strlen(access_address_text(text, &client)) < sizeof text);
    return 0;
}
