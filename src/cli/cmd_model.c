/* cli/cmd_model.c - aidetect model: what weights files say, other formats, and which one a running
 * service uses.  One thread. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "http/client.h"
#include "nn/onnx.h"
#include "nn/weights.h"

#define PATH_SIZE     4096
#define FILES_MAX     10000
#define METADATA_SKIP "network" /* a description of many lines */

static bool is_model(const char *path)
{
    static const char suffix[] = ".safetensors";
    size_t len = strlen(path);

    return len >= sizeof suffix && strcmp(path + len - (sizeof suffix - 1), suffix) == 0;
}

static void print_row(const char *path)
{
    struct detect_model *model = NULL;
    struct err err;

    if (detect_model_open(&model, path, NULL, &err) != ST_OK) {
        printf("%-20s  %-9s  %-12s  %s: %s\n", "-", "-", "-", path, err.msg);
        return;
    }
    printf("%-20s  %-9.4f  %.12s  %s\n", detect_model_version(model), detect_model_threshold(model),
           detect_model_hash(model), path);
    detect_model_close(model);
}

static int list(const struct cli_arguments *arguments, struct err *err)
{
    const char *folder = arguments->operand_count > 1 ? arguments->operands[1] : "models";
    struct fs_list files = {0};
    enum status st = fs_list_files(&files, folder, FILES_MAX, err);

    if (st != ST_OK)
        return cli_exit_of(st);
    printf("%-20s  %-9s  %-12s  %s\n", "VERSION", "THRESHOLD", "SHA256", "FILE");
    for (size_t i = 0; i < files.count; i++)
        if (is_model(files.paths[i]))
            print_row(files.paths[i]);
    fs_list_free(&files);
    return CLI_FINE;
}

/* The weights file of the first operand after the action, else the one that would be used. */
static enum status open_weights(struct nn_weights **out, char path[PATH_SIZE],
                                const struct cli_arguments *arguments, struct err *err)
{
    const char *given = arguments->operand_count > 1 ? arguments->operands[1] : NULL;
    enum status st = cli_find_model(path, PATH_SIZE, given, err);

    return st == ST_OK ? nn_weights_open(out, path, err) : st;
}

static int show(const struct cli_arguments *arguments, struct err *err)
{
    const struct detect_options fastest = {.precision = DETECT_AUTO};
    struct nn_weights *weights = NULL;
    struct detect_model *model = NULL;
    char path[PATH_SIZE];

    enum status st = open_weights(&weights, path, arguments, err);
    if (st == ST_OK)
        st = detect_model_open(&model, path, &fastest, err);
    if (st == ST_OK) {
        printf("%-22s%s\n", "file", path);
        printf("%-22s%s\n", "sha256", detect_model_hash(model));
        printf("%-22s%s\n", "precision_auto", detect_precision_name(detect_model_precision(model)));
        printf("%-22s%zu\n", "parameters", (size_t)weights->graph->float_count);
        for (int i = 0; i < weights->metadata_count; i++)
            if (strcmp(weights->metadata[i].key, METADATA_SKIP) != 0)
                printf("%-22s%s\n", weights->metadata[i].key, weights->metadata[i].value);
    }
    detect_model_close(model);
    nn_weights_close(weights);
    return cli_exit_of(st);
}

static int export_model(const struct cli_arguments *arguments, struct err *err)
{
    const char *output = cli_text(arguments, "output");
    struct nn_weights *weights = NULL;
    char path[PATH_SIZE];

    if (!output) {
        (void)err_set(err, ST_INVALID, "export needs --output FILE");
        return CLI_USAGE;
    }
    enum status st = open_weights(&weights, path, arguments, err);
    if (st == ST_OK)
        st = nn_onnx_export(output, weights->graph, weights->values, err);
    nn_weights_close(weights);
    return cli_exit_of(st);
}

static enum status answer_of(const struct http_client_answer *answer, struct err *err)
{
    struct json *value = NULL;
    struct err ignored;
    enum status st = ST_OK;

    const char *detail = NULL;
    const char *version = NULL;
    if (json_parse(&value, answer->body, &ignored) == ST_OK) {
        detail = json_get_str(value, "detail");
        version = json_get_str(value, "model_version");
    }
    if (answer->status == 200 && version)
        printf("%s is in use\n", version);
    else
        st = err_set(err, ST_IO, "the service answered %u: %.150s", answer->status,
                     detail ? detail : "no reason given");
    json_free(value);
    return st;
}

static int use(const struct cli_arguments *arguments, struct err *err)
{
    const struct http_client_options options = {
        .api_key = cli_text(arguments, "api-key") ? cli_text(arguments, "api-key")
                                                  : getenv("AIDETECT_API_KEY"),
        .user_agent = "aidetect",
        .seed = (uint64_t)clock_utc_us(&clock_system),
        .retries = 4,
    };
    struct http_client_answer answer;
    struct http_client *client = NULL;
    char url[PATH_SIZE];

    if (arguments->operand_count != 2) {
        (void)err_set(err, ST_INVALID, "use needs the NAME of a model");
        return CLI_USAGE;
    }
    const char *name = arguments->operands[1];
    const struct http_client_part part = {
        .name = "model", .filename = "", .data = {(const uint8_t *)name, strlen(name)}};
    (void)snprintf(url, sizeof url, "%s/admin/model", cli_text(arguments, "url"));
    enum status st = http_client_open(&client, &options, err);
    if (st == ST_OK)
        st = http_client_post_form(&answer, client, url, &part, 1, err);
    if (st == ST_OK)
        st = answer_of(&answer, err);
    http_client_close(client);
    return cli_exit_of(st);
}

int cmd_model(const struct cli_arguments *arguments, struct err *err)
{
    static const struct {
        const char *name;
        int (*run)(const struct cli_arguments *arguments, struct err *err);
    } actions[] = {{"list", list}, {"show", show}, {"export", export_model}, {"use", use}};

    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(arguments->operands[0], actions[i].name) == 0)
            return actions[i].run(arguments, err);
    (void)err_set(err, ST_INVALID, "'%.40s' is not one of list, show, export, use",
                  arguments->operands[0]);
    return CLI_USAGE;
}
