/* Addresses, networks, and the client behind proxies that may or may not be trusted. */
#include "support/unit.h"

#include "access/address.h"

static struct access_address address_of(const char *text)
{
    struct access_address address = {{0}};

    assert_true(access_address_parse(&address, str_of(text)));
    return address;
}

static void test_spellings(void **state)
{
    static const struct {
        const char *text, *shown; /* NULL: refused */
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"192.0.2.7:8080", "192.0.2.7"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:DB8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"::", "-"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.7:", NULL},
        {"192.0.2.7:65536", NULL},
        {"192.0.2.7:8o", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]443", NULL},
        {"[2001:db8::1]:", NULL},
        {"[]", NULL},
        {"[", NULL},
        {"1:2", NULL},
        {" 192.0.2.7", NULL},
        {"192.0.2.7,192.0.2.8", NULL},
    };
    char text[ACCESS_ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_address address = {{0}};
        bool good = access_address_parse(&address, str_of(cases[i].text));
        if (good != (cases[i].shown != NULL))
            fail_msg("'%s' is %s", cases[i].text, good ? "taken" : "refused");
        if (good)
            assert_string_equal(access_address_text(text, &address), cases[i].shown);
    }
    assert_false(access_address_parse(&(struct access_address){{0}}, (struct str){"1.2.3.4\0", 8}));
}

static void test_networks(void **state)
{
    static const struct {
        const char *networks, *address;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::a00:1", false},
        {"192.0.2.4/30, 2001:db8::/33", "192.0.2.7", true},
        {"192.0.2.4/30,2001:db8::/33", "192.0.2.8", false},
        {"192.0.2.4/30 2001:db8::/33", "2001:db8:7fff::1", true},
        {"192.0.2.4/30 2001:db8::/33", "2001:db8:8000::1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"", "127.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_networks networks;
        struct access_address address = address_of(cases[i].address);
        struct err err;
        assert_int_equal(access_networks_parse(&networks, str_of(cases[i].networks), &err), ST_OK);
        if (access_networks_contain(&networks, &address) != cases[i].inside)
            fail_msg("%s in '%s'", cases[i].address, cases[i].networks);
    }
}

static void test_networks_that_are_none(void **state)
{
    static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33",   "10.0.0.0/",    "10.0.0.0/-1",
                                      "proxy",      "::1/129",       "127.0.0.1:80", "[::1]/64",
                                      "/8",         "2001:db8::1/32"};
    struct access_networks networks = {.count = 7};
    char many[ACCESS_NETWORKS_MAX * 10 + 16] = "";
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (access_networks_parse(&networks, str_of(bad[i]), &err) != ST_INVALID)
            fail_msg("'%s' is taken", bad[i]);
        assert_int_equal(networks.count, 7);
    }
    for (size_t i = 0; i <= ACCESS_NETWORKS_MAX; i++)
        memcpy(many + i * 10, "127.0.0.1 ", 10);
    assert_int_equal(access_networks_parse(&networks, str_of(many), &err), ST_LIMIT);
}

static void test_client(void **state)
{
    static const struct {
        const char *peer, *first, *second; /* lines of X-Forwarded-For */
        const char *client;
    } cases[] = {
        /* nobody believes a stranger */
        {"203.0.113.9", "192.0.2.1", NULL, "203.0.113.9"},
        {"203.0.113.9", NULL, NULL, "203.0.113.9"},
        /* one trusted hop */
        {"10.0.0.1", "192.0.2.1", NULL, "192.0.2.1"},
        {"10.0.0.1", NULL, NULL, "10.0.0.1"},
        /* what the client wrote itself stands further left */
        {"10.0.0.1", "1.1.1.1, 192.0.2.1", NULL, "192.0.2.1"},
        {"10.0.0.1", "10.0.0.9, 192.0.2.1", NULL, "192.0.2.1"},
        /* two trusted hops */
        {"10.0.0.1", "1.1.1.1, 192.0.2.1, 10.0.0.2", NULL, "192.0.2.1"},
        /* all trusted: the left-most */
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3"},
        /* lines are one list */
        {"10.0.0.1", "1.1.1.1", "192.0.2.1", "192.0.2.1"},
        {"10.0.0.1", "192.0.2.1", "10.0.0.2", "192.0.2.1"},
        /* malformed: no further than the last hop that is known */
        {"10.0.0.1", "192.0.2.1, unknown", NULL, "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1, , 10.0.0.2", NULL, "10.0.0.2"},
        {"10.0.0.1", "192.0.2.1,", NULL, "10.0.0.1"},
        {"10.0.0.1", "", NULL, "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1:5123", NULL, "192.0.2.1"},
        {"10.0.0.1", "\"[2001:db8::7]:1\"", NULL, "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7]:1", NULL, "2001:db8::7"},
    };
    struct access_networks trusted;
    char text[ACCESS_ADDRESS_TEXT_SIZE];
    struct err err;

    (void)state;
    assert_int_equal(access_networks_parse(&trusted, str_of("10.0.0.0/8"), &err), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct access_address peer = address_of(cases[i].peer);
        struct str lines[2] = {{0}};
        size_t count = 0;
        if (cases[i].first)
            lines[count++] = str_of(cases[i].first);
        if (cases[i].second)
            lines[count++] = str_of(cases[i].second);
        struct access_address client = access_client(&peer, lines, count, &trusted);
        if (strcmp(access_address_text(text, &client), cases[i].client) != 0)
            fail_msg("case %zu: %s instead of %s", i, text, cases[i].client);
    }
}

static void test_hops_end(void **state)
{
    const struct access_address peer = address_of("10.0.0.1");
    char line[(ACCESS_HOPS_MAX + 3) * 10] = "192.0.2.1";
    struct access_networks trusted;
    char text[ACCESS_ADDRESS_TEXT_SIZE];
    struct err err;

    (void)state;
    assert_int_equal(access_networks_parse(&trusted, str_of("10.0.0.0/8"), &err), ST_OK);
    for (size_t i = 0; i <= ACCESS_HOPS_MAX; i++)
        memcpy(line + 9 + i * 9, ",10.0.0.2", 10);
    struct str lines[] = {str_of(line)};
    struct access_address client = access_client(&peer, lines, 1, &trusted);
    assert_string_equal(access_address_text(text, &client), "10.0.0.2");
}

static void test_subscribers(void **state)
{
    char text[ACCESS_ADDRESS_TEXT_SIZE];
    struct access_address six = address_of("2001:db8:1:2:3:4:5:6");
    struct access_address four = address_of("192.0.2.7");
    struct access_address local4 = address_of("127.9.9.9");
    struct access_address local6 = address_of("::1");

    (void)state;
    six = access_address_subscriber(&six);
    four = access_address_subscriber(&four);
    assert_string_equal(access_address_text(text, &six), "2001:db8:1:2::");
    assert_string_equal(access_address_text(text, &four), "192.0.2.7");
    assert_true(access_address_is_loopback(&local4));
    assert_true(access_address_is_loopback(&local6));
    assert_false(access_address_is_loopback(&four));
    assert_false(access_address_is_loopback(&six));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_networks_that_are_none),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_hops_end),
        cmocka_unit_test(test_subscribers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
