/* Settings of access: what is automatic, what is refused, and which origins and hosts are let in.
 */
#include "support/unit.h"

#include "access/policy.h"

static struct access_policy read(const struct access_settings *settings)
{
    struct access_policy policy;
    struct err err = {.msg = ""};

    if (access_policy_read(&policy, settings, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return policy;
}

static void test_automatic_switches(void **state)
{
    static const struct {
        bool loopback_only;
        const char *proxies;
        enum access_switch asked;
        bool on;
    } cases[] = {
        {true, NULL, ACCESS_AUTO, false},         {false, NULL, ACCESS_AUTO, true},
        {true, "127.0.0.1", ACCESS_AUTO, true},   {true, NULL, ACCESS_ON, true},
        {false, "10.0.0.0/8", ACCESS_OFF, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_settings settings = access_settings_default;
        settings.loopback_only = cases[i].loopback_only;
        settings.trusted_proxies = cases[i].proxies;
        settings.require_auth = settings.rate_limits = cases[i].asked;
        struct access_policy policy = read(&settings);
        assert_int_equal(policy.require_auth, cases[i].on);
        assert_int_equal(policy.rate_limits, cases[i].on);
        assert_true(policy.per_minute[ACCESS_RATE_PREDICT] == 30);
        assert_true(policy.per_minute[ACCESS_RATE_BATCH] == 5);
        assert_true(policy.per_minute[ACCESS_RATE_EXPLAIN] == 10);
    }
}

static void test_settings_that_are_wrong(void **state)
{
    static const char *const origins[] = {"shop.example", "https://shop.example/",
                                          "https://",     "https://*.shop.example",
                                          "https://a@b",  "ftp://shop.example"};
    struct access_settings settings = access_settings_default;
    struct access_policy policy = {.origin_count = 77};
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        settings.cors_origins = origins[i];
        if (access_policy_read(&policy, &settings, &err) != ST_INVALID)
            fail_msg("'%s' is taken", origins[i]);
    }
    settings = access_settings_default;
    settings.trusted_proxies = "edge";
    assert_int_equal(access_policy_read(&policy, &settings, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "proxy.trusted"));
    settings = access_settings_default;
    settings.per_minute[ACCESS_RATE_BATCH] = -1;
    assert_int_equal(access_policy_read(&policy, &settings, &err), ST_INVALID);
    settings = access_settings_default;
    settings.hosts = "a b c d e f g h i j k l m n o p q";
    assert_int_equal(access_policy_read(&policy, &settings, &err), ST_LIMIT);
    assert_int_equal(policy.origin_count, 77);
}

static void test_origins(void **state)
{
    struct access_settings settings = access_settings_default;

    (void)state;
    struct access_policy none = read(&settings);
    assert_false(access_policy_allows_origin(&none, str_of("https://shop.example")));
    settings.cors_origins = "https://Shop.example, http://localhost:3000";
    struct access_policy two = read(&settings);
    assert_true(access_policy_allows_origin(&two, str_of("https://shop.example")));
    assert_true(access_policy_allows_origin(&two, str_of("http://localhost:3000")));
    assert_false(access_policy_allows_origin(&two, str_of("http://shop.example")));
    assert_false(access_policy_allows_origin(&two, str_of("https://shop.example.evil.example")));
    assert_false(access_policy_allows_origin(&two, str_of("null")));
    settings.cors_origins = "*";
    struct access_policy any = read(&settings);
    assert_true(access_policy_allows_origin(&any, str_of("null")));
    assert_false(access_policy_allows_origin(&any, str_of("")));
}

static void test_same_origin(void **state)
{
    (void)state;
    assert_true(access_same_origin(str_of("http://127.0.0.1:8080"), str_of("127.0.0.1:8080")));
    assert_true(access_same_origin(str_of("https://Shop.example"), str_of("shop.example")));
    assert_false(access_same_origin(str_of("https://shop.example"), str_of("shop.example:8080")));
    assert_false(access_same_origin(str_of("null"), str_of("null")));
    assert_false(access_same_origin(str_of("http://evil.example"), str_of("shop.example")));
    assert_false(access_same_origin(str_of("http://"), str_of("")));
}

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool allowed;
    } cases[] = {
        {"localhost", true},
        {"LOCALHOST:8080", true},
        {"127.0.0.1:8080", true},
        {"[::1]:8080", true},
        {"192.0.2.7", true},
        {"aidetect.internal:80", true},
        {"evil.example", false},
        {"localhost.evil.example", false},
        {"", false},
        {"[evil]", false},
    };
    struct access_settings settings = access_settings_default;

    (void)state;
    settings.hosts = "Aidetect.internal";
    struct access_policy policy = read(&settings);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (access_policy_allows_host(&policy, str_of(cases[i].host)) != cases[i].allowed)
            fail_msg("'%s'", cases[i].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_automatic_switches),
        cmocka_unit_test(test_settings_that_are_wrong),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
