#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FS_READ_STEP (64u << 10)
#define FS_PATH_MAX  4096u
#define FS_DEPTH_MAX 64

static enum status fail_errno(struct err *err, const char *verb, const char *path)
{
    enum status code = errno == ENOENT ? ST_NOT_FOUND : ST_IO;

    return err_set(err, code, "cannot %s '%s': %s", verb, path, strerror(errno));
}

static int open_input(const char *path)
{
    return strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
}

/* Fills at[0..capacity) until the end of the file; one byte more than `max` shows the excess. */
static enum status read_all(int fd, uint8_t *at, size_t capacity, size_t *len, const char *path,
                            struct err *err)
{
    size_t used = 0;

    while (used < capacity) {
        ssize_t got = read(fd, at + used, capacity - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(err, "read", path);
        if (got == 0)
            break;
        used += (size_t)got;
    }
    *len = used;
    return ST_OK;
}

enum status fs_read_into(uint8_t *at, size_t capacity, size_t *len, const char *path,
                         struct err *err)
{
    uint8_t beyond = 0;
    size_t used = 0;
    size_t extra = 0;
    int fd = open_input(path);

    if (fd < 0)
        return fail_errno(err, "open", path);
    enum status st = read_all(fd, at, capacity, &used, path, err);
    if (st == ST_OK && used == capacity)
        st = read_all(fd, &beyond, 1, &extra, path, err);
    (void)close(fd);
    if (st == ST_OK && extra)
        st = err_set(err, ST_LIMIT, "'%s' is over %zu bytes", path, capacity);
    if (st == ST_OK)
        *len = used;
    return st;
}

enum status fs_read(struct bytes *out, const char *path, size_t max, struct err *err)
{
    enum status st = ST_OK;
    uint8_t *data = NULL; /* everything that `out:` frees is NULL from the start */
    size_t len = 0;
    size_t capacity = 0;
    int fd = open_input(path);

    if (fd < 0)
        return fail_errno(err, "open", path);
    for (;;) {
        size_t got = 0;
        capacity = MIN_OF(capacity ? capacity * 2 : FS_READ_STEP, max + 1);
        uint8_t *grown = mem_try_resize(data, capacity + 1, 1);
        if (!grown) {
            st = err_set(err, ST_NOMEM, "no room for %zu bytes of '%s'", capacity, path);
            goto out;
        }
        data = grown;
        st = read_all(fd, data + len, capacity - len, &got, path, err);
        len += got;
        if (st != ST_OK || len < capacity)
            break;
        if (len > max) {
            st = err_set(err, ST_LIMIT, "'%s' is over %zu bytes", path, max);
            break;
        }
    }
    if (st == ST_OK) {
        data[len] = '\0';
        *out = (struct bytes){.at = data, .len = len};
        data = NULL; /* handed over */
    }
out:
    mem_free(data);
    (void)close(fd);
    return st;
}

static enum status write_all(int fd, struct bytes data, const char *path, struct err *err)
{
    size_t done = 0;

    while (done < data.len) {
        ssize_t put = write(fd, data.at + done, data.len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail_errno(err, "write", path);
        done += (size_t)put;
    }
    return fsync(fd) == 0 ? ST_OK : fail_errno(err, "sync", path);
}

static enum status replace_file(const char *path, struct bytes data, mode_t mode, struct err *err)
{
    char temporary[FS_PATH_MAX];

    int len = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof temporary)
        return err_set(err, ST_LIMIT, "path is over %u bytes", FS_PATH_MAX);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return fail_errno(err, "create", temporary);
    enum status st = write_all(fd, data, temporary, err);
    (void)close(fd);
    if (st == ST_OK && rename(temporary, path) != 0)
        st = fail_errno(err, "replace", path);
    if (st != ST_OK)
        (void)unlink(temporary);
    return st;
}

enum status fs_write(const char *path, struct bytes data, struct err *err)
{
    return replace_file(path, data, 0644, err);
}

enum status fs_write_private(const char *path, struct bytes data, struct err *err)
{
    return replace_file(path, data, 0600, err);
}

enum status fs_map(struct bytes *out, const char *path, size_t max, struct err *err)
{
    struct stat info;
    enum status st = ST_OK;
    void *at = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, "open", path);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        st = err_set(err, ST_IO, "'%s' is not a regular file", path);
        goto out;
    }
    if (info.st_size <= 0 || (uint64_t)info.st_size > max) {
        st = err_set(err, ST_LIMIT, "'%s' has %lld bytes, allowed are 1 to %zu", path,
                     (long long)info.st_size, max);
        goto out;
    }
    at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) {
        st = fail_errno(err, "map", path);
        goto out;
    }
    *out = (struct bytes){.at = at, .len = (size_t)info.st_size};
out:
    (void)close(fd);
    return st;
}

void fs_unmap(struct bytes mapped)
{
    if (mapped.len)
        (void)munmap((void *)(uintptr_t)mapped.at, mapped.len);
}

enum status fs_make_folder(const char *path, struct err *err)
{
    char partial[FS_PATH_MAX];
    size_t len = strlen(path);

    if (!len || len >= sizeof partial)
        return err_set(err, ST_LIMIT, "a folder path has 1 to %u bytes", FS_PATH_MAX - 1);
    memcpy(partial, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, 0755) != 0 && !(errno == EEXIST && fs_is_folder(partial)))
            return fail_errno(err, "create folder", partial);
        partial[i] = kept;
    }
    return ST_OK;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

struct fs_stamp fs_stamp(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return (struct fs_stamp){0};
    return (struct fs_stamp){
        .inode = (uint64_t)info.st_ino,
        .size = (int64_t)info.st_size,
        .changed_ns = (int64_t)info.st_ctim.tv_sec * 1000000000 + info.st_ctim.tv_nsec,
    };
}

bool fs_same_stamp(const struct fs_stamp *a, const struct fs_stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed_ns == b->changed_ns;
}

bool fs_is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Appends one path; grows by doubling. */
static enum status list_add(struct fs_list *list, struct str path, size_t max, struct err *err)
{
    if (list->count >= max)
        return err_set(err, ST_LIMIT, "over %zu files", max);
    if ((list->count & (list->count - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        size_t capacity = list->count ? list->count * 2 : 1;
        char **grown = mem_try_resize(list->paths, capacity, sizeof *grown);
        if (!grown)
            return err_set(err, ST_NOMEM, "no room for %zu paths", capacity);
        list->paths = grown;
    }
    list->paths[list->count++] = mem_copy_str(path);
    return ST_OK;
}

/* Symbolic links are not followed: no loops, no escape from the folder. */
static enum status walk(struct fs_list *list, const char *folder, size_t max, int depth,
                        struct err *err)
{
    enum status st = ST_OK;
    DIR *dir = depth < FS_DEPTH_MAX ? opendir(folder) : NULL;

    if (!dir)
        return depth < FS_DEPTH_MAX
                   ? fail_errno(err, "open folder", folder)
                   : err_set(err, ST_LIMIT, "folders nest deeper than %d", FS_DEPTH_MAX);
    for (struct dirent *entry = readdir(dir); entry && st == ST_OK; entry = readdir(dir)) {
        char path[FS_PATH_MAX];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof path || lstat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            st = walk(list, path, max, depth + 1, err);
        else if (S_ISREG(info.st_mode))
            st = list_add(list, str_of(path), max, err);
    }
    (void)closedir(dir);
    return st;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status fs_list_files(struct fs_list *out, const char *folder, size_t max, struct err *err)
{
    struct fs_list list = {0};
    enum status st = walk(&list, folder, max, 0, err);

    if (st != ST_OK) {
        fs_list_free(&list);
        return st;
    }
    if (list.count)
        qsort(list.paths, list.count, sizeof *list.paths, compare_paths);
    *out = list;
    return ST_OK;
}

void fs_list_free(struct fs_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->paths[i]);
    mem_free(list->paths);
    *list = (struct fs_list){0};
}
