/* cli/cmd_explain.c - aidetect explain: one photo's verdict as a picture and as the parts of the
 * photo that say most. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "detect/explain.h"

#define PATH_SIZE       4096
#define PHOTO_BYTES_MAX (10u << 20)
#define REPORT_MAX      (64u << 10)

static void print_table(const struct detect_result *result,
                        const struct detect_explanation *explanation)
{
    printf("%s  decision %s, probability %.3f, threshold %.3f, confidence %s\n",
           detect_verdict_name(result->verdict), detect_decision_name(result->decision),
           result->probability, result->threshold, detect_confidence_name(result->confidence));
    for (unsigned i = 0; i < DETECT_QUALITY_FLAG_COUNT; i++)
        if (result->quality >> i & 1u)
            printf("%s: %s\n", detect_quality_name(i), detect_quality_help(i));
    printf("%-8s%-8s%-8s%-8s%s\n", "X", "Y", "WIDTH", "HEIGHT", "LOG-ODDS");
    for (size_t i = 0; i < explanation->region_count; i++) {
        const struct detect_region *region = &explanation->regions[i];
        printf("%-8u%-8u%-8u%-8u%+.3f\n", region->x, region->y, region->width, region->height,
               region->log_odds);
    }
}

static struct json *regions_json(const struct detect_explanation *explanation)
{
    struct json *regions = json_new_array();

    for (size_t i = 0; i < explanation->region_count; i++) {
        const struct detect_region *region = &explanation->regions[i];
        struct json *value = json_new_object();
        json_set_int(value, "x", region->x);
        json_set_int(value, "y", region->y);
        json_set_int(value, "width", region->width);
        json_set_int(value, "height", region->height);
        json_set_number(value, "log_odds", region->log_odds);
        json_append(regions, value);
    }
    return regions;
}

static void print_json(const struct detect_result *result,
                       const struct detect_explanation *explanation, const char *version)
{
    struct json *value = json_new_object();
    struct json *quality = json_new_array();
    struct buf text;

    json_set_str(value, "prediction", detect_verdict_name(result->verdict));
    json_set_str(value, "decision", detect_decision_name(result->decision));
    json_set_number(value, "probability", result->probability);
    json_set_str(value, "confidence", detect_confidence_name(result->confidence));
    json_set_number(value, "threshold", result->threshold);
    for (unsigned i = 0; i < DETECT_QUALITY_FLAG_COUNT; i++)
        if (result->quality >> i & 1u)
            json_append_str(quality, detect_quality_name(i));
    json_set(value, "quality", quality);
    json_set_int(value, "width", result->width);
    json_set_int(value, "height", result->height);
    json_set_int(value, "overlay_width", explanation->width);
    json_set_int(value, "overlay_height", explanation->height);
    json_set(value, "regions", regions_json(explanation));
    json_set_str(value, "model_version", version);
    buf_init(&text, REPORT_MAX);
    json_write(&text, value, 0);
    json_free(value);
    (void)fwrite(text.at, 1, text.len, stdout);
    (void)fputc('\n', stdout);
    buf_fini(&text);
}

/* Overlay first: what is printed says that it is there.  *code is what it is on entry when the
 * photo cannot be judged. */
static enum status explain(int *code, struct detect_session *session, const char *version,
                           const struct cli_arguments *arguments, struct err *err)
{
    struct detect_explanation explanation;
    struct detect_result result;
    struct bytes photo = {0};
    enum status st = fs_read(&photo, arguments->operands[0], PHOTO_BYTES_MAX, err);

    if (st == ST_OK)
        st = detect_explain(&result, &explanation, session, photo,
                            (uint32_t)cli_int(arguments, "side"), err);
    mem_free((void *)(uintptr_t)photo.at);
    if (st != ST_OK)
        return st;
    if (cli_given(arguments, "output"))
        st = fs_write(cli_text(arguments, "output"), explanation.png, err);
    if (st != ST_OK) {
        *code = CLI_IO;
        return st;
    }
    if (strcmp(cli_text(arguments, "format"), "json") == 0)
        print_json(&result, &explanation, version);
    else
        print_table(&result, &explanation);
    *code = result.verdict == DETECT_AI_GENERATED ? CLI_FINDING : CLI_FINE;
    return ST_OK;
}

int cmd_explain(const struct cli_arguments *arguments, struct err *err)
{
    struct detect_options options;
    struct detect_model *model = NULL;
    struct detect_session *session = NULL;
    char path[PATH_SIZE];
    int code = CLI_IO;

    if (cli_read_judging(&options, arguments, err) != ST_OK)
        return CLI_USAGE;
    enum status st = cli_find_model(path, sizeof path, cli_text(arguments, "model"), err);
    if (st == ST_OK)
        st = detect_model_open(&model, path, &options, err);
    if (st == ST_OK)
        st = detect_session_open(&session, model, err);
    if (st == ST_OK) {
        code = CLI_PARTIAL; /* unless it can be judged and its overlay written */
        (void)explain(&code, session, detect_model_version(model), arguments, err);
    }
    detect_session_close(session);
    detect_model_close(model);
    return code;
}
