#include "service/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define FILES_MAX 8 /* processes that share a data folder */
#define PATH_SIZE 600

struct service_spool {
    int fd;
    size_t bytes_max;
    size_t size;    /* of the file */
    size_t done;    /* bytes that are safe elsewhere */
    size_t reading; /* where the next read begins */
    struct buf text;
    uint8_t window[64 * SERVICE_RECORD_LINE_BYTES];
};

static enum status failed(const char *what, struct err *err)
{
    return err_set(err, ST_IO, "cannot %s the spool: %s", what, strerror(errno));
}

static bool write_all(int fd, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, at, len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += wrote;
        len -= (size_t)wrote;
    }
    return true;
}

/* Appends whole, or leaves the file as it was. */
static enum status append(struct service_spool *spool, struct bytes data,
                          enum service_spool_sync sync, struct err *err)
{
    if (spool->size + data.len > spool->bytes_max)
        return err_set(err, ST_LIMIT, "the spool holds %zu bytes, %zu more are over %zu",
                       spool->size, data.len, spool->bytes_max);
    if (!write_all(spool->fd, data.at, data.len) ||
        (sync == SERVICE_SPOOL_SYNCED && fdatasync(spool->fd) != 0)) {
        enum status st = failed("write", err);
        /* What cannot be taken back is a broken line to the reader. */
        return ftruncate(spool->fd, (off_t)spool->size) == 0 ? st : ST_IO;
    }
    spool->size += data.len;
    return ST_OK;
}

/* ---- opening ---- */

/* -1: another process holds it, or there is none. */
static int open_locked(const char *folder, unsigned number, int flags)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/spool-%u.jsonl", folder, number);
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, S_IRUSR | S_IWUSR);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A line that was cut off must not swallow the next one. */
static enum status end_last_line(struct service_spool *spool, struct err *err)
{
    char last = '\n';

    if (spool->size > 0 && pread(spool->fd, &last, 1, (off_t)spool->size - 1) != 1)
        return failed("read", err);
    if (last == '\n')
        return ST_OK;
    if (!write_all(spool->fd, (const uint8_t *)"\n", 1))
        return failed("write", err);
    spool->size++;
    return ST_OK;
}

/* Moves what a process left behind into this spool, if it fits. */
static enum status take_over(struct service_spool *spool, int fd, struct err *err)
{
    struct stat info;
    enum status st = ST_OK;

    if (fstat(fd, &info) != 0 || info.st_size == 0 || (size_t)info.st_size > spool->bytes_max)
        return ST_OK;
    size_t len = (size_t)info.st_size;
    uint8_t *at = mem_try_alloc(len + 1, 1);
    if (!at)
        return ST_OK;
    if (pread(fd, at, len, 0) == (ssize_t)len) {
        at[len] = '\n';
        st = append(spool, (struct bytes){at, len + (at[len - 1] != '\n')}, SERVICE_SPOOL_SYNCED,
                    err);
        if (st == ST_OK && ftruncate(fd, 0) != 0)
            st = failed("empty", err); /* then it comes twice, which does no harm */
    }
    mem_free(at);
    return st == ST_LIMIT ? ST_OK : st;
}

static enum status take_over_all(struct service_spool *spool, const char *folder, unsigned own,
                                 struct err *err)
{
    enum status st = ST_OK;

    for (unsigned i = 0; st == ST_OK && i < FILES_MAX; i++) {
        int fd = i == own ? -1 : open_locked(folder, i, 0);
        if (fd < 0)
            continue;
        st = take_over(spool, fd, err);
        (void)close(fd);
    }
    return st;
}

enum status service_spool_open(struct service_spool **out, const char *folder, size_t bytes_max,
                               struct err *err)
{
    enum status st = fs_make_folder(folder, err);
    unsigned number = 0;
    struct stat info;
    int fd = -1;

    if (st != ST_OK)
        return st;
    for (; fd < 0 && number < FILES_MAX; number++)
        fd = open_locked(folder, number, O_CREAT);
    if (fd < 0)
        return err_set(err, ST_IO, "no spool in '%.100s': %s", folder, strerror(errno));
    struct service_spool *spool = mem_alloc(1, sizeof *spool);
    spool->fd = fd;
    spool->bytes_max = bytes_max;
    buf_init(&spool->text, (size_t)STORE_BATCH_MAX * SERVICE_RECORD_LINE_BYTES);
    if (fstat(fd, &info) == 0)
        spool->size = (size_t)info.st_size;
    st = end_last_line(spool, err);
    if (st == ST_OK)
        st = take_over_all(spool, folder, number - 1, err);
    if (st != ST_OK) {
        service_spool_close(spool);
        return st;
    }
    *out = spool;
    return ST_OK;
}

void service_spool_close(struct service_spool *spool)
{
    if (!spool)
        return;
    (void)close(spool->fd);
    buf_fini(&spool->text);
    mem_free(spool);
}

/* ---- use ---- */

enum status service_spool_add(struct service_spool *spool, const struct service_record *records,
                              size_t count, enum service_spool_sync sync, struct err *err)
{
    buf_reset(&spool->text);
    for (size_t i = 0; i < count; i++)
        service_record_write_line(&spool->text, &records[i]);
    enum status st = buf_check(&spool->text, "a batch for the spool", err);
    return st == ST_OK ? append(spool, buf_bytes(&spool->text), sync, err) : st;
}

enum status service_spool_read(struct service_record *out, size_t *count, size_t max,
                               size_t *broken, struct service_spool *spool, struct err *err)
{
    struct err ignored;

    *count = *broken = 0;
    spool->reading = spool->done;
    ssize_t got = pread(spool->fd, spool->window, sizeof spool->window, (off_t)spool->done);
    if (got < 0)
        return failed("read", err);
    const uint8_t *at = spool->window;
    const uint8_t *end = at + got;
    while (*count < max) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        /* A line that fills the whole window is none of ours. */
        if (!line_end && at == spool->window && got == (ssize_t)sizeof spool->window) {
            spool->reading += (size_t)got;
            ++*broken;
        }
        if (!line_end)
            break;
        struct bytes line = {at, (size_t)(line_end - at)};
        if (service_record_read_line(&out[*count], line, &ignored) == ST_OK)
            ++*count;
        else
            ++*broken;
        spool->reading += line.len + 1;
        at = line_end + 1;
    }
    return ST_OK;
}

enum status service_spool_done(struct service_spool *spool, struct err *err)
{
    spool->done = spool->reading;
    if (spool->done < spool->size)
        return ST_OK;
    if (ftruncate(spool->fd, 0) != 0)
        return failed("empty", err);
    spool->size = spool->done = spool->reading = 0;
    return ST_OK;
}

bool service_spool_is_empty(const struct service_spool *spool)
{
    return spool->size == 0;
}

size_t service_spool_bytes(const struct service_spool *spool)
{
    return spool->size - spool->done;
}
