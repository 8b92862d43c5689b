/* train/logistic.c - Newton's method with step halving: the loss is convex, so it always arrives.
 */
#include "train/logistic.h"

#include <math.h>
#include <string.h>

#define SIZE             (TRAIN_LOGISTIC_FEATURES_MAX + 1)
#define STEPS_MAX        100
#define HALVINGS_MAX     40
#define GRADIENT_SETTLED 1e-10

/* Slopes and bias as one vector: the bias is the slope of a feature that is always 1. */
struct point {
    double at[SIZE];
};

double train_sigmoid(double logit)
{
    if (logit >= 0)
        return 1 / (1 + exp(-logit));

    double e = exp(logit);
    return e / (1 + e);
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

double train_logistic_logit(const struct train_logistic *model, const double *features)
{
    double logit = model->bias;

    for (size_t j = 0; j < model->feature_count; j++)
        logit += model->slope[j] * features[j];
    return logit;
}

static double weight_of(const struct train_logistic_data *data, size_t i)
{
    return data->weights ? data->weights[i] : 1;
}

static double weight_sum(const struct train_logistic_data *data)
{
    double sum = 0;

    for (size_t i = 0; i < data->count; i++)
        sum += weight_of(data, i);
    return sum;
}

static struct point point_of(const struct train_logistic *model)
{
    struct point point = {{0}};

    memcpy(point.at, model->slope, model->feature_count * sizeof *point.at);
    point.at[model->feature_count] = model->bias;
    return point;
}

static struct train_logistic model_of(const struct point *point, size_t feature_count)
{
    struct train_logistic model = {.feature_count = feature_count,
                                   .bias = point->at[feature_count]};

    memcpy(model.slope, point->at, feature_count * sizeof *point->at);
    return model;
}

double train_logistic_loss(double *gradient, const struct train_logistic *model,
                           const struct train_logistic_data *data,
                           const struct train_logistic *centre, double penalty)
{
    size_t d = data->feature_count;
    double sum = weight_sum(data);
    double loss = 0;
    struct point at = point_of(model);
    struct point rest = point_of(centre);

    if (gradient)
        memset(gradient, 0, (d + 1) * sizeof *gradient);
    for (size_t i = 0; i < data->count; i++) {
        const double *x = data->features + i * d;
        double logit = train_logistic_logit(model, x);
        double weight = weight_of(data, i) / sum;
        loss += weight * softplus(data->labels[i] ? -logit : logit);
        if (!gradient)
            continue;
        double slope = weight * (train_sigmoid(logit) - (data->labels[i] ? 1 : 0));
        for (size_t j = 0; j < d; j++)
            gradient[j] += slope * x[j];
        gradient[d] += slope;
    }
    for (size_t j = 0; j <= d; j++) {
        double away = at.at[j] - rest.at[j];
        loss += penalty / 2 * away * away;
        if (gradient)
            gradient[j] += penalty * away;
    }
    return loss;
}

static void hessian(double out[SIZE][SIZE], const struct train_logistic *model,
                    const struct train_logistic_data *data, double penalty)
{
    size_t d = data->feature_count;
    double sum = weight_sum(data);

    memset(out, 0, sizeof(double) * SIZE * SIZE);
    for (size_t i = 0; i < data->count; i++) {
        const double *x = data->features + i * d;
        double p = train_sigmoid(train_logistic_logit(model, x));
        double curve = weight_of(data, i) / sum * p * (1 - p);
        for (size_t j = 0; j <= d; j++)
            for (size_t k = 0; k <= j; k++)
                out[j][k] += curve * (j < d ? x[j] : 1) * (k < d ? x[k] : 1);
    }
    for (size_t j = 0; j <= d; j++)
        out[j][j] += penalty;
}

/* Solves m * x = b for a positive definite m (lower triangle) by Cholesky, in place. */
static void solve(double m[SIZE][SIZE], double b[SIZE], size_t n)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++)
            m[j][j] -= m[j][k] * m[j][k];
        m[j][j] = sqrt(fmax(m[j][j], 1e-300));
        for (size_t i = j + 1; i < n; i++) {
            for (size_t k = 0; k < j; k++)
                m[i][j] -= m[i][k] * m[j][k];
            m[i][j] /= m[j][j];
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            b[i] -= m[i][k] * b[k];
        b[i] /= m[i][i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            b[i] -= m[k][i] * b[k];
        b[i] /= m[i][i];
    }
}

static enum status check_data(const struct train_logistic_data *data, double penalty,
                              struct err *err)
{
    double mass[2] = {0, 0};

    if (!data->count)
        return err_set(err, ST_INVALID, "nothing to fit: no rows");
    if (!data->feature_count || data->feature_count > TRAIN_LOGISTIC_FEATURES_MAX)
        return err_set(err, ST_LIMIT, "%zu features, allowed are 1 to %d", data->feature_count,
                       TRAIN_LOGISTIC_FEATURES_MAX);
    if (!(penalty > 0) || !isfinite(penalty))
        return err_set(err, ST_INVALID, "a penalty of %g is not above 0", penalty);
    for (size_t i = 0; i < data->count * data->feature_count; i++)
        if (!isfinite(data->features[i]))
            return err_set(err, ST_INVALID, "row %zu: feature %zu is not a finite number",
                           i / data->feature_count, i % data->feature_count);
    for (size_t i = 0; i < data->count; i++) {
        double weight = weight_of(data, i);
        if (!(weight >= 0) || !isfinite(weight))
            return err_set(err, ST_INVALID, "row %zu: weight %g is negative or not finite", i,
                           weight);
        mass[data->labels[i]] += weight;
    }
    if (!(mass[0] > 0) || !(mass[1] > 0) || !isfinite(mass[0] + mass[1]))
        return err_set(err, ST_INVALID, "one class has no weight (real %g, AI-generated %g)",
                       mass[0], mass[1]);
    return ST_OK;
}

/* One Newton step, halved until the loss falls; false when there is nothing left to gain. */
static bool newton_step(struct train_logistic *model, double *loss,
                        const struct train_logistic_data *data, const struct train_logistic *centre,
                        double penalty)
{
    size_t d = data->feature_count;
    double curve[SIZE][SIZE];
    double step[SIZE] = {0};
    double largest = 0;

    (void)train_logistic_loss(step, model, data, centre, penalty);
    for (size_t j = 0; j <= d; j++)
        largest = fmax(largest, fabs(step[j]));
    if (largest < GRADIENT_SETTLED)
        return false;
    hessian(curve, model, data, penalty);
    solve(curve, step, d + 1);

    double scale = 1;
    for (int halving = 0; halving < HALVINGS_MAX; halving++, scale /= 2) {
        struct point next = point_of(model);
        for (size_t j = 0; j <= d; j++)
            next.at[j] -= scale * step[j];
        struct train_logistic candidate = model_of(&next, d);
        double candidate_loss = train_logistic_loss(NULL, &candidate, data, centre, penalty);
        if (candidate_loss < *loss) {
            *model = candidate;
            *loss = candidate_loss;
            return true;
        }
    }
    return false;
}

enum status train_logistic_fit(struct train_logistic *out, const struct train_logistic_data *data,
                               const struct train_logistic *centre, double penalty, struct err *err)
{
    enum status st = check_data(data, penalty, err);

    if (st != ST_OK)
        return st;
    REQUIRE(centre->feature_count == data->feature_count);

    struct train_logistic model = *centre;
    double loss = train_logistic_loss(NULL, &model, data, centre, penalty);
    for (int step = 0; step < STEPS_MAX; step++)
        if (!newton_step(&model, &loss, data, centre, penalty))
            break;
    *out = model;
    return ST_OK;
}
