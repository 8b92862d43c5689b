/* The manifest reader: columns by name, malformed lines named, limits, selection. */
#include "train/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define HEADER "file\tlabel\tfamily\tsource\trole\n"

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct train_manifest *parse(const char *text)
{
    struct train_manifest *manifest = NULL;
    struct err err = {0};

    assert_int_equal(train_manifest_parse(&manifest, text_bytes(text), "data/", &err), ST_OK);
    return manifest;
}

/* The text is refused with this status, and the message holds `part`. */
static void refuse(const char *text, enum status status, const char *part)
{
    struct train_manifest *manifest = NULL;
    struct err err = {0};

    assert_int_equal(train_manifest_parse(&manifest, text_bytes(text), "", &err), status);
    assert_null(manifest);
    assert_int_equal(train_manifest_parse(&manifest, text_bytes(text), "", NULL), status);
    if (!strstr(err.msg, part))
        fail_msg("'%s' does not mention '%s'", err.msg, part);
}

static void test_reads_columns_by_name(void **state)
{
    (void)state;
    struct train_manifest *m =
        parse("notes\trole\tsource\toriginal_width\tfile\theight\tlabel\tgeneration\tfamily\twidth"
              "\toriginal_height\n"
              "hello\ttrain\tshop\t1000\ta.jpg\t20\treal\t-\tshoes\t10\t900\r\n"
              "\n"
              "\tdev\tgen\t-\t/b c.png\t\tai\tnew\tflux1\t-\t-\n"
              "x\tdev\tshop\t5\tsub/d.webp\t1\treal\t-\tshoes\t2\t6");

    assert_int_equal(m->count, 3);
    assert_string_equal(m->rows[0].file, "a.jpg");
    assert_string_equal(m->rows[0].path, "data/a.jpg");
    assert_string_equal(m->rows[0].role, "train");
    assert_string_equal(m->rows[0].generation, "-");
    assert_int_equal(m->rows[0].label, TRAIN_LABEL_REAL);
    assert_int_equal(m->rows[0].width, 10);
    assert_int_equal(m->rows[0].height, 20);
    assert_int_equal(m->rows[0].original_width, 1000);
    assert_int_equal(m->rows[0].original_height, 900);
    assert_int_equal(m->rows[0].line, 2);
    assert_string_equal(m->rows[1].path, "/b c.png");
    assert_int_equal(m->rows[1].label, TRAIN_LABEL_AI);
    assert_string_equal(m->rows[1].generation, "new");
    assert_int_equal(m->rows[1].width, 0);
    assert_int_equal(m->rows[1].height, 0);
    assert_int_equal(m->rows[1].original_width, 0);
    assert_int_equal(m->rows[1].line, 4);
    assert_string_equal(m->rows[2].path, "data/sub/d.webp");
    assert_int_equal(m->source_count, 2);
    assert_int_equal(m->family_count, 2);
    assert_int_equal(m->role_count, 2);
    assert_int_equal(m->rows[0].source, m->rows[2].source);
    assert_int_not_equal(m->rows[0].source, m->rows[1].source);
    assert_string_equal(m->source_names[m->rows[1].source], "gen");
    assert_string_equal(m->family_names[m->rows[2].family], "shoes");
    train_manifest_close(m);
}

static void test_twins(void **state)
{
    (void)state;
    struct train_manifest *m = parse("file\tlabel\tfamily\tsource\trole\treal\treal_x\treal_y\n"
                                     "a\tai\ttwin\ty\ttrain\tphotos/a.jpg\t0\t32\n"
                                     "b\tai\ttwin\ty\ttrain\t/b.jpg\t-\t\n"
                                     "c\tai\tx\ty\ttrain\t-\t-\t-\n");

    assert_string_equal(m->rows[0].real, "data/photos/a.jpg");
    assert_int_equal(m->rows[0].real_x, 0);
    assert_int_equal(m->rows[0].real_y, 32);
    assert_string_equal(m->rows[1].real, "/b.jpg");
    assert_int_equal(m->rows[1].real_x, 0);
    assert_string_equal(m->rows[2].real, "");
    train_manifest_close(m);
    refuse("file\tlabel\tfamily\tsource\trole\treal_x\na\tai\tx\ty\ttrain\t1000001\n", ST_INVALID,
           "line 2: column 'real_x': '1000001' is no place of 0 to 1000000 px");
}

static void test_optional_columns_may_be_absent(void **state)
{
    (void)state;
    struct train_manifest *m = parse(HEADER "a\tai\tx\ty\ttrain\n");

    assert_string_equal(m->rows[0].generation, "");
    assert_int_equal(m->rows[0].width, 0);
    assert_int_equal(m->rows[0].original_height, 0);
    assert_string_equal(m->rows[0].real, "");
    train_manifest_close(m);
}

static void test_hash_is_of_the_text(void **state)
{
    (void)state;
    struct train_manifest *a = parse(HEADER "a\tai\tx\ty\ttrain\n");
    struct train_manifest *b = parse(HEADER "a\tai\tx\ty\tdev\n");
    char expected[HASH_HEX_SIZE];

    assert_string_equal(a->sha256,
                        hash_sha256_hex(expected, text_bytes(HEADER "a\tai\tx\ty\ttrain\n")));
    assert_string_not_equal(a->sha256, b->sha256);
    train_manifest_close(a);
    train_manifest_close(b);
}

static void test_refuses_a_bad_header(void **state)
{
    (void)state;
    refuse("", ST_INVALID, "empty");
    refuse(HEADER, ST_INVALID, "without any row");
    refuse(HEADER "\n\n", ST_INVALID, "without any row");
    refuse("file\tlabel\tfamily\tsource\na\tai\tx\ty\n", ST_INVALID, "no column 'role'");
    refuse("file\tlabel\tfamily\tsource\trole\tlabel\n", ST_INVALID, "line 1: column 'label'");
    refuse("file,label,family,source,role\na,ai,x,y,dev\n", ST_INVALID, "line 1");
}

static void test_refuses_bad_rows_by_line_and_column(void **state)
{
    (void)state;
    refuse(HEADER "a\tai\tx\ty\n", ST_INVALID, "line 2: 4 columns, the header has 5");
    refuse(HEADER "a\tai\tx\ty\tdev\tz\n", ST_INVALID, "line 2: 6 columns");
    refuse(HEADER "a\tai\tx\ty\tdev\nb\tfake\tx\ty\tdev\n", ST_INVALID,
           "line 3: column 'label': 'fake'");
    refuse(HEADER "a\tAI\tx\ty\tdev\n", ST_INVALID, "column 'label'");
    refuse(HEADER "\tai\tx\ty\tdev\n", ST_INVALID, "line 2: column 'file' is empty");
    refuse(HEADER "a\tai\t\ty\tdev\n", ST_INVALID, "column 'family' is empty");
    refuse(HEADER "a\tai\tx\t\tdev\n", ST_INVALID, "column 'source' is empty");
    refuse(HEADER "a\tai\tx\ty\t\n", ST_INVALID, "column 'role' is empty");
}

static void test_keeps_a_repeated_file_once(void **state)
{
    (void)state;
    struct train_manifest *m = parse(HEADER "a\tai\tx\ty\tdev\nb\tai\tx\ty\tdev\n"
                                            "a\tai\tx\tz\tdev\nc\treal\tx\ty\ttrain\n");

    assert_int_equal(m->count, 3);
    assert_int_equal(m->repeated_count, 1);
    assert_string_equal(m->rows[2].file, "c");
    assert_int_equal(m->rows[2].line, 5);
    train_manifest_close(m);
    refuse(HEADER "a\tai\tx\ty\tdev\nb\tai\tx\ty\tdev\na\treal\tx\ty\tdev\n", ST_INVALID,
           "line 4: column 'label': the same file is 'ai' in line 2");
    refuse(HEADER "a\tai\tx\ty\tdev\na\tai\tx\ty\ttrain\n", ST_INVALID,
           "line 3: column 'role': the same file is 'dev' in line 2");
}

static void test_refuses_bad_sides(void **state)
{
    static const char *const bad[] = {"0", "-3", "12px", "1e3", "1000001", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf text;
        buf_init(&text, 4096);
        buf_printf(&text, "file\tlabel\tfamily\tsource\trole\twidth\na\tai\tx\ty\tdev\t%s\n",
                   bad[i]);
        buf_add(&text, "", 1);
        refuse((const char *)text.at, ST_INVALID, "line 2: column 'width'");
        buf_fini(&text);
    }
}

static void test_refuses_zero_bytes(void **state)
{
    (void)state;
    static const char text[] = HEADER "a\0b\tai\tx\ty\tdev\n";
    struct train_manifest *manifest = NULL;
    struct err err = {0};
    struct bytes bytes = {(const uint8_t *)text, sizeof text - 1};

    assert_int_equal(train_manifest_parse(&manifest, bytes, "", &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "line 2: a zero byte"));
}

static void test_limits_the_line(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_add_str(&text, HEADER "a");
    for (size_t i = 0; i < TRAIN_MANIFEST_LINE_MAX; i++)
        buf_add_str(&text, "a");
    buf_add_str(&text, "\tai\tx\ty\tdev\n");
    buf_add(&text, "", 1);
    refuse((const char *)text.at, ST_LIMIT, "line 2: 65548 bytes are over the limit of 65536");
    buf_fini(&text);
}

static void test_limits_columns(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 16);
    buf_add_str(&text, "file\tlabel\tfamily\tsource\trole");
    for (size_t i = 0; i < TRAIN_MANIFEST_COLUMNS_MAX; i++)
        buf_add_str(&text, "\tx");
    buf_add(&text, "\n", 2);
    refuse((const char *)text.at, ST_LIMIT, "more than 64 columns");
    buf_fini(&text);
}

/* Rows whose family, role or source differ, up to and one over a limit. */
static void test_limits_different_names(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_add_str(&text, HEADER);
    for (unsigned i = 0; i < TRAIN_MANIFEST_FAMILIES_MAX; i++)
        buf_printf(&text, "%u\tai\tf%u\ts%u\tdev\n", i, i, i % 7);
    buf_add(&text, "", 1);
    struct train_manifest *m = parse((const char *)text.at);
    assert_int_equal(m->family_count, TRAIN_MANIFEST_FAMILIES_MAX);
    assert_int_equal(m->source_count, 7);
    for (size_t i = 0; i < m->count; i += 97) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%zu", i);
        assert_string_equal(m->family_names[m->rows[i].family], name);
    }
    train_manifest_close(m);
    text.len--;
    buf_printf(&text, "z\tai\tone more\ts\tdev\n");
    buf_add(&text, "", 1);
    refuse((const char *)text.at, ST_LIMIT, "line 4098: more than 4096 different family");
    buf_fini(&text);
}

static void test_selects_by_role_and_label(void **state)
{
    (void)state;
    struct train_manifest *m = parse(HEADER "a\tai\tx\ty\ttrain\nb\treal\tx\ty\tdev\n"
                                            "c\tai\tx\ty\tdev\nd\treal\tx\ty\ttrain\n");
    uint32_t *rows = NULL;
    size_t count = 9;

    assert_int_equal(train_manifest_select(&rows, &count, m, "dev", 0, NULL), ST_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0], 1);
    assert_int_equal(rows[1], 2);
    mem_free(rows);
    assert_int_equal(train_manifest_select(&rows, &count, m, NULL, 1u << TRAIN_LABEL_AI, NULL),
                     ST_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0], 0);
    assert_int_equal(rows[1], 2);
    mem_free(rows);
    assert_int_equal(train_manifest_select(&rows, &count, m, "none", 0, NULL), ST_OK);
    assert_int_equal(count, 0);
    assert_null(rows);
    train_manifest_close(m);
}

static void test_opens_a_file_and_joins_its_folder(void **state)
{
    char folder[] = "/tmp/manifest-XXXXXX";
    char path[64];
    char photo[64];
    struct train_manifest *m = NULL;
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/m.tsv", folder);
    (void)snprintf(photo, sizeof photo, "%s/a.jpg", folder);
    assert_int_equal(train_manifest_open(&m, path, &err), ST_NOT_FOUND);
    assert_int_equal(fs_write(path, text_bytes(HEADER "a.jpg\tai\tx\ty\tdev\n"), &err), ST_OK);
    assert_int_equal(train_manifest_open(&m, path, &err), ST_OK);
    assert_string_equal(m->rows[0].path, photo);
    train_manifest_close(m);
    assert_int_equal(fs_write(path, text_bytes(HEADER "a.jpg\tno\tx\ty\tdev\n"), &err), ST_OK);
    assert_int_equal(train_manifest_open(&m, path, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, path));
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_columns_by_name),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_optional_columns_may_be_absent),
        cmocka_unit_test(test_hash_is_of_the_text),
        cmocka_unit_test(test_refuses_a_bad_header),
        cmocka_unit_test(test_refuses_bad_rows_by_line_and_column),
        cmocka_unit_test(test_keeps_a_repeated_file_once),
        cmocka_unit_test(test_refuses_bad_sides),
        cmocka_unit_test(test_refuses_zero_bytes),
        cmocka_unit_test(test_limits_the_line),
        cmocka_unit_test(test_limits_columns),
        cmocka_unit_test(test_limits_different_names),
        cmocka_unit_test(test_selects_by_role_and_label),
        cmocka_unit_test(test_opens_a_file_and_joins_its_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
