/* nn/loops.c - the elementwise steps of a program, in plain C.  Must not know oneDNN. */
#include "nn/loops.h"

VECTORISED static void loop_add(float *restrict a, const float *restrict b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] += b[i];
}

VECTORISED static void loop_add_relu(float *restrict a, const float *restrict b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sum = a[i] + b[i];
        a[i] = sum > 0 ? sum : 0;
    }
}

VECTORISED static void loop_relu(float *restrict a, const float *restrict b, size_t count)
{
    (void)b;
    for (size_t i = 0; i < count; i++)
        a[i] = a[i] > 0 ? a[i] : 0;
}

VECTORISED static void loop_relu_backward(float *restrict a, const float *restrict b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] = b[i] > 0 ? a[i] : 0;
}

enum status nn_program_add_relu(struct nn_program *program, const struct nn_tensor *out,
                                const struct nn_tensor *added, bool relu, struct err *err)
{
    if (!added)
        return nn_program_loop(program, loop_relu, out, NULL, err);
    return nn_program_loop(program, relu ? loop_add_relu : loop_add, out, added, err);
}

enum status nn_program_relu_backward(struct nn_program *program, const struct nn_tensor *gradient,
                                     const struct nn_tensor *out, struct err *err)
{
    return nn_program_loop(program, loop_relu_backward, gradient, out, err);
}

enum status nn_program_accumulate(struct nn_program *program, const struct nn_tensor *out,
                                  const struct nn_tensor *more, struct err *err)
{
    return nn_program_loop(program, loop_add, out, more, err);
}
