/* cli/cmd_predictions.c - aidetect predictions: lists, counts and exports what the service keeps of
 * its predictions. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "cli/store.h"
#include "cli/time.h"
#include "service/predictions.h"

#define LINE_BYTES_MAX (64u << 10)
#define STATEMENT_MS   3600000u /* of a long export */

/* ---- arguments ---- */

static enum status read_filter(struct service_predictions_filter *out,
                               const struct cli_arguments *arguments, struct err *err)
{
    const char *since = cli_text(arguments, "since");
    const char *until = cli_text(arguments, "until");
    int64_t now_us = clock_utc_us(&clock_system);
    enum status st = ST_OK;

    *out = (struct service_predictions_filter){
        .model = cli_text(arguments, "model"),
        .request = cli_text(arguments, "request"),
        .photo = cli_text(arguments, "photo"),
        .key = cli_text(arguments, "key"),
        .verdict = cli_text(arguments, "verdict"),
        .decision = cli_text(arguments, "decision"),
        .limit = (uint64_t)cli_int(arguments, "limit"),
    };
    if (since)
        st = cli_read_time(&out->since_us, "since", since, now_us, err);
    if (st == ST_OK && until)
        st = cli_read_time(&out->until_us, "until", until, now_us, err);
    return st;
}

/* ---- actions ---- */

struct printer {
    enum service_predictions_format format;
    struct buf line;
};

static enum status print_line(struct printer *printer, struct err *err)
{
    size_t len = printer->line.len; /* jsonl has no head: nothing to write, and no buffer yet */
    bool fine = !len || fwrite(printer->line.at, 1, len, stdout) == len;

    buf_reset(&printer->line);
    return fine ? ST_OK : err_set(err, ST_IO, "cannot write the export");
}

static enum status export_one(void *payload, const struct service_record *record, struct err *err)
{
    struct printer *printer = payload;

    service_predictions_write(&printer->line, printer->format, record);
    return print_line(printer, err);
}

static enum status export_all(struct store *store, struct service_predictions_filter *filter,
                              const struct cli_arguments *arguments, struct err *err)
{
    static const char *const names[] = {
        [SERVICE_PREDICTIONS_CSV] = "csv",
        [SERVICE_PREDICTIONS_JSONL] = "jsonl",
        [SERVICE_PREDICTIONS_COLUMNS] = "columns",
    };
    const char *name = cli_text(arguments, "format");
    struct printer printer = {.format = SERVICE_PREDICTIONS_CSV};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            printer.format = (enum service_predictions_format)i;
    buf_init(&printer.line, LINE_BYTES_MAX);
    service_predictions_write_head(&printer.line, printer.format);
    enum status st = print_line(&printer, err);
    if (st == ST_OK && printer.format != SERVICE_PREDICTIONS_COLUMNS)
        st = service_predictions_each(store, filter, export_one, &printer, err);
    buf_fini(&printer.line);
    if (st == ST_OK && fflush(stdout) != 0)
        st = err_set(err, ST_IO, "cannot write the export");
    return st;
}

static enum status list_one(void *payload, const struct service_record *record, struct err *err)
{
    static const char *const confidences[] = {"low", "medium", "high"};
    static const char *const decisions[] = {"-", "real", "unsure", "ai_generated"};
    char time[CLOCK_TEXT_SIZE];

    (void)payload;
    (void)err;
    printf("%-21s %-13s %-13s %.4f  %-10s %-12.12s %-12.12s %-12.12s %s\n",
           clock_format_utc(time, record->time_us), record->ai_generated ? "ai_generated" : "real",
           decisions[CLAMP(record->decision, -1, 2) + 1], record->probability,
           confidences[CLAMP(record->confidence, 0, 2)], record->model_version,
           record->photo_sha256, record->key_id[0] ? record->key_id : "-", record->request_id);
    return ST_OK;
}

static enum status list(struct store *store, struct service_predictions_filter *filter,
                        struct err *err)
{
    filter->newest_first = true;
    filter->limit = filter->limit ? filter->limit : 20;
    printf("%-21s %-13s %-13s %-7s %-10s %-12s %-12s %-12s %s\n", "TIME", "VERDICT", "DECISION",
           "P(AI)", "CONFIDENCE", "MODEL", "PHOTO", "KEY", "REQUEST");
    return service_predictions_each(store, filter, list_one, NULL, err);
}

static void print_group(void *payload, const struct service_predictions_group *group)
{
    char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];
    double count = (double)group->count;

    (void)payload;
    printf("%-16s %10" PRId64 " %8.2f%% %8.2f%% %8.2f%% %8.4f %10.1f  %-20s  %s\n",
           group->name[0] ? group->name : "-", group->count,
           100 * (double)group->ai_generated / count, 100 * (double)group->unsure / count,
           100 * (double)group->low_confidence / count, group->mean_probability,
           group->mean_inference_us / 1e3, clock_format_utc(first, group->first_us),
           clock_format_utc(last, group->last_us));
}

static enum status stats(struct store *store, const struct service_predictions_filter *filter,
                         const char *by, struct err *err)
{
    enum service_predictions_by kind = strcmp(by, "day") == 0   ? SERVICE_BY_DAY
                                       : strcmp(by, "key") == 0 ? SERVICE_BY_KEY
                                                                : SERVICE_BY_MODEL;

    printf("%-16s %10s %9s %9s %9s %8s %10s  %-20s  %s\n", by, "COUNT", "AI", "UNSURE", "LOW CONF",
           "MEAN P", "MEAN MS", "FIRST", "LAST");
    return service_predictions_stats(store, filter, kind, print_group, NULL, err);
}

static enum status act(const char *action, struct service_predictions_filter *filter,
                       const struct service_config *config, const struct cli_arguments *arguments,
                       struct err *err)
{
    const struct store_options options = {.statement_ms = STATEMENT_MS};
    char url[STORE_URL_MAX];
    struct store *store = NULL;

    cli_store_url(url, config);
    enum status st = store_open(&store, url, &options, err);
    if (st == ST_OK)
        st = store_migrate(store, &clock_system, NULL, err);
    if (st == ST_OK && strcmp(action, "list") == 0)
        st = list(store, filter, err);
    else if (st == ST_OK && strcmp(action, "stats") == 0)
        st = stats(store, filter, cli_text(arguments, "by"), err);
    else if (st == ST_OK)
        st = export_all(store, filter, arguments, err);
    store_close(store);
    return st;
}

int cmd_predictions(const struct cli_arguments *arguments, struct err *err)
{
    static const char *const actions[] = {"list", "stats", "export"};
    const char *action = arguments->operands[0];
    struct service_predictions_filter filter;
    bool known = false;
    int code = CLI_USAGE;

    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        known = known || strcmp(action, actions[i]) == 0;
    if (!known) {
        (void)err_set(err, ST_INVALID, "'%.40s' is none of list, stats, export", action);
        return CLI_USAGE;
    }
    if (read_filter(&filter, arguments, err) != ST_OK)
        return CLI_USAGE;
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    if (cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err) == ST_OK)
        code = cli_exit_of(act(action, &filter, &loaded->values, arguments, err));
    mem_free(loaded);
    return code;
}
