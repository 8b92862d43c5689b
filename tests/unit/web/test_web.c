/* The files inside the program are those of src/web/, and refer to nothing else. */
#include "web/web.h"

#include "base/fs.h"
#include "support/unit.h"

static bool has(struct bytes content, const char *word)
{
    size_t len = strlen(word);

    for (size_t at = 0; at + len <= content.len; at++)
        if (memcmp(content.at + at, word, len) == 0)
            return true;
    return false;
}

static void test_files_are_those_of_the_folder(void **state)
{
    char path[256];
    struct bytes content;
    struct err err;

    (void)state;
    for (size_t i = 0; web_file_at(i); i++) {
        const struct web_file *file = web_file_at(i);
        (void)snprintf(path, sizeof path, "src/web/%s", file->name);
        assert_int_equal(fs_map(&content, path, 1u << 20, &err), ST_OK);
        assert_int_equal(file->content.len, content.len);
        assert_memory_equal(file->content.at, content.at, content.len);
        fs_unmap(content);
    }
}

static void test_each_file_is_found_by_its_name(void **state)
{
    size_t count = 0;

    (void)state;
    for (; web_file_at(count); count++)
        assert_ptr_equal(web_find(str_of(web_file_at(count)->name)), web_file_at(count));
    assert_true(count >= 10);
    assert_null(web_find(str_of("web.c")));
    assert_null(web_find(str_of("page.cs")));
    assert_null(web_find(str_of("")));
}

static void test_tags_are_quoted_and_differ(void **state)
{
    (void)state;
    for (size_t i = 0; web_file_at(i); i++) {
        const char *etag = web_file_at(i)->etag;
        assert_int_equal(strlen(etag), 18);
        assert_true(etag[0] == '"' && etag[17] == '"');
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(etag, web_file_at(other)->etag);
    }
}

/* What the policy forbids would fail in the browser only; nothing of it is in the files. */
static void test_nothing_is_inline_or_from_elsewhere(void **state)
{
    static const char *const forbidden[] = {
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", " style=\"", "<style",
        "onclick=",  "https://",  "javascript:",        "eval(",          "@import",   "url(\"",
    };

    (void)state;
    for (size_t i = 0; web_file_at(i); i++)
        for (size_t word = 0; word < ARRAY_LEN(forbidden); word++)
            if (has(web_file_at(i)->content, forbidden[word]))
                fail_msg("%s has %s", web_file_at(i)->name, forbidden[word]);
}

static size_t count_lines(struct bytes content)
{
    size_t lines = 0;

    for (size_t i = 0; i < content.len; i++)
        lines += content.at[i] == '\n';
    return lines;
}

static void test_scripts_are_small(void **state)
{
    (void)state;
    for (size_t i = 0; web_file_at(i); i++)
        if (strstr(web_file_at(i)->name, ".js"))
            assert_true(count_lines(web_file_at(i)->content) <= 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_those_of_the_folder),
        cmocka_unit_test(test_each_file_is_found_by_its_name),
        cmocka_unit_test(test_tags_are_quoted_and_differ),
        cmocka_unit_test(test_nothing_is_inline_or_from_elsewhere),
        cmocka_unit_test(test_scripts_are_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
