/* access/keys_file.c - the file of keys: JSON, replaced whole, followed while a server runs.
 * Threads: a keystore's keys are swapped under its lock. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/keys.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define FORMAT_VERSION 1
#define TIME_TOP       INT64_C(253402300799) /* the end of year 9999 */
#define PATH_SIZE      4096

/* ---- reading ---- */

static bool read_text(char *out, size_t size, const struct json *object, const char *name)
{
    const char *text = json_get_str(object, name);
    size_t len = text ? strlen(text) : 0;

    if (!text || len >= size)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

static bool read_hash(char out[HASH_HEX_SIZE], const struct json *object, const char *name)
{
    return read_text(out, HASH_HEX_SIZE, object, name) &&
           strspn(out, "0123456789abcdef") == HASH_HEX_SIZE - 1;
}

/* A time that is absent is "never". */
static bool read_time(int64_t *out, const struct json *object, const char *name)
{
    int64_t value = 0;

    if (json_get(object, name) && !json_get_int(&value, object, name))
        return false;
    *out = value;
    return value >= 0 && value <= TIME_TOP;
}

static enum status read_key(struct access_key *out, const struct json *object, size_t index,
                            struct err *err)
{
    struct access_key key = {.limit_factor = 1};
    const char *role = json_get_str(object, "role");
    bool has_previous = json_get(object, "previous_sha256") != NULL;
    bool good = read_text(key.id, sizeof key.id, object, "id") &&
                strspn(key.id, "0123456789abcdef") == ACCESS_KEY_ID_SIZE - 1 &&
                read_text(key.name, sizeof key.name, object, "name") && role &&
                access_role_parse(&key.role, str_of(role)) &&
                read_hash(key.hash, object, "sha256") &&
                (!has_previous || read_hash(key.previous_hash, object, "previous_sha256"));

    good = good && read_time(&key.created_s, object, "created_at") &&
           read_time(&key.expires_s, object, "expires_at") &&
           read_time(&key.revoked_s, object, "revoked_at") &&
           read_time(&key.rotated_s, object, "rotated_at") &&
           read_time(&key.previous_until_s, object, "previous_until");
    if (good && json_get(object, "limit_factor"))
        good = json_get_number(&key.limit_factor, object, "limit_factor") && key.limit_factor > 0 &&
               key.limit_factor <= ACCESS_KEY_FACTOR_MAX;
    if (!good)
        return err_set(err, ST_CORRUPT, "key %zu is not complete", index + 1);
    *out = key;
    return ST_OK;
}

static enum status read_all(struct access_keys *out, const struct json *root, struct err *err)
{
    struct access_keys keys = {0};
    const struct json *list = json_get(root, "keys");
    int64_t version = 0;
    size_t count = json_count(list);

    if (!json_get_int(&version, root, "version") || version != FORMAT_VERSION || !list)
        return err_set(err, ST_CORRUPT, "not a file of keys, version %d", FORMAT_VERSION);
    if (count > ACCESS_KEYS_MAX)
        return err_set(err, ST_LIMIT, "%zu keys, the limit is %d", count, ACCESS_KEYS_MAX);
    keys.items = mem_try_alloc(MAX_OF(count, 1u), sizeof *keys.items);
    if (!keys.items)
        return err_set(err, ST_NOMEM, "no room for %zu keys", count);
    for (; keys.count < count; keys.count++) {
        enum status st =
            read_key(&keys.items[keys.count], json_at(list, keys.count), keys.count, err);
        if (st != ST_OK) {
            access_keys_free(&keys);
            return st;
        }
    }
    *out = keys;
    return ST_OK;
}

enum status access_keys_parse(struct access_keys *out, struct bytes text, struct err *err)
{
    struct json *root = NULL;
    enum status st = json_parse(&root, text, err);

    if (st != ST_OK)
        return err_set(err, ST_CORRUPT, "%s", "the file of keys is not JSON");
    st = read_all(out, root, err);
    json_free(root);
    return st;
}

static enum status check_mode(const char *path, struct err *err)
{
    struct stat info;

    if (stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return err_set(err, ST_INVALID, "'%.100s' may be used by others (mode %04o): chmod 600 it",
                       path, (unsigned)(info.st_mode & 07777));
    return ST_OK;
}

enum status access_keys_load(struct access_keys *out, const char *path, struct err *err)
{
    struct bytes text = {0};
    enum status st = check_mode(path, err);

    if (st == ST_OK)
        st = fs_read(&text, path, ACCESS_KEYS_FILE_MAX, err);
    if (st != ST_OK)
        return st;
    st = access_keys_parse(out, text, err);
    if (st != ST_OK)
        err_prefix(err, "'%.100s'", path);
    mem_free((void *)(uintptr_t)text.at);
    return st;
}

/* ---- writing ---- */

static void set_time(struct json *object, const char *name, int64_t seconds)
{
    if (seconds)
        json_set_int(object, name, seconds);
}

static struct json *key_value(const struct access_key *key)
{
    struct json *value = json_new_object();

    json_set_str(value, "id", key->id);
    json_set_str(value, "name", key->name);
    json_set_str(value, "role", access_role_name(key->role));
    json_set_number(value, "limit_factor", key->limit_factor);
    set_time(value, "created_at", key->created_s);
    set_time(value, "expires_at", key->expires_s);
    set_time(value, "revoked_at", key->revoked_s);
    set_time(value, "rotated_at", key->rotated_s);
    json_set_str(value, "sha256", key->hash);
    if (key->previous_hash[0]) {
        json_set_str(value, "previous_sha256", key->previous_hash);
        set_time(value, "previous_until", key->previous_until_s);
    }
    return value;
}

enum status access_keys_save(const struct access_keys *keys, const char *path, struct err *err)
{
    struct json *root = json_new_object();
    struct json *list = json_new_array();
    struct buf text;

    for (size_t i = 0; i < keys->count; i++)
        json_append(list, key_value(&keys->items[i]));
    json_set_int(root, "version", FORMAT_VERSION);
    json_set(root, "keys", list);
    buf_init(&text, ACCESS_KEYS_FILE_MAX);
    json_write(&text, root, 1);
    buf_add_str(&text, "\n");
    json_free(root);
    enum status st = buf_check(&text, "the file of keys", err);
    if (st == ST_OK)
        st = fs_write_private(path, buf_bytes(&text), err);
    buf_fini(&text);
    return st;
}

enum status access_keys_lock(int *out, const char *path, struct err *err)
{
    char name[PATH_SIZE];

    int len = snprintf(name, sizeof name, "%s.lock", path);
    if (len < 0 || (size_t)len >= sizeof name)
        return err_set(err, ST_LIMIT, "a path is over %d bytes", PATH_SIZE - 1);
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return err_set(err, ST_IO, "cannot open '%.100s': %s", name, strerror(errno));
    while (flock(lock, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        (void)close(lock);
        return err_set(err, ST_IO, "cannot lock '%.100s': %s", name, strerror(errno));
    }
    *out = lock;
    return ST_OK;
}

void access_keys_unlock(int lock)
{
    (void)close(lock);
}

/* ---- the keys of a running server ---- */

struct access_keystore {
    char *path;
    pthread_mutex_t lock; /* guards what follows */
    struct access_keys keys;
    struct fs_stamp stamp; /* of the last attempt to read */
};

/* Without a file there is no key: *out stays empty. */
static enum status load_if_there(struct access_keys *out, const char *path, struct err *err)
{
    struct err mine;
    enum status st = access_keys_load(out, path, &mine);

    if (st == ST_NOT_FOUND)
        return ST_OK;
    return st == ST_OK ? ST_OK : err_set(err, st, "%s", mine.msg);
}

enum status access_keystore_open(struct access_keystore **out, const char *path, struct err *err)
{
    struct access_keystore *store = mem_alloc(1, sizeof *store);

    store->path = mem_copy_str(str_of(path));
    store->stamp = fs_stamp(path);
    (void)pthread_mutex_init(&store->lock, NULL);
    enum status st = load_if_there(&store->keys, path, err);
    if (st != ST_OK) {
        access_keystore_close(store);
        return st;
    }
    *out = store;
    return ST_OK;
}

void access_keystore_close(struct access_keystore *store)
{
    if (!store)
        return;
    access_keys_free(&store->keys);
    (void)pthread_mutex_destroy(&store->lock);
    mem_free(store->path);
    mem_free(store);
}

static bool claim_change(struct access_keystore *store)
{
    struct fs_stamp stamp = fs_stamp(store->path);

    (void)pthread_mutex_lock(&store->lock);
    bool changed = !fs_same_stamp(&stamp, &store->stamp);
    store->stamp = stamp;
    (void)pthread_mutex_unlock(&store->lock);
    return changed;
}

enum status access_keystore_refresh(struct access_keystore *store, bool *changed, struct err *err)
{
    struct access_keys fresh = {0};

    *changed = claim_change(store);
    if (!*changed)
        return ST_OK;
    enum status st = load_if_there(&fresh, store->path, err);
    if (st != ST_OK)
        return st;
    (void)pthread_mutex_lock(&store->lock);
    struct access_keys old = store->keys;
    store->keys = fresh;
    (void)pthread_mutex_unlock(&store->lock);
    access_keys_free(&old);
    return ST_OK;
}

enum access_fault access_keystore_find(struct access_identity *out, struct access_keystore *store,
                                       struct str text, int64_t now_s)
{
    enum access_fault fault = ACCESS_FAULT_UNKNOWN;

    (void)pthread_mutex_lock(&store->lock);
    const struct access_key *key = access_keys_find(&store->keys, text, now_s, &fault);
    if (key) {
        *out = (struct access_identity){.role = key->role, .limit_factor = key->limit_factor};
        memcpy(out->id, key->id, sizeof out->id);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return fault;
}

size_t access_keystore_count(struct access_keystore *store)
{
    (void)pthread_mutex_lock(&store->lock);
    size_t count = store->keys.count;
    (void)pthread_mutex_unlock(&store->lock);
    return count;
}
