/* Limits of control groups, read from trees that the tests write. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cgroup.h"
#include "base/fs.h"
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

static void put(const char *folder, const char *name, const char *text)
{
    char path[TEMP_PATH_SIZE];
    char parent[TEMP_PATH_SIZE];
    struct err err;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    assert_int_equal(fs_make_folder(parent, &err), ST_OK);
    assert_int_equal(fs_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &err),
                     ST_OK);
}

static struct cgroup_limits read_limits(const char *folder)
{
    struct cgroup_limits limits;
    char membership[512];

    (void)snprintf(membership, sizeof membership, "%s/self", folder);
    cgroup_read(&limits, folder, membership);
    return limits;
}

static void test_least_of_the_groups_above(void **state)
{
    const char *folder = ((struct temp_folder *)*state)->path;

    put(folder, "self", "1:name=systemd:/old\n0::/pod/box\n");
    put(folder, "memory.max", "max\n");
    put(folder, "pod/memory.max", "1000000\n");
    put(folder, "pod/box/memory.max", "2000000\n");
    put(folder, "pod/cpu.max", "max 100000\n");
    put(folder, "pod/box/cpu.max", "50000 100000\n");
    struct cgroup_limits limits = read_limits(folder);
    assert_int_equal(limits.memory_bytes, 1000000);
    assert_true(limits.processors == 0.5);
}

static void test_root_of_a_container(void **state)
{
    const char *folder = ((struct temp_folder *)*state)->path;

    put(folder, "self", "0::/\n");
    put(folder, "memory.max", "536870912\n");
    put(folder, "cpu.max", "250000 100000\n");
    struct cgroup_limits limits = read_limits(folder);
    assert_int_equal(limits.memory_bytes, 536870912);
    assert_true(limits.processors == 2.5);
}

static void test_nothing_said(void **state)
{
    static const char *const memberships[] = {"", "0::/\n", "2:cpu:/x\n", "0::relative\n"};
    const char *folder = ((struct temp_folder *)*state)->path;

    put(folder, "memory.max", "max\n");
    put(folder, "cpu.max", "so much\n");
    for (size_t i = 0; i < ARRAY_LEN(memberships); i++) {
        put(folder, "self", memberships[i]);
        struct cgroup_limits limits = read_limits(folder);
        assert_int_equal(limits.memory_bytes, 0);
        assert_true(limits.processors == 0);
    }
}

static void test_this_machine(void **state)
{
    struct cgroup_limits limits;

    (void)state;
    cgroup_read_self(&limits);
    assert_true(limits.memory_bytes > 0);
    assert_true(limits.processors > 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_least_of_the_groups_above),
        WITH_FOLDER(test_root_of_a_container),
        WITH_FOLDER(test_nothing_said),
        cmocka_unit_test(test_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
