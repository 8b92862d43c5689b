/* Senders: equal for one seller, different for others, the same after a restart. */
#include "access/sender.h"

#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "support/temp_folder.h"
#include "support/unit.h"

static uint64_t number_of(const struct access_senders *senders, enum access_sender_kind kind,
                          const char *name)
{
    return access_sender(senders, kind, (struct bytes){(const uint8_t *)name, strlen(name)});
}

static void test_one_number_for_one_seller(void **state)
{
    (void)state;
    struct access_senders senders, others;

    assert_int_equal(access_senders_open(&senders, NULL, NULL), ST_OK);
    assert_int_equal(access_senders_open(&others, NULL, NULL), ST_OK);
    uint64_t anna = number_of(&senders, ACCESS_SENDER_NAMED, "anna");
    assert_true(anna == number_of(&senders, ACCESS_SENDER_NAMED, "anna"));
    assert_true(anna > 0 && anna <= INT64_MAX);
    assert_true(anna != number_of(&senders, ACCESS_SENDER_NAMED, "anne"));
    assert_true(anna != number_of(&senders, ACCESS_SENDER_KEY, "anna"));
    assert_true(anna != number_of(&others, ACCESS_SENDER_NAMED, "anna")); /* another secret */
    assert_true(number_of(&senders, ACCESS_SENDER_NAMED, "") > 0);
}

static void test_the_secret_is_kept(void **state)
{
    (void)state;
    struct temp_folder folder;
    struct access_senders before, after;
    char path[TEMP_PATH_SIZE];
    struct stat info;
    struct err err = {0};

    temp_folder_open(&folder);
    temp_path(path, &folder, "senders.secret");
    assert_int_equal(access_senders_open(&before, path, &err), ST_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(access_senders_open(&after, path, &err), ST_OK);
    assert_true(number_of(&before, ACCESS_SENDER_KEY, "k") ==
                number_of(&after, ACCESS_SENDER_KEY, "k"));
    assert_int_equal(fs_write(path, (struct bytes){(const uint8_t *)"short", 5}, &err), ST_OK);
    assert_int_equal(access_senders_open(&after, path, &err), ST_CORRUPT);
    assert_non_null(strstr(err.msg, "has 5 bytes, a secret has 32"));
    assert_true(number_of(&after, ACCESS_SENDER_KEY, "k") > 0); /* its own, then */
    temp_path(path, &folder, "none/senders.secret");
    assert_int_not_equal(access_senders_open(&after, path, &err), ST_OK); /* no folder */
    temp_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_number_for_one_seller),
        cmocka_unit_test(test_the_secret_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
