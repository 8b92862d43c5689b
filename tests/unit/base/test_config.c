/* Settings from YAML: every refusal names file, line, setting, and what was allowed. */
#include "support/unit.h"

#include "base/config.h"

struct settings {
    int64_t port;
    double rate;
    bool on;
    char name[8];
    int64_t deep;
};

#define AT(member) offsetof(struct settings, member)
static const struct config_field fields[] = {
    {"port", CONFIG_INT, AT(port), 1, 65535, "8080", "TCP port"},
    {"optimizer.rate", CONFIG_DOUBLE, AT(rate), 0, 1, "0.5", "rate"},
    {"optimizer.on", CONFIG_BOOL, AT(on), 0, 0, "true", "on"},
    {"name", CONFIG_TEXT, AT(name), 0, 8, "abc", "at most 7 bytes"},
    {"a.b.c.d", CONFIG_INT, AT(deep), -5, 5, "0", "deep"},
};
static const struct config_table table = {fields, ARRAY_LEN(fields)};

static enum status load(struct settings *out, const char *yaml, struct err *err)
{
    config_defaults(out, &table);
    return config_parse(out, &table, (struct bytes){(const uint8_t *)yaml, strlen(yaml)},
                        "test.yaml", err);
}

static struct settings accept(const char *yaml)
{
    struct settings settings = {0};
    struct err err = {0};

    if (load(&settings, yaml, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return settings;
}

static void refuse(const char *yaml, enum status status, const char *place, const char *part)
{
    struct settings settings = {0};
    struct err err = {0};
    enum status st = load(&settings, yaml, &err);

    if (st != status || !strstr(err.msg, place) || !strstr(err.msg, part))
        fail_msg("%s gives %s: %s (wanted %s ... %s)", yaml, status_name(st), err.msg, place, part);
}

static void test_defaults(void **state)
{
    (void)state;
    struct settings s = accept("");

    assert_int_equal(s.port, 8080);
    assert_true(s.rate == 0.5);
    assert_true(s.on);
    assert_string_equal(s.name, "abc");
}

static void test_values(void **state)
{
    (void)state;
    struct settings s = accept("# a comment\n"
                               "port: 1\n"
                               "optimizer:\n"
                               "  rate: 2.5e-1\n"
                               "  on: no\n"
                               "name: \"1234567\"\n"
                               "a: {b: {c: {d: -5}}}\n");

    assert_int_equal(s.port, 1);
    assert_true(s.rate == 0.25);
    assert_false(s.on);
    assert_string_equal(s.name, "1234567");
    assert_int_equal(s.deep, -5);
}

static void test_dotted_name_and_order(void **state)
{
    (void)state;
    struct settings s = accept("optimizer.rate: 0\nname: ''\noptimizer: {on: off}\nport: 65535\n");

    assert_true(s.rate == 0);
    assert_string_equal(s.name, "");
    assert_false(s.on);
    assert_int_equal(s.port, 65535);
}

static void test_unknown_keys(void **state)
{
    (void)state;
    refuse("port: 1\nprot: 2\n", ST_INVALID, "test.yaml:2", "unknown setting 'prot'");
    refuse("optimizer:\n  rate: 0\n  rat: 1\n", ST_INVALID, "test.yaml:3", "'optimizer.rat'");
    refuse("rate: 1\n", ST_INVALID, "test.yaml:1", "'rate'");
    refuse("optimizer: 1\n", ST_INVALID, "test.yaml:1", "'optimizer'");
    refuse("port: {x: 1}\n", ST_INVALID, "test.yaml:1", "'port.x'");
    /* after a nested mapping, names start from the outer one again */
    refuse("optimizer:\n  rate: 0\non: true\n", ST_INVALID, "test.yaml:3", "'on'");
}

static void test_wrong_types(void **state)
{
    (void)state;
    refuse("port: many\n", ST_INVALID, "test.yaml:1", "'many'");
    refuse("port: 1.0\n", ST_INVALID, "test.yaml:1", "whole number from 1 to 65535");
    refuse("port:\n", ST_INVALID, "test.yaml:1", "port");
    refuse("optimizer: {rate: true}\n", ST_INVALID, "test.yaml:1", "optimizer.rate");
    refuse("optimizer: {on: 1}\n", ST_INVALID, "test.yaml:1", "true or false");
    refuse("optimizer: {rate: .nan}\n", ST_INVALID, "test.yaml:1", "optimizer.rate");
}

static void test_out_of_range(void **state)
{
    (void)state;
    refuse("port: 0\n", ST_INVALID, "test.yaml:1", "from 1 to 65535, not '0'");
    refuse("\n\nport: 65536\n", ST_INVALID, "test.yaml:3", "'65536'");
    refuse("port: 99999999999999999999\n", ST_INVALID, "test.yaml:1", "port");
    refuse("optimizer: {rate: 1.01}\n", ST_INVALID, "test.yaml:1", "from 0 to 1");
    refuse("optimizer: {rate: -0.01}\n", ST_INVALID, "test.yaml:1", "from 0 to 1");
    refuse("name: 12345678\n", ST_LIMIT, "test.yaml:1", "8 bytes, allowed are 7");
}

static void test_structure(void **state)
{
    (void)state;
    refuse("port: [1]\n", ST_UNSUPPORTED, "test.yaml:1", "lists");
    refuse("- port\n", ST_UNSUPPORTED, "test.yaml:1", "lists");
    refuse("port: &x 1\nname: *x\n", ST_UNSUPPORTED, "test.yaml:2", "aliases");
    refuse("port\n", ST_INVALID, "test.yaml:1", "mapping");
    refuse("{a: 1}: 2\n", ST_INVALID, "test.yaml:1", "");
    refuse("a: {b: {c: {d: {e: 1}}}}\n", ST_LIMIT, "test.yaml:1", "deeper than 4");
    refuse("port: 1\n\tname: x\n", ST_INVALID, "test.yaml:2", "not YAML");
    refuse("port: 'unended\n", ST_INVALID, "test.yaml:", "not YAML");
    refuse("port: \xff\n", ST_INVALID, "test.yaml:", "not YAML");
}

static void test_long_key(void **state)
{
    (void)state;
    char yaml[400];

    memset(yaml, 'k', 300);
    memcpy(yaml + 300, ": 1\n", 5);
    refuse(yaml, ST_LIMIT, "test.yaml:1", "128");
}

static void test_set_by_name(void **state)
{
    (void)state;
    struct settings s = {0};
    struct err err = {0};

    config_defaults(&s, &table);
    assert_int_equal(config_set(&s, &table, "port", str_of("9090"), &err), ST_OK);
    assert_int_equal(s.port, 9090);
    assert_int_equal(config_set(&s, &table, "port", str_of("x"), &err), ST_INVALID);
    assert_int_equal(s.port, 9090); /* untouched on failure */
    assert_int_equal(config_set(&s, &table, "Port", str_of("1"), &err), ST_INVALID);
    assert_int_equal(config_set(&s, &table, "name", str_of("12345678"), &err), ST_LIMIT);
    assert_string_equal(s.name, "abc");
    assert_int_equal(
        config_parse(&s, &table, (struct bytes){(const uint8_t *)"x: 1", 4}, "o", NULL),
        ST_INVALID); /* nobody wants the message */
}

static void test_values_as_text(void **state)
{
    (void)state;
    static const char *const want[] = {"8080", "0.5", "true", "abc", "0"};
    struct settings s = accept("");
    char text[64];

    for (size_t i = 0; i < table.count; i++) {
        config_get_text(text, sizeof text, &s, &fields[i]);
        assert_string_equal(text, want[i]);
        assert_int_equal(config_set(&s, &table, fields[i].name, str_of(text), NULL), ST_OK);
    }
    config_get_text(text, 3, &s, &fields[0]); /* cut, never over */
    assert_string_equal(text, "80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_dotted_name_and_order),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_set_by_name),
        cmocka_unit_test(test_values_as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
