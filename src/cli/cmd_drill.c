/* cli/cmd_drill.c - aidetect drill data-drift: split, train, measure, retrain, measure.  Finished
 * trainings are kept with what they were made from, and are not repeated. */
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/drill_report.h"
#include "cli/train_settings.h"
#include "revision.h"
#include "service/drift_monitor.h"
#include "train/trainer.h"

#define PATH_SIZE        (2 * TRAIN_PATH_SIZE)
#define HELD_SHARE       0.3
#define VALIDATION_SHARE "0.2" /* of what is trained on, to calibrate */
#define REPORT_MAX       (1u << 20)
#define RECIPE_MAX       (1u << 20)

enum stage { STAGE_OLD, STAGE_ALL, STAGE_COUNT };
static const char *const stage_names[STAGE_COUNT] = {"old", "all"};

struct drill {
    const struct cli_arguments *arguments;
    struct train_config config;
    struct train_generations split;
    char models[STAGE_COUNT][PATH_SIZE];
    struct drill_report report;
    size_t measured_count; /* of the report's moments */
};

static const char *output_of(const struct drill *drill)
{
    return cli_text(drill->arguments, "output");
}

static void tell(int step, const char *what)
{
    (void)fprintf(stderr, "%d of 5: %s\n", step, what);
}

/* Settings and photos ----------------------------------------------------------------------- */

static enum status load(struct drill *drill, struct err *err)
{
    const struct cli_arguments *arguments = drill->arguments;
    struct train_config *config = &drill->config;
    enum status st = train_config_load(config, cli_text(arguments, "config"), err);

    if (st != ST_OK)
        return st;
    config->epochs = cli_int(arguments, "epochs");
    config->seed = cli_int(arguments, "seed");
    config->workers = cli_int(arguments, "workers");
    config->validation[0] = config->from[0] = '\0';
    st = config_set(config, &train_config_table, "data.validation_share", str_of(VALIDATION_SHARE),
                    err);
    return st == ST_OK ? cli_train_set(config, arguments, err) : st;
}

static enum status write_manifest(const struct drill *drill, const char *name,
                                  const struct buf *text, struct err *err)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s.tsv", output_of(drill), name);
    return fs_write(path, buf_bytes(text), err);
}

static enum status split(struct drill *drill, struct err *err)
{
    const struct train_generations_options options = {
        .role = drill->config.role,
        .photos_max = (size_t)cli_int(drill->arguments, "photos"),
        .held_max = (size_t)cli_int(drill->arguments, "held"),
        .held_share = HELD_SHARE,
        .seed = (uint64_t)drill->config.seed};
    struct train_generations *made = &drill->split;
    struct train_manifest *manifest = NULL;
    enum status st = train_manifest_open(&manifest, drill->config.manifest, err);

    if (st == ST_OK)
        st = train_generations_split(made, manifest, &options, err);
    train_manifest_close(manifest);
    if (st == ST_OK)
        st = fs_make_folder(output_of(drill), err);
    if (st == ST_OK)
        st = write_manifest(drill, "train-old", &made->train_old, err);
    if (st == ST_OK)
        st = write_manifest(drill, "train-all", &made->train_all, err);
    if (st == ST_OK)
        st = write_manifest(drill, "measure-old", &made->measure_old, err);
    if (st == ST_OK)
        st = write_manifest(drill, "measure-new", &made->measure_new, err);
    return st;
}

/* Training ---------------------------------------------------------------------------------- */

/* A hash of everything that decides what comes out. */
static void describe(char out[HASH_HEX_SIZE], const struct train_config *config,
                     const struct buf *manifest)
{
    char hash[HASH_HEX_SIZE];
    struct buf text;

    buf_init(&text, RECIPE_MAX);
    buf_add_str(&text, AIDETECT_REVISION "\n");
    buf_add_str(&text, hash_sha256_hex(hash, buf_bytes(manifest)));
    for (size_t i = 0; i < train_config_table.count; i++) {
        char value[TRAIN_PATH_SIZE];
        config_get_text(value, sizeof value, config, &train_config_table.fields[i]);
        buf_printf(&text, "%s=%s\n", train_config_table.fields[i].name, value);
    }
    hash_sha256_hex(out, buf_bytes(&text));
    buf_fini(&text);
}

static bool is_made_from(const char *path, const char *recipe)
{
    struct bytes text = {0};
    struct err ignored;

    if (fs_read(&text, path, HASH_HEX_SIZE, &ignored) != ST_OK)
        return false;
    bool same = text.len == strlen(recipe) && memcmp(text.at, recipe, text.len) == 0;
    mem_free((void *)(uintptr_t)text.at);
    return same;
}

static enum status point_at(struct train_config *config, const struct drill *drill,
                            enum stage stage, struct err *err)
{
    char path[PATH_SIZE];
    char name[32];

    (void)snprintf(path, sizeof path, "%s/train-%s.tsv", output_of(drill), stage_names[stage]);
    enum status st = config_set(config, &train_config_table, "data.manifest", str_of(path), err);
    (void)snprintf(path, sizeof path, "%s/%s", output_of(drill), stage_names[stage]);
    if (st == ST_OK)
        st = config_set(config, &train_config_table, "model.output", str_of(path), err);
    (void)snprintf(name, sizeof name, "drill-%s", stage_names[stage]);
    if (st == ST_OK)
        st = config_set(config, &train_config_table, "model.version", str_of(name), err);
    return st;
}

static enum status train(struct drill *drill, enum stage stage, const struct buf *manifest,
                         struct err *err)
{
    const struct train_run_options options = {
        .resume = true, .revision = AIDETECT_REVISION, .clock = &clock_system};
    struct train_config config = drill->config;
    struct train_report report;
    char recipe_path[PATH_SIZE];
    char recipe[HASH_HEX_SIZE];
    enum status st = point_at(&config, drill, stage, err);

    if (st != ST_OK)
        return st;
    (void)snprintf(drill->models[stage], PATH_SIZE, "%s/%s.safetensors", config.output,
                   config.version);
    (void)snprintf(recipe_path, sizeof recipe_path, "%s/finished", config.output);
    describe(recipe, &config, manifest);
    if (fs_exists(drill->models[stage]) && is_made_from(recipe_path, recipe))
        return ST_OK;
    st = train_run(&report, &config, &options, err);
    if (st == ST_OK)
        st = fs_write(recipe_path, (struct bytes){(const uint8_t *)recipe, strlen(recipe)}, err);
    return st;
}

/* Measuring --------------------------------------------------------------------------------- */

static enum status measure(struct drill *drill, enum drill_moment moment, enum stage stage,
                           const struct buf *text, struct err *err)
{
    static const char *const role = TRAIN_GENERATIONS_ROLE;
    struct train_manifest *manifest = NULL;
    enum status st = train_manifest_parse(&manifest, buf_bytes(text), ".", err);

    REQUIRE(drill->measured_count == (size_t)moment);
    if (st == ST_OK)
        st = cli_measure(&drill->report.moments[moment], drill->models[stage], manifest, &role, 1,
                         (unsigned)drill->config.workers, err);
    train_manifest_close(manifest);
    drill->measured_count += st == ST_OK;
    return st;
}

static struct drift_figures figures_of(const struct cli_measured *measured)
{
    const struct evaluate_confusion *c = &measured->statistics.confusion;

    return (struct drift_figures){
        .count = measured->statistics.n,
        .mean_probability = measured->mean_probability,
        .low_confidence_ratio = measured->low_confidence,
        .ai_generated_ratio = (double)(c->tp + c->fp) / (double)measured->statistics.n,
    };
}

static void conclude(struct drill *drill)
{
    const struct train_generations *made = &drill->split;
    struct drill_report *report = &drill->report;
    struct drift_figures baseline = figures_of(&report->moments[DRILL_BEFORE]);
    struct drift_figures window = figures_of(&report->moments[DRILL_DRIFTED]);

    struct drift_monitor_options defaults;
    drift_monitor_defaults(&defaults);
    report->thresholds = defaults.thresholds;
    report->drift = drift_score_of(&window, &baseline, &report->thresholds);
    report->real_count = made->real_count;
    report->old_count = made->old_count;
    report->new_count = made->new_count;
    report->real_held_count = made->real_held_count;
    report->old_held_count = made->old_held_count;
    report->new_held_count = made->new_held_count;
    report->old_model = drill->models[STAGE_OLD];
    report->new_model = drill->models[STAGE_ALL];
    report->epochs = drill->config.epochs;
}

static enum status run(struct drill *drill, struct err *err)
{
    struct train_generations *made = &drill->split;
    enum status st = split(drill, err);

    if (st == ST_OK) {
        tell(1, "training on real photos and old generators");
        st = train(drill, STAGE_OLD, &made->train_old, err);
    }
    if (st == ST_OK) {
        tell(2, "measuring on old generators");
        st = measure(drill, DRILL_BEFORE, STAGE_OLD, &made->measure_old, err);
    }
    if (st == ST_OK) {
        tell(3, "measuring on new generators");
        st = measure(drill, DRILL_DRIFTED, STAGE_OLD, &made->measure_new, err);
    }
    if (st == ST_OK) {
        tell(4, "retraining with photos of new generators");
        st = train(drill, STAGE_ALL, &made->train_all, err);
    }
    if (st == ST_OK) {
        tell(5, "measuring again");
        st = measure(drill, DRILL_RETRAINED, STAGE_ALL, &made->measure_new, err);
    }
    if (st == ST_OK)
        st = measure(drill, DRILL_KEPT, STAGE_ALL, &made->measure_old, err);
    if (st == ST_OK)
        conclude(drill);
    return st;
}

static enum status report(const struct drill *drill, struct err *err)
{
    struct json *value = drill_report_json(&drill->report);
    bool as_json = strcmp(cli_text(drill->arguments, "format"), "json") == 0;
    char path[PATH_SIZE];
    struct buf text;

    buf_init(&text, REPORT_MAX);
    json_write(&text, value, 2);
    buf_add_str(&text, "\n");
    json_free(value);
    (void)snprintf(path, sizeof path, "%s/drill.json", output_of(drill));
    enum status st = buf_check(&text, "drill.json", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    if (st == ST_OK && as_json)
        (void)fwrite(text.at, 1, text.len, stdout);
    else if (st == ST_OK)
        drill_report_print(&drill->report);
    buf_fini(&text);
    return st;
}

int cmd_drill(const struct cli_arguments *arguments, struct err *err)
{
    struct drill *drill = mem_alloc(1, sizeof *drill);
    int code = CLI_FINE;

    drill->arguments = arguments;
    if (strcmp(arguments->operands[0], "data-drift") != 0) {
        (void)err_set(err, ST_INVALID, "there is no drill '%.40s': data-drift is one",
                      arguments->operands[0]);
        code = CLI_USAGE;
    } else if (load(drill, err) != ST_OK) {
        code = CLI_CONFIG;
    } else {
        enum status st = run(drill, err);
        if (st == ST_OK)
            st = report(drill, err);
        code = cli_exit_of(st);
        for (size_t i = 0; i < drill->measured_count; i++)
            cli_measured_fini(&drill->report.moments[i]);
        train_generations_fini(&drill->split);
    }
    mem_free(drill);
    return code;
}
