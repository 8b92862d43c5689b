/* Finding routes: literal segments, parameters, 404 against 405. */
#include "support/unit.h"

#include "http/route.h"

static const struct http_route routes[] = {
    {"POST", "/predict", 10, NULL},
    {"GET", "/health", 0, NULL},
    {"GET", "/", 0, NULL},
    {"GET", "/incidents/{id}", 0, NULL},
    {"POST", "/incidents/{id}/notes/{note}", 10, NULL},
    {"DELETE", "/incidents/{id}", 0, NULL},
};

static unsigned find(size_t *out, const char *method, const char *path)
{
    char allow[HTTP_ALLOW_SIZE] = "";

    return http_route_find(out, allow, routes, ARRAY_LEN(routes), str_of(method), str_of(path));
}

static void test_found(void **state)
{
    static const struct {
        const char *method, *path;
        size_t route;
    } cases[] = {
        {"POST", "/predict", 0},        {"GET", "/health", 1},
        {"HEAD", "/health", 1},         {"GET", "/", 2},
        {"GET", "/incidents/17", 3},    {"POST", "/incidents/17/notes/a%20b", 4},
        {"DELETE", "/incidents/17", 5},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t route = SIZE_MAX;
        assert_int_equal(find(&route, cases[i].method, cases[i].path), 200);
        assert_int_equal(route, cases[i].route);
    }
}

static void test_not_found(void **state)
{
    static const char *const paths[] = {
        "",         "/nope",         "/predict/",          "/predict/x",          "//predict",
        "/Predict", "/pre%64ict",    "/health/../",        "/incidents",          "/incidents/",
        "predict",  "/incidents/1/", "/incidents/1/notes", "/incidents/1/notes/",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        size_t route = SIZE_MAX;
        if (find(&route, "GET", paths[i]) != 404)
            fail_msg("'%s' was found", paths[i]);
        assert_int_equal(route, SIZE_MAX);
    }
}

static void test_method_not_allowed(void **state)
{
    char allow[HTTP_ALLOW_SIZE] = "";
    size_t route = SIZE_MAX;

    (void)state;
    assert_int_equal(http_route_find(&route, allow, routes, ARRAY_LEN(routes), str_of("PUT"),
                                     str_of("/incidents/9")),
                     405);
    assert_string_equal(allow, "GET, HEAD, DELETE");
    assert_string_equal(routes[route].path, "/incidents/{id}");
    assert_int_equal(find(&route, "GET", "/predict"), 405);
    assert_int_equal(find(&route, "HEAD", "/predict"), 405);
    assert_int_equal(find(&route, "post", "/predict"), 405);
}

static void test_parameters(void **state)
{
    struct str value = {0};
    struct str path = str_of("/incidents/17/notes/last");

    (void)state;
    assert_true(http_route_parameter(&value, routes[4].path, path, "id"));
    assert_true(str_equal(value, "17"));
    assert_true(http_route_parameter(&value, routes[4].path, path, "note"));
    assert_true(str_equal(value, "last"));
    assert_false(http_route_parameter(&value, routes[4].path, path, "other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_method_not_allowed),
        cmocka_unit_test(test_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
