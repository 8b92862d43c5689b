/* cli/cmd_evaluate.c - aidetect evaluate: model and manifest in, report out, gate as exit status.
 */
#include "cli/cli.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/measure.h"
#include "evaluate/gate.h"

#define PATH_SIZE     4096
#define REPORT_MAX    ((size_t)256 << 20) /* bytes of the printed report, and of --scores */
#define FIT_ROLE      "train"             /* rows on which the metadata control is fitted */
#define FIT_ROWS_MAX  1500
#define CONTROLS_TIER TRAIN_T1

/* Everything that `fini` frees. */
struct evaluation {
    struct detect_model *model;
    struct train_manifest *manifest;
    struct evaluate_scores *scores;
    struct evaluate_scores *fit;
    struct evaluate_report report;
    struct json *before; /* the report that the gate compares with */
    struct evaluate_gate gate;
};

static void fini(struct evaluation *evaluation)
{
    evaluate_report_fini(&evaluation->report);
    evaluate_gate_fini(&evaluation->gate);
    json_free(evaluation->before);
    evaluate_scores_close(evaluation->scores);
    evaluate_scores_close(evaluation->fit);
    train_manifest_close(evaluation->manifest);
    detect_model_close(evaluation->model);
}

static struct evaluate_options options_of(const struct cli_arguments *arguments)
{
    return (struct evaluate_options){
        .role = cli_text(arguments, "role"),
        .rows_max = (size_t)cli_int(arguments, "limit"),
        .workers = (unsigned)cli_int(arguments, "workers"),
        .seed = (uint64_t)cli_int(arguments, "seed"),
        .features = cli_flag(arguments, "controls"),
        .progress = isatty(STDERR_FILENO) ? cli_draw_progress : NULL,
        .progress_payload = (void *)(uintptr_t) "photos",
    };
}

static bool has_gate(const struct cli_arguments *arguments)
{
    return cli_flag(arguments, "gate") || cli_given(arguments, "gate-accuracy");
}

/* What the table of options cannot say. */
static enum status check(struct evaluate_options *options, const struct cli_arguments *arguments,
                         struct err *err)
{
    enum status st = train_tiers_parse(&options->tiers, str_of(cli_text(arguments, "tiers")), err);
    bool has_t1 = options->tiers & (1u << CONTROLS_TIER);

    if (st != ST_OK)
        return st;
    if (!cli_text(arguments, "data"))
        return err_set(err, ST_INVALID, "--data is missing: the manifest of labelled photos");
    if (!has_t1 && cli_flag(arguments, "controls"))
        return err_set(err, ST_INVALID, "--controls needs the tier T1");
    if (!has_t1 && has_gate(arguments))
        return err_set(err, ST_INVALID, "--gate-accuracy and --gate need the tier T1");
    if (cli_given(arguments, "against") && !cli_flag(arguments, "gate"))
        return err_set(err, ST_INVALID, "--against is for --gate");
    return ST_OK;
}

static enum status open_inputs(struct evaluation *evaluation, const struct cli_arguments *arguments,
                               const struct detect_options *detection, struct err *err)
{
    char path[PATH_SIZE];
    enum status st = cli_find_model(path, sizeof path, cli_text(arguments, "model"), err);

    if (st == ST_OK)
        st = detect_model_open(&evaluation->model, path, detection, err);
    if (st == ST_OK)
        st = train_manifest_open(&evaluation->manifest, cli_text(arguments, "data"), err);
    return st;
}

static enum status run_controls(struct evaluation *evaluation, struct evaluate_options options,
                                struct err *err)
{
    struct evaluate_scorer scorer = evaluate_scorer_of_model(evaluation->model);

    options.role = FIT_ROLE;
    options.rows_max = FIT_ROWS_MAX;
    options.tiers = 1u << CONTROLS_TIER;
    options.progress_payload = (void *)(uintptr_t) "controls";
    enum status st = evaluate_run(&evaluation->fit, evaluation->manifest, &scorer, &options, err);
    if (st == ST_OK)
        st = evaluate_controls(&evaluation->report.controls, evaluation->scores, evaluation->fit,
                               FIT_ROLE, evaluation->manifest, CONTROLS_TIER, options.seed, err);
    evaluation->report.has_controls = st == ST_OK;
    return st;
}

static enum status make_report(struct evaluation *evaluation, const struct train_manifest *manifest,
                               const struct evaluate_options *options, struct err *err)
{
    enum status st = evaluate_report_init(&evaluation->report, evaluation->scores, manifest,
                                          detect_model_threshold(evaluation->model),
                                          detect_model_band(evaluation->model), options->seed, err);

    evaluation->report.model = detect_model_version(evaluation->model);
    evaluation->report.model_sha256 = detect_model_hash(evaluation->model);
    evaluation->report.role = options->role;
    return st;
}

static enum status run(struct evaluation *evaluation, const struct evaluate_options *options,
                       struct err *err)
{
    struct evaluate_scorer scorer = evaluate_scorer_of_model(evaluation->model);
    enum status st = evaluate_run(&evaluation->scores, evaluation->manifest, &scorer, options, err);

    if (st == ST_OK)
        st = make_report(evaluation, evaluation->manifest, options, err);
    if (st == ST_OK && options->features)
        st = run_controls(evaluation, *options, err);
    return st;
}

static enum status print_report(const struct evaluate_report *report, bool as_json, struct err *err)
{
    struct buf text;

    buf_init(&text, REPORT_MAX);
    if (as_json)
        evaluate_report_json(&text, report, false);
    else
        evaluate_report_text(&text, report);
    enum status st = buf_check(&text, "the report", err);
    if (st == ST_OK)
        (void)fwrite(text.at, 1, text.len, stdout); /* main checks the stream */
    buf_fini(&text);
    return st;
}

static enum status write_scores(const struct evaluation *evaluation, const char *path,
                                struct err *err)
{
    struct buf text;

    buf_init(&text, REPORT_MAX);
    evaluate_scores_tsv(&text, evaluation->scores, evaluation->manifest);
    enum status st = buf_check(&text, "the table of scores", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    buf_fini(&text);
    return st;
}

/* Gate -------------------------------------------------------------------------------------- */

/* What another model says of the same photos, at the gate's tier, as its report. */
static enum status evaluate_other(struct evaluation *evaluation, const char *path,
                                  const struct evaluate_options *options, struct err *err)
{
    struct evaluate_options at_tier = *options;
    struct evaluation other = {0};
    struct evaluate_scorer scorer;
    struct buf text;

    at_tier.tiers = 1u << EVALUATE_GATE_TIER;
    at_tier.features = false;
    at_tier.progress_payload = (void *)(uintptr_t) "earlier model";
    buf_init(&text, REPORT_MAX);
    enum status st = detect_model_open(&other.model, path, NULL, err);
    if (st == ST_OK) {
        scorer = evaluate_scorer_of_model(other.model);
        st = evaluate_run(&other.scores, evaluation->manifest, &scorer, &at_tier, err);
    }
    if (st == ST_OK)
        st = make_report(&other, evaluation->manifest, &at_tier, err);
    if (st == ST_OK) {
        evaluate_report_json(&text, &other.report, false);
        st = json_parse(&evaluation->before, buf_bytes(&text), err);
    }
    buf_fini(&text);
    fini(&other);
    return st;
}

/* A report begins with a brace; anything else is a model. */
static enum status read_before(struct evaluation *evaluation, const char *path,
                               const struct evaluate_options *options, struct err *err)
{
    struct bytes file;
    enum status st = fs_map(&file, path, REPORT_MAX, err);

    if (st != ST_OK)
        return st;
    bool is_report = file.len && file.at[0] == '{';
    if (is_report)
        st = json_parse(&evaluation->before, file, err);
    fs_unmap(file);
    if (st == ST_OK && !is_report)
        st = evaluate_other(evaluation, path, options, err);
    if (st != ST_OK)
        err_prefix(err, "--against %s", path);
    return st;
}

static enum status run_gate(struct evaluation *evaluation, const struct cli_arguments *arguments,
                            const struct evaluate_options *options, struct err *err)
{
    const char *against = cli_text(arguments, "against");
    bool whole = cli_flag(arguments, "gate");
    double accuracy = cli_given(arguments, "gate-accuracy") ? cli_double(arguments, "gate-accuracy")
                                                            : EVALUATE_GATE_ACCURACY;
    const struct evaluate_gate_options gate = {.accuracy = accuracy,
                                               .f1 = whole ? cli_double(arguments, "gate-f1")
                                                           : (double)NAN,
                                               .margin = cli_double(arguments, "gate-margin"),
                                               .photos = (size_t)cli_int(arguments, "gate-photos")};
    enum status st = ST_OK;

    if (against)
        st = read_before(evaluation, against, options, err);
    if (st != ST_OK)
        return st;
    st = evaluate_gate(&evaluation->gate, &evaluation->report, evaluation->before, &gate, err);
    if (st != ST_OK && against)
        err_prefix(err, "--against %s", against);
    if (st == ST_OK)
        evaluation->report.gate = &evaluation->gate;
    return st;
}

static int exit_of_report(const struct evaluate_report *report)
{
    struct buf text;

    if (report->gate) {
        buf_init(&text, REPORT_MAX);
        evaluate_gate_text(&text, report->gate);
        (void)fwrite(text.at, 1, text.len, stderr);
        buf_fini(&text);
    }
    if (report->gate && report->gate->failed_count)
        return CLI_FINDING;
    if (report->scores->failure_count) {
        (void)fprintf(stderr, "aidetect evaluate: %zu failed, see the report\n",
                      report->scores->failure_count);
        return CLI_PARTIAL;
    }
    return CLI_FINE;
}

int cmd_evaluate(const struct cli_arguments *arguments, struct err *err)
{
    struct evaluation evaluation = {0};
    struct evaluate_options options = options_of(arguments);
    const char *scores_path = cli_text(arguments, "scores");
    const char *report_folder = cli_text(arguments, "report");
    bool as_json = strcmp(cli_text(arguments, "format"), "json") == 0;

    struct detect_options detection;
    if (check(&options, arguments, err) != ST_OK ||
        cli_read_judging(&detection, arguments, err) != ST_OK)
        return CLI_USAGE;

    enum status st = open_inputs(&evaluation, arguments, &detection, err);
    if (st != ST_OK) {
        fini(&evaluation);
        return CLI_IO;
    }
    st = run(&evaluation, &options, err);
    if (st == ST_OK && has_gate(arguments))
        st = run_gate(&evaluation, arguments, &options, err);
    if (st == ST_OK && scores_path)
        st = write_scores(&evaluation, scores_path, err);
    if (st == ST_OK && report_folder)
        st = evaluate_report_write(&evaluation.report, report_folder, err);
    if (st == ST_OK)
        st = print_report(&evaluation.report, as_json, err);
    int code = st == ST_OK ? exit_of_report(&evaluation.report) : (int)cli_exit_of(st);
    fini(&evaluation);
    return code;
}
