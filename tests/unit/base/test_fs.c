/* Files: limits to the byte, standard input, whole-or-nothing writing, folders, symbolic links. */
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "support/temp_folder.h"

static int open_folder(void **state)
{
    struct temp_folder *folder = malloc(sizeof *folder);

    temp_folder_open(folder);
    *state = folder;
    return 0;
}

static int close_folder(void **state)
{
    temp_folder_close(*state);
    free(*state);
    return 0;
}

static struct bytes text(const char *t)
{
    return (struct bytes){(const uint8_t *)t, strlen(t)};
}

static void put(const struct temp_folder *folder, const char *name, const char *contents)
{
    char path[TEMP_PATH_SIZE];
    struct err err = {0};

    if (fs_write(temp_path(path, folder, name), text(contents), &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static void test_write_and_read(void **state)
{
    char path[TEMP_PATH_SIZE];
    struct bytes got = {0};

    temp_path(path, *state, "a");
    put(*state, "a", "first, and longer");
    put(*state, "a", "second"); /* replaces */
    assert_int_equal(fs_read(&got, path, 6, NULL), ST_OK);
    assert_int_equal(got.len, 6);
    assert_string_equal((const char *)got.at, "second"); /* NUL behind */
    mem_free((void *)(uintptr_t)got.at);
    put(*state, "a", "");
    assert_int_equal(fs_read(&got, path, 0, NULL), ST_OK);
    assert_int_equal(got.len, 0);
    mem_free((void *)(uintptr_t)got.at);
}

static void test_read_limit(void **state)
{
    char path[TEMP_PATH_SIZE];
    struct bytes got = {.len = 4711};
    struct err err = {0};

    put(*state, "a", "1234567");
    temp_path(path, *state, "a");
    assert_int_equal(fs_read(&got, path, 6, &err), ST_LIMIT);
    assert_non_null(strstr(err.msg, "over 6 bytes"));
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(got.len, 4711);
}

static void test_read_many_pieces(void **state)
{
    enum { SIZE = (64 << 10) * 3 + 1 };
    char path[TEMP_PATH_SIZE];
    uint8_t *data = malloc(SIZE);
    struct bytes got = {0};

    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    temp_path(path, *state, "a");
    assert_int_equal(fs_write(path, (struct bytes){data, SIZE}, NULL), ST_OK);
    assert_int_equal(fs_read(&got, path, SIZE - 1, NULL), ST_LIMIT);
    assert_int_equal(fs_read(&got, path, SIZE, NULL), ST_OK);
    assert_int_equal(got.len, SIZE);
    assert_memory_equal(got.at, data, SIZE);
    mem_free((void *)(uintptr_t)got.at);
    free(data);
}

static void test_read_into(void **state)
{
    char path[TEMP_PATH_SIZE];
    uint8_t room[8];
    size_t len = 99;
    struct err err = {0};

    put(*state, "a", "12345");
    temp_path(path, *state, "a");
    assert_int_equal(fs_read_into(room, 5, &len, path, &err), ST_OK);
    assert_int_equal(len, 5);
    len = 99;
    assert_int_equal(fs_read_into(room, 4, &len, path, &err), ST_LIMIT);
    assert_int_equal(len, 99);
    assert_int_equal(fs_read_into(room, 0, &len, path, &err), ST_LIMIT);
    put(*state, "a", "");
    assert_int_equal(fs_read_into(room, 0, &len, path, &err), ST_OK);
    assert_int_equal(len, 0);
}

static void test_standard_input(void **state)
{
    (void)state;
    int ends[2];
    int kept = dup(STDIN_FILENO);
    struct bytes got = {0};

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    enum status st = fs_read(&got, "-", 100, NULL);
    dup2(kept, STDIN_FILENO);
    close(kept);
    assert_int_equal(st, ST_OK);
    assert_int_equal(got.len, 5);
    assert_memory_equal(got.at, "piped", 5);
    mem_free((void *)(uintptr_t)got.at);
}

static void test_missing_and_folders(void **state)
{
    const struct temp_folder *folder = *state;
    char path[TEMP_PATH_SIZE];
    struct bytes got = {0};
    struct err err = {0};

    assert_int_equal(fs_read(&got, temp_path(path, folder, "none"), 10, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.msg, "none"));
    assert_int_equal(fs_read(&got, folder->path, 10, &err), ST_IO);
    assert_int_equal(fs_map(&got, folder->path, 10, &err), ST_IO);
    assert_non_null(strstr(err.msg, "not a regular file"));
    assert_int_equal(fs_map(&got, path, 10, &err), ST_NOT_FOUND);
    assert_int_equal(fs_write(temp_path(path, folder, "no/such/file"), text("x"), &err),
                     ST_NOT_FOUND);
    assert_false(fs_exists(path));
    assert_true(fs_exists(folder->path));
    assert_true(fs_is_folder(folder->path));
}

static size_t count_files(const struct temp_folder *folder)
{
    struct fs_list list = {0};

    assert_int_equal(fs_list_files(&list, folder->path, 1000, NULL), ST_OK);
    size_t count = list.count;
    fs_list_free(&list);
    return count;
}

static void test_write_leaves_no_temporary_file(void **state)
{
    const struct temp_folder *folder = *state;
    char path[TEMP_PATH_SIZE];
    struct err err = {0};

    put(folder, "a", "1");
    put(folder, "a", "2");
    assert_int_equal(count_files(folder), 1);
    /* a folder stands where the file should go: the rename fails, the temporary file must go */
    assert_int_equal(fs_make_folder(temp_path(path, folder, "b/c"), NULL), ST_OK);
    assert_int_equal(fs_write(temp_path(path, folder, "b"), text("x"), &err), ST_IO);
    assert_non_null(strstr(err.msg, "cannot replace"));
    assert_int_equal(count_files(folder), 1);
}

static void test_map(void **state)
{
    char path[TEMP_PATH_SIZE];
    struct bytes got = {.len = 4711};
    struct err err = {0};

    put(*state, "a", "12345");
    temp_path(path, *state, "a");
    assert_int_equal(fs_map(&got, path, 4, &err), ST_LIMIT);
    assert_int_equal(got.len, 4711);
    assert_int_equal(fs_map(&got, path, 5, &err), ST_OK);
    assert_int_equal(got.len, 5);
    assert_memory_equal(got.at, "12345", 5);
    fs_unmap(got);
    fs_unmap((struct bytes){0});
    put(*state, "a", "");
    assert_int_equal(fs_map(&got, path, 5, &err), ST_LIMIT);
}

static void test_make_folder(void **state)
{
    char path[TEMP_PATH_SIZE];
    char long_path[5000];
    struct err err = {0};

    temp_path(path, *state, "x/y//z/");
    assert_int_equal(fs_make_folder(path, &err), ST_OK);
    assert_true(fs_is_folder(path));
    assert_int_equal(fs_make_folder(path, &err), ST_OK);
    put(*state, "file", "1");
    assert_int_not_equal(fs_make_folder(temp_path(path, *state, "file"), &err), ST_OK);
    assert_non_null(strstr(err.msg, "file"));
    assert_int_not_equal(fs_make_folder(temp_path(path, *state, "file/below"), &err), ST_OK);
    assert_int_equal(fs_make_folder("", &err), ST_LIMIT);
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(fs_make_folder(long_path, &err), ST_LIMIT);
}

static void test_list(void **state)
{
    const struct temp_folder *folder = *state;
    static const char *const want[] = {"/a", "/b/c", "/b/d", "/e"};
    char path[TEMP_PATH_SIZE];
    struct fs_list list = {0};
    struct err err = {0};

    assert_int_equal(fs_make_folder(temp_path(path, folder, "b"), &err), ST_OK);
    put(folder, "e", "");
    put(folder, "b/d", "");
    put(folder, "b/c", "");
    put(folder, "a", "");
    put(folder, ".hidden", "");
    assert_int_equal(fs_list_files(&list, folder->path, 4, &err), ST_OK);
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(list.paths[i] + strlen(folder->path), want[i]);
    fs_list_free(&list);
    fs_list_free(&list);
    assert_int_equal(fs_list_files(&list, folder->path, 3, &err), ST_LIMIT);
    assert_int_equal(list.count, 0);
    assert_int_equal(fs_list_files(&list, temp_path(path, folder, "none"), 3, &err), ST_NOT_FOUND);
}

static void test_links_are_not_followed(void **state)
{
    const struct temp_folder *folder = *state;
    char from[TEMP_PATH_SIZE];
    char path[TEMP_PATH_SIZE];

    put(folder, "a", "");
    temp_path(from, folder, "loop");
    assert_int_equal(symlink(folder->path, from), 0);
    temp_path(from, folder, "link");
    assert_int_equal(symlink(temp_path(path, folder, "a"), from), 0);
    temp_path(from, folder, "fifo");
    assert_int_equal(mkfifo(from, 0600), 0);
    assert_int_equal(count_files(folder), 1);
}

static void test_list_depth(void **state)
{
    const struct temp_folder *folder = *state;
    char path[TEMP_PATH_SIZE];
    struct fs_list list = {0};
    struct err err = {0};

    (void)snprintf(path, sizeof path, "%s", folder->path);
    for (int i = 0; i < 70; i++)
        strncat(path, "/d", sizeof path - strlen(path) - 1);
    assert_int_equal(fs_make_folder(path, &err), ST_OK);
    assert_int_equal(fs_list_files(&list, folder->path, 10, &err), ST_LIMIT);
    assert_non_null(strstr(err.msg, "64"));
}

#define FS_TEST(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FS_TEST(test_write_and_read),
        FS_TEST(test_read_limit),
        FS_TEST(test_read_many_pieces),
        FS_TEST(test_read_into),
        FS_TEST(test_standard_input),
        FS_TEST(test_missing_and_folders),
        FS_TEST(test_write_leaves_no_temporary_file),
        FS_TEST(test_map),
        FS_TEST(test_make_folder),
        FS_TEST(test_list),
        FS_TEST(test_links_are_not_followed),
        FS_TEST(test_list_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
