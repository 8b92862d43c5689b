/* Fuzz target: the gate of request heads.  The input is a head as it would come over the wire, its
 * request line first.  What is let in has exactly one reading of where its body ends. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http/gate.h"
#include "http/parameter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str next_line(struct str *rest)
{
    struct str line = str_split(rest, '\n');

    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static size_t count_of(const struct http_gate_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += http_str_is(head->fields[i].name, name);
    return count;
}

static void check_pass(const struct http_gate_head *head, const struct http_gate_pass *pass)
{
    size_t lengths = count_of(head, "Content-Length");

    REQUIRE(head->field_count <= HTTP_HEADERS_MAX);
    REQUIRE(head->uri_len <= HTTP_URI_MAX);
    REQUIRE(count_of(head, "Transfer-Encoding") == 0);
    REQUIRE(lengths <= 1);
    REQUIRE(pass->body_len == 0 || lengths == 1);
    REQUIRE(count_of(head, "Host") == 1 || str_equal(head->version, "HTTP/1.0"));
    REQUIRE(count_of(head, "Host") <= 1);
    REQUIRE(count_of(head, "Authorization") <= 1);
    REQUIRE(!pass->expects_continue || pass->body_len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_gate_field fields[HTTP_HEADERS_MAX];
    struct str rest = {(const char *)data, size};
    struct str line = next_line(&rest);
    struct http_gate_pass pass = {0};
    struct err err = {0};

    if (!size)
        return 0;
    struct http_gate_head head = {.method = str_split(&line, ' '), .fields = fields};
    head.uri_len = str_split(&line, ' ').len;
    head.version = line;
    while (rest.len) {
        line = next_line(&rest);
        struct str name = str_split(&line, ':');
        if (head.field_count < HTTP_HEADERS_MAX)
            fields[head.field_count] = (struct http_gate_field){name, str_trim(line)};
        head.field_count++;
    }
    unsigned refusal = http_gate_check(&pass, &head, &err);
    if (refusal == 0)
        check_pass(&head, &pass);
    else
        REQUIRE(refusal >= 400 && refusal < 600 && err.msg[0] != '\0');
    return 0;
}
