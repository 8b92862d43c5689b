#include "nn/loss.h"

#include <math.h>

float nn_sigmoid(float logit)
{
    return 1.0f / (1.0f + expf(-logit));
}

float nn_loss_binary(float *gradient, float logit, float target)
{
    *gradient = nn_sigmoid(logit) - target;
    return fmaxf(logit, 0.0f) - logit * target + log1pf(expf(-fabsf(logit)));
}

float nn_loss_softmax(float *gradients, const float *logits, int count, int target)
{
    float top = logits[0];
    float sum = 0;

    REQUIRE(target >= 0 && target < count);
    for (int i = 1; i < count; i++)
        top = fmaxf(top, logits[i]);
    float target_logit = logits[target] - top;
    for (int i = 0; i < count; i++) {
        gradients[i] = expf(logits[i] - top);
        sum += gradients[i];
    }
    for (int i = 0; i < count; i++)
        gradients[i] = gradients[i] / sum - (i == target ? 1.0f : 0.0f);
    return logf(sum) - target_logit;
}
