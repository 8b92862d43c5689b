/* base/hash.h - SHA-256 over bytes (OpenSSL libcrypto stays inside hash.c).  Thread-safe. */
#pragma once

#include "base/base.h"

#define HASH_HEX_SIZE 65 /* 64 digits and NUL */

/* Whether two texts of `len` bytes are equal, in a time that does not tell where they differ. */
bool hash_equal(const char *a, const char *b, size_t len) MUST_USE;
/* Lower-case hexadecimal SHA-256 of `data` into `out`, returned for use in an argument. */
const char *hash_sha256_hex(char out[HASH_HEX_SIZE], struct bytes data);
