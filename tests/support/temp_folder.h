/* tests/support/temp_folder.h - a folder of its own for each test, removed afterwards. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

#define TEMP_PATH_SIZE 512

struct temp_folder {
    char path[128];
};

static inline void temp_folder_open(struct temp_folder *folder)
{
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/aidetect-test-XXXXXX");
    REQUIRE(mkdtemp(folder->path) != NULL);
}

/* Removes a file, or a folder and all below it; links themselves, never what they point to. */
static inline void temp_folder_remove(const char *path)
{
    struct stat info;
    DIR *dir = NULL;

    if (lstat(path, &info) != 0)
        return;
    if (S_ISDIR(info.st_mode))
        dir = opendir(path);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        char below[TEMP_PATH_SIZE];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        temp_folder_remove(below);
    }
    if (dir)
        (void)closedir(dir);
    (void)remove(path);
}

static inline void temp_folder_close(struct temp_folder *folder)
{
    temp_folder_remove(folder->path);
}

/* folder/name into `out`, returned for use in an argument. */
static inline const char *temp_path(char out[TEMP_PATH_SIZE], const struct temp_folder *folder,
                                    const char *name)
{
    (void)snprintf(out, TEMP_PATH_SIZE, "%s/%s", folder->path, name);
    return out;
}
