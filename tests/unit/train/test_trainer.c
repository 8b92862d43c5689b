/* Whole training runs in seconds: two kinds of noise are learnt, the record is complete, the same
 * seed gives the same file, and a run that was killed ends as if it had not been. */
#include "support/unit.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "detect/statistics.h"
#include "nn/weights.h"
#include "synthetic_photos.h"
#include "train/trainer.h"

static struct temp_folder folder;

static const char network[] = "input x channels=16 side=64\n"
                              "conv a out=16 kernel=3 stride=2 norm relu\n"
                              "conv b out=16 kernel=3 stride=2 norm relu\n"
                              "conv head out=16 kernel=1 bias\n";

static int open_photos(void **state)
{
    char path[TEMP_PATH_SIZE];
    struct bytes text = {(const uint8_t *)network, strlen(network)};

    (void)state;
    log_set_level(LOG_WARN);
    temp_folder_open(&folder);
    synthetic_set(&folder, 4, 4, 192);
    return fs_write(temp_path(path, &folder, "network.txt"), text, NULL) == ST_OK ? 0 : -1;
}

static int close_photos(void **state)
{
    (void)state;
    temp_folder_close(&folder);
    return 0;
}

static struct train_config config_for(const char *output)
{
    struct train_config config = {0};

    config_defaults(&config, &train_config_table);
    (void)snprintf(config.manifest, sizeof config.manifest, "%s/manifest.tsv", folder.path);
    (void)snprintf(config.network, sizeof config.network, "%s/network.txt", folder.path);
    (void)snprintf(config.output, sizeof config.output, "%s/%s", folder.path, output);
    (void)snprintf(config.version, sizeof config.version, "tiny-1");
    config.validation_share = 0.25;
    config.crop_side = 64;
    config.crop_count = 2;
    config.workers = 1;
    config.batch = 8;
    config.epoch_crops = 96;
    config.epochs = 3;
    config.average_decay = 0.7;
    config.rate = 0.005;
    config.augment.resize_chance = config.augment.blur_chance = 0;
    config.augment.first_jpeg_chance = config.augment.noise_chance = 0;
    config.augment.last_jpeg_low = 80;
    return config;
}

static enum status run(struct train_report *report, const struct train_config *config, bool resume,
                       struct err *err)
{
    const struct train_run_options options = {
        .resume = resume, .revision = "abc123", .clock = &clock_system};

    return train_run(report, config, &options, err);
}

static struct train_report must_run(const struct train_config *config, bool resume)
{
    struct train_report report = {0};
    struct err err = {0};

    if (run(&report, config, resume, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return report;
}

static struct bytes read_output(const struct train_config *config, const char *name)
{
    char path[2 * TRAIN_PATH_SIZE];
    struct bytes file = {0};
    struct err err = {0};

    (void)snprintf(path, sizeof path, "%s/%s", config->output, name);
    if (fs_read(&file, path, 16u << 20, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return file;
}

static void assert_same_model(const struct train_config *a, const struct train_config *b)
{
    struct bytes first = read_output(a, "tiny-1.safetensors");
    struct bytes second = read_output(b, "tiny-1.safetensors");

    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.at, second.at, first.len);
    mem_free((void *)(uintptr_t)first.at);
    mem_free((void *)(uintptr_t)second.at);
}

static void test_learns(void **state)
{
    (void)state;
    struct train_config config = config_for("first");
    struct train_report report = must_run(&config, false);
    struct detect_model *model = NULL;
    struct err err = {0};

    assert_int_equal(report.epochs, 3);
    assert_true(report.best_auc > 0.9);
    assert_true(report.best_epoch >= 1 && report.best_epoch <= 3);
    if (detect_model_open(&model, report.model_path, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(detect_model_version(model), "tiny-1");
    detect_model_close(model);
    /* it states a threshold for each false-positive rate, the rarer the higher */
    double thresholds[2];
    for (size_t i = 0; i < 2; i++) {
        const struct detect_options options = {.fpr = i ? 0.05 : 0.01};
        assert_int_equal(detect_model_open(&model, report.model_path, &options, &err), ST_OK);
        thresholds[i] = detect_model_threshold(model);
        detect_model_close(model);
    }
    assert_true(thresholds[0] >= thresholds[1]);
    /* and what it leaves undecided: not the 0.4 of a model that says nothing */
    assert_int_equal(detect_model_open(&model, report.model_path, NULL, &err), ST_OK);
    struct detect_band band = detect_model_band(model);
    assert_true(band.low > 0 && band.low <= 0.5 && band.high >= 0.5 && band.high < 1);
    assert_true(fabs(band.low + band.high - 1) > 1e-6 || fabs(band.low - 0.401312) > 1e-5);
    detect_model_close(model);
}

/* A table of another program's size would be written past its end. */
static void test_table_of_another_size(void **state)
{
    (void)state;
    struct train_config config = config_for("table");
    struct train_report report;
    char path[TEMP_PATH_SIZE];
    char text[1024];
    struct err err = {0};

    int len = snprintf(text, sizeof text, "%stable statistics rows=2 columns=9\n", network);
    temp_path(path, &folder, "table.txt");
    assert_int_equal(fs_write(path, (struct bytes){(const uint8_t *)text, (size_t)len}, NULL),
                     ST_OK);
    (void)snprintf(config.network, sizeof config.network, "%s", path);
    assert_int_equal(train_run(&report, &config, NULL, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "the table statistics is 2x9, this program has 5x"));
}

/* What a network learned of other pixels is of no use here. */
static void test_network_behind_another_front_end(void **state)
{
    (void)state;
    struct train_config config = config_for("behind");
    struct nn_metadata metadata = {.key = "frontend", .value = (char[]){"other-3"}};
    struct nn_graph *graph = NULL;
    struct train_report report;
    struct err err = {0};

    (void)snprintf(config.from, sizeof config.from, "%s/other.safetensors", folder.path);
    assert_int_equal(nn_graph_open(&graph, str_of(network), NULL), ST_OK);
    float *values = mem_alloc(graph->float_count, sizeof *values);
    assert_int_equal(nn_weights_save(config.from, graph, values, &metadata, 1, &err), ST_OK);
    mem_free(values);
    nn_graph_close(graph);
    assert_int_equal(train_run(&report, &config, NULL, &err), ST_CORRUPT);
    assert_non_null(strstr(err.msg, "front end 'other-3', this program has 'residual-16-half'"));
}

/* The mixture of both opinions is fitted on a finished network: no epoch is run again. */
static void test_second_opinion_on_a_given_network(void **state)
{
    (void)state;
    struct train_config config = config_for("opinion");
    char path[TEMP_PATH_SIZE];
    char text[1024];
    struct detect_model *model = NULL;
    struct detect_session *session = NULL;
    struct detect_result result;
    struct bytes photo = {0};
    uint64_t before = 0;
    struct err err = {0};

    int len =
        snprintf(text, sizeof text,
                 "%stable statistics rows=%d columns=%d\ntable embedding rows=%d columns=%d\n",
                 network, DETECT_STATISTICS_ROW_COUNT, DETECT_STATISTICS_COUNT,
                 DETECT_EMBEDDING_SIZE, DETECT_STATISTICS_COUNT);
    temp_path(path, &folder, "two.txt");
    assert_int_equal(fs_write(path, (struct bytes){(const uint8_t *)text, (size_t)len}, NULL),
                     ST_OK);
    (void)snprintf(config.network, sizeof config.network, "%s", path);
    (void)snprintf(config.from, sizeof config.from, "%s/first/tiny-1.safetensors", folder.path);
    config.epochs = 0;
    struct train_report report = must_run(&config, false);
    assert_int_equal(report.epochs, 0);
    if (detect_model_open(&model, report.model_path, NULL, &err) != ST_OK ||
        detect_session_open(&session, model, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int ai = 0; ai < 2; ai++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%d.png", ai);
        assert_int_equal(fs_read(&photo, temp_path(path, &folder, name), 1u << 20, &err), ST_OK);
        assert_int_equal(detect_photo(&result, session, photo, &err), ST_OK);
        assert_int_equal(result.verdict, ai ? DETECT_AI_GENERATED : DETECT_REAL);
        assert_true(ai ? result.statistics_logit > 0 : result.statistics_logit < 0);
        assert_true(result.embedding != 0 && result.embedding != before);
        before = result.embedding;
        mem_free((void *)(uintptr_t)photo.at);
    }
    detect_session_close(session);
    detect_model_close(model);
}

static double at(const struct json *curve, size_t i, const char *key)
{
    return json_number_or(json_get(json_at(curve, i), key), NAN);
}

static void test_record(void **state)
{
    (void)state;
    struct train_config config = config_for("first");
    struct bytes text = read_output(&config, "run.json");
    struct json *record = NULL;
    struct err err = {0};
    int64_t whole = 0;

    if (json_parse(&record, text, &err) != ST_OK)
        fail_msg("%s", err.msg);
    mem_free((void *)(uintptr_t)text.at);
    assert_string_equal(json_get_str(record, "version"), "tiny-1");
    assert_string_equal(json_get_str(record, "revision"), "abc123");
    assert_string_equal(json_get_str(record, "network"), network);
    assert_int_equal(strlen(json_get_str(record, "data_sha256")), 64);
    assert_int_equal(strlen(json_get_str(record, "written")), 20);
    assert_true(json_get_int(&whole, record, "seed") && whole == 1);
    assert_true(json_get_int(&whole, record, "workers") && whole == 1);
    assert_true(json_get_int(&whole, record, "training_photos") && whole == 24);
    assert_true(json_get_int(&whole, record, "validation_photos") && whole == 8);
    assert_true(json_get_int(&whole, record, "damaged_photos") && whole == 0);
    assert_string_equal(json_get_str(json_get(record, "config"), "optimizer.rate"), "0.005");
    const struct json *curve = json_get(record, "curve");
    assert_int_equal(json_count(curve), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(at(curve, i, "epoch") == (double)(i + 1));
        assert_true(at(curve, i, "seconds") > 0);
        assert_true(at(curve, i, "validation_auc") >= 0 && at(curve, i, "validation_auc") <= 1);
    }
    assert_true(at(curve, 2, "loss") < 0.8 * at(curve, 0, "loss"));
    assert_true(at(curve, 2, "accuracy") > 0.9);
    json_free(record);
}

static void test_same_seed_same_file(void **state)
{
    (void)state;
    struct train_config first = config_for("first");
    struct train_config second = config_for("second");

    (void)must_run(&second, false);
    assert_same_model(&first, &second);
    second.seed = 2; /* and another seed another one */
    (void)must_run(&second, false);
    struct bytes a = read_output(&first, "tiny-1.safetensors");
    struct bytes b = read_output(&second, "tiny-1.safetensors");
    assert_true(a.len != b.len || memcmp(a.at, b.at, a.len) != 0);
    mem_free((void *)(uintptr_t)a.at);
    mem_free((void *)(uintptr_t)b.at);
}

/* The twin of each real photo is the AI-generated one beside it. */
static void list_twins(const char *name, const char *family)
{
    char path[TEMP_PATH_SIZE];
    struct buf text;

    buf_init(&text, 1u << 16);
    buf_add_str(&text, "file\tlabel\tfamily\tsource\trole\twidth\theight\treal\treal_x\treal_y\n");
    for (int i = 0; i < 32; i += 2)
        buf_printf(&text, "%d.png\tai\t%s\tshop\ttrain\t192\t192\t%d.png\t0\t0\n", i + 1, family,
                   i);
    assert_int_equal(fs_write(temp_path(path, &folder, name), buf_bytes(&text), NULL), ST_OK);
    buf_fini(&text);
}

static struct train_config with_twins(const char *output, double share)
{
    struct train_config config = config_for(output);

    (void)snprintf(config.twins.manifest, sizeof config.twins.manifest, "%s/twins.tsv",
                   folder.path);
    config.twins.share = share;
    list_twins("twins.tsv", "twin");
    return config;
}

/* Pairs draw from another stream of random numbers. */
static void test_no_pairs_are_no_change(void **state)
{
    (void)state;
    struct train_config first = config_for("first");
    struct train_config none = with_twins("no-pairs", 0);

    (void)must_run(&none, false);
    assert_same_model(&first, &none);
}

static void test_learns_from_pairs(void **state)
{
    (void)state;
    struct train_config config = with_twins("pairs", 1);
    struct train_config again = with_twins("pairs-again", 1);
    struct train_report report = must_run(&config, false);
    struct json *record = NULL;
    struct err err = {0};
    int64_t twins = 0;

    assert_true(report.best_auc > 0.9);
    (void)must_run(&again, false);
    assert_same_model(&config, &again);
    struct bytes text = read_output(&config, "run.json");
    assert_int_equal(json_parse(&record, text, &err), ST_OK);
    mem_free((void *)(uintptr_t)text.at);
    assert_true(json_get_int(&twins, record, "twins") && twins == 12);
    assert_int_equal(strlen(json_get_str(record, "twins_sha256")), 64);
    json_free(record);
    /* a checkpoint of other twins is of another run */
    list_twins("twins.tsv", "other");
    assert_int_equal(run(&report, &config, true, &err), ST_CONFLICT);
}

/* run.json cannot be written (a folder stands there), so the run ends behind its first checkpoint,
 * as if the machine had gone down there. */
static void test_resume_after_the_first_epoch(void **state)
{
    (void)state;
    struct train_config first = config_for("first");
    struct train_config config = config_for("stopped");
    struct train_report report = {.epochs = 4711};
    char obstacle[2 * TRAIN_PATH_SIZE];
    struct err err = {0};

    (void)snprintf(obstacle, sizeof obstacle, "%s/run.json/x", config.output);
    assert_int_equal(fs_make_folder(obstacle, NULL), ST_OK);
    assert_int_equal(run(&report, &config, false, &err), ST_IO);
    assert_int_equal(report.epochs, 4711);
    obstacle[strlen(obstacle) - 2] = '\0';
    temp_folder_remove(obstacle);
    report = must_run(&config, true);
    assert_int_equal(report.epochs, 3);
    assert_same_model(&first, &config);
}

static void test_resume_refuses_other_settings(void **state)
{
    (void)state;
    struct train_config config = config_for("stopped");
    struct train_report report;
    struct err err = {0};

    config.rate = 0.006;
    assert_int_equal(run(&report, &config, true, &err), ST_CONFLICT);
    assert_non_null(strstr(err.msg, "checkpoint.bin"));
}

static void wait_a_millisecond(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    (void)nanosleep(&pause, NULL);
}

/* SIGKILL at whatever point comes behind the first checkpoint. */
static void test_resume_after_kill(void **state)
{
    (void)state;
    struct train_config first = config_for("first");
    struct train_config config = config_for("killed");
    char checkpoint[2 * TRAIN_PATH_SIZE];
    int status = 0;

    (void)snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.bin", config.output);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct train_report report;
        _exit(run(&report, &config, false, NULL) == ST_OK ? 0 : 1);
    }
    for (int i = 0; i < 60000 && !fs_exists(checkpoint); i++)
        wait_a_millisecond();
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(fs_exists(checkpoint));
    assert_true(WIFSIGNALED(status)); /* two epochs and the calibration were still to come */
    (void)must_run(&config, true);
    assert_same_model(&first, &config);
}

static void test_two_workers(void **state)
{
    (void)state;
    struct train_config config = config_for("two");

    config.workers = 2;
    struct train_report report = must_run(&config, false);
    assert_true(report.best_auc > 0.9);
}

static void test_patience(void **state)
{
    (void)state;
    struct train_config config = config_for("patient");

    config.epochs = 12; /* a perfect AUC cannot become better: two more epochs and it stops */
    config.patience = 2;
    struct train_report report = must_run(&config, false);
    assert_true(report.epochs < 12);
    assert_int_equal(report.epochs, report.best_epoch + 2);
}

static void refuse(const struct train_config *config, enum status status, const char *part)
{
    struct train_report report;
    struct err err = {0};
    enum status st = run(&report, config, false, &err);

    if (st != status || !strstr(err.msg, part))
        fail_msg("%s: %s (wanted '%s')", status_name(st), err.msg, part);
}

static void test_refusals(void **state)
{
    (void)state;
    struct train_config config = config_for("refused");

    config.crop_side = 96;
    refuse(&config, ST_INVALID, "the network must read 16 channels of 96x96");
    config = config_for("refused");
    (void)snprintf(config.network, sizeof config.network, "%s/none.txt", folder.path);
    refuse(&config, ST_NOT_FOUND, "none.txt");
    config = config_for("network.txt");
    refuse(&config, ST_IO, "network.txt");
    config = config_for("refused");
    config.validation_share = 0.01; /* no whole source fits */
    refuse(&config, ST_INVALID, "validation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns), /* its run is what the others are compared with */
        cmocka_unit_test(test_table_of_another_size),
        cmocka_unit_test(test_network_behind_another_front_end),
        cmocka_unit_test(test_second_opinion_on_a_given_network),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_same_seed_same_file),
        cmocka_unit_test(test_no_pairs_are_no_change),
        cmocka_unit_test(test_learns_from_pairs),
        cmocka_unit_test(test_resume_after_the_first_epoch),
        cmocka_unit_test(test_resume_refuses_other_settings),
        cmocka_unit_test(test_resume_after_kill),
        cmocka_unit_test(test_two_workers),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, open_photos, close_photos);
}
