/* access/keys.h - API keys: who may do what, hashed at rest, in one small file.
 * A key is "aidetect_" + id (12 digits) + "_" + secret (64 digits, 256 random bits): the file holds
 * its SHA-256 only, which is enough for a secret that cannot be guessed.
 * Must not know HTTP.  A set of keys belongs to one thread; a keystore is thread-safe. */
#pragma once

#include "base/hash.h"

#define ACCESS_KEYS_MAX        1024
#define ACCESS_KEYS_FILE_MAX   (1u << 20) /* bytes */
#define ACCESS_KEY_ID_SIZE     13
#define ACCESS_KEY_NAME_SIZE   64
#define ACCESS_KEY_TEXT_SIZE   87
#define ACCESS_KEY_FACTOR_MAX  10000.0
#define ACCESS_KEY_GRACE_S_MAX (90 * 86400)

/* Each may do what those before it may. */
enum access_role {
    ACCESS_ROLE_PUBLIC,
    ACCESS_ROLE_PREDICT,
    ACCESS_ROLE_OPERATOR,
    ACCESS_ROLE_ADMIN,
    ACCESS_ROLE_COUNT
};
const char *access_role_name(enum access_role role); /* "public", "predict", ... */
bool access_role_parse(enum access_role *out, struct str name) MUST_USE; /* of a key: not public */

/* Times are seconds since 1970-01-01 UTC; 0: never. */
struct access_key {
    char id[ACCESS_KEY_ID_SIZE];
    char name[ACCESS_KEY_NAME_SIZE]; /* for people */
    enum access_role role;
    double limit_factor; /* of the rate limits */
    int64_t created_s;
    int64_t expires_s;
    int64_t revoked_s;
    int64_t rotated_s;
    int64_t previous_until_s; /* the key before the last rotation is good until then */
    char hash[HASH_HEX_SIZE];
    char previous_hash[HASH_HEX_SIZE]; /* "": none */
};

struct access_keys {
    struct access_key *items;
    size_t count;
};

void access_keys_free(struct access_keys *keys);

/* ---- changes; the new key's text is written to `text` and exists nowhere else ---- */

struct access_key_options {
    const char *name; /* 1 to 63 printable bytes */
    enum access_role role;
    double limit_factor; /* over 0 */
    int64_t expires_s;
};
/* ST_INVALID for an option, ST_LIMIT over ACCESS_KEYS_MAX.  The new key is the last one. */
enum status access_keys_create(struct access_keys *keys, char text[ACCESS_KEY_TEXT_SIZE],
                               const struct access_key_options *options, int64_t now_s,
                               struct err *err) MUST_USE;
/* A second key for the same id; the one in use stays good for grace_s more. */
enum status access_keys_rotate(struct access_keys *keys, char text[ACCESS_KEY_TEXT_SIZE],
                               const char *id, int64_t grace_s, int64_t now_s,
                               struct err *err) MUST_USE;
/* Every key of that id is refused from now on; the record stays for the audit log's readers. */
enum status access_keys_revoke(struct access_keys *keys, const char *id, int64_t now_s,
                               struct err *err) MUST_USE;

/* ---- asking ---- */

enum access_fault {
    ACCESS_FAULT_NONE,
    ACCESS_FAULT_UNKNOWN, /* malformed, or no such key */
    ACCESS_FAULT_REVOKED, /* this and the next: only told to who holds the key */
    ACCESS_FAULT_EXPIRED,
    ACCESS_FAULT_COUNT
};
/* The key that `text` is, NULL with the reason otherwise.  In constant time for one id. */
const struct access_key *access_keys_find(const struct access_keys *keys, struct str text,
                                          int64_t now_s, enum access_fault *fault);

/* ---- the file ---- */

/* ST_NOT_FOUND without a file; ST_INVALID when others may read it; ST_CORRUPT for its contents. */
enum status access_keys_load(struct access_keys *out, const char *path, struct err *err) MUST_USE;
/* Replaces the file whole, readable by its owner only. */
enum status access_keys_save(const struct access_keys *keys, const char *path,
                             struct err *err) MUST_USE;
/* Text to keys, as access_keys_load reads it. */
enum status access_keys_parse(struct access_keys *out, struct bytes text, struct err *err) MUST_USE;

/* One writer at a time: held from load to save.  Waits. */
enum status access_keys_lock(int *out, const char *path, struct err *err) MUST_USE;
void access_keys_unlock(int lock);

/* ---- the keys of a running server ---- */

struct access_keystore;

struct access_identity {
    char id[ACCESS_KEY_ID_SIZE];
    enum access_role role;
    double limit_factor;
};

/* No file yet is no error: the store is empty until there is one. */
enum status access_keystore_open(struct access_keystore **out, const char *path,
                                 struct err *err) MUST_USE;
void access_keystore_close(struct access_keystore *store); /* NULL is fine */
/* Reads the file again when it has changed.  On failure the old keys stay, and *err says why once
 * for each change of the file. */
enum status access_keystore_refresh(struct access_keystore *store, bool *changed,
                                    struct err *err) MUST_USE;
enum access_fault access_keystore_find(struct access_identity *out, struct access_keystore *store,
                                       struct str text, int64_t now_s);
size_t access_keystore_count(struct access_keystore *store);
