/* cli/model.c - where the weights file is when nobody says.  Thread-safe. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define MODEL_FILE "aidetect-1.safetensors"
#define PATH_SIZE  4096

/* The folder of the running program, without its last '/'; "" when it cannot be told. */
static void program_folder(char *out, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    out[len > 0 ? len : 0] = 0;
    slash = strrchr(out, '/');
    out[slash ? slash - out : 0] = 0;
}

enum status cli_read_judging(struct detect_options *out, const struct cli_arguments *arguments,
                             struct err *err)
{
    const char *text = cli_text(arguments, "threshold");
    struct detect_options options = {0};
    enum status st = ST_OK;

    if (text && (!text[0] || strcmp(text, "0") == 0)) /* the model's own: leave the option out */
        st = err_set(err, ST_INVALID,
                     "'%.40s' is not a number from 0.0001 to 0.9999, fpr:0.01 or fpr:0.05", text);
    else if (text)
        st = detect_threshold_read(&options, text, err);
    if (st != ST_OK)
        err_prefix(err, "--threshold");
    else if (detect_precision_read(&options.precision, cli_text(arguments, "precision")))
        *out = options; /* always: the parser lets no other word through */
    return st;
}

enum status cli_find_model(char *out, size_t size, const char *given, struct err *err)
{
    static const char *const below_program[] = {
        "/../../models/" MODEL_FILE,             /* build/release/aidetect of a checkout */
        "/../share/aidetect/models/" MODEL_FILE, /* PREFIX/bin/aidetect */
    };
    const char *named = given ? given : getenv("AIDETECT_MODEL");
    char folder[PATH_SIZE], path[2 * PATH_SIZE];

    if (named && named[0]) {
        snprintf(path, sizeof(path), "%s", named);
    } else {
        snprintf(path, sizeof(path), "models/%s", MODEL_FILE);
        program_folder(folder, sizeof(folder));
        for (size_t i = 0; i < ARRAY_LEN(below_program) && !fs_exists(path); i++)
            snprintf(path, sizeof(path), "%s%s", folder, below_program[i]);
        if (!fs_exists(path))
            return err_set(err, ST_NOT_FOUND,
                           "no model: name one by --model or $AIDETECT_MODEL; neither "
                           "models/%s nor %.100s exists",
                           MODEL_FILE, path);
    }
    if (strlen(path) >= size)
        return err_set(err, ST_LIMIT, "the model's path is over %zu characters", size - 1);
    memcpy(out, path, strlen(path) + 1);
    return ST_OK;
}
