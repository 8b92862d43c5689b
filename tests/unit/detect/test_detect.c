/* The boundary: figures that agree with each other, options, messages, threads, steady state. */
#include "support/unit.h"

#include <math.h>
#include <pthread.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "detect/convention.h"
#include "detect/explain.h"
#include "detect/statistics.h"
#include "image/image.h"
#include "support/temp_folder.h"

#define CROP_SIDE 64

static struct temp_folder folder;
static struct arena *arena; /* encoded photos of all cases */
static struct bytes photo;  /* 480 x 320 */
static char model_path[TEMP_PATH_SIZE];

static const struct detect_convention convention = {.version = "test-7",
                                                    .crop_side = CROP_SIDE,
                                                    .crop_count = 4,
                                                    .scale = 0.7f,
                                                    .bias = -0.3f,
                                                    .threshold = 0.35,
                                                    .threshold_fpr_1 = 0.9,
                                                    .threshold_fpr_5 = 0.7,
                                                    .unsure = {0.25, 0.6}};

/* A small network of random weights, with any of the metadata replaced (value NULL: left out). */
static void save_convention(const char *path, const char *network, const char *key, char *value,
                            const struct detect_convention *said)
{
    struct nn_metadata metadata[DETECT_CONVENTION_KEYS];
    char text[DETECT_CONVENTION_KEYS][DETECT_CONVENTION_TEXT];
    struct nn_graph *graph = NULL;
    struct rng rng = rng_seed(1);
    struct err err = {0};
    int count = 0;

    REQUIRE(nn_graph_open(&graph, str_of(network), NULL) == ST_OK);
    float *values = mem_alloc(graph->float_count, sizeof *values);
    nn_graph_initialise(values, graph, &rng);
    int all = detect_convention_write(metadata, text, said);
    for (int i = 0; i < all; i++) {
        bool chosen = key && strcmp(metadata[i].key, key) == 0;
        if (chosen && !value)
            continue;
        metadata[count] = metadata[i];
        if (chosen)
            metadata[count].value = value;
        count++;
    }
    if (nn_weights_save(path, graph, values, metadata, count, &err) != ST_OK)
        fail_msg("%s", err.msg);
    mem_free(values);
    nn_graph_close(graph);
}

static void save_model(const char *path, const char *network, const char *key, char *value)
{
    save_convention(path, network, key, value, &convention);
}

static const char network[] = "input x channels=16 side=64\n"
                              "conv a out=16 kernel=3 stride=2 norm relu\n"
                              "conv b out=16 kernel=3 stride=2 norm relu\n"
                              "conv c out=16 kernel=1 bias\n";

static struct image make_pixels(uint32_t width, uint32_t height)
{
    struct rng rng = rng_seed(width * 31 + height);
    struct image image = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};

    REQUIRE(image.rgb != NULL);
    uint64_t noise = 0;
    for (size_t i = 0; i < (size_t)3 * width * height; i++, noise >>= 5) {
        noise = noise ? noise : rng_u64(&rng);
        image.rgb[i] = (uint8_t)(100 + i / 3 % width / 16 % 8 * 8 + (noise & 31));
    }
    return image;
}

static struct bytes make_photo(uint32_t width, uint32_t height)
{
    struct image image = make_pixels(width, height);
    struct bytes file = {0};

    REQUIRE(image_encode_jpeg(&file, &image, 90, IMAGE_SUBSAMPLING_420, arena, NULL) == ST_OK);
    return file;
}

static int open_all(void **state)
{
    (void)state;
    temp_folder_open(&folder);
    save_model(temp_path(model_path, &folder, "model.safetensors"), network, NULL, NULL);
    if (arena_open(&arena, (size_t)256 << 20, NULL) != ST_OK)
        return -1;
    photo = make_photo(480, 320);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    temp_folder_close(&folder);
    return 0;
}

static struct detect_model *open_model(const struct detect_options *options)
{
    struct detect_model *model = NULL;
    struct err err = {0};

    if (detect_model_open(&model, model_path, options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return model;
}

static struct detect_session *open_session(const struct detect_model *model)
{
    struct detect_session *session = NULL;
    struct err err = {0};

    if (detect_session_open(&session, model, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return session;
}

static struct detect_result judge(struct detect_session *session, struct bytes file)
{
    struct detect_result result;
    struct err err = {0};

    if (detect_photo(&result, session, file, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return result;
}

static void test_model_facts(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);

    assert_string_equal(detect_model_version(model), "test-7");
    assert_true(fabs(detect_model_threshold(model) - 0.35) < 1e-9);
    assert_int_equal(strlen(detect_model_hash(model)), 64);
    detect_model_close(model);
    detect_model_close(NULL);
    detect_session_close(NULL);
}

/* A pattern that leaves every mean of four pixels as it was is not seen; one that does not is. */
static void test_judges_at_half_scale(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    struct image pixels = make_pixels(300, 200);
    double probabilities[3];
    struct bytes file;

    for (int k = 0; k < 3; k++) {
        for (uint32_t i = 0; k == 1 && i < 300u * 200u; i++)
            for (uint32_t c = 0; c < 3; c++)
                pixels.rgb[3 * i + c] =
                    (uint8_t)(pixels.rgb[3 * i + c] + ((i % 300 + i / 300) % 2 ? 9 : -9));
        for (uint32_t i = 0; k == 2 && i < 300u * 200u; i += 7)
            pixels.rgb[3 * (size_t)i] ^= 64;
        assert_int_equal(image_encode_png(&file, &pixels, arena, NULL), ST_OK);
        probabilities[k] = judge(session, file).probability;
    }
    assert_true(probabilities[0] == probabilities[1]);
    assert_true(probabilities[1] != probabilities[2]);
    detect_session_close(session);
    detect_model_close(model);
}

static void test_figures_agree(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    struct detect_result r = judge(session, photo);
    double sum = 0;

    assert_int_equal(r.width, 480);
    assert_int_equal(r.height, 320);
    assert_string_equal(r.format, "jpeg");
    assert_int_equal(r.quality, 0);
    assert_int_equal(r.crop_count, 4);
    assert_true(r.decode_ms > 0 && r.crops_ms >= 0 && r.network_ms > 0);
    for (size_t i = 0; i < r.crop_count; i++) {
        const struct detect_crop *crop = &r.crops[i];
        assert_int_equal(crop->side_px, 2 * CROP_SIDE);
        assert_true(crop->x + 2 * CROP_SIDE <= 480 && crop->y + 2 * CROP_SIDE <= 320);
        sum += (double)crop->logit;
    }
    double probability = 1 / (1 + exp(-sum / (double)r.crop_count));
    assert_true(fabs(r.probability - probability) < 1e-9);
    assert_true(probability > 0.001 && probability < 0.999);
    assert_int_equal(r.verdict, r.probability >= 0.35 ? DETECT_AI_GENERATED : DETECT_REAL);
    assert_int_equal(r.confidence, detect_confidence(r.probability, r.threshold));
    detect_session_close(session);
    detect_model_close(model);
}

/* Regions are cells, say what the cell does, and speak for the verdict. */
static void check_regions(const struct detect_explanation *explanation, enum detect_verdict verdict)
{
    double before = INFINITY;

    for (size_t i = 0; i < explanation->region_count; i++) {
        const struct detect_region *region = &explanation->regions[i];
        uint32_t cell = region->y / 64 * explanation->columns + region->x / 64;
        double strength = verdict == DETECT_AI_GENERATED ? region->log_odds : -region->log_odds;
        assert_true(region->log_odds == explanation->log_odds[cell]);
        assert_true(strength > 0 && strength <= before);
        before = strength;
    }
}

/* An explanation is the same verdict and a PNG of it, and leaves the session as it was. */
static void test_explains(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    struct detect_result plain = judge(session, photo);
    struct detect_result result;
    struct detect_explanation explanation;
    struct image_info info;
    struct err err = {0};

    for (int i = 0; i < 2; i++) {
        assert_int_equal(detect_explain(&result, &explanation, session, photo, 240, &err), ST_OK);
        assert_true(result.probability == plain.probability && result.verdict == plain.verdict);
        assert_int_equal(explanation.width, 240);
        assert_int_equal(explanation.height, 160);
        assert_int_equal(explanation.columns, 8); /* of 64 px: 15 x 10 of 32 would be too many */
        assert_int_equal(explanation.rows, 5);
        assert_int_equal(explanation.cell_px, 64);
        assert_in_range(explanation.region_count, 1, DETECT_REGIONS_MAX);
        check_regions(&explanation, result.verdict);
        assert_int_equal(image_probe(&info, explanation.png, &image_limits_default, &err), ST_OK);
        assert_int_equal(info.format, IMAGE_PNG);
        assert_int_equal(info.width, 240);
    }
    assert_true(judge(session, photo).probability == plain.probability);
    const struct bytes text = {(const uint8_t *)"no photo", 8};
    explanation.region_count = 4711;
    assert_int_not_equal(detect_explain(&result, &explanation, session, text, 0, &err), ST_OK);
    assert_int_equal(explanation.region_count, 4711); /* untouched on failure */
    detect_session_close(session);
    detect_model_close(model);
}

/* From one pixel to the longest panorama; what a photo's explanation is made of is finite and the
 * same again. */
static void test_explains_every_size(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {33, 31}, {9, 400}, {16384, 40}, {40, 9000}};
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct bytes file = make_photo(sizes[i][0], sizes[i][1]);
        double before[DETECT_CELLS_MAX];
        for (int again = 0; again < 2; again++) {
            struct detect_explanation explanation;
            struct detect_result result;
            struct err err = {0};
            if (detect_explain(&result, &explanation, session, file, 0, &err) != ST_OK)
                fail_msg("%ux%u: %s", sizes[i][0], sizes[i][1], err.msg);
            size_t count = (size_t)explanation.columns * explanation.rows;
            assert_in_range(count, 1, DETECT_CELLS_MAX);
            assert_in_range(explanation.width, 1, 1024);
            for (size_t k = 0; k < count; k++)
                assert_true(isfinite(explanation.log_odds[k]));
            if (again)
                assert_memory_equal(before, explanation.log_odds, count * sizeof *before);
            memcpy(before, explanation.log_odds, count * sizeof *before);
        }
    }
    detect_session_close(session);
    detect_model_close(model);
}

/* The verdict turns exactly where the probability equals the threshold. */
static void test_threshold_edges(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    double p = judge(session, photo).probability;

    detect_session_close(session);
    detect_model_close(model);
    for (int i = -1; i <= 1; i++) {
        const struct detect_options options = {.threshold = nextafter(p, i < 0 ? 0 : i ? 1 : p)};
        model = open_model(&options);
        session = open_session(model);
        struct detect_result r = judge(session, photo);
        assert_true(r.threshold == options.threshold && r.probability == p);
        assert_int_equal(r.verdict, i <= 0 ? DETECT_AI_GENERATED : DETECT_REAL);
        assert_int_equal(r.confidence, DETECT_CONFIDENCE_LOW);
        detect_session_close(session);
        detect_model_close(model);
    }
}

static void test_precision(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    double exact = judge(session, photo).network_logit;

    assert_int_equal(detect_model_precision(model), DETECT_FP32);
    detect_session_close(session);
    detect_model_close(model);
    for (int i = 0; i < DETECT_PRECISION_COUNT; i++) {
        const struct detect_options options = {.precision = (enum detect_precision)i};
        struct err err = {0};
        model = NULL;
        if (detect_model_open(&model, model_path, &options, &err) != ST_OK) {
            assert_true(options.precision != DETECT_FP32 && options.precision != DETECT_AUTO);
            assert_int_equal(err.code, ST_UNSUPPORTED); /* the processor lacks it */
            assert_null(model);
            continue;
        }
        enum detect_precision used = detect_model_precision(model);
        assert_true(options.precision == DETECT_AUTO ? used != DETECT_AUTO
                                                     : used == options.precision);
        session = open_session(model);
        /* The logit of one photo is a mean over patches, whose rounding errors cancel in part. */
        assert_true(fabs(judge(session, photo).network_logit - exact) <=
                    (used == DETECT_FP32 ? 0 : 0.05));
        detect_session_close(session);
        detect_model_close(model);
    }
}

static void test_words_of_precision(void **state)
{
    (void)state;
    enum detect_precision precision = DETECT_BF16;

    assert_true(detect_precision_read(&precision, "auto") && precision == DETECT_AUTO);
    assert_true(detect_precision_read(&precision, "int8") && precision == DETECT_INT8);
    assert_true(detect_precision_read(&precision, "bf16") && precision == DETECT_BF16);
    assert_true(detect_precision_read(&precision, "fp32") && precision == DETECT_FP32);
    assert_false(detect_precision_read(&precision, "fp16"));
    assert_false(detect_precision_read(&precision, ""));
}

static void check_confidence(double p, double t, const char *name)
{
    assert_string_equal(detect_confidence_name(detect_confidence(p, t)), name);
}

static void test_confidence(void **state)
{
    (void)state;
    check_confidence(0.5, 0.5, "low");
    check_confidence(0.69, 0.5, "low");
    check_confidence(0.71, 0.5, "medium");
    check_confidence(0.79, 0.5, "medium");
    check_confidence(0.81, 0.5, "high");
    check_confidence(1, 0.5, "high");
    check_confidence(0.31, 0.5, "low");
    check_confidence(0.29, 0.5, "medium");
    check_confidence(0.19, 0.5, "high");
    check_confidence(0, 0.5, "high");
    check_confidence(0.60, 0.35, "low"); /* (p - t) / (1 - t) = 0.385 */
    check_confidence(0.62, 0.35, "medium");
    check_confidence(0.73, 0.35, "medium");
    check_confidence(0.75, 0.35, "high");
    check_confidence(0.22, 0.35, "low"); /* (t - p) / t = 0.371 */
    check_confidence(0.20, 0.35, "medium");
    check_confidence(0.13, 0.35, "high");
    check_confidence(0.75, 0.25, "high"); /* exact in binary: 2/3 */
    check_confidence(0.625, 0.5, "low");  /* 0.25 */
    assert_string_equal(detect_verdict_name(DETECT_REAL), "real");
    assert_string_equal(detect_verdict_name(DETECT_AI_GENERATED), "ai_generated");
}

static void refuse_options(struct detect_options options)
{
    struct detect_model *model = NULL;
    struct err err = {0};

    assert_int_equal(detect_model_open(&model, model_path, &options, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "threshold"));
    assert_null(model);
}

static void check_threshold_at(const char *path, double fpr, double want)
{
    const struct detect_options options = {.fpr = fpr};
    struct detect_model *model = NULL;
    struct err err = {0};

    if (want > 0) {
        assert_int_equal(detect_model_open(&model, path, &options, &err), ST_OK);
        assert_true(fabs(detect_model_threshold(model) - want) < 1e-9);
    } else {
        assert_int_equal(detect_model_open(&model, path, &options, &err), ST_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "states no threshold for a false-positive rate of 0.0"));
    }
    detect_model_close(model);
}

static void test_thresholds_for_a_false_positive_rate(void **state)
{
    char path[TEMP_PATH_SIZE];

    (void)state;
    check_threshold_at(model_path, 0.01, 0.9);
    check_threshold_at(model_path, 0.05, 0.7);
    check_threshold_at(model_path, 0.02, 0);
    temp_path(path, &folder, "older.safetensors");
    save_model(path, network, "threshold_fpr_5", NULL);
    check_threshold_at(path, 0.01, 0.9);
    check_threshold_at(path, 0.05, 0);
}

static void test_thresholds_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        double threshold, fpr;
    } good[] = {{"", 0, 0},
                {"0", 0, 0},
                {"0.25", 0.25, 0},
                {"0.9999", 0.9999, 0},
                {"fpr:0.01", 0, 0.01},
                {"fpr:0.05", 0, 0.05}};
    static const char *const bad[] = {"1", "fpr:0.02", "fpr:", "half", "0.5 ", "nan", "0.00001"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct detect_options options = {.bytes_max = 7, .threshold = 0.4, .fpr = 0.01};
        assert_int_equal(detect_threshold_read(&options, good[i].text, NULL), ST_OK);
        assert_true(options.threshold == good[i].threshold && options.fpr == good[i].fpr);
        assert_int_equal(options.bytes_max, 7);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct detect_options options = {.threshold = 0.4};
        struct err err = {0};
        assert_int_equal(detect_threshold_read(&options, bad[i], &err), ST_INVALID);
        assert_non_null(strstr(err.msg, "fpr:0.05"));
        assert_true(options.threshold == 0.4);
    }
}

static double logit(double probability)
{
    return log(probability / (1 - probability));
}

static void check_band(const char *path, struct detect_options options, struct detect_band want)
{
    struct detect_model *model = NULL;

    assert_int_equal(detect_model_open(&model, path, &options, NULL), ST_OK);
    struct detect_band band = detect_model_band(model);
    assert_true(fabs(band.low - want.low) < 1e-9 && fabs(band.high - want.high) < 1e-9);
    detect_model_close(model);
}

static void test_what_is_left_undecided(void **state)
{
    const struct detect_band band = {0.25, 0.6};
    double moved = logit(0.9) - logit(0.35);
    char path[TEMP_PATH_SIZE];

    (void)state;
    assert_int_equal(detect_decide(0.2499, band), DETECT_DECIDED_REAL);
    assert_int_equal(detect_decide(0.25, band), DETECT_UNSURE);
    assert_int_equal(detect_decide(0.5999, band), DETECT_UNSURE);
    assert_int_equal(detect_decide(0.6, band), DETECT_DECIDED_AI_GENERATED);
    assert_string_equal(detect_decision_name(DETECT_UNSURE), "unsure");
    check_band(model_path, (struct detect_options){0}, band);
    check_band(model_path, (struct detect_options){.fpr = 0.01},
               (struct detect_band){1 / (1 + exp(-logit(0.25) - moved)),
                                    1 / (1 + exp(-logit(0.6) - moved))});
    temp_path(path, &folder, "bandless.safetensors");
    struct detect_convention bandless = convention;
    bandless.unsure = (struct detect_band){0, 0};
    save_convention(path, network, NULL, NULL, &bandless);
    check_band(path, (struct detect_options){.threshold = 0.5},
               (struct detect_band){1 / (1 + exp(0.4)), 1 / (1 + exp(-0.4))});
}

/* The decision is never the opposite of the verdict. */
static void test_decision_agrees_with_verdict(void **state)
{
    (void)state;
    for (int i = 1; i < 20; i++) {
        const struct detect_options options = {.threshold = i / 20.0};
        struct detect_model *model = open_model(&options);
        struct detect_session *session = open_session(model);
        struct detect_result result;
        assert_int_equal(detect_photo(&result, session, photo, NULL), ST_OK);
        assert_true(result.band.low <= result.threshold && result.threshold <= result.band.high);
        assert_int_equal(result.decision, detect_decide(result.probability, result.band));
        assert_int_not_equal(result.decision, result.verdict == DETECT_REAL
                                                  ? DETECT_DECIDED_AI_GENERATED
                                                  : DETECT_DECIDED_REAL);
        detect_session_close(session);
        detect_model_close(model);
    }
}

static void check_limit(struct detect_options options, enum status want)
{
    struct detect_model *model = open_model(&options);
    struct detect_session *session = open_session(model);
    struct detect_result result = {.crop_count = 4711};
    struct err err = {0};

    assert_int_equal(detect_photo(&result, session, photo, &err), want);
    if (want != ST_OK)
        assert_int_equal(result.crop_count, 4711); /* untouched on failure */
    detect_session_close(session);
    detect_model_close(model);
}

static void test_options(void **state)
{
    (void)state;
    refuse_options((struct detect_options){.threshold = 1});
    refuse_options((struct detect_options){.threshold = 7});
    refuse_options((struct detect_options){.threshold = -0.5});
    refuse_options((struct detect_options){.threshold = NAN});
    check_limit((struct detect_options){.bytes_max = photo.len}, ST_OK);
    check_limit((struct detect_options){.bytes_max = photo.len - 1}, ST_LIMIT);
    check_limit((struct detect_options){.pixels_max = 480 * 320}, ST_OK);
    check_limit((struct detect_options){.pixels_max = 480 * 320 - 1}, ST_LIMIT);
    check_limit((struct detect_options){.side_max_px = 480}, ST_OK);
    check_limit((struct detect_options){.side_max_px = 479}, ST_LIMIT);
}

static void refuse_model(const char *path, enum status status, const char *part)
{
    struct detect_model *model = NULL;
    struct err err = {0};
    enum status st = detect_model_open(&model, path, NULL, &err);

    if (st != status || !strstr(err.msg, part))
        fail_msg("%s: %s (wanted %s ... %s)", status_name(st), err.msg, status_name(status), part);
    assert_null(model);
}

static void test_models_that_do_not_fit(void **state)
{
    (void)state;
    static struct {
        const char *key;
        char value[16]; /* "-": left out */
        const char *part;
    } cases[] = {
        {"version", "-", "'version'"},
        {"version", "", "'version'"},
        {"frontend", "-", "front end 'none'"},
        {"frontend", "other-3", "front end 'other-3'"},
        {"crop_side", "-", "'crop_side'"},
        {"crop_side", "31", "from 32 to 256"},
        {"crop_side", "60", "multiple of 8"},
        {"crop_side", "96", "the front end gives 96x96x16"},
        {"crop_count", "0", "'crop_count'"},
        {"crop_count", "17", "'crop_count'"},
        {"crop_count", "2.5", "whole"},
        {"calibration_scale", "0", "'calibration_scale'"},
        {"calibration_scale", "nan", "'calibration_scale'"},
        {"calibration_bias", "1e9", "'calibration_bias'"},
        {"threshold", "1", "'threshold'"},
        {"threshold", "0,5", "'threshold'"},
        {"threshold_fpr_1", "1.5", "'threshold_fpr_1'"},
        {"threshold_fpr_5", "", "'threshold_fpr_5'"},
        {"unsure_low", "-", "'unsure_low'"},
        {"unsure_low", "0.36", "from 1e-06 to 0.35"},
        {"unsure_high", "-", "'unsure_high'"},
        {"unsure_high", "0.34", "'unsure_high'"},
    };
    char path[TEMP_PATH_SIZE];
    char text[1024];

    temp_path(path, &folder, "odd.safetensors");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        save_model(path, network, cases[i].key,
                   strcmp(cases[i].value, "-") == 0 ? NULL : cases[i].value);
        refuse_model(path, ST_CORRUPT, cases[i].part);
    }
    save_model(path, "input x channels=8 side=64\nconv a out=16 kernel=3\n", NULL, NULL);
    refuse_model(path, ST_CORRUPT, "the network reads 64x64x8");
    save_model(path, "input x channels=16 side=64\nconv a out=16 kernel=3\n", NULL, NULL);
    refuse_model(path, ST_CORRUPT, "64x64 is over 32");
    (void)snprintf(text, sizeof text, "%stable statistics rows=3 columns=7\n", network);
    save_model(path, text, NULL, NULL);
    refuse_model(path, ST_CORRUPT, "the table 'statistics' is 3x7");
    (void)snprintf(text, sizeof text, "%stable statistics rows=%d columns=%d\n", network,
                   DETECT_STATISTICS_ROW_COUNT, DETECT_STATISTICS_COUNT);
    save_model(path, text, NULL, NULL); /* all zero */
    refuse_model(path, ST_CORRUPT, "no deviation above 0");
    (void)snprintf(text, sizeof text, "%stable embedding rows=4 columns=9\n", network);
    save_model(path, text, NULL, NULL);
    refuse_model(path, ST_CORRUPT, "the table 'embedding' is 4x9, this program has 16x");
}

static void test_missing_and_damaged_models(void **state)
{
    (void)state;
    char path[TEMP_PATH_SIZE];
    struct bytes file = {0};

    refuse_model(temp_path(path, &folder, "none.safetensors"), ST_NOT_FOUND, "none.safetensors");
    assert_int_equal(fs_read(&file, model_path, 1u << 20, NULL), ST_OK);
    temp_path(path, &folder, "cut.safetensors");
    assert_int_equal(fs_write(path, (struct bytes){file.at, file.len - 4}, NULL), ST_OK);
    refuse_model(path, ST_CORRUPT, "");
    assert_int_equal(fs_write(path, (struct bytes){file.at, 5}, NULL), ST_OK);
    refuse_model(path, ST_CORRUPT, "");
    assert_int_equal(fs_write(path, photo, NULL), ST_OK); /* its first bytes as a length */
    refuse_model(path, ST_LIMIT, "a header of");
    mem_free((void *)(uintptr_t)file.at);
}

static void test_bad_photos(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    struct detect_result before = judge(session, photo);
    struct detect_result result;
    struct err err = {0};

    assert_int_equal(detect_photo(&result, session, (struct bytes){0}, &err), ST_INVALID);
    assert_int_equal(detect_photo(&result, session, (struct bytes){photo.at, photo.len / 2}, &err),
                     ST_INVALID);
    assert_int_equal(
        detect_photo(&result, session, (struct bytes){(const uint8_t *)"GIF89a......", 12}, &err),
        ST_UNSUPPORTED);
    struct detect_result after = judge(session, photo); /* nothing of the bad ones is left */
    assert_true(before.probability == after.probability);
    detect_session_close(session);
    detect_model_close(model);
}

struct thread_run {
    const struct detect_model *model;
    const struct bytes *photos;
    double probabilities[8];
};

static void *run_thread(void *payload)
{
    struct thread_run *run = payload;
    struct detect_session *session = NULL;

    REQUIRE(detect_session_open(&session, run->model, NULL) == ST_OK);
    for (int i = 0; i < 8; i++) {
        struct detect_result result;
        REQUIRE(detect_photo(&result, session, run->photos[i], NULL) == ST_OK);
        run->probabilities[i] = result.probability;
    }
    detect_session_close(session);
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct bytes photos[8];
    pthread_t threads[2];

    for (uint32_t i = 0; i < 8; i++)
        photos[i] = make_photo(100 + 37 * i, 300 - 31 * i);
    struct thread_run runs[3] = {{.model = model, .photos = photos},
                                 {.model = model, .photos = photos},
                                 {.model = model, .photos = photos}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &runs[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    run_thread(&runs[2]); /* and alone */
    assert_memory_equal(runs[0].probabilities, runs[1].probabilities, sizeof runs[0].probabilities);
    assert_memory_equal(runs[0].probabilities, runs[2].probabilities, sizeof runs[0].probabilities);
    detect_model_close(model);
}

/* 200 photos of one size: nothing of ours is allocated, and memory that is there is used again. */
static void test_steady_state(void **state)
{
    (void)state;
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    struct cpu_process_stats before;
    struct cpu_process_stats after;

    for (int i = 0; i < 20; i++)
        (void)judge(session, photo);
    uint64_t allocations = mem_allocation_count();
    cpu_process_stats(&before);
    for (int i = 0; i < 200; i++)
        (void)judge(session, photo);
    cpu_process_stats(&after);
    assert_int_equal(mem_allocation_count(), allocations);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (after.minor_faults - before.minor_faults > 200)
        fail_msg("%llu page faults for 200 photos",
                 (unsigned long long)(after.minor_faults - before.minor_faults));
#endif
    detect_session_close(session);
    detect_model_close(model);
}

static void test_memory_of_a_large_photo_is_given_back(void **state)
{
    (void)state;
    struct bytes large = make_photo(4000, 3000); /* 36 MB of pixels */
    struct detect_model *model = open_model(NULL);
    struct detect_session *session = open_session(model);
    struct cpu_process_stats small;
    struct cpu_process_stats after;

    (void)judge(session, photo);
    cpu_process_stats(&small);
    struct detect_result r = judge(session, large);
    assert_int_equal(r.width, 4000);
    (void)judge(session, photo);
    cpu_process_stats(&after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (after.resident_bytes > small.resident_bytes + ((uint64_t)27 << 20))
        fail_msg("%llu MiB are kept after a large photo",
                 (unsigned long long)((after.resident_bytes - small.resident_bytes) >> 20));
#endif
    detect_session_close(session);
    detect_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_facts),
        cmocka_unit_test(test_judges_at_half_scale),
        cmocka_unit_test(test_figures_agree),
        cmocka_unit_test(test_explains),
        cmocka_unit_test(test_explains_every_size),
        cmocka_unit_test(test_threshold_edges),
        cmocka_unit_test(test_thresholds_for_a_false_positive_rate),
        cmocka_unit_test(test_thresholds_as_people_write_them),
        cmocka_unit_test(test_what_is_left_undecided),
        cmocka_unit_test(test_decision_agrees_with_verdict),
        cmocka_unit_test(test_confidence),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_models_that_do_not_fit),
        cmocka_unit_test(test_missing_and_damaged_models),
        cmocka_unit_test(test_bad_photos),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_words_of_precision),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_memory_of_a_large_photo_is_given_back),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
