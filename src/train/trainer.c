#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cpu.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "detect/convention.h"
#include "detect/frontend.h"
#include "detect/statistics.h"
#include "train/checkpoint.h"
#include "train/mixture.h"
#include "train/record.h"
#include "train/statistics.h"
#include "train/validation.h"
#include "train/worker.h"

#define PROGRESS_EVERY_US 500000

struct trainer {
    const struct train_config *config;
    const struct train_run_options *options;
    struct train_dataset *dataset;
    struct train_pairs *pairs; /* NULL: no twins */
    struct nn_graph *graph;
    struct nn_optimizer optimizer;
    struct train_team team;
    float *values;
    struct train_opinion *opinions; /* on the validation photos */
    struct train_record record;
    struct train_progress progress;
    char identity[HASH_HEX_SIZE];
    bool terminal; /* standard error is one */
    int64_t epoch_started_us, shown_us;
};

static void join_path(char out[2 * TRAIN_PATH_SIZE], const struct trainer *trainer,
                      const char *name)
{
    (void)snprintf(out, 2 * TRAIN_PATH_SIZE, "%s/%s", trainer->config->output, name);
}

/* Progress ---------------------------------------------------------------------------------- */

static void show_loading(void *payload, size_t done, size_t total)
{
    struct trainer *trainer = payload;

    if (trainer->terminal)
        (void)fprintf(stderr, "\rreading photos %3zu %%", 100 * done / MAX_OF(total, 1u));
}

static void show_measuring(void *payload, size_t done, size_t total)
{
    struct trainer *trainer = payload;

    if (trainer->terminal)
        (void)fprintf(stderr, "\rmeasuring statistics %3zu %% ", 100 * done / MAX_OF(total, 1u));
}

static void show_step(void *payload, int64_t step, const struct train_totals *totals)
{
    struct trainer *trainer = payload;
    const struct train_team *team = &trainer->team;
    int64_t now = clock_monotonic_us(trainer->options->clock);
    static const char bar[] = "##############################";

    if (!trainer->terminal || now - trainer->shown_us < PROGRESS_EVERY_US)
        return;
    trainer->shown_us = now;
    double seconds = (double)(now - trainer->epoch_started_us) / 1e6;
    int64_t done = step + 1 - team->first_step;
    double rate = (double)(done * trainer->config->batch * team->worker_count) / seconds;
    double left = (double)(team->last_step - step - 1) * seconds / (double)done;
    int filled = (int)(30 * done / (team->last_step - team->first_step));
    (void)fprintf(stderr, "\repoch %lld/%lld [%-30.*s] loss %.3f  %.0f crops/s  %02d:%02d left ",
                  (long long)trainer->progress.epoch + 1, (long long)trainer->config->epochs,
                  filled, bar, totals->loss / (double)totals->crops, rate, (int)left / 60,
                  (int)left % 60);
}

/* Opening ----------------------------------------------------------------------------------- */

static enum status open_graph(struct trainer *trainer, struct err *err)
{
    struct bytes text;
    enum status st = fs_read(&text, trainer->config->network, NN_TEXT_MAX - 1, err);

    if (st != ST_OK)
        return st;
    st = nn_graph_open(&trainer->graph, (struct str){.at = (const char *)text.at, .len = text.len},
                       err);
    mem_free((void *)(uintptr_t)text.at);
    if (st != ST_OK)
        return st;
    const struct nn_node *first = &trainer->graph->nodes[0];
    const struct nn_node *last = &trainer->graph->nodes[trainer->graph->node_count - 1];
    if (first->channels != DETECT_FRONTEND_CHANNELS ||
        first->height != trainer->config->crop_side || first->width != first->height ||
        last->channels < 1 + TRAIN_FAMILIES)
        return err_set(err, ST_INVALID,
                       "the network must read %d channels of %lldx%lld and end in at least %d",
                       DETECT_FRONTEND_CHANNELS, (long long)trainer->config->crop_side,
                       (long long)trainer->config->crop_side, 1 + TRAIN_FAMILIES);
    return ST_OK;
}

/* A hash of front end, network, data and every setting but `run.patience`, which only says when to
 * stop: a checkpoint fits this run or it is refused. */
static void identify(struct trainer *trainer)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    buf_add_str(&text, DETECT_FRONTEND_NAME);
    buf_add_str(&text, trainer->graph->text);
    buf_add_str(&text, train_dataset_manifest(trainer->dataset)->sha256);
    if (trainer->pairs)
        buf_add_str(&text, train_pairs_sha256(trainer->pairs));
    for (size_t i = 0; i < train_config_table.count; i++) {
        char value[TRAIN_PATH_SIZE];
        if (strcmp(train_config_table.fields[i].name, "run.patience") == 0)
            continue;
        config_get_text(value, sizeof value, trainer->config, &train_config_table.fields[i]);
        buf_printf(&text, "%s=%s\n", train_config_table.fields[i].name, value);
    }
    buf_printf(&text, "workers=%d\n", trainer->team.worker_count);
    hash_sha256_hex(trainer->identity, buf_bytes(&text));
    buf_fini(&text);
}

/* The place of a table in a block of floats; NULL when the network has none. */
static float *table_of(float *block, const struct nn_graph *graph, const char *name)
{
    const struct nn_table *table = nn_graph_table(graph, name);

    return table ? block + graph->parameters[table->parameter].offset : NULL;
}

/* Tensors of the same name and shape are taken over; the others stay as they are. */
static enum status take_values(float *values, const struct nn_graph *graph, const char *path,
                               struct err *err)
{
    struct nn_weights *from = NULL;
    enum status st = nn_weights_open(&from, path, err);

    REQUIRE(values != NULL);
    if (st != ST_OK)
        return st;
    st = detect_convention_check_frontend(from, err);
    for (int i = 0; i < graph->parameter_count && st == ST_OK; i++) {
        const struct nn_parameter *to = &graph->parameters[i];
        for (int k = 0; k < from->graph->parameter_count; k++) {
            const struct nn_parameter *given = &from->graph->parameters[k];
            if (strcmp(given->name, to->name) == 0 &&
                memcmp(given->dims, to->dims, sizeof to->dims) == 0)
                memcpy(values + to->offset, from->values + given->offset,
                       to->count * sizeof *values);
        }
    }
    nn_weights_close(from);
    return st;
}

static enum status check_table(const struct trainer *trainer, const char *name, int rows,
                               struct err *err)
{
    const struct nn_table *table = nn_graph_table(trainer->graph, name);

    if (!table || (table->rows == rows && table->columns == DETECT_STATISTICS_COUNT))
        return ST_OK;
    return err_set(err, ST_INVALID, "%s: the table %s is %dx%d, this program has %dx%d",
                   trainer->config->network, name, table->rows, table->columns, rows,
                   DETECT_STATISTICS_COUNT);
}

static enum status check_tables(const struct trainer *trainer, struct err *err)
{
    enum status st =
        check_table(trainer, DETECT_STATISTICS_TABLE, DETECT_STATISTICS_ROW_COUNT, err);

    return st == ST_OK ? check_table(trainer, DETECT_EMBEDDING_TABLE, DETECT_EMBEDDING_SIZE, err)
                       : st;
}

static enum status start_values(struct trainer *trainer, struct err *err)
{
    struct rng rng = rng_derive((uint64_t)trainer->config->seed, 0x1417);

    trainer->values = mem_alloc(trainer->graph->float_count, sizeof(float));
    nn_graph_initialise(trainer->values, trainer->graph, &rng);
    float *table = table_of(trainer->values, trainer->graph, DETECT_STATISTICS_TABLE);
    if (table)
        train_statistics_neutral(table);
    if (trainer->config->from[0])
        return take_values(trainer->values, trainer->graph, trainer->config->from, err);
    return trainer->config->epochs > 0 || table
               ? ST_OK
               : err_set(err, ST_INVALID, "run.epochs of 0 needs model.from or `table statistics`");
}

static enum status open_team(struct trainer *trainer, struct err *err)
{
    struct train_team *team = &trainer->team;
    const struct train_config *config = trainer->config;
    struct nn_optimizer_options options = {.kind = strcmp(config->optimizer, "sgd") == 0 ? NN_SGD
                                                                                         : NN_ADAMW,
                                           .weight_decay = (float)config->weight_decay,
                                           .momentum = (float)config->momentum,
                                           .beta1 = 0.9f,
                                           .beta2 = 0.999f,
                                           .epsilon = 1e-8f,
                                           .average_decay = (float)config->average_decay};

    enum status st = start_values(trainer, err);
    if (st != ST_OK)
        return st;
    nn_optimizer_init(&trainer->optimizer, trainer->graph, &options, trainer->values);
    *team = (struct train_team){
        .config = config,
        .dataset = trainer->dataset,
        .pairs = trainer->pairs,
        .graph = trainer->graph,
        .optimizer = &trainer->optimizer,
        .values = trainer->values,
        .gradients = mem_alloc(trainer->graph->trained_count, sizeof(float)),
        .worker_count = (int)MIN_OF(config->workers ? config->workers : (int64_t)cpu_count(),
                                    (int64_t)TRAIN_WORKERS_MAX),
        .on_step = show_step,
        .payload = trainer,
    };
    int64_t step_crops = config->batch * team->worker_count;
    team->total_steps = config->epochs * MAX_OF(config->epoch_crops / step_crops, 1);
    (void)pthread_barrier_init(&team->barrier, NULL, (unsigned)team->worker_count);
    team->workers = mem_alloc((size_t)team->worker_count, sizeof *team->workers);
    for (int i = 0; i < team->worker_count; i++) {
        st = train_worker_open(&team->workers[i], team, i, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Without them there is nothing to choose the best epoch by and nothing to calibrate on: better
 * known now than after the last epoch. */
static enum status check_validation(const struct trainer *trainer, struct err *err)
{
    size_t counts[TRAIN_LABEL_COUNT] = {0};

    for (size_t i = 0; i < train_dataset_validation_count(trainer->dataset); i++)
        counts[train_dataset_validation(trainer->dataset, i).label]++;
    for (int label = 0; label < TRAIN_LABEL_COUNT; label++)
        if (!counts[label])
            return err_set(err, ST_INVALID,
                           "data.validation_share of %g holds out no whole source of '%s' photos",
                           trainer->config->validation_share,
                           train_label_name((enum train_label)label));
    return ST_OK;
}

static enum status open_trainer(struct trainer *trainer, struct err *err)
{
    char path[2 * TRAIN_PATH_SIZE];

    trainer->terminal = isatty(STDERR_FILENO) == 1;
    enum status st = open_graph(trainer, err);
    if (st == ST_OK)
        st = check_tables(trainer, err);
    if (st == ST_OK)
        st = fs_make_folder(trainer->config->output, err);
    if (st == ST_OK)
        st = train_dataset_open(&trainer->dataset, trainer->config, show_loading, trainer, err);
    if (st == ST_OK)
        st = check_validation(trainer, err);
    if (st == ST_OK)
        st = train_pairs_open(&trainer->pairs, trainer->dataset, trainer->config, err);
    if (st == ST_OK)
        st = open_team(trainer, err);
    if (st != ST_OK)
        return st;
    trainer->opinions =
        mem_alloc(train_dataset_validation_count(trainer->dataset), sizeof *trainer->opinions);
    trainer->record = (struct train_record){.config = trainer->config,
                                            .dataset = trainer->dataset,
                                            .pairs = trainer->pairs,
                                            .revision = trainer->options->revision,
                                            .network = trainer->graph->text,
                                            .clock = trainer->options->clock,
                                            .workers = trainer->team.worker_count,
                                            .curve = json_new_array()};
    identify(trainer);
    join_path(path, trainer, "checkpoint.bin");
    if (!trainer->options->resume || !fs_exists(path))
        return ST_OK;
    st = train_checkpoint_load(&trainer->progress, &trainer->optimizer, trainer->values, path,
                               trainer->identity, err);
    join_path(path, trainer, "run.json");
    if (st == ST_OK)
        train_record_restore(&trainer->record, path);
    return st;
}

static void close_trainer(struct trainer *trainer)
{
    struct train_team *team = &trainer->team;

    for (int i = 0; team->workers && i < team->worker_count; i++)
        train_worker_close(&team->workers[i]);
    if (team->workers)
        (void)pthread_barrier_destroy(&team->barrier);
    mem_free(team->workers);
    mem_free(team->gradients);
    nn_optimizer_fini(&trainer->optimizer);
    mem_free(trainer->values);
    mem_free(trainer->opinions);
    train_pairs_close(trainer->pairs);
    train_dataset_close(trainer->dataset);
    nn_graph_close(trainer->graph);
    json_free(trainer->record.curve);
}

/* Models ------------------------------------------------------------------------------------ */

static const struct train_mixture network_alone = {.network = 1};
static const struct train_mixture uncalibrated = {.network = 1, .statistics = 1};

/* The moving average of the weights, with everything a detector must know. */
static enum status save_model(const struct trainer *trainer, const char *path,
                              const struct train_mixture *mixture, struct err *err)
{
    const struct detect_convention plain = {.crop_side = (int)trainer->config->crop_side,
                                            .crop_count = (int)trainer->config->crop_count,
                                            .scale = (float)mixture->network,
                                            .statistics_scale = (float)mixture->statistics,
                                            .bias = (float)mixture->bias,
                                            .threshold = TRAIN_THRESHOLD,
                                            .threshold_fpr_1 = mixture->threshold_fpr_1,
                                            .threshold_fpr_5 = mixture->threshold_fpr_5,
                                            .unsure = mixture->unsure};
    struct detect_convention convention = plain;
    struct nn_metadata metadata[DETECT_CONVENTION_KEYS + 3];
    char text[DETECT_CONVENTION_KEYS][DETECT_CONVENTION_TEXT];
    char numbers[64];
    char revision[64];
    char data[HASH_HEX_SIZE];

    (void)snprintf(convention.version, sizeof convention.version, "%.*s",
                   (int)sizeof convention.version - 1, trainer->config->version);
    int count = detect_convention_write(metadata, text, &convention);
    (void)snprintf(numbers, sizeof numbers, "epoch=%lld step=%lld seed=%lld",
                   (long long)trainer->progress.epoch, (long long)trainer->progress.step,
                   (long long)trainer->config->seed);
    (void)snprintf(revision, sizeof revision, "%s", trainer->options->revision);
    (void)snprintf(data, sizeof data, "%s", train_dataset_manifest(trainer->dataset)->sha256);
    metadata[count++] = (struct nn_metadata){.key = "training_run", .value = numbers};
    metadata[count++] = (struct nn_metadata){.key = "training_revision", .value = revision};
    metadata[count++] = (struct nn_metadata){.key = "training_data_sha256", .value = data};
    return nn_weights_save(path, trainer->graph, trainer->optimizer.average, metadata, count, err);
}

/* The record of the run as it stands. */
static enum status save_record(struct trainer *trainer, struct err *err)
{
    char path[2 * TRAIN_PATH_SIZE];

    trainer->record.best_epoch = trainer->progress.best_epoch;
    trainer->record.best_auc = trainer->progress.best_auc;
    join_path(path, trainer, "run.json");
    return train_record_save(&trainer->record, path, err);
}

/* Epochs ------------------------------------------------------------------------------------ */

static enum status run_steps(struct trainer *trainer, struct train_epoch *epoch, struct err *err)
{
    struct train_team *team = &trainer->team;
    pthread_t threads[TRAIN_WORKERS_MAX];
    struct train_totals sum = {0};
    int64_t steps = team->total_steps / trainer->config->epochs;

    team->first_step = trainer->progress.step;
    team->last_step = team->first_step + steps;
    trainer->epoch_started_us = clock_monotonic_us(trainer->options->clock);
    for (int i = 0; i < team->worker_count; i++)
        REQUIRE(pthread_create(&threads[i], NULL, train_worker_epoch, &team->workers[i]) == 0);
    for (int i = 0; i < team->worker_count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < team->worker_count; i++) {
        const struct train_worker *worker = &team->workers[i];
        if (worker->status != ST_OK)
            return err_set(err, worker->status, "training: %s", worker->err.msg);
        sum.loss += worker->totals.loss;
        sum.family_loss += worker->totals.family_loss;
        sum.crops += worker->totals.crops;
        sum.ai_crops += worker->totals.ai_crops;
        sum.correct += worker->totals.correct;
    }
    epoch->loss = sum.loss / (double)sum.crops;
    epoch->family_loss = sum.ai_crops ? sum.family_loss / (double)sum.ai_crops : 0;
    epoch->accuracy = (double)sum.correct / (double)sum.crops;
    epoch->seconds =
        (double)(clock_monotonic_us(trainer->options->clock) - trainer->epoch_started_us) / 1e6;
    trainer->progress.step = team->last_step;
    trainer->progress.epoch++;
    return isfinite(epoch->loss) ? ST_OK
                                 : err_set(err, ST_INVALID,
                                           "the loss is not finite: lower "
                                           "optimizer.rate");
}

/* Scores the average of the weights; keeps it when it is the best so far. */
static enum status validate(struct trainer *trainer, struct train_epoch *epoch, struct err *err)
{
    char last[2 * TRAIN_PATH_SIZE];
    char best[2 * TRAIN_PATH_SIZE];

    join_path(last, trainer, "last.safetensors");
    join_path(best, trainer, "best.safetensors");
    enum status st = save_model(trainer, last, &network_alone, err);
    if (st == ST_OK)
        st = train_validation_run(trainer->opinions, trainer->dataset, last, TRAIN_T1,
                                  (unsigned)trainer->team.worker_count, err);
    if (st != ST_OK)
        return st;
    epoch->validation_auc = train_validation_auc(trainer->opinions, trainer->dataset);
    if (trainer->progress.best_epoch && epoch->validation_auc <= trainer->progress.best_auc)
        return ST_OK;
    trainer->progress.best_auc = epoch->validation_auc;
    trainer->progress.best_epoch = trainer->progress.epoch;
    return save_model(trainer, best, &network_alone, err);
}

static enum status run_epoch(struct trainer *trainer, struct err *err)
{
    struct train_epoch epoch = {0};
    char path[2 * TRAIN_PATH_SIZE];
    enum status st = run_steps(trainer, &epoch, err);

    epoch.number = trainer->progress.epoch;
    if (st == ST_OK)
        st = validate(trainer, &epoch, err);
    if (st != ST_OK)
        return st;
    if (trainer->terminal)
        (void)fprintf(stderr, "\r\033[K");
    log_info("train.epoch",
             "epoch=%lld loss=%.4f family_loss=%.4f accuracy=%.4f validation_auc=%.4f best=%.4f "
             "crops_per_s=%.0f",
             (long long)epoch.number, epoch.loss, epoch.family_loss, epoch.accuracy,
             epoch.validation_auc, trainer->progress.best_auc,
             (double)(trainer->team.last_step - trainer->team.first_step) *
                 (double)trainer->config->batch * trainer->team.worker_count / epoch.seconds);
    train_record_add(&trainer->record, &epoch);
    join_path(path, trainer, "checkpoint.bin");
    st = train_checkpoint_save(path, trainer->identity, &trainer->progress, &trainer->optimizer,
                               trainer->values, err);
    return st == ST_OK ? save_record(trainer, err) : st;
}

/* The second opinion fitted without the validation photos, and the mixture fitted on them: both
 * classifiers are then strangers to what they are weighed on. */
static enum status mix(struct train_mixture *out, struct trainer *trainer,
                       const struct train_statistics *statistics, float *table, struct err *err)
{
    const struct train_config *config = trainer->config;
    char path[2 * TRAIN_PATH_SIZE];
    const struct train_mixture_options options = {
        .dataset = trainer->dataset,
        .model_path = path,
        .workers = (unsigned)trainer->team.worker_count,
        .coverage = config->coverage,
        .has_statistics = table != NULL,
        .network_trained = config->epochs > 0 || config->from[0],
    };
    enum status st = ST_OK;

    join_path(path, trainer, "uncalibrated.safetensors");
    if (table)
        st = train_statistics_fit(table, statistics, TRAIN_STATISTICS_TRAINING, err);
    if (st == ST_OK)
        st = save_model(trainer, path, &uncalibrated, err);
    return st == ST_OK ? train_mixture_fit(out, &options, err) : st;
}

/* The best epoch's weights with the mixture; what ships has seen the statistics of all photos. */
static enum status finish(struct trainer *trainer, struct train_report *report, struct err *err)
{
    float *average = trainer->optimizer.average;
    float *table = table_of(average, trainer->graph, DETECT_STATISTICS_TABLE);
    float *embedding = table_of(average, trainer->graph, DETECT_EMBEDDING_TABLE);
    struct train_statistics *statistics = NULL;
    struct train_mixture mixture;
    char best[2 * TRAIN_PATH_SIZE];
    char name[TRAIN_TEXT_SIZE + 16];
    enum status st = ST_OK;

    join_path(best, trainer, "best.safetensors");
    if (trainer->progress.best_epoch)
        st = take_values(average, trainer->graph, best, err);
    if (st == ST_OK && table)
        st = train_statistics_open(&statistics, trainer->dataset,
                                   (unsigned)trainer->team.worker_count, show_measuring, trainer,
                                   err);
    if (trainer->terminal)
        (void)fprintf(stderr, "\r\033[K");
    if (st == ST_OK)
        st = mix(&mixture, trainer, statistics, table, err);
    if (st == ST_OK && table)
        st = train_statistics_fit(table, statistics, TRAIN_STATISTICS_ALL, err);
    if (st == ST_OK && table && embedding)
        st = train_statistics_embedding(embedding, table, statistics, err);
    if (st == ST_OK) {
        log_info("train.calibrated", "network=%.4f statistics=%.4f bias=%.4f", mixture.network,
                 mixture.statistics, mixture.bias);
        (void)snprintf(name, sizeof name, "%s.safetensors", trainer->config->version);
        join_path(report->model_path, trainer, name);
        st = save_model(trainer, report->model_path, &mixture, err);
    }
    train_statistics_close(statistics);
    return st == ST_OK ? save_record(trainer, err) : st;
}

enum status train_run(struct train_report *out, const struct train_config *config,
                      const struct train_run_options *options, struct err *err)
{
    struct trainer trainer = {.config = config, .options = options};
    struct train_report report = {0};
    enum status st = open_trainer(&trainer, err);

    if (st == ST_OK)
        log_info(
            "train.start",
            "version=%s photos=%zu validation=%zu damaged=%zu parameters=%zu workers=%d epoch=%lld",
            config->version, train_dataset_training_count(trainer.dataset),
            train_dataset_validation_count(trainer.dataset),
            train_dataset_damaged_count(trainer.dataset), trainer.graph->float_count,
            trainer.team.worker_count, (long long)trainer.progress.epoch);
    while (st == ST_OK && trainer.progress.epoch < config->epochs &&
           trainer.progress.epoch - trainer.progress.best_epoch < config->patience)
        st = run_epoch(&trainer, err);
    if (st == ST_OK)
        st = finish(&trainer, &report, err);
    report.epochs = trainer.progress.epoch;
    report.best_epoch = trainer.progress.best_epoch;
    report.best_auc = trainer.progress.best_auc;
    close_trainer(&trainer);
    if (st == ST_OK)
        *out = report;
    return st;
}
