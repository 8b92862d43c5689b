/* Base64: the vectors of RFC 4648, round trips, and what is refused. */
#include "support/unit.h"

#include "base/base64.h"
#include "base/rng.h"

static void test_vectors(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    struct buf text;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        buf_init(&text, 100);
        base64_encode(&text, (struct bytes){(const uint8_t *)pairs[i][0], strlen(pairs[i][0])});
        size_t len = text.len;
        assert_int_equal(len, strlen(pairs[i][1]));
        if (len)
            assert_memory_equal(text.at, pairs[i][1], len);
        assert_int_equal(base64_decode(text.at, &len, &err), ST_OK);
        assert_int_equal(len, strlen(pairs[i][0]));
        if (len)
            assert_memory_equal(text.at, pairs[i][0], len);
        buf_fini(&text);
    }
}

static void test_round_trips(void **state)
{
    struct rng rng = rng_seed(3);
    uint8_t data[1000];
    struct buf text;
    struct err err;

    (void)state;
    for (size_t n = 0; n < sizeof data; n += 37) {
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)rng_u64(&rng);
        buf_init(&text, 2000);
        base64_encode(&text, (struct bytes){data, n});
        size_t len = text.len;
        assert_int_equal(base64_decode(text.at, &len, &err), ST_OK);
        assert_int_equal(len, n);
        if (n)
            assert_memory_equal(text.at, data, n);
        buf_fini(&text);
    }
}

static void test_refuses(void **state)
{
    static const char *const texts[] = {"A",    "AA",   "AAA",   "=",    "====",  "A===",    "AA=A",
                                        "AA A", "AA-_", "AA\n=", "=AAA", "AAAA=", "AA==AAAA"};
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint8_t copy[16];
        size_t len = strlen(texts[i]);
        memcpy(copy, texts[i], len);
        assert_int_equal(base64_decode(copy, &len, &err), ST_INVALID);
        assert_int_equal(len, strlen(texts[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
