/* base/hash.h - SHA-256 over bytes (OpenSSL libcrypto stays inside hash.c).  Thread-safe. */
#pragma once

#include "base/base.h"

#define HASH_HEX_SIZE 65 /* 64 digits and NUL */

/* Lower-case hexadecimal SHA-256 of `data` into `out`, returned for use in an argument. */
const char *hash_sha256_hex(char out[HASH_HEX_SIZE], struct bytes data);
