/* Replays corpus files through one fuzz target, with any compiler: no fuzzing engine needed.
 * Arguments: files and folders.  Exit 1 when there was nothing to replay. */
#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"

#define INPUT_MAX (4u << 20) /* bytes a corpus file */
#define FILES_MAX 100000u    /* a folder */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact copy on the heap: AddressSanitizer sees any read beyond the end. */
static bool replay_file(const char *path)
{
    struct bytes file;
    struct err err;

    if (fs_read(&file, path, INPUT_MAX, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return false;
    }
    uint8_t *exact = mem_alloc(file.len, 1);
    for (size_t i = 0; i < file.len; i++)
        exact[i] = file.at[i];
    (void)LLVMFuzzerTestOneInput(exact, file.len);
    mem_free(exact);
    mem_free((void *)(uintptr_t)file.at);
    return true;
}

static bool replay_folder(const char *folder, size_t *count)
{
    struct fs_list list;
    struct err err;
    bool fine = true;

    if (fs_list_files(&list, folder, FILES_MAX, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return false;
    }
    for (size_t i = 0; i < list.count; i++, ++*count)
        fine = replay_file(list.paths[i]) && fine;
    fs_list_free(&list);
    return fine;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    bool fine = true;

    for (int i = 1; i < argc; i++) {
        if (fs_is_folder(argv[i])) {
            fine = replay_folder(argv[i], &count) && fine;
        } else {
            fine = replay_file(argv[i]) && fine;
            count++;
        }
    }
    (void)printf("%zu inputs replayed\n", count);
    return fine && count ? 0 : 1;
}
