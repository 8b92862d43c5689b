#include "cli/finetune.h"

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/measure.h"
#include "train/additions.h"

#define PATH_SIZE     (2 * TRAIN_PATH_SIZE)
#define MANIFEST_MAX  ((size_t)1 << 30)
#define REPORT_MAX    ((size_t)16 << 20)
#define GROUPS        2 /* old, added */
#define SLICE_WIDTH   52
#define PERCENT_WIDTH 24

static const char *const group_names[GROUPS] = {"old", "added"};

/* A model's worth on both groups of photos. */
struct moment {
    struct cli_measured groups[GROUPS];
};

enum status finetune_prepare(struct train_config *config, const struct cli_arguments *arguments,
                             struct err *err)
{
    const char *paths[CLI_REPEATS_MAX];
    size_t count = cli_text_count(arguments, "data");
    struct train_additions_report report;
    char path[PATH_SIZE];
    struct buf text;

    for (size_t i = 0; i < count; i++)
        paths[i] = cli_text_at(arguments, "data", i);
    buf_init(&text, MANIFEST_MAX);
    (void)snprintf(path, sizeof path, "%s/manifest.tsv", config->output);
    enum status st = fs_make_folder(config->output, err);
    if (st == ST_OK)
        st = train_additions_write(&text, &report, config->manifest, paths, count, config->role,
                                   err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    if (st == ST_OK)
        st = config_set(config, &train_config_table, "data.manifest", str_of(path), err);
    if (st == ST_OK)
        (void)fprintf(stderr, "added %zu photos, and %zu more that are held out\n", report.added,
                      report.held);
    buf_fini(&text);
    return st;
}

/* Table ------------------------------------------------------------------------------------- */

static void print_percent(double share, struct evaluate_interval interval)
{
    char text[PERCENT_WIDTH + 8] = "-";

    if (isfinite(share) && isfinite(interval.low))
        (void)snprintf(text, sizeof text, "%.1f [%.1f, %.1f]", 100 * share, 100 * interval.low,
                       100 * interval.high);
    else if (isfinite(share))
        (void)snprintf(text, sizeof text, "%.1f", 100 * share);
    printf("  %-*s", PERCENT_WIDTH, text);
}

static void print_line(const char *group, const char *what, size_t n, const double shares[2],
                       const struct evaluate_interval intervals[2])
{
    int used = printf("%-6s %s", group, what);

    printf("%*s%6zu", MAX_OF(SLICE_WIDTH - used, 1), "", n);
    for (size_t i = 0; i < 2; i++)
        print_percent(shares[i], intervals[i]);
    printf("%+.1f\n", 100 * (shares[1] - shares[0]));
}

/* Share of the slice's photos that are judged right. */
static double right_of(const struct evaluate_slice *slice, bool ai)
{
    double called_ai = (double)slice->called_ai / (double)slice->n;

    return ai ? called_ai : 1 - called_ai;
}

/* Calls visit for each slice that both models judged; before and after are shares judged right. */
static void each_slice(const struct moment moments[2], const struct train_manifest *manifest,
                       void (*visit)(void *payload, size_t group, bool ai, const char *name,
                                     size_t n, const double right[2]),
                       void *payload)
{
    for (size_t g = 0; g < GROUPS; g++) {
        for (int ai = 0; ai < 2; ai++) {
            const struct evaluate_statistics *before = &moments[0].groups[g].statistics;
            const struct evaluate_statistics *after = &moments[1].groups[g].statistics;
            const struct evaluate_slice *slices = ai ? before->families : before->sources;
            size_t count = ai ? before->family_count : before->source_count;
            for (size_t i = 0; i < count; i++) {
                const struct evaluate_slice *same = evaluate_slice_find(after, ai, slices[i].id);
                if (!same)
                    continue;
                const double right[2] = {right_of(&slices[i], ai), right_of(same, ai)};
                visit(payload, g, ai,
                      (ai ? manifest->family_names : manifest->source_names)[slices[i].id],
                      slices[i].n, right);
            }
        }
    }
}

static void print_slice(void *payload, size_t group, bool ai, const char *name, size_t n,
                        const double right[2])
{
    const struct evaluate_interval none[2] = {{(double)NAN, (double)NAN},
                                              {(double)NAN, (double)NAN}};
    char what[64];

    (void)payload;
    (void)snprintf(what, sizeof what, "%s %.40s", ai ? "generator" : "source", name);
    print_line(group_names[group], what, n, right, none);
}

static void print_table(const struct moment moments[2], const struct train_manifest *manifest)
{
    printf("%-*s%6s  %-*s  %-*s%s\n", SLICE_WIDTH, "judged right at T1, %", "photos", PERCENT_WIDTH,
           "before", PERCENT_WIDTH, "after", "change");
    for (size_t g = 0; g < GROUPS; g++) {
        const struct evaluate_statistics *before = &moments[0].groups[g].statistics;
        const struct evaluate_statistics *after = &moments[1].groups[g].statistics;
        if (!before->n || !after->n)
            continue;
        print_line(group_names[g], "balanced accuracy", before->n,
                   (const double[]){before->balanced_accuracy, after->balanced_accuracy},
                   (const struct evaluate_interval[]){before->balanced_accuracy_ci,
                                                      after->balanced_accuracy_ci});
    }
    each_slice(moments, manifest, print_slice, NULL);
}

/* JSON -------------------------------------------------------------------------------------- */

static struct json *statistics_json(const struct evaluate_statistics *s)
{
    struct json *object = json_new_object();
    struct json *interval = json_new_array();

    json_append_number(interval, s->balanced_accuracy_ci.low);
    json_append_number(interval, s->balanced_accuracy_ci.high);
    json_set_int(object, "n", (int64_t)s->n);
    json_set_number(object, "balanced_accuracy", s->balanced_accuracy);
    json_set(object, "balanced_accuracy_ci", interval);
    json_set_number(object, "auc", s->auc);
    json_set_number(object, "f1", s->f1);
    json_set_number(object, "recall", s->recall);
    json_set_number(object, "fpr", s->fpr);
    return object;
}

static void append_slice(void *payload, size_t group, bool ai, const char *name, size_t n,
                         const double right[2])
{
    struct json *one = json_new_object();

    json_set_str(one, "group", group_names[group]);
    json_set_str(one, "kind", ai ? "generator" : "source");
    json_set_str(one, "name", name);
    json_set_int(one, "n", (int64_t)n);
    json_set_number(one, "before", right[0]);
    json_set_number(one, "after", right[1]);
    json_append(payload, one);
}

static enum status write_json(const struct moment moments[2], const struct train_manifest *manifest,
                              const struct train_config *config, struct err *err)
{
    struct json *object = json_new_object();
    struct json *slices = json_new_array();
    char path[PATH_SIZE];
    struct buf text;

    for (size_t g = 0; g < GROUPS; g++) {
        struct json *group = json_new_object();
        json_set(group, "before", statistics_json(&moments[0].groups[g].statistics));
        json_set(group, "after", statistics_json(&moments[1].groups[g].statistics));
        json_set(object, group_names[g], group);
    }
    each_slice(moments, manifest, append_slice, slices);
    json_set(object, "slices", slices);
    buf_init(&text, REPORT_MAX);
    json_write(&text, object, 2);
    json_free(object);
    (void)snprintf(path, sizeof path, "%s/finetune.json", config->output);
    enum status st = buf_check(&text, "finetune.json", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    buf_fini(&text);
    return st;
}

enum status finetune_report(const struct train_config *config, const char *model_path,
                            const struct cli_arguments *arguments, struct err *err)
{
    const char *const roles[GROUPS] = {cli_text(arguments, "measure"), TRAIN_ADDED_ROLE};
    const char *const models[2] = {config->from, model_path};
    struct train_manifest *manifest = NULL;
    struct moment moments[2];
    size_t done = 0;
    enum status st = train_manifest_open(&manifest, config->manifest, err);

    for (; st == ST_OK && done < 2; done++) {
        st = cli_measure(moments[done].groups, models[done], manifest, roles, GROUPS,
                         (unsigned)config->workers, err);
        if (st != ST_OK)
            break;
    }
    if (st == ST_OK)
        st = write_json(moments, manifest, config, err);
    if (st == ST_OK)
        print_table(moments, manifest);
    for (size_t i = 0; i < done; i++)
        for (size_t g = 0; g < GROUPS; g++)
            cli_measured_fini(&moments[i].groups[g]);
    train_manifest_close(manifest);
    return st;
}
