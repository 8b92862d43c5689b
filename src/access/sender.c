#include "access/sender.h"

#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#define DIGITS 16 /* of the hash: 64 bits */

static enum status read_secret(struct access_senders *out, const char *path, struct err *err)
{
    struct bytes file;
    enum status st = fs_read(&file, path, 1024, err);

    if (st != ST_OK)
        return st;
    if (file.len == sizeof out->secret)
        memcpy(out->secret, file.at, sizeof out->secret);
    else
        st = err_set(err, ST_CORRUPT, "'%.100s' has %zu bytes, a secret has %zu", path, file.len,
                     sizeof out->secret);
    mem_free((void *)(uintptr_t)file.at);
    return st;
}

enum status access_senders_open(struct access_senders *out, const char *path, struct err *err)
{
    const struct bytes secret = {out->secret, sizeof out->secret};

    if (getentropy(out->secret, sizeof out->secret) != 0)
        return err_set(err, ST_IO, "the system gives no random numbers");
    if (!path)
        return ST_OK;
    return fs_exists(path) ? read_secret(out, path, err) : fs_write_private(path, secret, err);
}

uint64_t access_sender(const struct access_senders *senders, enum access_sender_kind kind,
                       struct bytes name)
{
    uint8_t text[sizeof senders->secret + 1 + ACCESS_SENDER_NAME_MAX];
    size_t len = MIN_OF(name.len, (size_t)ACCESS_SENDER_NAME_MAX);
    char hash[HASH_HEX_SIZE];
    uint64_t number = 0;

    memcpy(text, senders->secret, sizeof senders->secret);
    text[sizeof senders->secret] = (uint8_t)kind;
    memcpy(text + sizeof senders->secret + 1, name.at, len);
    hash_sha256_hex(hash, (struct bytes){text, sizeof senders->secret + 1 + len});
    for (size_t i = 0; i < DIGITS; i++)
        number = number << 4 | (uint64_t)(hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10);
    return MAX_OF(number >> 1, UINT64_C(1));
}
