/* nn/program.h - compiled layers, run in order by one thread: the only door to oneDNN.
 * A step binds its tensors when it is added; running allocates nothing of ours.  Activations are
 * float32 in one layout a program.  Every primitive whose implementation is a slow reference one is
 * refused. One thread at a time; programs may share read-only tensors. */
#pragma once

#include "base/base.h"
#include "base/mem.h"

/* How the numbers of a tensor are held.  Only convolutions and nn_program_convert know short ones.
 */
enum nn_element {
    NN_FLOAT,
    NN_BFLOAT16,
    NN_SIGNED_BYTE,  /* value = byte * step; what is beyond the range is clipped */
    NN_UNSIGNED_BYTE /* the same, after a relu */
};

/* n * c * h * w elements, in the layout of their program. */
struct nn_tensor {
    float *at; /* the memory; its elements are floats only when `element` says so */
    int n, c, h, w;
    enum nn_element element;
    float step; /* of bytes; else unused */
};
size_t nn_tensor_count(const struct nn_tensor *tensor);

/* How activations lie in memory.  Blocks of 16 channels suit AVX-512 and are what Winograd's
 * convolutions need; a channel count that is no multiple of 16 is filled up with zeros then.  With
 * 16 channels, and with a side of 1 and whole blocks, both layouts are the same. */
enum nn_layout {
    NN_CHANNELS_LAST, /* (n, h, w, c) */
    NN_BLOCKED,       /* (n, c / NN_BLOCK rounded up, h, w, NN_BLOCK) */
};
#define NN_BLOCK 16

/* The layout that this processor computes a network fastest in; its input and output are
 * channels-last in either, without a copy. */
struct nn_graph;
enum nn_layout nn_program_layout(const struct nn_graph *graph);
/* The same for a forward pass alone: channels may be padded, input and output copied. */
enum nn_layout nn_program_forward_layout(const struct nn_graph *graph);
/* Whether this processor multiplies such elements faster than floats. */
bool nn_program_has_elements(enum nn_element element);

struct nn_program;

/* Packed weights, scratch memory and what nn_program_tensor gives come from `arena`, which must
 * outlive the program. */
enum status nn_program_open(struct nn_program **out, enum nn_layout layout, struct arena *arena,
                            struct err *err) MUST_USE;
void nn_program_close(struct nn_program *program); /* NULL is fine */

/* Call once, after the last step was added: allocates the shared scratch memory. */
enum status nn_program_finish(struct nn_program *program, struct err *err) MUST_USE;
void nn_program_run(struct nn_program *program);

/* A tensor in the arena, not zeroed. */
enum status nn_program_tensor(struct nn_tensor *out, struct nn_program *program, int n, int c,
                              int h, int w, struct err *err) MUST_USE;

struct nn_conv {
    int kernel, stride, pad;
    bool depthwise;   /* one filter a channel */
    bool add;         /* forward: adds what `out` holds before the step */
    bool relu;        /* forward: max(x, 0) last */
    bool constant;    /* forward: weights never change, pack them once, now */
    float added_step; /* forward, bytes: the step of what `add` adds */
};

/* Weights are (out, in / groups, kernel, kernel); bias (out) or NULL.  Forward, with `constant`:
 * `in` may be of short elements; weights are rounded to fit them, each filter by its own step. */
enum status nn_program_conv(struct nn_program *program, const struct nn_conv *conv,
                            const struct nn_tensor *in, const float *weight, const float *bias,
                            const struct nn_tensor *out, struct err *err) MUST_USE;
enum status nn_program_conv_backward_data(struct nn_program *program, const struct nn_conv *conv,
                                          const struct nn_tensor *in_gradient, const float *weight,
                                          const struct nn_tensor *out_gradient,
                                          struct err *err) MUST_USE;
enum status nn_program_conv_backward_weights(struct nn_program *program, const struct nn_conv *conv,
                                             const struct nn_tensor *in, float *weight_gradient,
                                             float *bias_gradient,
                                             const struct nn_tensor *out_gradient,
                                             struct err *err) MUST_USE;

/* Batch norm of a training step.  scale_shift is (2, c); mean and variance (c) are written by the
 * forward step (biased variance) and read by the backward step; mask keeps what a fused relu cut.
 */
struct nn_norm {
    const float *scale_shift;
    float *mean, *variance;
    float epsilon;
    bool relu;
    uint8_t *mask; /* set by nn_program_norm when relu; the backward step needs the same struct */
};
enum status nn_program_norm(struct nn_program *program, struct nn_norm *norm,
                            const struct nn_tensor *in, const struct nn_tensor *out,
                            struct err *err) MUST_USE;
/* in_gradient may be the same memory as out_gradient. */
enum status nn_program_norm_backward(struct nn_program *program, const struct nn_norm *norm,
                                     const struct nn_tensor *in,
                                     const struct nn_tensor *in_gradient,
                                     float *scale_shift_gradient,
                                     const struct nn_tensor *out_gradient,
                                     struct err *err) MUST_USE;

enum nn_pool_kind { NN_POOL_MAX, NN_POOL_AVERAGE };
struct nn_pool {
    enum nn_pool_kind kind;
    int kernel, stride;
    bool training;      /* max: keep where the maximum was, for the backward step */
    uint8_t *positions; /* set by nn_program_pool when training a max pool */
};
enum status nn_program_pool(struct nn_program *program, struct nn_pool *pool,
                            const struct nn_tensor *in, const struct nn_tensor *out,
                            struct err *err) MUST_USE;
enum status nn_program_pool_backward(struct nn_program *program, const struct nn_pool *pool,
                                     const struct nn_tensor *in_gradient,
                                     const struct nn_tensor *out_gradient,
                                     struct err *err) MUST_USE;

/* Element by element, over tensors of the same size. */
enum status nn_program_add_relu(struct nn_program *program, const struct nn_tensor *out,
                                const struct nn_tensor *added, bool relu,
                                struct err *err) MUST_USE; /* out += added (NULL: none); relu */
enum status nn_program_relu_backward(struct nn_program *program, const struct nn_tensor *gradient,
                                     const struct nn_tensor *out,
                                     struct err *err) MUST_USE; /* gradient *= out > 0 */
enum status nn_program_accumulate(struct nn_program *program, const struct nn_tensor *out,
                                  const struct nn_tensor *more, struct err *err) MUST_USE;

/* From floats, channels-last, to a tensor of short elements in the program's layout. */
enum status nn_program_convert(struct nn_program *program, const struct nn_tensor *out,
                               const struct nn_tensor *channels_last, struct err *err) MUST_USE;

/* Copies between a channels-last tensor and one in the program's layout. */
enum status nn_program_import(struct nn_program *program, const struct nn_tensor *out,
                              const struct nn_tensor *channels_last, struct err *err) MUST_USE;
enum status nn_program_export(struct nn_program *program, const struct nn_tensor *channels_last,
                              const struct nn_tensor *in, struct err *err) MUST_USE;

/* Forward only; in and out are apart, or one tensor for soft clamp and group norm. */

/* Nearest neighbour: out is twice as high and wide. */
enum status nn_program_upsample(struct nn_program *program, const struct nn_tensor *in,
                                const struct nn_tensor *out, struct err *err) MUST_USE;
/* limit * tanh(x / limit) */
enum status nn_program_soft_clamp(struct nn_program *program, float limit,
                                  const struct nn_tensor *in, const struct nn_tensor *out,
                                  struct err *err) MUST_USE;

/* Group norm (Wu & He 2018): mean and biased variance over the map and c / groups channels of one
 * input; then times scale (c), plus shift (c).  Blocked: c / groups is a multiple of NN_BLOCK. */
struct nn_group_norm {
    int groups;
    const float *scale, *shift;
    float epsilon;
    bool relu;
};
enum status nn_program_group_norm(struct nn_program *program, const struct nn_group_norm *norm,
                                  const struct nn_tensor *in, const struct nn_tensor *out,
                                  struct err *err) MUST_USE;

/* What the steps run on, "conv brgconv:avx512_core" a line, for benchmarks and bug reports. */
const char *nn_program_describe(const struct nn_program *program);
