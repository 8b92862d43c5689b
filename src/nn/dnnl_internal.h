/* nn/dnnl_internal.h - what the files program*.c share: planning primitives and binding their
 * arguments.  The only door to oneDNN's header; no file outside nn/ may include it. */
#pragma once

#include <oneapi/dnnl/dnnl.h>

#include "nn/program.h"

struct step; /* a primitive with its arguments, in the order of its program */

/* oneDNN's status as ours: ST_UNSUPPORTED for what it does not implement, else ST_IO. */
enum status nn_dnnl_check(dnnl_status_t status, const char *what, struct err *err) MUST_USE;

/* Memory of the program's arena, not zeroed. */
enum status nn_dnnl_allocate(void **out, struct nn_program *program, size_t bytes,
                             struct err *err) MUST_USE;

/* Descriptors of float32 tensors; an activation is in the program's layout. */
dnnl_memory_desc_t nn_dnnl_tensor(const struct nn_program *program, const struct nn_tensor *tensor);
dnnl_memory_desc_t nn_dnnl_vector(int count);
dnnl_data_type_t nn_dnnl_type(enum nn_element element);
bool nn_dnnl_is_byte(enum nn_element element);

/* Attributes that multiply each result: by scales[0] (mask 0), or by one scale for each place of
 * the dimension whose bit is in mask.  Out: *out is the caller's. */
enum status nn_dnnl_scales(dnnl_primitive_attr_t *out, int count, int mask, const float *scales,
                           struct err *err) MUST_USE;

/* Whether the processor has an implementation at all, a reference one included. */
bool nn_dnnl_implemented(const struct nn_program *program, const_dnnl_op_desc_t operation,
                         const_dnnl_primitive_attr_t attributes,
                         const_dnnl_primitive_desc_t forward);

/* A primitive descriptor from an operation descriptor, reference implementations refused.
 * Attributes may be NULL; those given must ask for user scratch memory.  Out: *out is the caller's,
 * free with nn_dnnl_drop. */
enum status nn_dnnl_plan(dnnl_primitive_desc_t *out, struct nn_program *program,
                         const_dnnl_op_desc_t operation, const_dnnl_primitive_attr_t attributes,
                         const_dnnl_primitive_desc_t forward, const char *what,
                         struct err *err) MUST_USE;
void nn_dnnl_drop(dnnl_primitive_desc_t desc); /* NULL is fine */

/* Turns a planned primitive into the next step; arguments follow.  *out is the program's. */
enum status nn_dnnl_add_primitive(struct step **out, struct nn_program *program,
                                  const_dnnl_primitive_desc_t desc, struct err *err) MUST_USE;
enum status nn_dnnl_add_argument(struct nn_program *program, struct step *step, int kind,
                                 const dnnl_memory_desc_t *desc, const void *at,
                                 struct err *err) MUST_USE;

/* One reorder step; `from` and `to` are different layouts or types of the same tensor; attributes
 * may be NULL. */
enum status nn_dnnl_add_reorder(struct nn_program *program, const dnnl_memory_desc_t *from,
                                const void *from_at, const dnnl_memory_desc_t *to,
                                const void *to_at, const_dnnl_primitive_attr_t attributes,
                                struct err *err) MUST_USE;

/* Runs the last step once, now, and takes it out of the program. */
enum status nn_dnnl_run_last(struct nn_program *program, struct err *err) MUST_USE;
