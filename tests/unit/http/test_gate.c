/* The request gate: one reader's view of where a request ends must be everybody's. */
#include "support/unit.h"

#include "http/gate.h"

#define FIELDS_MAX 8

struct gate_case {
    const char *method, *version;
    const char *fields[2 * FIELDS_MAX]; /* name, value, ...; NULL ends */
    unsigned refusal;
};

static unsigned check(const struct gate_case *one, struct http_gate_pass *pass, struct err *err)
{
    struct http_gate_field fields[FIELDS_MAX];
    struct http_gate_head head = {.method = str_of(one->method),
                                  .version = str_of(one->version),
                                  .uri_len = 8,
                                  .fields = fields};

    for (size_t i = 0; one->fields[i]; i += 2)
        fields[head.field_count++] = (struct http_gate_field){.name = str_of(one->fields[i]),
                                                              .value = str_of(one->fields[i + 1])};
    return http_gate_check(pass, &head, err);
}

static void test_framing(void **state)
{
    static const struct gate_case cases[] = {
        {"GET", "HTTP/1.1", {"Host", "a"}, 0},
        {"GET", "HTTP/1.0", {"User-Agent", "x"}, 0},
        {"GET", "HTTP/1.1", {"User-Agent", "x"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "host", "b"}, 400},
        {"GET", "HTTP/1.0", {"Host", "a", "Host", "a"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a, b"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a b"}, 400},
        {"GET", "HTTP/1.1", {"Host", "user@a"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a/b"}, 400},
        {"GET", "HTTP/1.1", {"Host", ""}, 0},
        {"GET", "HTTP/1.1", {"Host", "[fe80::1%eth0]:8080"}, 0},
        {"G\"T", "HTTP/1.1", {"Host", "a"}, 400},
        {"", "HTTP/1.1", {"Host", "a"}, 400},
        {"ABCDEFGHIJKLMNOPQRSTUVW", "HTTP/1.1", {"Host", "a"}, 0},
        {"ABCDEFGHIJKLMNOPQRSTUVWX", "HTTP/1.1", {"Host", "a"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "X-API-Key", "k", "x-api-key", "l"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "Authorization", "k", "authorization", "k"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "Origin", "k", "Origin", "k"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "Traceparent", "k", "traceparent", "k"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "X-Forwarded-For", "k", "X-Forwarded-For", "k"}, 0},
        {"GET", "HTTP/2.0", {"Host", "a"}, 505},
        {"GET", "HTTP/1.2", {"Host", "a"}, 505},
        {"POST", "HTTP/1.1", {"Host", "a"}, 411},
        {"PUT", "HTTP/1.1", {"Host", "a"}, 411},
        {"POST", "HTTP/1.1", {"Host", "a", "Transfer-Encoding", "chunked"}, 411},
        {"GET", "HTTP/1.1", {"Host", "a", "Transfer-Encoding", "chunked"}, 411},
        {"POST",
         "HTTP/1.1",
         {"Host", "a", "Transfer-Encoding", "chunked", "Content-Length", "3"},
         400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "3", "content-length", "3"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "3, 3"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "+3"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "-3"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", " 3"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "0x3"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", ""}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "99999999999999999999"}, 400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "0"}, 0},
        {"POST",
         "HTTP/1.1",
         {"Host", "a", "Content-Length", "3", "Content-Type", "x", "Content-Type", "y"},
         400},
        {"POST", "HTTP/1.1", {"Host", "a", "Content-Length", "3", "Expect", "bliss"}, 417},
        {"GET", "HTTP/1.1", {"Host", "a", "X Y", "z"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "X ", "z"}, 400},
        {"GET", "HTTP/1.1", {"Host", "a", "X", "a\rb"}, 400},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_gate_pass pass = {0};
        struct err err = {0};
        unsigned refusal = check(&cases[i], &pass, &err);
        if (refusal != cases[i].refusal)
            fail_msg("case %zu: %u instead of %u, %s", i, refusal, cases[i].refusal, err.msg);
        assert_true(refusal == 0 || err.msg[0] != '\0');
    }
}

static void test_reads_what_it_lets_in(void **state)
{
    const struct gate_case one = {"POST",
                                  "HTTP/1.1",
                                  {"Host", "a", "Content-Length", "1234", "Content-Type",
                                   "image/png", "Expect", "100-Continue"},
                                  0};
    struct http_gate_pass pass = {0};
    struct err err;

    (void)state;
    assert_int_equal(check(&one, &pass, &err), 0);
    assert_int_equal(pass.body_len, 1234);
    assert_true(str_equal(pass.content_type, "image/png"));
    assert_true(pass.expects_continue);
}

static void test_limits(void **state)
{
    struct http_gate_field fields[HTTP_HEADERS_MAX];
    struct http_gate_pass pass;
    struct err err;
    struct http_gate_head head = {.method = str_of("GET"),
                                  .version = str_of("HTTP/1.1"),
                                  .fields = fields,
                                  .field_count = HTTP_HEADERS_MAX,
                                  .uri_len = HTTP_URI_MAX};

    (void)state;
    for (size_t i = 0; i < HTTP_HEADERS_MAX; i++)
        fields[i] = (struct http_gate_field){str_of(i ? "X" : "Host"), str_of("y")};
    assert_int_equal(http_gate_check(&pass, &head, &err), 0);
    head.field_count++;
    assert_int_equal(http_gate_check(&pass, &head, &err), 431);
    head.field_count--;
    head.uri_len++;
    assert_int_equal(http_gate_check(&pass, &head, &err), 414);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_reads_what_it_lets_in),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
