/* cli/cmd_audit.c - aidetect audit: shows who did what, and whether the record is whole. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "access/audit.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/access.h"

#define LINE_TEXT_MAX (16u << 10)

/* A ring of the last lines that are asked for. */
struct listing {
    bool as_json;
    int64_t skip; /* lines still to pass over */
    int64_t count;
};

static void count_line(void *payload, const struct access_audit_record *record)
{
    struct listing *listing = payload;

    (void)record;
    listing->count++;
}

static void print_json(const struct access_audit_record *record)
{
    struct json *value = json_new_object();
    struct buf text;

    json_set_int(value, "number", record->number);
    json_set_str(value, "time", record->time);
    json_set_str(value, "actor", record->act.actor);
    json_set_str(value, "role", record->act.role);
    json_set_str(value, "address", record->act.address);
    json_set_str(value, "action", record->act.action);
    json_set_str(value, "target", record->act.target);
    json_set_str(value, "outcome", record->act.outcome);
    json_set_str(value, "request_id", record->act.request_id);
    json_set_bool(value, "intact", record->intact);
    buf_init(&text, LINE_TEXT_MAX);
    json_write(&text, value, 0);
    json_free(value);
    printf("%.*s\n", (int)text.len, (const char *)text.at);
    buf_fini(&text);
}

static void print_line(void *payload, const struct access_audit_record *record)
{
    struct listing *listing = payload;

    if (listing->skip > 0) {
        listing->skip--;
        return;
    }
    if (listing->as_json) {
        print_json(record);
        return;
    }
    printf("%-20s  %-20s  %-24s  %-28s  %s%s\n", record->time, record->act.actor,
           record->act.action, record->act.target, record->act.outcome,
           record->intact ? "" : "  DAMAGED");
}

static enum status list(const struct cli_arguments *arguments, const char *path, struct err *err)
{
    struct listing listing = {.as_json = strcmp(cli_text(arguments, "format"), "json") == 0};
    int64_t limit = cli_int(arguments, "limit");
    size_t damaged = 0;
    enum status st = access_audit_read(path, &damaged, count_line, &listing, err);

    if (st != ST_OK)
        return st;
    listing.skip = limit && listing.count > limit ? listing.count - limit : 0;
    if (!listing.as_json)
        printf("%-20s  %-20s  %-24s  %-28s  %s\n", "TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME");
    return access_audit_read(path, &damaged, print_line, &listing, err);
}

/* Exit status 1 when a line was changed, or is missing. */
static enum status verify(const char *path, int *code, struct err *err)
{
    struct listing listing = {.count = 0};
    size_t damaged = 0;
    enum status st = access_audit_read(path, &damaged, count_line, &listing, err);

    if (st != ST_OK)
        return st;
    printf("%" PRId64 " acts, %zu damaged\n", listing.count, damaged);
    *code = damaged ? CLI_FINDING : CLI_FINE;
    return ST_OK;
}

int cmd_audit(const struct cli_arguments *arguments, struct err *err)
{
    const char *action = arguments->operands[0];
    struct cli_access_paths paths;
    int code = CLI_USAGE;

    if (strcmp(action, "list") != 0 && strcmp(action, "verify") != 0) {
        (void)err_set(err, ST_INVALID, "'%.40s' is neither list nor verify", action);
        return CLI_USAGE;
    }
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    if (cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err) != ST_OK) {
        mem_free(loaded);
        return code;
    }
    cli_access_paths(&paths, &loaded->values);
    mem_free(loaded);
    int finding = CLI_FINE;
    enum status st = strcmp(action, "list") == 0 ? list(arguments, paths.audit, err)
                                                 : verify(paths.audit, &finding, err);
    return st == ST_OK ? finding : (int)cli_exit_of(st);
}
