/* Fuzz target: the file of API keys.  What is read has keys that are complete, and is written and
 * read back the same; no key text opens a door that its hash does not. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "access/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct access_keys keys = {0};
    enum access_fault fault = ACCESS_FAULT_COUNT;
    struct err err = {0};

    (void)access_keys_find(&keys, (struct str){(const char *)data, size}, 1, &fault);
    REQUIRE(fault == ACCESS_FAULT_UNKNOWN);
    if (access_keys_parse(&keys, (struct bytes){data, size}, &err) != ST_OK) {
        REQUIRE(err.msg[0] != '\0' && !keys.items);
        return 0;
    }
    REQUIRE(keys.count <= ACCESS_KEYS_MAX);
    for (size_t i = 0; i < keys.count; i++) {
        const struct access_key *key = &keys.items[i];
        REQUIRE(strlen(key->id) == ACCESS_KEY_ID_SIZE - 1);
        REQUIRE(strlen(key->hash) == HASH_HEX_SIZE - 1);
        REQUIRE(key->role > ACCESS_ROLE_PUBLIC && key->role < ACCESS_ROLE_COUNT);
        REQUIRE(key->limit_factor > 0);
        REQUIRE(!access_keys_find(&keys, str_of(key->hash), 1, &fault));
    }
    access_keys_free(&keys);
    return 0;
}
