/* cli/cmd_evaluate.c - aidetect evaluate: model and manifest in, report out, gate as exit status.
 */
#include "cli/cli.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "evaluate/evaluate.h"

#define PATH_SIZE       4096
#define REPORT_MAX      ((size_t)256 << 20) /* bytes of the printed report, and of --scores */
#define FIT_ROLE        "train"             /* rows on which the metadata control is fitted */
#define FIT_ROWS_MAX    1500
#define CONTROLS_TIER   TRAIN_T1
#define BAR_WIDTH       30
#define PROGRESS_LENGTH 100

/* Everything that `fini` frees. */
struct evaluation {
    struct detect_model *model;
    struct train_manifest *manifest;
    struct evaluate_scores *scores;
    struct evaluate_scores *fit;
    struct evaluate_report report;
};

static void fini(struct evaluation *evaluation)
{
    evaluate_report_fini(&evaluation->report);
    evaluate_scores_close(evaluation->scores);
    evaluate_scores_close(evaluation->fit);
    train_manifest_close(evaluation->manifest);
    detect_model_close(evaluation->model);
}

static void draw_progress(void *what, size_t done, size_t total, double seconds)
{
    double share = total ? (double)done / (double)total : 1;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char bar[BAR_WIDTH + 1] = {0};
    char left[32] = "";

    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '=', (size_t)(share * BAR_WIDTH));
    if (rate > 0)
        (void)snprintf(left, sizeof left, "%.0f s left", (double)(total - done) / rate);
    if (done < total)
        (void)fprintf(stderr, "\r%s [%s] %zu of %zu  %.1f img/s  %s\033[K", (const char *)what, bar,
                      done, total, rate, left);
    else
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
}

static struct evaluate_options options_of(const struct cli_arguments *arguments)
{
    return (struct evaluate_options){
        .role = cli_text(arguments, "role"),
        .rows_max = (size_t)cli_int(arguments, "limit"),
        .workers = (unsigned)cli_int(arguments, "workers"),
        .seed = (uint64_t)cli_int(arguments, "seed"),
        .features = cli_flag(arguments, "controls"),
        .progress = isatty(STDERR_FILENO) ? draw_progress : NULL,
        .progress_payload = (void *)(uintptr_t) "photos",
    };
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
    if (!has_t1 && cli_given(arguments, "gate-accuracy"))
        return err_set(err, ST_INVALID, "--gate-accuracy needs the tier T1");
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

static enum status run(struct evaluation *evaluation, const struct evaluate_options *options,
                       struct err *err)
{
    struct evaluate_scorer scorer = evaluate_scorer_of_model(evaluation->model);
    enum status st = evaluate_run(&evaluation->scores, evaluation->manifest, &scorer, options, err);

    if (st == ST_OK)
        st = evaluate_report_init(&evaluation->report, evaluation->scores, evaluation->manifest,
                                  detect_model_threshold(evaluation->model),
                                  detect_model_band(evaluation->model), options->seed, err);
    if (st == ST_OK && options->features)
        st = run_controls(evaluation, *options, err);
    evaluation->report.model = detect_model_version(evaluation->model);
    evaluation->report.model_sha256 = detect_model_hash(evaluation->model);
    evaluation->report.role = options->role;
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

static int exit_of_report(const struct evaluate_report *report,
                          const struct cli_arguments *arguments)
{
    double reached = report->tiers[CONTROLS_TIER].balanced_accuracy;
    double wanted = cli_double(arguments, "gate-accuracy");

    if (cli_given(arguments, "gate-accuracy") && !(reached >= wanted)) { /* NaN does not pass */
        (void)fprintf(stderr,
                      "aidetect evaluate: balanced accuracy %.4f at T1 is below the gate "
                      "of %.4f\n",
                      reached, wanted);
        return CLI_FINDING;
    }
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
        cli_read_threshold(&detection, cli_text(arguments, "threshold"), err) != ST_OK)
        return CLI_USAGE;

    enum status st = open_inputs(&evaluation, arguments, &detection, err);
    if (st != ST_OK) {
        fini(&evaluation);
        return CLI_IO;
    }
    st = run(&evaluation, &options, err);
    if (st == ST_OK && scores_path)
        st = write_scores(&evaluation, scores_path, err);
    if (st == ST_OK && report_folder)
        st = evaluate_report_write(&evaluation.report, report_folder, err);
    if (st == ST_OK)
        st = print_report(&evaluation.report, as_json, err);
    int code = st == ST_OK ? exit_of_report(&evaluation.report, arguments) : (int)cli_exit_of(st);
    fini(&evaluation);
    return code;
}
