/* Which of two media types the Accept field of a request asks for. */
#include "support/unit.h"

#include "api/accept.h"

static void test_openmetrics_only_where_it_is_welcome(void **state)
{
    static const struct {
        const char *accept;
        bool openmetrics;
    } cases[] = {
        {"", false},
        {"*/*", false},
        {"text/html,application/xhtml+xml,*/*;q=0.8", false},
        {"text/plain;version=0.0.4", false},
        {"application/openmetrics-text", true},
        {"application/openmetrics-text; version=1.0.0; charset=utf-8", true},
        {"Application/OpenMetrics-Text;VERSION=\"1.0.0\"", true},
        {"application/openmetrics-text;version=0.0.1", false},
        {"application/openmetrics-text;version=1.0.0;q=0", false},
        {"application/openmetrics-text;q=x", false},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {"application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.5", false},
        {"text/plain;q=0.5 , application/openmetrics-text ; q=0.5", true},
        {",;,;=;,application/openmetrics-textual", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (api_accepts_openmetrics(str_of(cases[i].accept)) != cases[i].openmetrics)
            fail_msg("wrong answer to \"%s\"", cases[i].accept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openmetrics_only_where_it_is_welcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
