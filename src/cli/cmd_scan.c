/* cli/cmd_scan.c - aidetect scan: photos in, verdicts out, in order.  Puts inputs, workers and
 * report together and turns counts into the exit status. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cli/scan.h"

#define PATH_SIZE 4096

static enum cli_scan_format format_of(const char *name)
{
    static const char *const names[] = {
        [CLI_SCAN_TABLE] = "table",
        [CLI_SCAN_JSON] = "json",
        [CLI_SCAN_JSONL] = "jsonl",
        [CLI_SCAN_CSV] = "csv",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum cli_scan_format)i;
    return CLI_SCAN_TABLE; /* the parser lets no other word through */
}

static bool may_color(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(fileno(out)) && !(no_color && no_color[0]);
}

static enum status open_model(struct detect_model **out, const struct cli_arguments *arguments,
                              const struct detect_options *options, struct err *err)
{
    char path[PATH_SIZE];
    enum status st = cli_find_model(path, sizeof(path), cli_text(arguments, "model"), err);

    return st == ST_OK ? detect_model_open(out, path, options, err) : st;
}

static enum status list_inputs(struct cli_scan_inputs *inputs,
                               const struct cli_arguments *arguments, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < arguments->operand_count && st == ST_OK; i++)
        st = cli_scan_inputs_add(inputs, arguments->operands[i], err);
    return st;
}

static enum cli_exit exit_of_counts(const struct cli_scan_report *report)
{
    if (report->failed_count > 0)
        return CLI_PARTIAL;
    return report->ai_count > 0 ? CLI_FINDING : CLI_FINE;
}

int cmd_scan(const struct cli_arguments *arguments, struct err *err)
{
    struct detect_model *model = NULL;
    struct cli_scan_inputs inputs = {0};
    unsigned workers = (unsigned)cli_int(arguments, "workers");
    struct cli_scan_report report = {.format = format_of(cli_text(arguments, "format")),
                                     .out = stdout,
                                     .log = stderr,
                                     .color = may_color(stdout),
                                     .live = isatty(STDERR_FILENO),
                                     .quiet = cli_flag(arguments, "quiet"),
                                     .timings = cli_flag(arguments, "timings"),
                                     .clock = &clock_system};
    struct detect_options options;
    int code;

    if (cli_read_judging(&options, arguments, err) != ST_OK)
        return CLI_USAGE;
    enum status st = open_model(&model, arguments, &options, err);
    if (st != ST_OK) {
        code = CLI_IO;
        goto out;
    }
    st = list_inputs(&inputs, arguments, err);
    if (st != ST_OK) {
        code = cli_exit_of(st);
        goto out;
    }
    report.model_version = detect_model_version(model);
    report.total = inputs.count;
    cli_scan_report_begin(&report);
    st = cli_scan_run(model, &inputs, workers ? workers : cpu_count(), cli_scan_report_add, &report,
                      err);
    cli_scan_report_end(&report);
    code = st == ST_OK ? exit_of_counts(&report) : cli_exit_of(st);
out:
    cli_scan_inputs_fini(&inputs);
    detect_model_close(model);
    return code;
}
