/* cli/cmd_version.c - aidetect version: what a report about a fault needs. */
#include "cli/cli.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/cpu.h"
#include "base/json.h"
#include "nn/inference.h"

#include "libraries.h"
#include "revision.h"

#define TEXT_BYTES_MAX  16384
#define PRECISIONS_SIZE 32

/* What the network can compute in here, "fp32 bf16 int8". */
static const char *precisions(char out[PRECISIONS_SIZE])
{
    (void)snprintf(out, PRECISIONS_SIZE, "%s%s%s", nn_precision_name(NN_FP32),
                   nn_program_has_elements(NN_BFLOAT16) ? " bf16" : "",
                   nn_program_has_elements(NN_UNSIGNED_BYTE) ? " int8" : "");
    return out;
}

static void print_text(const char *system)
{
    char words[PRECISIONS_SIZE];

    printf("aidetect %s (%s)\n", AIDETECT_VERSION, AIDETECT_REVISION);
    printf("%-16s%s\n", "compiler", __VERSION__);
    printf("%-16s%s, %u in use\n", "processor", cpu_vector_name(), cpu_count());
    printf("%-16s%s\n", "precision", precisions(words));
    printf("%-16sLinux %s\n", "system", system);
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++)
        printf("%-16s%s\n", libraries[i].name, libraries[i].version);
}

static void print_json(const char *system)
{
    struct json *root = json_new_object();
    struct json *versions = json_new_object();
    struct buf text;
    char words[PRECISIONS_SIZE];

    json_set_str(root, "version", AIDETECT_VERSION);
    json_set_str(root, "revision", AIDETECT_REVISION);
    json_set_str(root, "compiler", __VERSION__);
    json_set_str(root, "vector", cpu_vector_name());
    json_set_int(root, "processors", cpu_count());
    json_set_str(root, "precision", precisions(words));
    json_set_str(root, "system", system);
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++)
        json_set_str(versions, libraries[i].name, libraries[i].version);
    json_set(root, "libraries", versions);
    buf_init(&text, TEXT_BYTES_MAX);
    json_write(&text, root, 2);
    printf("%.*s\n", (int)text.len, (const char *)text.at);
    buf_fini(&text);
    json_free(root);
}

int cmd_version(const struct cli_arguments *arguments, struct err *err)
{
    struct utsname names;
    const char *system = uname(&names) == 0 ? names.release : "unknown";

    (void)err;
    if (strcmp(cli_text(arguments, "format"), "json") == 0)
        print_json(system);
    else
        print_text(system);
    return CLI_FINE;
}
