/* The audit log: what is written is read back, and what is changed afterwards shows. */
#include "support/unit.h"

#include "access/audit.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "support/temp_folder.h"

#define NOW_US INT64_C(1800000000000000)

struct seen {
    size_t count;
    size_t damaged;
    bool intact[8];
    char action[8][32];
    char last_target[ACCESS_AUDIT_TEXT_MAX + 1];
    int64_t last_number;
};

static void visit(void *payload, const struct access_audit_record *record)
{
    struct seen *seen = payload;

    assert_in_range(seen->count, 0, 7);
    seen->intact[seen->count] = record->intact;
    (void)snprintf(seen->action[seen->count++], 32, "%s", record->act.action);
    (void)snprintf(seen->last_target, sizeof seen->last_target, "%s", record->act.target);
    seen->last_number = record->number;
}

static void append(const char *path, const char *action, const char *target)
{
    const struct access_audit_act act = {
        .actor = "user:tester", .action = action, .target = target, .outcome = "done"};
    struct err err;

    assert_int_equal(access_audit_append(path, &act, NOW_US, &err), ST_OK);
}

static struct seen read_log(const char *path)
{
    struct seen seen = {0};
    struct err err;

    assert_int_equal(access_audit_read(path, &seen.damaged, visit, &seen, &err), ST_OK);
    return seen;
}

/* Replaces the log by what `edit` makes of it. */
static void rewrite(const char *path, void (*edit)(struct buf *out, struct str text))
{
    struct bytes old = {0};
    struct buf text;
    struct err err;

    assert_int_equal(fs_read(&old, path, 1u << 20, &err), ST_OK);
    buf_init(&text, 1u << 20);
    edit(&text, (struct str){(const char *)old.at, old.len});
    assert_int_equal(fs_write_private(path, buf_bytes(&text), &err), ST_OK);
    buf_fini(&text);
    mem_free((void *)(uintptr_t)old.at);
}

static void test_lines_are_read_back(void **state)
{
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    char longest[2000];
    struct stat info;

    (void)state;
    memset(longest, '"', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "audit.jsonl");
    append(path, "keys.create", "0123456789ab");
    append(path, "keys.revoke", NULL);
    append(path, "POST /x", "line\nbreak \xff");
    append(path, "POST /y", longest);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    struct seen seen = read_log(path);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.damaged, 0);
    assert_string_equal(seen.action[0], "keys.create");
    assert_string_equal(seen.action[3], "POST /y");
    assert_int_equal(seen.last_number, 4);
    assert_int_equal(strlen(seen.last_target), ACCESS_AUDIT_TEXT_MAX);
    temp_folder_close(&folder);
}

static void change_a_word(struct buf *out, struct str text)
{
    buf_add(out, text.at, text.len);
    char *at = strstr((char *)out->at, "second");
    assert_non_null(at);
    memcpy(at, "SECOND", 6);
}

static void drop_a_line(struct buf *out, struct str text)
{
    struct str first = str_split(&text, '\n');

    buf_add(out, first.at, first.len);
    buf_add_str(out, "\n");
    (void)str_split(&text, '\n');
    buf_add(out, text.at, text.len);
}

static void tear_the_end(struct buf *out, struct str text)
{
    buf_add(out, text.at, text.len - 20);
}

static void write_three(const char *path)
{
    append(path, "first", "a");
    append(path, "second", "b");
    append(path, "third", "c");
}

static void test_a_changed_line_shows(void **state)
{
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];

    (void)state;
    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "audit.jsonl");
    write_three(path);
    rewrite(path, change_a_word);
    struct seen seen = read_log(path);
    assert_int_equal(seen.damaged, 1);
    assert_true(seen.intact[0] && !seen.intact[1] && seen.intact[2]);
    temp_folder_close(&folder);
}

static void test_a_missing_line_shows(void **state)
{
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];

    (void)state;
    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "audit.jsonl");
    write_three(path);
    rewrite(path, drop_a_line);
    struct seen seen = read_log(path);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.damaged, 1);
    assert_true(seen.intact[0] && !seen.intact[1]);
    temp_folder_close(&folder);
}

static void test_a_torn_line_does_not_stop_the_log(void **state)
{
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];

    (void)state;
    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "audit.jsonl");
    write_three(path);
    rewrite(path, tear_the_end);
    append(path, "fourth", "d");
    append(path, "fifth", "e");
    struct seen seen = read_log(path);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.damaged, 1); /* the torn one; the chain goes on from the line before */
    assert_true(seen.intact[1] && !seen.intact[2] && seen.intact[3] && seen.intact[4]);
    temp_folder_close(&folder);
}

static void test_places_that_are_none(void **state)
{
    const struct access_audit_act act = {.action = "x"};
    struct seen seen = {0};
    size_t damaged = 9;
    struct err err;

    (void)state;
    assert_int_equal(access_audit_append("/nowhere/audit", &act, NOW_US, &err), ST_IO);
    assert_int_equal(access_audit_read("/nowhere/audit", &damaged, visit, &seen, &err),
                     ST_NOT_FOUND);
    assert_int_equal(damaged, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_read_back),
        cmocka_unit_test(test_a_changed_line_shows),
        cmocka_unit_test(test_a_missing_line_shows),
        cmocka_unit_test(test_a_torn_line_does_not_stop_the_log),
        cmocka_unit_test(test_places_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
