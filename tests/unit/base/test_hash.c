/* SHA-256 against the examples of FIPS 180-2. */
#include "support/unit.h"

#include "base/hash.h"

static void check(const char *text, const char *want)
{
    char hex[HASH_HEX_SIZE];

    assert_string_equal(hash_sha256_hex(hex, (struct bytes){(const uint8_t *)text, strlen(text)}),
                        want);
}

static void test_known_answers(void **state)
{
    (void)state;
    check("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_nothing(void **state)
{
    (void)state;
    char hex[HASH_HEX_SIZE];

    hash_sha256_hex(hex, (struct bytes){NULL, 0});
    assert_memory_equal(hex, "e3b0c442", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
