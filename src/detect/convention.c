#include "detect/convention.h"

#include <stdio.h>
#include <string.h>

#include "detect/frontend.h"

static enum status read_number(double *out, const struct nn_weights *weights, const char *key,
                               double low, double top, struct err *err)
{
    const char *text = nn_weights_metadata(weights, key);

    if (!text || !str_to_double(out, str_of(text), low, top))
        return err_set(err, ST_CORRUPT, "model metadata '%s' must be a number from %g to %g", key,
                       low, top);
    return ST_OK;
}

static enum status check_network(const struct nn_graph *graph, int crop_side, struct err *err)
{
    const struct nn_node *first = &graph->nodes[0];
    const struct nn_node *last = &graph->nodes[graph->node_count - 1];

    if (first->channels != DETECT_FRONTEND_CHANNELS || first->height != crop_side ||
        first->width != crop_side)
        return err_set(err, ST_CORRUPT, "the network reads %dx%dx%d, the front end gives %dx%dx%d",
                       first->height, first->width, first->channels, crop_side, crop_side,
                       DETECT_FRONTEND_CHANNELS);
    if (last->height > DETECT_MAP_SIDE_MAX || last->width > DETECT_MAP_SIDE_MAX)
        return err_set(err, ST_CORRUPT, "the network's map of %dx%d is over %d a side",
                       last->height, last->width, DETECT_MAP_SIDE_MAX);
    return ST_OK;
}

/* Thresholds for stated false-positive rates: both may be absent. */
static enum status read_thresholds(struct detect_convention *out, const struct nn_weights *weights,
                                   struct err *err)
{
    enum status st = read_number(&out->threshold, weights, "threshold", 1e-6, 1 - 1e-6, err);

    if (st == ST_OK && nn_weights_metadata(weights, "threshold_fpr_1"))
        st = read_number(&out->threshold_fpr_1, weights, "threshold_fpr_1", 1e-6, 1 - 1e-6, err);
    if (st == ST_OK && nn_weights_metadata(weights, "threshold_fpr_5"))
        st = read_number(&out->threshold_fpr_5, weights, "threshold_fpr_5", 1e-6, 1 - 1e-6, err);
    return st;
}

/* What is left undecided: both limits or none. */
static enum status read_band(struct detect_convention *out, const struct nn_weights *weights,
                             struct err *err)
{
    enum status st = ST_OK;

    if (!nn_weights_metadata(weights, "unsure_low") && !nn_weights_metadata(weights, "unsure_high"))
        return ST_OK;
    st = read_number(&out->unsure.low, weights, "unsure_low", 1e-6, out->threshold, err);
    if (st == ST_OK)
        st = read_number(&out->unsure.high, weights, "unsure_high", out->threshold, 1 - 1e-6, err);
    return st;
}

enum status detect_convention_check_frontend(const struct nn_weights *weights, struct err *err)
{
    const char *frontend = nn_weights_metadata(weights, "frontend");

    if (!frontend || strcmp(frontend, DETECT_FRONTEND_NAME) != 0)
        return err_set(err, ST_CORRUPT, "the model wants front end '%.40s', this program has '%s'",
                       frontend ? frontend : "none", DETECT_FRONTEND_NAME);
    return ST_OK;
}

enum status detect_convention_read(struct detect_convention *out, const struct nn_weights *weights,
                                   struct err *err)
{
    struct detect_convention convention = {0};
    const char *version = nn_weights_metadata(weights, "version");
    double side = 0;
    double count = 0;
    double scale = 0;
    double statistics_scale = 0;
    double bias = 0;

    if (!version || !*version || strlen(version) >= sizeof convention.version)
        return err_set(err, ST_CORRUPT, "model metadata 'version' must have 1 to %d bytes",
                       DETECT_MODEL_ID_SIZE - 1);
    enum status st = detect_convention_check_frontend(weights, err);
    if (st == ST_OK)
        st = read_number(&side, weights, "crop_side", 32, DETECT_FRONTEND_SIDE_MAX, err);
    if (st == ST_OK)
        st = read_number(&count, weights, "crop_count", 1, DETECT_CROPS_MAX, err);
    if (st == ST_OK)
        st = read_number(&scale, weights, "calibration_scale", 1e-3, 1e3, err);
    if (st == ST_OK && nn_weights_metadata(weights, "statistics_scale"))
        st = read_number(&statistics_scale, weights, "statistics_scale", 0, 1e3, err);
    if (st == ST_OK)
        st = read_number(&bias, weights, "calibration_bias", -100, 100, err);
    if (st == ST_OK)
        st = read_thresholds(&convention, weights, err);
    if (st == ST_OK)
        st = read_band(&convention, weights, err);
    if (st == ST_OK && ((int)side % 8 != 0 || side != (int)side || count != (int)count))
        st = err_set(err, ST_CORRUPT,
                     "model metadata 'crop_side' must be a multiple of 8 and "
                     "'crop_count' whole");
    if (st == ST_OK)
        st = check_network(weights->graph, (int)side, err);
    if (st != ST_OK)
        return st;
    convention.crop_side = (int)side;
    convention.crop_count = (int)count;
    convention.scale = (float)scale;
    convention.statistics_scale = (float)statistics_scale;
    convention.bias = (float)bias;
    (void)snprintf(convention.version, sizeof convention.version, "%s", version);
    *out = convention;
    return ST_OK;
}

int detect_convention_write(struct nn_metadata out[DETECT_CONVENTION_KEYS],
                            char text[DETECT_CONVENTION_KEYS][DETECT_CONVENTION_TEXT],
                            const struct detect_convention *convention)
{
    static const char *const keys[DETECT_CONVENTION_KEYS] = {
        "version",           "frontend",         "crop_side",  "crop_count",
        "calibration_scale", "calibration_bias", "threshold",  "statistics_scale",
        "threshold_fpr_1",   "threshold_fpr_5",  "unsure_low", "unsure_high"};
    int count = 0;

    (void)snprintf(text[0], DETECT_CONVENTION_TEXT, "%s", convention->version);
    (void)snprintf(text[1], DETECT_CONVENTION_TEXT, "%s", DETECT_FRONTEND_NAME);
    (void)snprintf(text[2], DETECT_CONVENTION_TEXT, "%d", convention->crop_side);
    (void)snprintf(text[3], DETECT_CONVENTION_TEXT, "%d", convention->crop_count);
    (void)snprintf(text[4], DETECT_CONVENTION_TEXT, "%.9g", (double)convention->scale);
    (void)snprintf(text[5], DETECT_CONVENTION_TEXT, "%.9g", (double)convention->bias);
    (void)snprintf(text[6], DETECT_CONVENTION_TEXT, "%.9g", convention->threshold);
    (void)snprintf(text[7], DETECT_CONVENTION_TEXT, "%.9g", (double)convention->statistics_scale);
    (void)snprintf(text[8], DETECT_CONVENTION_TEXT, "%.9g", convention->threshold_fpr_1);
    (void)snprintf(text[9], DETECT_CONVENTION_TEXT, "%.9g", convention->threshold_fpr_5);
    (void)snprintf(text[10], DETECT_CONVENTION_TEXT, "%.9g", convention->unsure.low);
    (void)snprintf(text[11], DETECT_CONVENTION_TEXT, "%.9g", convention->unsure.high);
    for (int i = 0; i < DETECT_CONVENTION_KEYS; i++) {
        if ((i == 8 && convention->threshold_fpr_1 == 0) ||
            (i == 9 && convention->threshold_fpr_5 == 0) ||
            (i >= 10 && convention->unsure.high == 0))
            continue;
        (void)snprintf(out[count].key, sizeof out[count].key, "%s", keys[i]);
        out[count++].value = text[i];
    }
    return count;
}
