/* Log lines: one write each, level filter, quoting that keeps hostile text inside its quotes. */
#include "support/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

/* What standard error received while emit() ran. */
static void capture(char *out, size_t size, void (*emit)(void))
{
    int ends[2];
    int kept = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    emit();
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t got = read(ends[0], out, size - 1);
    close(ends[0]);
    out[got > 0 ? got : 0] = '\0';
}

static void emit_info(void)
{
    log_info("scan.done", "photos=%d", 3);
}

static void emit_debug(void)
{
    log_debug("scan.detail", "x=%d", 1);
}

static void emit_long(void)
{
    char text[3000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_error("too.long", "text=%s", text);
}

static void test_line(void **state)
{
    (void)state;
    char line[512];

    capture(line, sizeof line, emit_info);
    assert_memory_equal(line, "time=2", 6);
    assert_string_equal(line + strlen("time=2026-01-31T09:05:00Z"),
                        " level=info event=scan.done photos=3\n");
}

static void test_levels(void **state)
{
    (void)state;
    char line[512];
    enum log_level level = LOG_ERROR;

    capture(line, sizeof line, emit_debug);
    assert_string_equal(line, "");
    assert_true(log_level_parse(&level, str_of("debug")));
    assert_int_equal(level, LOG_DEBUG);
    log_set_level(level);
    capture(line, sizeof line, emit_debug);
    assert_non_null(strstr(line, "level=debug"));
    log_set_level(LOG_ERROR);
    capture(line, sizeof line, emit_info);
    assert_string_equal(line, "");
    log_set_level(LOG_INFO);
    assert_false(log_level_parse(&level, str_of("DEBUG")));
    assert_false(log_level_parse(&level, str_of("")));
    assert_int_equal(level, LOG_DEBUG);
}

static void test_long_line_is_cut(void **state)
{
    (void)state;
    char line[4096];

    capture(line, sizeof line, emit_long);
    size_t len = strlen(line);
    assert_true(len > 900 && len <= 1024);
    assert_int_equal(line[len - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

static void test_quote(void **state)
{
    (void)state;
    char out[LOG_QUOTED_SIZE];

    assert_string_equal(log_quote(out, "plain"), "\"plain\"");
    assert_string_equal(log_quote(out, ""), "\"\"");
    assert_string_equal(log_quote(out, "a\"b\\c"), "\"a\\\"b\\\\c\"");
    assert_string_equal(log_quote(out, "a\nlevel=error\r\x1b[31m\x7f\t"),
                        "\"a?level=error??[31m??\"");
    assert_string_equal(log_quote(out, "caf\xc3\xa9"), "\"caf\xc3\xa9\"");
}

static void test_quote_is_cut(void **state)
{
    (void)state;
    char text[1000];
    char out[LOG_QUOTED_SIZE + 1];

    for (int shift = 0; shift < 2; shift++) { /* the cut falls before and behind an escape */
        memset(text, '"', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        if (shift)
            text[0] = 'x';
        out[LOG_QUOTED_SIZE] = 'E';
        log_quote(out, text);
        size_t len = strlen(out);
        assert_true(len > LOG_QUOTED_SIZE - 8 && len < LOG_QUOTED_SIZE);
        assert_int_equal(out[len - 1], '"');
        size_t backslashes = 0;
        for (size_t i = len - 1; i-- > 0 && out[i] == '\\';)
            backslashes++;
        assert_int_equal(backslashes % 2, 0); /* the closing quote is not an escaped one */
        assert_int_equal(out[LOG_QUOTED_SIZE], 'E');
    }
}

static void test_json(void **state)
{
    static const struct {
        const char *line, *json;
    } cases[] = {
        {"level=info event=a.b n=17 p=0.25 minus=-3", "{\"level\":\"info\",\"event\":\"a.b\","
                                                      "\"n\":17,\"p\":0.25,\"minus\":-3}"},
        {"clean=true error=false none=null", "{\"clean\":true,\"error\":false,\"none\":\"null\"}"},
        /* ids keep their zeros and stay text, whatever their digits */
        {"request=0042 trace=1234 key=7 other=0042",
         "{\"request\":\"0042\",\"trace\":\"1234\",\"key\":\"7\",\"other\":\"0042\"}"},
        {"a=1e5 b=1.2.3 c=.5 d=5. e=- f=9999999999999999",
         "{\"a\":\"1e5\",\"b\":\"1.2.3\",\"c\":\".5\",\"d\":\"5.\",\"e\":\"-\","
         "\"f\":\"9999999999999999\"}"},
        {"a=\"x=1 \\\"y\\\" \\\\\" b=2", "{\"a\":\"x=1 \\\"y\\\" \\\\\",\"b\":2}"},
        {"a=\"cut off", "{\"a\":\"cut off\"}"},
        {"a=\"cut\\", "{\"a\":\"cut\\\\\"}"},
        {"word a= =b  c=3 ", "{\"a\":\"\",\"c\":3}"},
        {"", "{}"},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&out);
        log_write_json(&out, str_of(cases[i].line));
        buf_add(&out, "", 1);
        assert_string_equal((const char *)out.at, cases[i].json);
    }
    buf_fini(&out);
}

static void test_json_lines(void **state)
{
    (void)state;
    char line[2048];

    log_set_level(LOG_INFO);
    log_set_format(LOG_JSON);
    capture(line, sizeof line, emit_info);
    assert_memory_equal(line, "{\"time\":\"2", 10);
    assert_non_null(strstr(line, "\"event\":\"scan.done\",\"photos\":3}\n"));
    capture(line, sizeof line, emit_long);
    assert_string_equal(line + strlen(line) - 3, "\"}\n"); /* cut, and still an object */
    log_set_format(LOG_LOGFMT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
