/* cli/cmd_client.c - aidetect client: photos to a running service, its verdicts back; how it is.
 * Must not know how a photo is judged.  One thread. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/client.h"

#include "revision.h"

#define URL_MAX         2048
#define PHOTO_BYTES_MAX (10u << 20)
#define BATCH_FILES_MAX 10
#define BATCH_BYTES_MAX (50u << 20)
#define RECORD_MAX      (16u << 20)
#define MEMBERS_MAX     64

struct client_run {
    struct http_client *http;
    const struct cli_arguments *arguments;
    const char *url; /* of the service, without a slash at the end */
    bool json;
    size_t real_count, ai_count, failed_count;
    size_t printed;
};

/* ---- output ---- */

static void print_record(struct client_run *run, struct json *record)
{
    struct buf line;

    buf_init(&line, RECORD_MAX);
    json_write(&line, record, 0);
    (void)fputs(run->printed++ ? ",\n" : "[\n", stdout);
    (void)fwrite(line.at, 1, line.len, stdout);
    buf_fini(&line);
}

/* Control characters must not reach a terminal. */
static void print_text(FILE *out, const char *text)
{
    for (; *text; text++)
        (void)fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void report_failure(struct client_run *run, const char *path, const char *message)
{
    run->failed_count++;
    if (run->json) {
        struct json *record = json_new_object();
        json_set_str(record, "path", path);
        json_set_str(record, "status", "error");
        json_set_str(record, "error", message);
        print_record(run, record);
        json_free(record);
        return;
    }
    (void)fflush(stdout);
    (void)fputs("aidetect client: ", stderr);
    if (!strstr(message, path)) {
        print_text(stderr, path);
        (void)fputs(": ", stderr);
    }
    print_text(stderr, message);
    (void)fputc('\n', stderr);
}

struct members {
    const char *keys[MEMBERS_MAX];
    size_t count;
};

static void collect(void *payload, const char *key, const struct json *value)
{
    struct members *members = payload;

    (void)value;
    if (members->count < MEMBERS_MAX)
        members->keys[members->count++] = key;
}

/* The service's own words, behind the path they are about. */
static void print_json_verdict(struct client_run *run, const char *path, const struct json *verdict)
{
    struct members members = {.count = 0};
    struct json *record = json_new_object();

    json_set_str(record, "path", path);
    json_set_str(record, "status", "success");
    json_each(verdict, collect, &members);
    for (size_t i = 0; i < members.count; i++)
        if (strcmp(members.keys[i], "error") != 0 && strcmp(members.keys[i], "filename") != 0 &&
            strcmp(members.keys[i], "heatmap_base64") != 0)
            json_set_copy(record, members.keys[i], json_get(verdict, members.keys[i]));
    print_record(run, record);
    json_free(record);
}

static void report_verdict(struct client_run *run, const char *path, const struct json *verdict)
{
    const char *prediction = json_get_str(verdict, "prediction");
    const char *confidence = json_get_str(verdict, "confidence");
    double probability = 0;

    if (!prediction || !confidence || !json_get_number(&probability, verdict, "probability")) {
        const char *error = json_get_str(verdict, "error");
        report_failure(run, path, error ? error : "the answer holds no verdict");
        return;
    }
    if (strcmp(prediction, "ai_generated") == 0)
        run->ai_count++;
    else
        run->real_count++;
    if (run->json) {
        print_json_verdict(run, path, verdict);
        return;
    }
    printf("%-13.12s%-13.3f%-12.11s", prediction, probability, confidence);
    print_text(stdout, path);
    (void)fputc('\n', stdout);
    (void)fflush(stdout); /* whoever reads the pipe sees it now */
}

/* ---- questions ---- */

/* A path is nobody's business but ours. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* What the service says against it, or the status alone. */
static void explain_refusal(struct err *err, unsigned status, const struct json *answer)
{
    const char *detail = json_get_str(answer, "detail");

    (void)err_set(err, ST_INVALID, "the service answered %u%s%.160s", status, detail ? ": " : "",
                  detail ? detail : "");
}

/* POSTs a form; *answer is the JSON of a 200.  ST_INVALID: refused. */
static enum status ask(struct json **answer, struct client_run *run, const char *route,
                       const struct http_client_part *parts, size_t count, struct err *err)
{
    struct http_client_answer got;
    struct json *value = NULL;
    char url[URL_MAX];

    (void)snprintf(url, sizeof url, "%s%s", run->url, route);
    enum status st = http_client_post_form(&got, run->http, url, parts, count, err);
    if (st != ST_OK)
        return st;
    st = json_parse(&value, got.body, err);
    if (got.status != 200) {
        explain_refusal(err, got.status, value);
        st = ST_INVALID;
    } else if (st != ST_OK) {
        err_prefix(err, "the answer is not JSON");
    }
    if (st != ST_OK) {
        json_free(value);
        return st;
    }
    *answer = value;
    return ST_OK;
}

static enum status write_overlay(const char *path, const struct json *answer, struct err *err)
{
    const char *text = json_get_str(answer, "heatmap_base64");

    if (!text)
        return err_set(err, ST_CORRUPT, "the answer holds no overlay");
    size_t len = strlen(text);
    uint8_t *bytes = mem_alloc(len + 1, 1);
    memcpy(bytes, text, len + 1);
    enum status st = base64_decode(bytes, &len, err);
    if (st == ST_OK)
        st = fs_write(path, (struct bytes){bytes, len}, err);
    mem_free(bytes);
    return st;
}

/* One photo in a request of its own.  ST_OK also when it could not be judged. */
static enum status judge_one(struct client_run *run, const char *path, struct err *err)
{
    bool explain = cli_flag(run->arguments, "explain");
    struct bytes photo = {0};
    struct json *answer = NULL;
    struct err why = {0};

    if (fs_read(&photo, path, PHOTO_BYTES_MAX, &why) != ST_OK) {
        report_failure(run, path, why.msg);
        return ST_OK;
    }
    const struct http_client_part part = {"file", file_name(path), photo};
    enum status st = ask(&answer, run, explain ? "/predict/explain" : "/predict", &part, 1, &why);
    mem_free((void *)(uintptr_t)photo.at);
    if (st == ST_IO || st == ST_LIMIT)
        return err_set(err, st, "%s", why.msg);
    if (st != ST_OK) {
        report_failure(run, path, why.msg);
        return ST_OK;
    }
    report_verdict(run, path, answer);
    if (explain && cli_given(run->arguments, "output"))
        st = write_overlay(cli_text(run->arguments, "output"), answer, err);
    json_free(answer);
    return st;
}

/* Photos on their way in one request. */
struct batch {
    struct http_client_part parts[BATCH_FILES_MAX];
    const char *paths[BATCH_FILES_MAX];
    size_t count, bytes;
};

static enum status send_batch(struct client_run *run, struct batch *batch, struct err *err)
{
    struct json *answer = NULL;
    struct err why = {0};
    enum status st = ST_OK;

    if (batch->count)
        st = ask(&answer, run, "/predict/batch", batch->parts, batch->count, &why);
    const struct json *results = json_get(answer, "results");
    for (size_t i = 0; i < batch->count; i++) {
        const struct json *verdict = json_at(results, i);
        if (verdict)
            report_verdict(run, batch->paths[i], verdict);
        else if (st != ST_IO && st != ST_LIMIT)
            report_failure(run, batch->paths[i],
                           st != ST_OK ? why.msg : "the answer holds no verdict");
        mem_free((void *)(uintptr_t)batch->parts[i].data.at);
    }
    json_free(answer);
    batch->count = batch->bytes = 0;
    return st == ST_IO || st == ST_LIMIT ? err_set(err, st, "%s", why.msg) : ST_OK;
}

static enum status judge_in_batches(struct client_run *run, struct err *err)
{
    const struct cli_arguments *arguments = run->arguments;
    struct batch batch = {.count = 0};
    enum status st = ST_OK;

    for (size_t i = 2; i < arguments->operand_count && st == ST_OK; i++) {
        const char *path = arguments->operands[i];
        struct bytes photo = {0};
        struct err why = {0};
        bool readable = fs_read(&photo, path, PHOTO_BYTES_MAX, &why) == ST_OK;
        if (batch.count && (!readable || batch.count == BATCH_FILES_MAX ||
                            batch.bytes + photo.len > BATCH_BYTES_MAX))
            st = send_batch(run, &batch, err); /* what is printed keeps its order */
        if (!readable) {
            report_failure(run, path, why.msg);
            continue;
        }
        batch.paths[batch.count] = path;
        batch.parts[batch.count++] = (struct http_client_part){"files", file_name(path), photo};
        batch.bytes += photo.len;
    }
    enum status last = send_batch(run, &batch, st == ST_OK ? err : NULL);
    return st == ST_OK ? last : st;
}

static enum status judge_each(struct client_run *run, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 2; i < run->arguments->operand_count && st == ST_OK; i++)
        st = judge_one(run, run->arguments->operands[i], err);
    return st;
}

/* ---- health ---- */

/* What container engines and scripts ask: one line for people, or the service's own words. */
static void print_health(const struct client_run *run, const struct json *health)
{
    if (run->json) {
        struct buf line;
        buf_init(&line, RECORD_MAX);
        json_write(&line, health, 0);
        printf("%.*s\n", (int)line.len, (const char *)line.at);
        buf_fini(&line);
        return;
    }
    const char *state = json_get_str(health, "status");
    const char *model = json_get_str(health, "model_version");
    print_text(stdout, state ? state : "?");
    if (model && model[0]) {
        (void)fputs(", model ", stdout);
        print_text(stdout, model);
    }
    (void)fputc('\n', stdout);
}

static int check_health(struct client_run *run, struct err *err)
{
    struct http_client_answer got;
    struct json *health = NULL;
    char url[URL_MAX];
    int code = CLI_FINDING;

    (void)snprintf(url, sizeof url, "%s/health", run->url);
    if (http_client_get(&got, run->http, url, err) != ST_OK)
        return CLI_IO;
    enum status st = json_parse(&health, got.body, err);
    const char *state = json_get_str(health, "status");
    if (got.status != 200)
        explain_refusal(err, got.status, health);
    else if (st != ST_OK)
        err_prefix(err, "the answer is not JSON");
    else if (!state)
        (void)err_set(err, ST_CORRUPT, "the answer holds no status");
    else
        print_health(run, health);
    if (got.status != 200 || st != ST_OK || !state)
        code = CLI_PARTIAL;
    else if (strcmp(state, "healthy") == 0)
        code = CLI_FINE;
    json_free(health);
    return code;
}

/* ---- command ---- */

static bool asks_health(const struct cli_arguments *arguments)
{
    return strcmp(arguments->operands[0], "health") == 0;
}

static enum status check_usage(const struct cli_arguments *arguments, struct err *err)
{
    const char *url = arguments->operands[1];
    bool health = asks_health(arguments);

    if (!health && strcmp(arguments->operands[0], "predict") != 0)
        return err_set(err, ST_INVALID,
                       "unknown word '%.60s': it is \"client predict\" or \"client health\"",
                       arguments->operands[0]);
    if (health && arguments->operand_count > 2)
        return err_set(err, ST_INVALID, "client health takes an address, no photos");
    if (!health && arguments->operand_count < 3)
        return err_set(err, ST_INVALID, "client predict needs an address and photos");
    if (health && (cli_flag(arguments, "batch") || cli_flag(arguments, "explain")))
        return err_set(err, ST_INVALID, "client health goes without --batch and --explain");
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return err_set(err, ST_INVALID, "'%.60s' is no http:// or https:// address", url);
    if (strlen(url) > URL_MAX / 2)
        return err_set(err, ST_LIMIT, "the address is over %d bytes", URL_MAX / 2);
    if (cli_flag(arguments, "batch") && cli_flag(arguments, "explain"))
        return err_set(err, ST_INVALID, "--batch and --explain do not go together");
    if (cli_given(arguments, "output") &&
        (!cli_flag(arguments, "explain") || arguments->operand_count != 3))
        return err_set(err, ST_INVALID, "--output needs --explain and one photo");
    return ST_OK;
}

static enum status open_http(struct client_run *run, struct err *err)
{
    const char *key = cli_text(run->arguments, "api-key");
    struct http_client_options options = {
        .timeout_ms = (unsigned)cli_int(run->arguments, "timeout") * 1000,
        .retries = (unsigned)cli_int(run->arguments, "retries"),
        .api_key = key ? key : getenv("AIDETECT_API_KEY"),
        .sender = cli_text(run->arguments, "sender"),
        .user_agent = "aidetect/" AIDETECT_VERSION,
    };

    if (getentropy(&options.seed, sizeof options.seed) != 0)
        options.seed = (uint64_t)clock_utc_us(&clock_system);
    return http_client_open(&run->http, &options, err);
}

/* All photos, in the order they are named. */
static int judge(struct client_run *run, struct err *err)
{
    if (!run->json)
        printf("%-13s%-13s%-12s%s\n", "VERDICT", "PROBABILITY", "CONFIDENCE", "PATH");
    enum status st =
        cli_flag(run->arguments, "batch") ? judge_in_batches(run, err) : judge_each(run, err);
    if (run->json)
        (void)fputs(run->printed ? "\n]\n" : "[]\n", stdout);
    if (st != ST_OK)
        return CLI_IO;
    if (run->failed_count)
        return CLI_PARTIAL;
    return run->ai_count ? CLI_FINDING : CLI_FINE;
}

int cmd_client(const struct cli_arguments *arguments, struct err *err)
{
    struct client_run run = {.arguments = arguments,
                             .json = strcmp(cli_text(arguments, "format"), "json") == 0};
    char url[URL_MAX];

    if (check_usage(arguments, err) != ST_OK)
        return CLI_USAGE;
    (void)snprintf(url, sizeof url, "%s", arguments->operands[1]);
    for (size_t len = strlen(url); len && url[len - 1] == '/'; len--)
        url[len - 1] = '\0';
    run.url = url;
    if (open_http(&run, err) != ST_OK)
        return CLI_IO;
    int code = asks_health(arguments) ? check_health(&run, err) : judge(&run, err);
    http_client_close(run.http);
    return code;
}
