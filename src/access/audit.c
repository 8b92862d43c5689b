#include "access/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

#define GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

/* Where the next line hooks in. */
struct chain {
    int64_t number; /* of the last line */
    char seal[HASH_HEX_SIZE];
};

static void set_text(struct json *object, const char *name, const char *text)
{
    char cut[ACCESS_AUDIT_TEXT_MAX + 1];

    if (!text)
        return;
    (void)snprintf(cut, sizeof cut, "%s", text);
    json_set_str(object, name, cut);
}

static struct json *act_value(const struct access_audit_act *act, const struct chain *chain,
                              int64_t now_us)
{
    struct json *value = json_new_object();
    char time_text[CLOCK_TEXT_SIZE];

    json_set_int(value, "number", chain->number + 1);
    json_set_str(value, "time", clock_format_utc(time_text, now_us));
    set_text(value, "actor", act->actor);
    set_text(value, "role", act->role);
    set_text(value, "address", act->address);
    set_text(value, "action", act->action);
    set_text(value, "target", act->target);
    set_text(value, "outcome", act->outcome);
    set_text(value, "request_id", act->request_id);
    json_set_str(value, "previous", chain->seal);
    return value;
}

/* The hash of a line without its seal. */
static void seal_of(char out[HASH_HEX_SIZE], const struct json *value)
{
    struct buf text;

    buf_init(&text, ACCESS_AUDIT_LINE_MAX);
    json_write(&text, value, 0);
    (void)hash_sha256_hex(out, buf_bytes(&text));
    buf_fini(&text);
}

static enum status write_line(int fd, const struct access_audit_act *act, const struct chain *chain,
                              int64_t now_us, bool torn, struct err *err)
{
    struct json *value = act_value(act, chain, now_us);
    char seal[HASH_HEX_SIZE];
    struct buf line;

    seal_of(seal, value);
    json_set_str(value, "seal", seal);
    buf_init(&line, ACCESS_AUDIT_LINE_MAX);
    if (torn) /* the last write did not end: what is left of it stays on a line of its own */
        buf_add_str(&line, "\n");
    json_write(&line, value, 0);
    buf_add_str(&line, "\n");
    json_free(value);
    enum status st = buf_check(&line, "a line of the audit log", err);
    if (st == ST_OK && (write(fd, line.at, line.len) != (ssize_t)line.len || fsync(fd) != 0))
        st = err_set(err, ST_IO, "cannot write the audit log: %s", strerror(errno));
    buf_fini(&line);
    return st;
}

/* Number and seal of a line; false when it is none. */
static bool read_seal(struct chain *out, struct str line)
{
    struct json *value = NULL;
    struct err ignored;

    if (json_parse(&value, (struct bytes){(const uint8_t *)line.at, line.len}, &ignored) != ST_OK)
        return false;
    const char *seal = json_get_str(value, "seal");
    bool good =
        json_get_int(&out->number, value, "number") && seal && strlen(seal) == HASH_HEX_SIZE - 1;
    if (good)
        memcpy(out->seal, seal, HASH_HEX_SIZE);
    json_free(value);
    return good;
}

/* The last whole line in the last bytes of the file. */
static void find_chain(struct chain *out, bool *torn, struct str tail)
{
    *out = (struct chain){.seal = GENESIS};
    *torn = tail.len && tail.at[tail.len - 1] != '\n';
    while (tail.len) {
        size_t end = tail.len - (tail.at[tail.len - 1] == '\n');
        size_t start = end;
        while (start > 0 && tail.at[start - 1] != '\n')
            start--;
        if (read_seal(out, (struct str){tail.at + start, end - start}))
            return;
        tail.len = start;
    }
}

static enum status append_locked(int fd, const struct access_audit_act *act, int64_t now_us,
                                 struct err *err)
{
    char tail[4 * ACCESS_AUDIT_LINE_MAX];
    struct chain chain;
    struct stat info;
    bool torn = false;

    if (fstat(fd, &info) != 0)
        return err_set(err, ST_IO, "cannot look at the audit log: %s", strerror(errno));
    if (info.st_size > (off_t)ACCESS_AUDIT_FILE_MAX)
        return err_set(err, ST_LIMIT, "the audit log is over %u bytes: archive it",
                       ACCESS_AUDIT_FILE_MAX);
    size_t len = MIN_OF((size_t)info.st_size, sizeof tail);
    if (pread(fd, tail, len, info.st_size - (off_t)len) != (ssize_t)len)
        return err_set(err, ST_IO, "cannot read the audit log: %s", strerror(errno));
    find_chain(&chain, &torn, (struct str){tail, len});
    return write_line(fd, act, &chain, now_us, torn, err);
}

enum status access_audit_append(const char *path, const struct access_audit_act *act,
                                int64_t now_us, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(err, ST_IO, "cannot open '%.100s': %s", path, strerror(errno));
    while (flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        (void)close(fd);
        return err_set(err, ST_IO, "cannot lock '%.100s': %s", path, strerror(errno));
    }
    enum status st = append_locked(fd, act, now_us, err);
    (void)close(fd);
    return st;
}

/* ---- reading ---- */

static const char *text_of(const struct json *value, const char *name)
{
    const char *text = json_get_str(value, name);

    return text ? text : "";
}

static bool is_intact(struct json *value, struct chain *chain)
{
    char seal[HASH_HEX_SIZE];
    struct json *stored = json_take(value, "seal");
    const char *text = json_text(stored);
    int64_t number = 0;

    seal_of(seal, value);
    bool numbered = json_get_int(&number, value, "number");
    bool good = numbered && text && strcmp(text, seal) == 0 && number == chain->number + 1 &&
                strcmp(text_of(value, "previous"), chain->seal) == 0;
    /* A cut in the chain shows once, not on every line after it. */
    chain->number = number;
    (void)snprintf(chain->seal, sizeof chain->seal, "%s", text ? text : "");
    json_free(stored);
    return good;
}

static bool read_line(struct str line, struct chain *chain,
                      void (*visit)(void *payload, const struct access_audit_record *),
                      void *payload)
{
    struct json *value = NULL;
    struct access_audit_record record = {.time = ""};
    struct err ignored;

    if (json_parse(&value, (struct bytes){(const uint8_t *)line.at, line.len}, &ignored) == ST_OK) {
        record.intact = is_intact(value, chain);
        record.number = chain->number;
        record.time = text_of(value, "time");
    }
    record.act = (struct access_audit_act){
        .actor = text_of(value, "actor"),
        .role = text_of(value, "role"),
        .address = text_of(value, "address"),
        .action = text_of(value, "action"),
        .target = text_of(value, "target"),
        .outcome = text_of(value, "outcome"),
        .request_id = text_of(value, "request_id"),
    };
    visit(payload, &record);
    json_free(value);
    return record.intact;
}

enum status access_audit_read(const char *path, size_t *damaged,
                              void (*visit)(void *payload, const struct access_audit_record *),
                              void *payload, struct err *err)
{
    struct chain chain = {.seal = GENESIS};
    struct bytes text = {0};
    size_t count = 0;

    enum status st = fs_read(&text, path, ACCESS_AUDIT_FILE_MAX + ACCESS_AUDIT_LINE_MAX, err);
    if (st != ST_OK)
        return st;
    struct str rest = {(const char *)text.at, text.len};
    while (rest.len)
        count += !read_line(str_split(&rest, '\n'), &chain, visit, payload);
    mem_free((void *)(uintptr_t)text.at);
    *damaged = count;
    return ST_OK;
}
