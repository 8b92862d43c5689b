/* nn/loss.h - losses with their gradients, on logits.  Pure; thread-safe. */
#pragma once

#include "base/base.h"

/* Binary cross-entropy of sigmoid(logit) against a target in [0, 1] (label smoothing moves the
 * target).  *gradient is d loss / d logit.  Exact for large |logit|: max(z,0) - z t + ln(1+e^-|z|).
 */
float nn_loss_binary(float *gradient, float logit, float target);

/* Cross-entropy of softmax(logits[0..count)) against class `target`; gradients[0..count) is
 * d loss / d logits.  logits and gradients may be the same memory. */
float nn_loss_softmax(float *gradients, const float *logits, int count, int target);

float nn_sigmoid(float logit);
