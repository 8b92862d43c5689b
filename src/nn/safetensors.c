#include "nn/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define METADATA_NAME "__metadata__"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors is little-endian");

/* How much of a name from outside goes into a message. */
#define SHOWN(text) (int)strnlen((text), 64), (text)

/* Container ------------------------------------------------------------------------------- */

static uint64_t read_length(const uint8_t *at)
{
    uint64_t length = 0;

    for (int i = NN_SAFETENSORS_LENGTH_SIZE - 1; i >= 0; i--)
        length = length << 8 | at[i];
    return length;
}

enum status nn_safetensors_header(struct json **header, struct bytes *data, struct bytes file,
                                  struct err *err)
{
    struct err inner = {0};

    if (file.len > NN_WEIGHTS_BYTES_MAX)
        return err_set(err, ST_LIMIT, "a weights file of %zu bytes is over %u", file.len,
                       NN_WEIGHTS_BYTES_MAX);
    if (file.len < NN_SAFETENSORS_LENGTH_SIZE)
        return err_set(err, ST_CORRUPT, "a weights file of %zu bytes has no header", file.len);
    uint64_t length = read_length(file.at);
    if (length > NN_WEIGHTS_HEADER_MAX)
        return err_set(err, ST_LIMIT, "a header of %llu bytes is over %u",
                       (unsigned long long)length, NN_WEIGHTS_HEADER_MAX);
    if (length > file.len - NN_SAFETENSORS_LENGTH_SIZE)
        return err_set(err, ST_CORRUPT, "a header of %llu bytes in a file of %zu",
                       (unsigned long long)length, file.len);
    struct bytes text = {.at = file.at + NN_SAFETENSORS_LENGTH_SIZE, .len = (size_t)length};
    if (!text.len || text.at[0] != '{')
        return err_set(err, ST_CORRUPT, "the header does not begin with '{'");
    if (json_parse(header, text, &inner) != ST_OK)
        return err_set(err, ST_CORRUPT, "header: %.160s", inner.msg);
    data->at = text.at + text.len;
    data->len = file.len - NN_SAFETENSORS_LENGTH_SIZE - text.len;
    return ST_OK;
}

static int compare_extents(const void *a, const void *b)
{
    const struct nn_extent *left = a;
    const struct nn_extent *right = b;

    return (left->begin > right->begin) - (left->begin < right->begin);
}

enum status nn_safetensors_check_cover(struct nn_extent *extents, size_t count, size_t len,
                                       struct err *err)
{
    size_t end = 0;

    qsort(extents, count, sizeof *extents, compare_extents);
    for (size_t i = 0; i < count; i++) {
        if (extents[i].begin != end)
            return err_set(err, ST_CORRUPT,
                           "tensor '%s' begins at byte %zu, the one before ends at %zu",
                           extents[i].name, extents[i].begin, end);
        end = extents[i].end;
    }
    if (end != len)
        return err_set(err, ST_CORRUPT, "%zu bytes follow the last tensor", len - end);
    return ST_OK;
}

bool nn_is_finite(const float *values, size_t count)
{
    uint32_t worst = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        worst = MAX_OF(worst, bits & 0x7f800000u);
    }
    return worst != 0x7f800000u; /* an exponent of ones: NaN or infinity */
}

/* Number types ---------------------------------------------------------------------------- */

typedef void widen(float *out, const uint8_t *in, size_t count);

static void widen_f32(float *out, const uint8_t *in, size_t count)
{
    memcpy(out, in, count * sizeof *out);
}

/* The upper half of a float32. */
static void widen_bf16(float *out, const uint8_t *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)in[2 * i] << 16 | (uint32_t)in[2 * i + 1] << 24;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* IEEE 754 binary16: 5 bits of exponent with bias 15, 10 of fraction. */
static float half_to_float(uint16_t half)
{
    uint32_t exponent = half >> 10 & 31u;
    uint32_t fraction = half & 1023u;
    uint32_t sign = (uint32_t)(half >> 15) << 31;
    uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
    float value = 0;

    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24, exact in float32 */
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    if (exponent == 31)
        bits = sign | 255u << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

static void widen_f16(float *out, const uint8_t *in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = half_to_float((uint16_t)(in[2 * i] | in[2 * i + 1] << 8));
}

static const struct type {
    const char *name;
    size_t size;
    widen *widen;
} types[] = {
    {.name = "F32", .size = 4, .widen = widen_f32},
    {.name = "F16", .size = 2, .widen = widen_f16},
    {.name = "BF16", .size = 2, .widen = widen_bf16},
};

static const struct type *find_type(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(types); i++)
        if (strcmp(name, types[i].name) == 0)
            return &types[i];
    return NULL;
}

/* Tensors --------------------------------------------------------------------------------- */

/* What the header says, while it is read. */
struct reading {
    struct nn_safetensors *file;
    struct bytes data;
    struct nn_extent extents[NN_SAFETENSORS_TENSORS_MAX]; /* of tensor i */
    struct nn_extent sorted[NN_SAFETENSORS_TENSORS_MAX];
    const struct type *types[NN_SAFETENSORS_TENSORS_MAX];
    size_t count; /* floats */
    struct err *err;
    enum status status; /* of a walk through JSON members: the first failure stays */
};

static enum status read_name(struct nn_named_tensor *tensor, const char *name, struct err *err)
{
    size_t len = strlen(name);
    bool printable = len > 0 && len < sizeof tensor->name;

    for (size_t i = 0; i < len; i++)
        printable = printable && name[i] > ' ' && name[i] <= '~';
    if (!printable)
        return err_set(err, ST_CORRUPT, "tensor name '%.*s' is not 1 to %d printable characters",
                       SHOWN(name), NN_SAFETENSORS_NAME_SIZE - 1);
    memcpy(tensor->name, name, len);
    return ST_OK;
}

static enum status read_shape(struct nn_named_tensor *tensor, const struct json *shape,
                              struct err *err)
{
    size_t dim_count = json_count(shape);

    if (dim_count < 1 || dim_count > ARRAY_LEN(tensor->dims))
        return err_set(err, ST_UNSUPPORTED, "tensor '%s' has %zu dimensions, not 1 to %zu",
                       tensor->name, dim_count, ARRAY_LEN(tensor->dims));
    tensor->dim_count = (int)dim_count;
    tensor->count = 1;
    for (size_t i = 0; i < dim_count; i++) {
        int64_t dim = json_int_or(json_at(shape, i), 0);
        if (dim < 1 || dim > NN_SAFETENSORS_DIMENSION_MAX)
            return err_set(err, ST_CORRUPT, "a dimension of tensor '%s' is not from 1 to %d",
                           tensor->name, NN_SAFETENSORS_DIMENSION_MAX);
        tensor->dims[i] = (int)dim;
        if (__builtin_mul_overflow(tensor->count, (size_t)dim, &tensor->count))
            return err_set(err, ST_CORRUPT, "tensor '%s' has too many values", tensor->name);
    }
    return ST_OK;
}

static enum status read_place(struct nn_extent *out, const struct nn_named_tensor *tensor,
                              const struct type *type, const struct json *offsets, size_t len,
                              struct err *err)
{
    int64_t begin = json_int_or(json_at(offsets, 0), -1);
    int64_t end = json_int_or(json_at(offsets, 1), -1);

    if (json_count(offsets) != 2 || begin < 0 || end < begin || (uint64_t)end > len ||
        tensor->count > len || (uint64_t)(end - begin) != tensor->count * type->size)
        return err_set(err, ST_CORRUPT,
                       "tensor '%s' needs data_offsets of %zu values inside the %zu bytes present",
                       tensor->name, tensor->count, len);
    *out = (struct nn_extent){.begin = (size_t)begin, .end = (size_t)end, .name = tensor->name};
    return ST_OK;
}

static enum status read_entry(struct reading *r, const char *name, const struct json *entry,
                              struct err *err)
{
    int index = r->file->count;

    if (index == NN_SAFETENSORS_TENSORS_MAX)
        return err_set(err, ST_LIMIT, "over %d tensors", NN_SAFETENSORS_TENSORS_MAX);
    struct nn_named_tensor *tensor = &r->file->tensors[index];
    enum status st = read_name(tensor, name, err);
    if (st != ST_OK)
        return st;
    const struct type *type = find_type(json_get_str(entry, "dtype"));
    if (!type)
        return err_set(err, ST_UNSUPPORTED, "tensor '%s' is not of type F32, F16 or BF16",
                       tensor->name);
    st = read_shape(tensor, json_get(entry, "shape"), err);
    if (st == ST_OK)
        st = read_place(&r->extents[index], tensor, type, json_get(entry, "data_offsets"),
                        r->data.len, err);
    if (st != ST_OK)
        return st;
    r->types[index] = type;
    r->count += tensor->count;
    r->file->count++;
    return ST_OK;
}

/* Visitor of json_each. */
static void read_member(void *payload, const char *key, const struct json *value)
{
    struct reading *r = payload;

    if (r->status == ST_OK && strcmp(key, METADATA_NAME) != 0)
        r->status = read_entry(r, key, value, r->err);
}

/* The tensors cover the data once, so there are no more values than half its bytes. */
static enum status take_values(struct reading *r, struct err *err)
{
    struct nn_safetensors *file = r->file;
    size_t taken = 0;

    file->block = mem_try_alloc(r->count + 1, sizeof(float));
    if (!file->block)
        return err_set(err, ST_NOMEM, "no room for %zu values", r->count);
    for (int i = 0; i < file->count; i++) {
        float *values = file->block + taken;
        r->types[i]->widen(values, r->data.at + r->extents[i].begin, file->tensors[i].count);
        if (!nn_is_finite(values, file->tensors[i].count))
            return err_set(err, ST_CORRUPT, "tensor '%s' holds NaN or infinity",
                           file->tensors[i].name);
        file->tensors[i].values = values;
        taken += file->tensors[i].count;
    }
    return ST_OK;
}

static enum status parse(struct nn_safetensors *out, struct bytes file, struct err *err)
{
    struct reading *r = mem_alloc(1, sizeof *r);
    struct json *header = NULL;

    r->file = out;
    r->err = err;
    enum status st = nn_safetensors_header(&header, &r->data, file, err);
    if (st == ST_OK) {
        json_each(header, read_member, r);
        st = r->status;
    }
    memcpy(r->sorted, r->extents, sizeof r->sorted);
    if (st == ST_OK)
        st = nn_safetensors_check_cover(r->sorted, (size_t)out->count, r->data.len, err);
    if (st == ST_OK)
        st = take_values(r, err);
    if (st == ST_OK)
        (void)hash_sha256_hex(out->sha256, file);
    json_free(header);
    mem_free(r);
    return st;
}

enum status nn_safetensors_parse(struct nn_safetensors **out, struct bytes file, struct err *err)
{
    struct nn_safetensors *made = mem_alloc(1, sizeof *made);

    made->tensors = mem_alloc(NN_SAFETENSORS_TENSORS_MAX, sizeof *made->tensors);
    enum status st = parse(made, file, err);
    if (st != ST_OK) {
        nn_safetensors_close(made);
        return st;
    }
    *out = made;
    return ST_OK;
}

enum status nn_safetensors_open(struct nn_safetensors **out, const char *path, struct err *err)
{
    struct bytes mapped = {0};
    struct err inner = {0};
    enum status st = fs_map(&mapped, path, NN_WEIGHTS_BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    st = nn_safetensors_parse(out, mapped, &inner);
    fs_unmap(mapped);
    return st == ST_OK ? ST_OK : err_set(err, st, "'%.80s': %.130s", path, inner.msg);
}

void nn_safetensors_close(struct nn_safetensors *file)
{
    if (!file)
        return;
    mem_free(file->tensors);
    mem_free(file->block);
    mem_free(file);
}

const struct nn_named_tensor *nn_safetensors_find(const struct nn_safetensors *file,
                                                  const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}
