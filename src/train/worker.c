#include "train/worker.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "detect/frontend.h"
#include "nn/loss.h"
#include "train/augment.h"

#define ARENA_BYTES        ((size_t)1 << 30) /* virtual; a photo that is not cached is decoded here */
#define STATISTIC_MOMENTUM 0.1f              /* of running mean and variance, as in PyTorch */
#define AI_CHANNEL         0                 /* channel 0 of the output: AI-generated */
#define FAMILY_CHANNEL     1                 /* channels 1..15: the generator */
#define PAIRS              ((uint64_t)1 << 62) /* randomness of pairs, apart from that of examples */

enum status train_worker_open(struct train_worker *worker, struct train_team *team, int index,
                              struct err *err)
{
    const struct nn_graph *graph = team->graph;
    int side = (int)team->config->crop_side;

    *worker = (struct train_worker){.team = team, .index = index};
    enum status st =
        nn_training_open(&worker->training, graph, team->values, (int)team->config->batch, err);
    if (st == ST_OK)
        st = arena_open(&worker->arena, ARENA_BYTES, err);
    worker->scratch = mem_alloc(detect_frontend_scratch_floats(side), sizeof(float));
    worker->statistics = mem_alloc(graph->network_count - graph->trained_count, sizeof(float));
    return st;
}

void train_worker_close(struct train_worker *worker)
{
    nn_training_close(worker->training);
    arena_close(worker->arena);
    mem_free(worker->scratch);
    mem_free(worker->statistics);
}

/* The example's randomness depends on (seed, its number) only, whichever worker makes it. */
static enum status make_example(struct train_sample *sample, float *input,
                                struct train_worker *worker, int64_t number, struct err *err)
{
    const struct train_config *config = worker->team->config;
    struct rng rng = rng_derive((uint64_t)config->seed, (uint64_t)number);
    struct image photo;
    struct image window;

    *sample = train_dataset_draw(worker->team->dataset, &rng);
    enum status st =
        train_dataset_pixels(&photo, worker->team->dataset, sample->row, worker->arena, err);
    if (st == ST_OK)
        st = train_augment(&window, &photo, &config->augment, (uint32_t)config->crop_side, &rng,
                           worker->arena, err);
    if (st == ST_OK)
        detect_frontend_apply(input, window.rgb, (int)config->crop_side, worker->scratch);
    arena_reset(worker->arena);
    return st;
}

/* Examples `number` and the next: a real photo and its twin, when chance and the photo say so. */
static enum status make_pair(bool *made, struct train_sample samples[2], float *const inputs[2],
                             struct train_worker *worker, int64_t number, struct err *err)
{
    const struct train_team *team = worker->team;
    const struct train_config *config = team->config;
    struct rng rng = rng_derive((uint64_t)config->seed, (uint64_t)number | PAIRS);
    struct train_pair pair;
    struct image photos[2];
    struct image windows[2];

    *made = rng_chance(&rng, config->twins.share) && train_pairs_draw(&pair, team->pairs, &rng);
    if (!*made)
        return ST_OK;
    samples[0] = pair.photo;
    samples[1] = (struct train_sample){.row = pair.twin, .label = TRAIN_LABEL_AI, .family = -1};
    enum status st = train_pairs_pixels(photos, team->pairs, &pair, &rng, worker->arena, err);
    if (st == ST_OK)
        st = train_augment_pair(windows, photos, &config->augment, (uint32_t)config->crop_side,
                                &rng, worker->arena, err);
    for (int i = 0; i < 2 && st == ST_OK; i++)
        detect_frontend_apply(inputs[i], windows[i].rgb, (int)config->crop_side, worker->scratch);
    arena_reset(worker->arena);
    return st;
}

/* The examples from `first` on; two of a pair stand in the same batch. */
static enum status make_batch(struct train_sample *samples, struct train_worker *worker,
                              int64_t first, struct err *err)
{
    int batch = (int)worker->team->config->batch;
    struct nn_tensor input = nn_training_input(worker->training);
    size_t each = nn_tensor_count(&input) / (size_t)batch;
    enum status st = ST_OK;
    bool pair = false;

    for (int i = 0; i < batch && st == ST_OK; i += pair ? 2 : 1) {
        float *const inputs[2] = {input.at + (size_t)i * each, input.at + (size_t)(i + 1) * each};
        pair = false;
        if (worker->team->pairs && i % 2 == 0 && i + 1 < batch)
            st = make_pair(&pair, &samples[i], inputs, worker, first + i, err);
        if (st == ST_OK && !pair)
            st = make_example(&samples[i], inputs[0], worker, first + i, err);
    }
    return st;
}

/* Mean over the map of one channel of one example. */
static float map_mean(const struct nn_tensor *output, int example, int channel)
{
    int places = output->h * output->w;
    const float *at = output->at + (size_t)example * (size_t)(places * output->c) + channel;
    float sum = 0;

    for (int i = 0; i < places; i++)
        sum += at[i * output->c];
    return sum / (float)places;
}

/* The loss of one example; its gradient spread over the map. */
static void example_loss(struct train_worker *worker, const struct nn_tensor *output,
                         const struct nn_tensor *gradient, int example,
                         const struct train_sample *sample)
{
    const struct train_config *config = worker->team->config;
    int places = output->h * output->w;
    float smoothing = (float)config->label_smoothing;
    float target = sample->label == TRAIN_LABEL_AI ? 1 - smoothing / 2 : smoothing / 2;
    float share = 1.0f / (float)(places * output->n * worker->team->worker_count);
    float logits[1 + TRAIN_FAMILIES];
    float row[1 + TRAIN_FAMILIES] = {0};

    for (int c = 0; c < 1 + TRAIN_FAMILIES; c++)
        logits[c] = map_mean(output, example, c);
    worker->totals.loss += (double)nn_loss_binary(&row[AI_CHANNEL], logits[AI_CHANNEL], target);
    worker->totals.correct += (logits[AI_CHANNEL] > 0) == (sample->label == TRAIN_LABEL_AI);
    worker->totals.crops++;
    if (sample->family >= 0 && config->family_weight > 0) {
        worker->totals.family_loss += (double)nn_loss_softmax(
            &row[FAMILY_CHANNEL], &logits[FAMILY_CHANNEL], TRAIN_FAMILIES, sample->family);
        worker->totals.ai_crops++;
        for (int c = FAMILY_CHANNEL; c < 1 + TRAIN_FAMILIES; c++)
            row[c] *= (float)config->family_weight;
    }
    float *at = gradient->at + (size_t)example * (size_t)(places * output->c);
    for (int i = 0; i < places; i++)
        for (int c = 0; c < output->c; c++)
            at[i * output->c + c] = c < 1 + TRAIN_FAMILIES ? row[c] * share : 0;
}

static enum status run_batch(struct train_worker *worker, int64_t step, struct err *err)
{
    const struct train_team *team = worker->team;
    int batch = (int)team->config->batch;
    struct train_sample samples[1024];
    struct nn_tensor output = nn_training_output(worker->training);
    struct nn_tensor gradient = nn_training_output_gradient(worker->training);
    int64_t first = (step * team->worker_count + worker->index) * batch;

    REQUIRE((size_t)batch <= ARRAY_LEN(samples));
    enum status st = make_batch(samples, worker, first, err);
    if (st != ST_OK)
        return st;
    nn_training_forward(worker->training);
    for (int i = 0; i < batch; i++)
        example_loss(worker, &output, &gradient, i, &samples[i]);
    nn_training_backward(worker->training);
    nn_training_statistics(worker->statistics, worker->training);
    return ST_OK;
}

/* Sums all workers' gradients over [begin, end); the squared norm of the sum. */
static double sum_gradients(struct train_team *team, size_t begin, size_t end)
{
    double norm = 0;

    for (size_t i = begin; i < end; i++) {
        float sum = 0;
        for (int w = 0; w < team->worker_count; w++)
            sum += nn_training_gradients(team->workers[w].training)[i];
        team->gradients[i] = sum;
        norm += (double)sum * (double)sum;
    }
    return norm;
}

static void clip_gradients(struct train_team *team, size_t begin, size_t end)
{
    double norm = 0;

    for (int w = 0; w < team->worker_count; w++)
        norm += team->norm_parts[w];
    norm = sqrt(norm);
    if (team->config->clip <= 0 || norm <= team->config->clip)
        return;
    float scale = (float)(team->config->clip / norm);
    for (size_t i = begin; i < end; i++)
        team->gradients[i] *= scale;
}

/* Running mean and variance move toward the mean of all workers' batches. */
static void update_statistics(struct train_team *team)
{
    const struct nn_graph *graph = team->graph;

    for (size_t i = graph->trained_count; i < graph->network_count; i++) {
        float sum = 0;
        for (int w = 0; w < team->worker_count; w++)
            sum += team->workers[w].statistics[i - graph->trained_count];
        team->values[i] += STATISTIC_MOMENTUM * (sum / (float)team->worker_count - team->values[i]);
    }
}

/* The worker's share of the floats of the whole block. */
static void share_of(size_t *begin, size_t *end, const struct train_worker *worker, size_t count)
{
    size_t workers = (size_t)worker->team->worker_count;

    *begin = count * (size_t)worker->index / workers;
    *end = count * ((size_t)worker->index + 1) / workers;
}

/* All gradients are there: sum, clip, step and average, each worker a range of the block. */
static void take_step(struct train_worker *worker, int64_t step)
{
    struct train_team *team = worker->team;
    const struct train_config *config = team->config;
    int64_t warmup = (int64_t)(config->warmup * (double)team->total_steps);
    float rate = nn_schedule_cosine((float)config->rate, step, warmup, team->total_steps,
                                    (float)config->rate_floor);
    size_t begin = 0;
    size_t end = 0;

    share_of(&begin, &end, worker, team->graph->trained_count);
    team->norm_parts[worker->index] = sum_gradients(team, begin, end);
    (void)pthread_barrier_wait(&team->barrier); /* all parts of the norm are known */
    clip_gradients(team, begin, end);
    nn_optimizer_step(team->optimizer, team->values, team->gradients, rate, step + 1, begin, end);
    nn_optimizer_average(team->optimizer, team->values, step, begin, end);
    if (worker->index == 0) {
        update_statistics(team);
        nn_optimizer_average(team->optimizer, team->values, step, team->graph->trained_count,
                             team->graph->network_count);
    }
}

/* A worker that failed goes on to the barrier, so that nobody waits for it forever; everybody
 * sees the failure behind that barrier and stops at the same step. */
void *train_worker_epoch(void *payload)
{
    struct train_worker *worker = payload;
    struct train_team *team = worker->team;

    cpu_pin_thread((unsigned)worker->index);
    worker->totals = (struct train_totals){0};
    for (int64_t step = team->first_step; step < team->last_step; step++) {
        worker->status = run_batch(worker, step, &worker->err);
        if (worker->status != ST_OK)
            atomic_store(&team->failed, true);
        (void)pthread_barrier_wait(&team->barrier); /* all gradients are there */
        if (atomic_load(&team->failed))
            return NULL;
        take_step(worker, step);
        (void)pthread_barrier_wait(&team->barrier); /* all values are new */
        if (worker->index == 0 && team->on_step)
            team->on_step(team->payload, step, &worker->totals);
    }
    return NULL;
}
