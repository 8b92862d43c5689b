#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

const char *hash_sha256_hex(char out[HASH_HEX_SIZE], struct bytes data)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;

    REQUIRE(EVP_Digest(data.at, data.len, digest, &len, EVP_sha256(), NULL) == 1);
    REQUIRE(len == 32);
    for (unsigned int i = 0; i < len; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
    return out;
}

bool hash_equal(const char *a, const char *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
