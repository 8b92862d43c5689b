/* base/fs.h - whole files, in and out.  Reading has a maximum; writing is atomic.
 * Thread-safe. */
#pragma once

#include "base/base.h"

/* Out: *out is the caller's (mem_free out->at); one NUL follows the bytes.  At most `max` bytes.
 * "-" is standard input. */
enum status fs_read(struct bytes *out, const char *path, size_t max, struct err *err) MUST_USE;
/* Reads into the caller's buffer of `capacity` bytes; *len is what there was. */
enum status fs_read_into(uint8_t *at, size_t capacity, size_t *len, const char *path,
                         struct err *err) MUST_USE;
/* Writes beside `path`, syncs, renames: a reader sees the old file or the new one, whole. */
enum status fs_write(const char *path, struct bytes data, struct err *err) MUST_USE;
/* The same for the owner's eyes only (0600). */
enum status fs_write_private(const char *path, struct bytes data, struct err *err) MUST_USE;

/* A file mapped read-only; its bytes live until fs_unmap. */
enum status fs_map(struct bytes *out, const char *path, size_t max, struct err *err) MUST_USE;
void fs_unmap(struct bytes mapped); /* an empty view is fine */

/* Creates a folder and its parents (0755); one that exists is fine. */
enum status fs_make_folder(const char *path, struct err *err) MUST_USE;
bool fs_exists(const char *path);

/* Tells one state of a file from the next: it differs once the file was written, replaced, removed
 * or its mode changed. */
struct fs_stamp {
    uint64_t inode;
    int64_t size;
    int64_t changed_ns;
};
struct fs_stamp fs_stamp(const char *path); /* all zeros without a file */
bool fs_same_stamp(const struct fs_stamp *a, const struct fs_stamp *b);
bool fs_is_folder(const char *path);

/* Files below `folder`, recursively, in byte order of their paths.  At most `max` of them. */
struct fs_list {
    char **paths;
    size_t count;
};
enum status fs_list_files(struct fs_list *out, const char *folder, size_t max,
                          struct err *err) MUST_USE;
void fs_list_free(struct fs_list *list);
