/* traceparent: what is taken, what is as if it were not there, and what is sent on. */
#include "support/unit.h"

#include "http/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static void test_taken_and_sent_on(void **state)
{
    struct http_trace trace;
    char text[HTTP_TRACEPARENT_SIZE];

    (void)state;
    assert_true(http_trace_read(&trace, str_of("00-" TRACE "-" SPAN "-01"), 0xabc));
    assert_string_equal(trace.trace_id, TRACE);
    assert_string_equal(trace.parent_id, SPAN);
    assert_string_equal(trace.span_id, "0000000000000abc");
    assert_string_equal(http_trace_write(text, &trace), "00-" TRACE "-0000000000000abc-01");
    assert_true(http_trace_read(&trace, str_of("00-" TRACE "-" SPAN "-fe"), 0));
    assert_string_equal(http_trace_write(text, &trace), "00-" TRACE "-0000000000000001-00");
}

static void test_what_is_valid(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"00-" TRACE "-" SPAN "-00", true},
        {"cc-" TRACE "-" SPAN "-00", true},
        {"cc-" TRACE "-" SPAN "-00-what-comes", true},
        {"cc-" TRACE "-" SPAN "-00.what-comes", false},
        {"00-" TRACE "-" SPAN "-00-more", false},
        {"ff-" TRACE "-" SPAN "-00", false},
        {"0g-" TRACE "-" SPAN "-00", false},
        {"00-00000000000000000000000000000000-" SPAN "-00", false},
        {"00-" TRACE "-0000000000000000-00", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-00", false},
        {"00-" TRACE "-" SPAN "-0", false},
        {"00-" TRACE "-" SPAN "-0x", false},
        {"00_" TRACE "-" SPAN "-00", false},
        {"00-" TRACE "_" SPAN "-00", false},
        {"00-" TRACE "-" SPAN "_00", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_trace trace = {.flags = 7};
        if (http_trace_read(&trace, str_of(cases[i].text), 1) != cases[i].valid)
            fail_msg("'%s'", cases[i].text);
        assert_true(cases[i].valid || trace.flags == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_and_sent_on),
        cmocka_unit_test(test_what_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
