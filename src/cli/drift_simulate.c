#include "cli/drift_simulate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/drift_scores.h"
#include "drift/trial.h"

#define POOL_SIZE  1000000u
#define SHARES_MAX 16

struct simulation {
    const struct cli_arguments *arguments;
    struct drift_trial_options options;
    enum drift_scenario scenario;
    double shares[SHARES_MAX];
    size_t share_count;
    bool csv;
    struct drift_synthetic synthetic;
    struct drift_trial *trial;
};

static enum status read_shares(struct simulation *out, const char *typed, struct err *err)
{
    struct str rest = str_of(typed);

    while (rest.len) {
        struct str share = str_trim(str_split(&rest, ','));
        if (out->share_count == SHARES_MAX)
            return err_set(err, ST_INVALID, "--share takes at most %d shares", SHARES_MAX);
        if (!str_to_double(&out->shares[out->share_count++], share, -1, 1))
            return err_set(err, ST_INVALID, "--share '%.40s': '%.*s' is no number from -1 to 1",
                           typed, (int)MIN_OF(share.len, 20u), share.at);
    }
    return ST_OK;
}

static enum status read_arguments(struct simulation *out, const struct cli_arguments *arguments,
                                  struct err *err)
{
    out->arguments = arguments;
    out->options = (struct drift_trial_options){
        .budget = {.false_alarms_a_month = cli_double(arguments, "false-alarms"),
                   .predictions_a_day = cli_double(arguments, "predictions")},
        .baseline_size = (size_t)cli_int(arguments, "baseline-size"),
        .runs = (size_t)cli_int(arguments, "runs"),
        .patience = (uint64_t)cli_int(arguments, "patience"),
        .seed = (uint64_t)cli_int(arguments, "seed"),
        .threshold = 0.5,
        .burst = (uint32_t)cli_int(arguments, "burst"),
        .grouping = drift_grouping_of(cli_text(arguments, "grouping")),
        .burst_limit = (uint32_t)cli_int(arguments, "burst-limit"),
    };
    out->options.control =
        (uint64_t)(cli_double(arguments, "control") * drift_run_length(&out->options.budget));
    out->csv = strcmp(cli_text(arguments, "format"), "csv") == 0;
    REQUIRE(drift_scenario_parse(&out->scenario, cli_text(arguments, "scenario")));
    return read_shares(out, cli_text(arguments, "share"), err);
}

static enum status open_traffic(struct simulation *simulation, struct err *err)
{
    const char *path = cli_text(simulation->arguments, "scores");
    const char *family = cli_text(simulation->arguments, "family");
    struct drift_scores scores;

    if (!path) {
        drift_synthetic_open(&simulation->synthetic, POOL_SIZE,
                             rng_derive(simulation->options.seed, 9));
        return ST_OK;
    }
    if (!family)
        return err_set(err, ST_INVALID, "--scores needs --family: which of them is new");
    enum status st = drift_scores_read(&scores, path, err);
    if (st != ST_OK)
        return st;
    st = drift_scores_pools(&simulation->synthetic, &scores, family, err);
    drift_scores_close(&scores);
    return st;
}

static void print_delay(double delay, uint64_t patience)
{
    if (isfinite(delay))
        printf(" %9.0f", delay);
    else
        printf(" >%8" PRIu64, patience);
}

static void run_one(struct simulation *simulation, enum drift_contestant contestant,
                    const struct drift_run_length *control, double share)
{
    const struct drift_change change = {
        .scenario = simulation->scenario,
        .share = share,
        .ramp = (uint64_t)cli_int(simulation->arguments, "ramp"),
    };
    const char *name = drift_contestant_name(contestant);
    struct drift_delay delay = drift_trial_delay(simulation->trial, contestant, &change);

    if (simulation->csv) {
        printf("%s,%s,%g,%" PRIu64 ",%" PRIu64 ",%g,%g,%zu,%zu,%.1f\n", name,
               drift_scenario_name(change.scenario), share, control->predictions, control->alarms,
               delay.median, delay.p95, delay.found, delay.runs, delay.missed);
        (void)fflush(stdout);
        return;
    }
    printf("%-24s %6.1f%% %6" PRIu64 " in %9" PRIu64, name, 100 * share, control->alarms,
           control->predictions);
    print_delay(delay.median, simulation->options.patience);
    print_delay(delay.p95, simulation->options.patience);
    printf(" %5zu/%-5zu %9.0f\n", delay.found, delay.runs, delay.missed);
    (void)fflush(stdout);
}

static bool is_wanted(const struct simulation *simulation, enum drift_contestant contestant)
{
    const char *which = cli_text(simulation->arguments, "detectors");

    return strcmp(which, "all") == 0 || contestant == DRIFT_TRY_OURS;
}

static void run_all(struct simulation *simulation)
{
    const struct drift_figures *normal = &drift_trial_baseline(simulation->trial)->figures;

    if (simulation->csv)
        printf("detector,scenario,share,control_predictions,control_alarms,median,p95,found,runs,"
               "missed\n");
    else
        printf("scenario %s; normal: %zu predictions, mean %.3f, sd %.3f, low confidence %.3f, "
               "AI-generated %.3f\n%-24s %7s %6s    %9s %9s %9s %11s %9s\n",
               drift_scenario_name(simulation->scenario), normal->count, normal->mean_probability,
               normal->std_probability, normal->low_confidence_ratio, normal->ai_generated_ratio,
               "DETECTOR", "SHARE", "FALSE", "NORMAL", "MEDIAN", "P95", "FOUND", "MISSED");
    for (unsigned c = 0; c < DRIFT_CONTESTANT_COUNT; c++) {
        if (!is_wanted(simulation, (enum drift_contestant)c))
            continue;
        struct drift_run_length control =
            drift_trial_control(simulation->trial, (enum drift_contestant)c);
        for (size_t i = 0; i < simulation->share_count; i++)
            run_one(simulation, (enum drift_contestant)c, &control, simulation->shares[i]);
    }
}

int drift_simulate(const struct cli_arguments *arguments, struct err *err)
{
    struct simulation *simulation = mem_alloc(1, sizeof *simulation);

    enum status st = read_arguments(simulation, arguments, err);
    int code = st == ST_OK ? CLI_FINE : CLI_USAGE;
    if (st == ST_OK) {
        st = open_traffic(simulation, err);
        if (st == ST_OK)
            st = drift_trial_open(&simulation->trial, &simulation->synthetic, &simulation->options,
                                  strcmp(cli_text(arguments, "detectors"), "all") == 0, err);
        if (st == ST_OK)
            run_all(simulation);
        code = st == ST_INVALID ? CLI_USAGE : st == ST_OK ? CLI_FINE : (int)cli_exit_of(st);
    }
    drift_trial_close(simulation->trial);
    drift_synthetic_close(&simulation->synthetic);
    mem_free(simulation);
    return code;
}
