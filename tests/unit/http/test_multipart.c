/* The form parser: chunks cut anywhere, malformed input, limits. */
#include "support/unit.h"

#include "support/form.h"

#define TEXT_MAX    (1u << 20)
#define DISPOSITION "Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n"

static const char two_parts[] =
    "preamble\r\n--XyZ\r\n" DISPOSITION "Content-Type: image/jpeg\r\n\r\n"
    "\r\n--Xy\r\r\n-\r\n--XyW\r\n\r\n--XyZ\r\n"
    "content-disposition: FORM-DATA; name=note\r\n\r\n\r\n--XyZ--\r\nepilogue\r\n--XyZ\r\n";
static const char two_parts_record[] =
    "[file|a.jpg|image/jpeg]\r\n--Xy\r\r\n-\r\n--XyW\r\n;[note||];";

static enum status parse_text(struct form_record *record, const char *body, struct err *err)
{
    *record = (struct form_record){.in_part = false};
    buf_init(&record->text, TEXT_MAX);
    return form_parse(record, "XyZ", (struct bytes){(const uint8_t *)body, strlen(body)},
                      strlen(body), 1, err);
}

static void test_cut_at_every_byte(void **state)
{
    size_t len = strlen(two_parts);
    struct err err;

    (void)state;
    for (size_t first = 1; first <= len; first++) {
        const size_t chunks[] = {1, 2, 5, len};
        for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
            struct form_record record = {.in_part = false};
            buf_init(&record.text, TEXT_MAX);
            assert_int_equal(form_parse(&record, "XyZ",
                                        (struct bytes){(const uint8_t *)two_parts, len}, first,
                                        chunks[i], &err),
                             ST_OK);
            assert_string_equal((const char *)record.text.at, two_parts_record);
            buf_fini(&record.text);
        }
    }
}

static void test_ends_at_every_byte(void **state)
{
    const char *closing = strstr(two_parts, "--XyZ--") + strlen("--XyZ--");
    size_t closed = (size_t)(closing - two_parts);
    struct err err;

    (void)state;
    for (size_t len = 0; len <= strlen(two_parts); len++) {
        struct form_record record = {.in_part = false};
        buf_init(&record.text, TEXT_MAX);
        enum status st = form_parse(&record, "XyZ", (struct bytes){(const uint8_t *)two_parts, len},
                                    len, 1, &err);
        assert_int_equal(st, len >= closed ? ST_OK : ST_INVALID);
        buf_fini(&record.text);
    }
}

static void test_large_data_comes_in_few_pieces(void **state)
{
    static char body[200000];
    struct form_record record;
    struct err err;
    size_t head = (size_t)snprintf(body, sizeof body, "--XyZ\r\n" DISPOSITION "\r\n");

    (void)state;
    for (size_t i = head; i < sizeof body - 16; i++)
        body[i] = (char)(1 + i * 7 % 250); /* holds CR, and never CR LF */
    memcpy(body + sizeof body - 16, "\r\n--XyZ--", 10);
    assert_int_equal(parse_text(&record, body, &err), ST_OK);
    assert_int_equal(record.text.len, strlen("[file|a.jpg|];") + sizeof body - 16 - head);
    assert_true(record.data_calls < 4);
    buf_fini(&record.text);
}

static void test_names_and_quotes(void **state)
{
    static const struct {
        const char *disposition;
        const char *record;
    } cases[] = {
        {"form-data; name=\"file\"; filename=\"a\\\"b.jpg\"", "[file|a\"b.jpg|]x;"},
        {"form-data; filename=\"C:\\dir\\a.jpg\"; name=\"file\"", "[file|C:\\dir\\a.jpg|]x;"},
        {"form-data; name=\"a;b=c\"", "[a;b=c||]x;"},
        {"form-data;name=file;filename=plain", "[file|plain|]x;"},
        {"form-data; NAME=\"file\"; filename*=UTF-8''x", "[file||]x;"},
        {"form-data; name=\"\xc3\xa9\"", "[\xc3\xa9||]x;"},
    };
    char body[512];
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct form_record record;
        (void)snprintf(body, sizeof body,
                       "--XyZ\r\nContent-Disposition: %s\r\n\r\nx\r\n--XyZ--\r\n",
                       cases[i].disposition);
        assert_int_equal(parse_text(&record, body, &err), ST_OK);
        assert_string_equal((const char *)record.text.at, cases[i].record);
        buf_fini(&record.text);
    }
}

static void test_malformed(void **state)
{
    static const struct {
        const char *body;
        enum status status;
    } cases[] = {
        {"", ST_INVALID},
        {"no boundary at all", ST_INVALID},
        {"--XyZ\r\n" DISPOSITION "\r\nx", ST_INVALID},
        {"--XyZ\r\n" DISPOSITION "\r\nx\r\n--XyZ", ST_INVALID},
        {"--XyZ\r\n" DISPOSITION "\r\nx\r\n--XyZ-", ST_INVALID},
        {"--XyZ\r\n" DISPOSITION "\r\nx\r\n--XyZsuffix\r\n--XyZ--", ST_INVALID},
        {"--XyZ\n" DISPOSITION "\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data; name=\"file\"\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data; name=\"file\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data; name=a b\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\n" DISPOSITION DISPOSITION "\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Type: image/png\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nno colon\r\n" DISPOSITION "\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\n folded: x\r\n" DISPOSITION "\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\nContent-Disposition: form-data; name=\"a\tb\"\r\n\r\nx\r\n--XyZ--", ST_INVALID},
        {"--XyZ\r\n" DISPOSITION "Content-Transfer-Encoding: base64\r\n\r\nx\r\n--XyZ--",
         ST_UNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct form_record record;
        struct err err = {0};
        if (parse_text(&record, cases[i].body, &err) != cases[i].status)
            fail_msg("case %zu: \"%s\"", i, err.msg);
        assert_true(err.msg[0] != '\0');
        buf_fini(&record.text);
    }
}

static void fill(struct buf *body, const char *before, char c, size_t count, const char *after)
{
    buf_init(body, TEXT_MAX);
    buf_add_str(body, before);
    for (size_t i = 0; i < count; i++)
        buf_add(body, &c, 1);
    buf_add_str(body, after);
}

/* Each limit: the largest that passes, and one more that does not. */
static void test_limits(void **state)
{
    static const struct {
        const char *before, *after;
        char c;
        size_t fits;
    } cases[] = {
        {"--XyZ\r\nContent-Disposition: form-data; name=\"", "\"\r\n\r\nx\r\n--XyZ--", 'n',
         HTTP_PART_NAME_SIZE - 1},
        {"--XyZ\r\n" DISPOSITION "X: ", "\r\n\r\nx\r\n--XyZ--", 'v', HTTP_PART_LINE_MAX - 4},
        {"--XyZ", "\r\n" DISPOSITION "\r\nx\r\n--XyZ--", ' ', HTTP_PART_PADDING_MAX - 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t more = 0; more < 2; more++) {
            struct form_record record;
            struct buf body;
            struct err err;
            fill(&body, cases[i].before, cases[i].c, cases[i].fits + more, cases[i].after);
            assert_int_equal(parse_text(&record, (const char *)body.at, &err),
                             more ? ST_LIMIT : ST_OK);
            buf_fini(&record.text);
            buf_fini(&body);
        }
    }
}

static void test_too_many_header_lines(void **state)
{
    struct form_record record;
    struct buf body;
    struct err err;

    (void)state;
    buf_init(&body, TEXT_MAX);
    buf_add_str(&body, "--XyZ\r\n" DISPOSITION);
    for (size_t i = 0; i < HTTP_PART_LINES_MAX; i++)
        buf_add_str(&body, "X: y\r\n");
    buf_add_str(&body, "\r\nx\r\n--XyZ--");
    assert_int_equal(parse_text(&record, (const char *)body.at, &err), ST_LIMIT);
    buf_fini(&record.text);
    buf_fini(&body);
}

static void test_boundaries(void **state)
{
    static const struct {
        const char *type;
        const char *boundary; /* NULL: refused */
    } cases[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"multipart/form-data; charset=utf-8; Boundary=\"a b\"", "a b"},
        {"multipart/form-data;boundary=----WebKitFormBoundaryAb1", "----WebKitFormBoundaryAb1"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=\"abc", NULL},
        {"multipart/form-data; boundary=\"ab \"", NULL},
        {"multipart/form-data; boundary=a; boundary=b", NULL},
        {"multipart/form-data; boundary=\"a\r\nb\"", NULL},
        {"multipart/form-data; boundary=\"a<b\"", NULL},
        {"multipart/form-data; boundary="
         "0123456789012345678901234567890123456789012345678901234567890123456789",
         "0123456789012345678901234567890123456789012345678901234567890123456789"},
        {"multipart/form-data; boundary="
         "01234567890123456789012345678901234567890123456789012345678901234567890",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char boundary[HTTP_BOUNDARY_MAX + 1] = "untouched";
        struct err err;
        enum status st = http_multipart_boundary(boundary, str_of(cases[i].type), &err);
        assert_int_equal(st, cases[i].boundary ? ST_OK : ST_INVALID);
        assert_string_equal(boundary, cases[i].boundary ? cases[i].boundary : "untouched");
    }
    assert_true(http_multipart_is_form(str_of("Multipart/Form-Data; boundary=x")));
    assert_false(http_multipart_is_form(str_of("multipart/form-database; boundary=x")));
    assert_false(http_multipart_is_form(str_of("image/jpeg")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_ends_at_every_byte),
        cmocka_unit_test(test_large_data_comes_in_few_pieces),
        cmocka_unit_test(test_names_and_quotes),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_many_header_lines),
        cmocka_unit_test(test_boundaries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
