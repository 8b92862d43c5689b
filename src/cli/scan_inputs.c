/* cli/scan_inputs.c - what the command line names, as a list of files.  One thread. */
#include "cli/scan.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

static enum status grow(struct cli_scan_inputs *inputs, struct err *err)
{
    size_t capacity = inputs->capacity ? inputs->capacity * 2 : 64;
    struct cli_scan_input *grown = mem_try_resize(inputs->at, capacity, sizeof(*grown));

    if (!grown)
        return err_set(err, ST_NOMEM, "no room for %zu paths", capacity);
    inputs->at = grown;
    inputs->capacity = capacity;
    return ST_OK;
}

/* Takes `path` and `failure`, also on failure. */
static enum status push(struct cli_scan_inputs *inputs, struct cli_scan_input input,
                        struct err *err)
{
    enum status st = ST_OK;

    if (inputs->count == CLI_SCAN_FILES_MAX)
        st = err_set(err, ST_LIMIT, "over %d files in one run", CLI_SCAN_FILES_MAX);
    else if (inputs->count == inputs->capacity)
        st = grow(inputs, err);
    if (st != ST_OK) {
        mem_free(input.path);
        mem_free(input.failure);
        return st;
    }
    inputs->at[inputs->count++] = input;
    return ST_OK;
}

static enum status push_folder(struct cli_scan_inputs *inputs, const char *folder, struct err *err)
{
    struct fs_list list = {0};
    struct err *failure = mem_alloc(1, sizeof(*failure));
    enum status st = fs_list_files(&list, folder, CLI_SCAN_FILES_MAX, failure);

    if (st != ST_OK)
        return push(inputs,
                    (struct cli_scan_input){
                        .path = mem_copy_str(str_of(folder)), .named = true, .failure = failure},
                    err);
    mem_free(failure);
    for (size_t i = 0; i < list.count && st == ST_OK; i++) {
        st = push(inputs, (struct cli_scan_input){.path = list.paths[i]}, err);
        list.paths[i] = NULL; /* handed over */
    }
    fs_list_free(&list);
    return st;
}

/* "photos/" and "photos" list the same paths. */
static char *copy_folder(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    return mem_copy_str((struct str){path, len});
}

enum status cli_scan_inputs_add(struct cli_scan_inputs *inputs, const char *path, struct err *err)
{
    if (strcmp(path, "-") != 0 && fs_is_folder(path)) {
        char *folder = copy_folder(path);
        enum status st = push_folder(inputs, folder, err);
        mem_free(folder);
        return st;
    }
    return push(inputs, (struct cli_scan_input){.path = mem_copy_str(str_of(path)), .named = true},
                err);
}

void cli_scan_inputs_fini(struct cli_scan_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        mem_free(inputs->at[i].path);
        mem_free(inputs->at[i].failure);
    }
    mem_free(inputs->at);
    *inputs = (struct cli_scan_inputs){0};
}
