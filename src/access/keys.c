#include "access/keys.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PREFIX      "aidetect_"
#define PREFIX_LEN  (sizeof PREFIX - 1)
#define ID_LEN      (ACCESS_KEY_ID_SIZE - 1u)
#define SECRET_LEN  64u
#define TEXT_LEN    (PREFIX_LEN + ID_LEN + 1 + SECRET_LEN)
#define RANDOM_SIZE 32

_Static_assert(TEXT_LEN + 1 == ACCESS_KEY_TEXT_SIZE, "a key's text fits exactly");

static const char *const role_names[] = {
    [ACCESS_ROLE_PUBLIC] = "public",
    [ACCESS_ROLE_PREDICT] = "predict",
    [ACCESS_ROLE_OPERATOR] = "operator",
    [ACCESS_ROLE_ADMIN] = "admin",
};
_Static_assert(ARRAY_LEN(role_names) == ACCESS_ROLE_COUNT, "one name for each role");

const char *access_role_name(enum access_role role)
{
    return role_names[role];
}

bool access_role_parse(enum access_role *out, struct str name)
{
    for (size_t i = ACCESS_ROLE_PREDICT; i < ACCESS_ROLE_COUNT; i++) {
        if (str_equal(name, role_names[i])) {
            *out = (enum access_role)i;
            return true;
        }
    }
    return false;
}

void access_keys_free(struct access_keys *keys)
{
    mem_free(keys->items);
    *keys = (struct access_keys){0};
}

/* ---- changes ---- */

static void hash_key(char out[HASH_HEX_SIZE], const char *text, size_t len)
{
    (void)hash_sha256_hex(out, (struct bytes){(const uint8_t *)text, len});
}

/* `digits` lower-case hexadecimal digits, at most 64, of the system's own randomness. */
static enum status write_random(char *out, size_t digits, struct err *err)
{
    static const char names[] = "0123456789abcdef";
    uint8_t random[RANDOM_SIZE];

    if (getentropy(random, sizeof random) != 0)
        return err_set(err, ST_IO, "the system gives no random numbers");
    for (size_t i = 0; i < digits; i++)
        out[i] = names[(random[i / 2] >> (i % 2 * 4)) & 15];
    return ST_OK;
}

/* A key's text for `id`, and its hash. */
static enum status make_key(char text[ACCESS_KEY_TEXT_SIZE], char hash[HASH_HEX_SIZE],
                            const char *id, struct err *err)
{
    memcpy(text, PREFIX, PREFIX_LEN);
    memcpy(text + PREFIX_LEN, id, ID_LEN);
    text[PREFIX_LEN + ID_LEN] = '_';
    enum status st = write_random(text + PREFIX_LEN + ID_LEN + 1, SECRET_LEN, err);
    text[TEXT_LEN] = '\0';
    if (st == ST_OK)
        hash_key(hash, text, TEXT_LEN);
    return st;
}

static struct access_key *find_id(const struct access_keys *keys, struct str id)
{
    for (size_t i = 0; i < keys->count; i++)
        if (str_equal(id, keys->items[i].id))
            return &keys->items[i];
    return NULL;
}

static enum status check_options(const struct access_key_options *options, int64_t now_s,
                                 struct err *err)
{
    size_t len = strlen(options->name);

    if (len == 0 || len >= ACCESS_KEY_NAME_SIZE)
        return err_set(err, ST_INVALID, "a key's name has 1 to %d bytes, not %zu",
                       ACCESS_KEY_NAME_SIZE - 1, len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)options->name[i] < ' ' || options->name[i] == 127)
            return err_set(err, ST_INVALID, "a key's name has no control characters");
    if (options->role == ACCESS_ROLE_PUBLIC)
        return err_set(err, ST_INVALID, "a key's role is predict, operator or admin");
    if (!(options->limit_factor > 0 && options->limit_factor <= ACCESS_KEY_FACTOR_MAX))
        return err_set(err, ST_INVALID, "the factor of the limits is over 0 and up to %g, not %g",
                       ACCESS_KEY_FACTOR_MAX, options->limit_factor);
    if (options->expires_s && options->expires_s <= now_s)
        return err_set(err, ST_INVALID, "the key would have expired already");
    return ST_OK;
}

enum status access_keys_create(struct access_keys *keys, char text[ACCESS_KEY_TEXT_SIZE],
                               const struct access_key_options *options, int64_t now_s,
                               struct err *err)
{
    struct access_key key = {.role = options->role,
                             .limit_factor = options->limit_factor,
                             .created_s = now_s,
                             .expires_s = options->expires_s};
    enum status st = check_options(options, now_s, err);

    if (st != ST_OK)
        return st;
    if (keys->count >= ACCESS_KEYS_MAX)
        return err_set(err, ST_LIMIT, "there are %zu keys, the limit is %d", keys->count,
                       ACCESS_KEYS_MAX);
    do {
        st = write_random(key.id, ID_LEN, err);
    } while (st == ST_OK && find_id(keys, str_of(key.id)));
    if (st == ST_OK)
        st = make_key(text, key.hash, key.id, err);
    if (st != ST_OK)
        return st;
    memcpy(key.name, options->name, strlen(options->name) + 1);
    struct access_key *grown = mem_try_resize(keys->items, keys->count + 1, sizeof *grown);
    if (!grown)
        return err_set(err, ST_NOMEM, "no room for %zu keys", keys->count + 1);
    keys->items = grown;
    keys->items[keys->count++] = key;
    return ST_OK;
}

static enum status find_live(struct access_key **out, const struct access_keys *keys,
                             const char *id, struct err *err)
{
    struct access_key *key = find_id(keys, str_of(id));

    if (!key)
        return err_set(err, ST_NOT_FOUND, "there is no key '%.40s'", id);
    if (key->revoked_s)
        return err_set(err, ST_CONFLICT, "the key '%.40s' is revoked", id);
    *out = key;
    return ST_OK;
}

enum status access_keys_rotate(struct access_keys *keys, char text[ACCESS_KEY_TEXT_SIZE],
                               const char *id, int64_t grace_s, int64_t now_s, struct err *err)
{
    struct access_key *key = NULL;
    char hash[HASH_HEX_SIZE];
    enum status st = find_live(&key, keys, id, err);

    if (st != ST_OK)
        return st;
    if (grace_s < 0 || grace_s > ACCESS_KEY_GRACE_S_MAX)
        return err_set(err, ST_INVALID, "the old key stays good for up to %d s, not %lld",
                       ACCESS_KEY_GRACE_S_MAX, (long long)grace_s);
    st = make_key(text, hash, key->id, err);
    if (st != ST_OK)
        return st;
    memcpy(key->previous_hash, key->hash, sizeof key->previous_hash);
    memcpy(key->hash, hash, sizeof key->hash);
    key->rotated_s = now_s;
    key->previous_until_s = now_s + grace_s;
    return ST_OK;
}

enum status access_keys_revoke(struct access_keys *keys, const char *id, int64_t now_s,
                               struct err *err)
{
    struct access_key *key = NULL;
    enum status st = find_live(&key, keys, id, err);

    if (st == ST_OK)
        key->revoked_s = now_s;
    return st;
}

/* ---- asking ---- */

/* Both hashes are always compared, and a key that is not there costs as much as one that is. */
const struct access_key *access_keys_find(const struct access_keys *keys, struct str text,
                                          int64_t now_s, enum access_fault *fault)
{
    static const struct access_key nobody = {.hash = ""};
    char hash[HASH_HEX_SIZE];

    *fault = ACCESS_FAULT_UNKNOWN;
    if (text.len != TEXT_LEN || !str_starts(text, PREFIX))
        return NULL;
    const struct access_key *key = find_id(keys, (struct str){text.at + PREFIX_LEN, ID_LEN});
    if (!key)
        key = &nobody;
    hash_key(hash, text.at, text.len);
    bool is_current = hash_equal(hash, key->hash, HASH_HEX_SIZE - 1);
    bool is_previous = hash_equal(hash, key->previous_hash, HASH_HEX_SIZE - 1);
    if (!is_current && !is_previous)
        return NULL;
    bool late = (key->expires_s && now_s >= key->expires_s) ||
                (!is_current && now_s >= key->previous_until_s);
    *fault = key->revoked_s ? ACCESS_FAULT_REVOKED
             : late         ? ACCESS_FAULT_EXPIRED
                            : ACCESS_FAULT_NONE;
    return *fault == ACCESS_FAULT_NONE ? key : NULL;
}
