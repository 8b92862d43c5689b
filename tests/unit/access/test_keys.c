/* API keys: made, rotated, revoked, expired; their file; and a store that follows it. */
#include "support/unit.h"

#include "access/keys.h"
#include "base/fs.h"
#include "base/mem.h"
#include "support/temp_folder.h"

#define NOW INT64_C(1800000000)

static const struct access_key_options predict = {
    .name = "shop", .role = ACCESS_ROLE_PREDICT, .limit_factor = 1};

static void create(struct access_keys *keys, char text[ACCESS_KEY_TEXT_SIZE],
                   const struct access_key_options *options)
{
    struct err err;

    assert_int_equal(access_keys_create(keys, text, options, NOW, &err), ST_OK);
}

static enum access_fault ask(const struct access_keys *keys, const char *text, int64_t now)
{
    enum access_fault fault = ACCESS_FAULT_COUNT;
    const struct access_key *key = access_keys_find(keys, str_of(text), now, &fault);

    assert_true((key != NULL) == (fault == ACCESS_FAULT_NONE));
    return fault;
}

static void test_only_the_whole_key_is_good(void **state)
{
    struct access_keys keys = {0};
    char one[ACCESS_KEY_TEXT_SIZE];
    char two[ACCESS_KEY_TEXT_SIZE];
    char changed[ACCESS_KEY_TEXT_SIZE];

    (void)state;
    create(&keys, one, &predict);
    create(&keys, two, &predict);
    assert_int_equal(strlen(one), ACCESS_KEY_TEXT_SIZE - 1);
    assert_string_not_equal(one, two);
    assert_int_equal(ask(&keys, one, NOW), ACCESS_FAULT_NONE);
    assert_int_equal(ask(&keys, two, NOW), ACCESS_FAULT_NONE);
    for (size_t i = 0; i < strlen(one); i++) {
        memcpy(changed, one, sizeof changed);
        changed[i] = changed[i] == '0' ? '1' : '0';
        assert_int_equal(ask(&keys, changed, NOW), ACCESS_FAULT_UNKNOWN);
    }
    changed[0] = '\0';
    assert_int_equal(ask(&keys, "", NOW), ACCESS_FAULT_UNKNOWN);
    assert_int_equal(ask(&keys, keys.items[0].hash, NOW), ACCESS_FAULT_UNKNOWN);
    assert_null(strstr(one, keys.items[0].hash)); /* hashed, not kept */
    access_keys_free(&keys);
}

static void test_a_key_without_hash_is_no_open_door(void **state)
{
    struct access_key item = {.id = "0123456789ab", .role = ACCESS_ROLE_ADMIN};
    struct access_keys keys = {&item, 1};
    char text[ACCESS_KEY_TEXT_SIZE];

    (void)state;
    (void)snprintf(text, sizeof text, "aidetect_0123456789ab_%064d", 0);
    assert_int_equal(ask(&keys, text, NOW), ACCESS_FAULT_UNKNOWN);
}

static void test_rotation_has_two_good_keys_for_a_while(void **state)
{
    struct access_keys keys = {0};
    char first[ACCESS_KEY_TEXT_SIZE];
    char second[ACCESS_KEY_TEXT_SIZE];
    char third[ACCESS_KEY_TEXT_SIZE];
    struct err err;

    (void)state;
    create(&keys, first, &predict);
    const char *id = keys.items[0].id;
    assert_int_equal(access_keys_rotate(&keys, second, id, 3600, NOW, &err), ST_OK);
    assert_int_equal(ask(&keys, first, NOW + 3599), ACCESS_FAULT_NONE);
    assert_int_equal(ask(&keys, second, NOW + 3599), ACCESS_FAULT_NONE);
    assert_int_equal(ask(&keys, first, NOW + 3600), ACCESS_FAULT_EXPIRED);
    assert_int_equal(ask(&keys, second, NOW + 3600), ACCESS_FAULT_NONE);
    assert_int_equal(access_keys_rotate(&keys, third, id, 0, NOW + 10, &err), ST_OK);
    assert_int_equal(ask(&keys, first, NOW + 10), ACCESS_FAULT_UNKNOWN);
    assert_int_equal(ask(&keys, second, NOW + 10), ACCESS_FAULT_EXPIRED);
    assert_int_equal(ask(&keys, third, NOW + 10), ACCESS_FAULT_NONE);
    assert_int_equal(access_keys_rotate(&keys, third, id, -1, NOW, &err), ST_INVALID);
    assert_int_equal(access_keys_rotate(&keys, third, id, ACCESS_KEY_GRACE_S_MAX + 1, NOW, &err),
                     ST_INVALID);
    assert_int_equal(access_keys_rotate(&keys, third, "0", 0, NOW, &err), ST_NOT_FOUND);
    access_keys_free(&keys);
}

static void test_expiry_and_revocation(void **state)
{
    struct access_keys keys = {0};
    struct access_key_options options = predict;
    char text[ACCESS_KEY_TEXT_SIZE];
    char other[ACCESS_KEY_TEXT_SIZE];
    struct err err;

    (void)state;
    options.expires_s = NOW + 60;
    create(&keys, text, &options);
    assert_int_equal(ask(&keys, text, NOW + 59), ACCESS_FAULT_NONE);
    assert_int_equal(ask(&keys, text, NOW + 60), ACCESS_FAULT_EXPIRED);
    assert_int_equal(access_keys_rotate(&keys, other, keys.items[0].id, 3600, NOW, &err), ST_OK);
    assert_int_equal(access_keys_revoke(&keys, keys.items[0].id, NOW, &err), ST_OK);
    assert_int_equal(ask(&keys, text, NOW), ACCESS_FAULT_REVOKED);
    assert_int_equal(ask(&keys, other, NOW), ACCESS_FAULT_REVOKED);
    assert_int_equal(access_keys_revoke(&keys, keys.items[0].id, NOW, &err), ST_CONFLICT);
    assert_int_equal(access_keys_rotate(&keys, other, keys.items[0].id, 1, NOW, &err), ST_CONFLICT);
    access_keys_free(&keys);
}

static void test_options_are_checked(void **state)
{
    static const struct access_key_options bad[] = {
        {.name = "", .role = ACCESS_ROLE_ADMIN, .limit_factor = 1},
        {.name = "a\nb", .role = ACCESS_ROLE_ADMIN, .limit_factor = 1},
        {.name = "0123456789012345678901234567890123456789012345678901234567890123",
         .role = ACCESS_ROLE_ADMIN,
         .limit_factor = 1},
        {.name = "a", .role = ACCESS_ROLE_PUBLIC, .limit_factor = 1},
        {.name = "a", .role = ACCESS_ROLE_ADMIN, .limit_factor = 0},
        {.name = "a", .role = ACCESS_ROLE_ADMIN, .limit_factor = 1e9},
        {.name = "a", .role = ACCESS_ROLE_ADMIN, .limit_factor = 1, .expires_s = NOW},
    };
    struct access_keys keys = {0};
    char text[ACCESS_KEY_TEXT_SIZE];
    enum access_role role = ACCESS_ROLE_COUNT;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(access_keys_create(&keys, text, &bad[i], NOW, &err), ST_INVALID);
    assert_int_equal(keys.count, 0);
    assert_true(access_role_parse(&role, str_of("operator")));
    assert_int_equal(role, ACCESS_ROLE_OPERATOR);
    assert_false(access_role_parse(&role, str_of("public")));
    assert_false(access_role_parse(&role, str_of("root")));
}

static void test_there_is_a_limit(void **state)
{
    struct access_keys keys = {0};
    char text[ACCESS_KEY_TEXT_SIZE];
    struct err err;

    (void)state;
    for (size_t i = 0; i < ACCESS_KEYS_MAX; i++)
        create(&keys, text, &predict);
    assert_int_equal(access_keys_create(&keys, text, &predict, NOW, &err), ST_LIMIT);
    access_keys_free(&keys);
}

static void test_the_file_keeps_everything(void **state)
{
    struct access_keys keys = {0};
    struct access_keys read = {0};
    struct access_key_options options = {"b \"q\" \xc3\xa9", ACCESS_ROLE_ADMIN, 2.5, NOW + 5};
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    char text[ACCESS_KEY_TEXT_SIZE];
    struct stat info;
    struct bytes bytes = {0};
    struct err err;

    (void)state;
    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "keys.json");
    create(&keys, text, &predict);
    create(&keys, text, &options);
    assert_int_equal(access_keys_rotate(&keys, text, keys.items[1].id, 60, NOW, &err), ST_OK);
    assert_int_equal(access_keys_revoke(&keys, keys.items[0].id, NOW + 1, &err), ST_OK);
    assert_int_equal(access_keys_save(&keys, path, &err), ST_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(access_keys_load(&read, path, &err), ST_OK);
    assert_int_equal(read.count, 2);
    assert_memory_equal(read.items, keys.items, 2 * sizeof *keys.items);
    assert_int_equal(fs_read(&bytes, path, 1u << 20, &err), ST_OK);
    assert_null(strstr((const char *)bytes.at, text));
    mem_free((void *)(uintptr_t)bytes.at);
    assert_int_equal(chmod(path, 0640), 0);
    access_keys_free(&read);
    assert_int_equal(access_keys_load(&read, path, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "chmod 600"));
    access_keys_free(&keys);
    temp_folder_close(&folder);
}

static void test_damaged_files(void **state)
{
#define HEX64 "0123456789012345678901234567890123456789012345678901234567890123"
    static const char *const bad[] = {
        "",
        "[]",
        "{\"version\":2,\"keys\":[]}",
        "{\"version\":1}",
        "{\"version\":1,\"keys\":[1]}",
        "{\"version\":1,\"keys\":[{}]}",
        "{\"version\":1,\"keys\":[{\"id\":\"0123456789ab\",\"name\":\"a\",\"role\":\"admin\"}]}",
        "{\"version\":1,\"keys\":[{\"id\":\"0123456789ab\",\"name\":\"a\",\"role\":\"admin\","
        "\"sha256\":\"\"}]}",
        "{\"version\":1,\"keys\":[{\"id\":\"0123456789ab\",\"name\":\"a\",\"role\":\"public\","
        "\"sha256\":\"" HEX64 "\"}]}",
        "{\"version\":1,\"keys\":[{\"id\":\"0123456789ab\",\"name\":\"a\",\"role\":\"admin\","
        "\"sha256\":\"" HEX64 "\",\"expires_at\":\"soon\"}]}",
        "{\"version\":1,\"keys\":[{\"id\":\"0123456789ab\",\"name\":\"a\",\"role\":\"admin\","
        "\"sha256\":\"" HEX64 "\",\"limit_factor\":0}]}",
    };
    static const char good[] = "{\"version\":1,\"keys\":[{\"id\":\"0123456789ab\",\"name\":\"a\","
                               "\"role\":\"admin\",\"sha256\":\"" HEX64 "\"}]}";
    struct access_keys keys = {0};
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (access_keys_parse(&keys, (struct bytes){(const uint8_t *)bad[i], strlen(bad[i])},
                              &err) != ST_CORRUPT)
            fail_msg("'%s' is taken", bad[i]);
    assert_null(keys.items);
    assert_int_equal(
        access_keys_parse(&keys, (struct bytes){(const uint8_t *)good, strlen(good)}, &err), ST_OK);
    access_keys_free(&keys);
}

static void test_the_store_follows_its_file(void **state)
{
    struct access_keystore *store = NULL;
    struct access_keys keys = {0};
    struct access_identity who = {{0}, ACCESS_ROLE_PUBLIC, 0};
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    char text[ACCESS_KEY_TEXT_SIZE];
    bool changed = true;
    struct err err;

    (void)state;
    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "keys.json");
    create(&keys, text, &predict);
    assert_int_equal(access_keystore_open(&store, path, &err), ST_OK);
    assert_int_equal(access_keystore_count(store), 0);
    assert_int_equal(access_keystore_find(&who, store, str_of(text), NOW), ACCESS_FAULT_UNKNOWN);
    assert_int_equal(access_keystore_refresh(store, &changed, &err), ST_OK);
    assert_false(changed);

    assert_int_equal(access_keys_save(&keys, path, &err), ST_OK);
    assert_int_equal(access_keystore_refresh(store, &changed, &err), ST_OK);
    assert_true(changed);
    assert_int_equal(access_keystore_find(&who, store, str_of(text), NOW), ACCESS_FAULT_NONE);
    assert_string_equal(who.id, keys.items[0].id);
    assert_int_equal(who.role, ACCESS_ROLE_PREDICT);

    /* A damaged file is told once, and the old keys stay. */
    assert_int_equal(fs_write_private(path, (struct bytes){(const uint8_t *)"oops", 4}, &err),
                     ST_OK);
    assert_int_equal(access_keystore_refresh(store, &changed, &err), ST_CORRUPT);
    assert_int_equal(access_keystore_refresh(store, &changed, &err), ST_OK);
    assert_int_equal(access_keystore_find(&who, store, str_of(text), NOW), ACCESS_FAULT_NONE);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(access_keystore_refresh(store, &changed, &err), ST_OK);
    assert_int_equal(access_keystore_find(&who, store, str_of(text), NOW), ACCESS_FAULT_UNKNOWN);
    access_keystore_close(store);
    access_keys_free(&keys);
    temp_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_whole_key_is_good),
        cmocka_unit_test(test_a_key_without_hash_is_no_open_door),
        cmocka_unit_test(test_rotation_has_two_good_keys_for_a_while),
        cmocka_unit_test(test_expiry_and_revocation),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_there_is_a_limit),
        cmocka_unit_test(test_the_file_keeps_everything),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_the_store_follows_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
