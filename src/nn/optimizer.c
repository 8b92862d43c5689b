#include "nn/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

void nn_optimizer_init(struct nn_optimizer *optimizer, const struct nn_graph *graph,
                       const struct nn_optimizer_options *options, const float *values)
{
    *optimizer = (struct nn_optimizer){
        .options = *options,
        .graph = graph,
        .state = mem_alloc(2 * graph->trained_count, sizeof(float)),
        .average = mem_alloc(graph->float_count, sizeof(float)),
    };
    memcpy(optimizer->average, values, graph->float_count * sizeof(float));
}

void nn_optimizer_fini(struct nn_optimizer *optimizer)
{
    mem_free(optimizer->state);
    mem_free(optimizer->average);
    optimizer->state = optimizer->average = NULL;
}

static void step_adamw(struct nn_optimizer *optimizer, float *values, const float *gradients,
                       float rate, float decay, int64_t step, size_t begin, size_t end)
{
    const struct nn_optimizer_options *o = &optimizer->options;
    float *first = optimizer->state;
    float *second = optimizer->state + optimizer->graph->trained_count;
    float correct1 = 1.0f - powf(o->beta1, (float)step);
    float correct2 = 1.0f - powf(o->beta2, (float)step);
    float scale = rate / correct1;

    for (size_t i = begin; i < end; i++) {
        first[i] = o->beta1 * first[i] + (1.0f - o->beta1) * gradients[i];
        second[i] = o->beta2 * second[i] + (1.0f - o->beta2) * gradients[i] * gradients[i];
        values[i] -= rate * decay * values[i];
        values[i] -= scale * first[i] / (sqrtf(second[i] / correct2) + o->epsilon);
    }
}

static void step_sgd(struct nn_optimizer *optimizer, float *values, const float *gradients,
                     float rate, float decay, size_t begin, size_t end)
{
    float *momentum = optimizer->state;

    for (size_t i = begin; i < end; i++) {
        momentum[i] = optimizer->options.momentum * momentum[i] + gradients[i];
        values[i] -= rate * (momentum[i] + decay * values[i]);
    }
}

void nn_optimizer_step(struct nn_optimizer *optimizer, float *values, const float *gradients,
                       float rate, int64_t step, size_t begin, size_t end)
{
    const struct nn_graph *graph = optimizer->graph;

    for (int i = 0; i < graph->parameter_count; i++) {
        const struct nn_parameter *parameter = &graph->parameters[i];
        if (!parameter->trained)
            continue;
        size_t from = MAX_OF(parameter->offset, begin);
        size_t to = MIN_OF(parameter->offset + parameter->count, end);
        float decay = parameter->decayed ? optimizer->options.weight_decay : 0.0f;
        if (from >= to)
            continue;
        if (optimizer->options.kind == NN_ADAMW)
            step_adamw(optimizer, values, gradients, rate, decay, step, from, to);
        else
            step_sgd(optimizer, values, gradients, rate, decay, from, to);
    }
}

void nn_optimizer_average(struct nn_optimizer *optimizer, const float *values, int64_t step,
                          size_t begin, size_t end)
{
    float early = (1.0f + (float)step) / (10.0f + (float)step);
    float keep = fminf(optimizer->options.average_decay, early);

    for (size_t i = begin; i < end; i++)
        optimizer->average[i] = keep * optimizer->average[i] + (1.0f - keep) * values[i];
}

float nn_schedule_cosine(float peak, int64_t step, int64_t warmup, int64_t total, float floor_ratio)
{
    if (step < warmup)
        return peak * (float)(step + 1) / (float)warmup;
    double progress = total > warmup ? (double)(step - warmup) / (double)(total - warmup) : 1.0;
    double wave = 0.5 * (1.0 + cos(3.14159265358979 * CLAMP(progress, 0.0, 1.0)));

    return (float)(peak * (floor_ratio + (1.0 - floor_ratio) * wave));
}
