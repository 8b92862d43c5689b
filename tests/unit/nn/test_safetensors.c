/* Weights made elsewhere: each number type is widened exactly, what is wrong is refused by name. */
#include "support/unit.h"

#include <math.h>

#include "base/buf.h"
#include "base/fs.h"
#include "nn/safetensors.h"
#include "support/temp_folder.h"

/* A file of a header and data. */
static struct bytes make_file(struct buf *out, const char *header, const void *data, size_t len)
{
    uint8_t length[8] = {(uint8_t)strlen(header), (uint8_t)(strlen(header) >> 8)};

    buf_init(out, 1u << 20);
    buf_add(out, length, sizeof length);
    buf_add_str(out, header);
    buf_add(out, data, len);
    return buf_bytes(out);
}

static struct nn_safetensors *parse(const char *header, const void *data, size_t len)
{
    struct nn_safetensors *file = NULL;
    struct err err = {0};
    struct buf buf;

    if (nn_safetensors_parse(&file, make_file(&buf, header, data, len), &err) != ST_OK)
        fail_msg("%s", err.msg);
    buf_fini(&buf);
    return file;
}

static void refuse(const char *header, const void *data, size_t len, enum status code,
                   const char *part)
{
    struct nn_safetensors *file = NULL;
    struct err err = {0};
    struct buf buf;

    assert_int_equal(nn_safetensors_parse(&file, make_file(&buf, header, data, len), &err), code);
    assert_null(file);
    if (!strstr(err.msg, part))
        fail_msg("'%s' is not in: %s", part, err.msg);
    buf_fini(&buf);
}

/* Every finite half, by what IEEE 754 says of its fields. */
static void test_every_half(void **state)
{
    (void)state;
    static uint16_t halves[65536];
    size_t count = 0;
    char header[128];

    for (uint32_t i = 0; i < 65536; i++)
        if ((i >> 10 & 31) != 31)
            halves[count++] = (uint16_t)i;
    (void)snprintf(header, sizeof header,
                   "{\"h\":{\"dtype\":\"F16\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", count,
                   2 * count);
    struct nn_safetensors *file = parse(header, halves, 2 * count);
    for (size_t i = 0; i < count; i++) {
        int exponent = halves[i] >> 10 & 31;
        double fraction = (halves[i] & 1023) / 1024.0;
        double want = exponent ? ldexp(1 + fraction, exponent - 15) : ldexp(fraction, -14);
        double sign = halves[i] >> 15 ? -1 : 1;
        assert_true((double)file->block[i] == sign * want);
        assert_int_equal(signbit(file->block[i]) != 0, halves[i] >> 15);
    }
    nn_safetensors_close(file);
}

static void test_names_shapes_and_values(void **state)
{
    (void)state;
    const float single[2] = {1.5f, -0x1p-140f};
    const uint16_t brain[3] = {0x3f80, 0xc040, 0x0001}; /* 1, -3, the smallest subnormal's half */
    uint8_t data[sizeof single + sizeof brain];
    static const char header[] =
        "{\"b\":{\"dtype\":\"BF16\",\"shape\":[3,1],\"data_offsets\":[8,14]},"
        "\"__metadata__\":{\"format\":\"pt\"},"
        "\"a.conv.0\":{\"dtype\":\"F32\",\"shape\":[1,2,1,1],\"data_offsets\":[0,8]}}";

    memcpy(data, single, sizeof single);
    memcpy(data + sizeof single, brain, sizeof brain);
    struct nn_safetensors *file = parse(header, data, sizeof data);
    assert_int_equal(file->count, 2);
    assert_int_equal(strlen(file->sha256), 64);
    const struct nn_named_tensor *a = nn_safetensors_find(file, "a.conv.0");
    const struct nn_named_tensor *b = nn_safetensors_find(file, "b");
    assert_non_null(a);
    assert_non_null(b);
    assert_null(nn_safetensors_find(file, "a"));
    assert_int_equal(a->dim_count, 4);
    assert_int_equal(a->dims[1], 2);
    assert_int_equal(a->count, 2);
    assert_memory_equal(a->values, single, sizeof single);
    assert_int_equal(b->dims[0], 3);
    assert_true(b->values[0] == 1 && b->values[1] == -3 && b->values[2] == 0x1p-133f);
    nn_safetensors_close(file);
}

static void test_refusals_name_the_tensor(void **state)
{
    (void)state;
    const uint16_t zeros[4] = {0};
    const uint16_t infinite[1] = {0x7c00};
    const uint16_t not_a_number[1] = {0x7fc0};

    refuse("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", zeros, 8,
           ST_UNSUPPORTED, "'a' is not of type F32, F16 or BF16");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", infinite, 2,
           ST_CORRUPT, "'a' holds NaN or infinity");
    refuse("{\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]}}", not_a_number, 2,
           ST_CORRUPT, "'a' holds NaN or infinity");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,2]}}", zeros, 2, ST_CORRUPT,
           "'a' needs data_offsets of 2 values");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}", zeros, 4, ST_CORRUPT,
           "'a' begins at byte 2");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", zeros, 4, ST_CORRUPT,
           "2 bytes follow the last tensor");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
           "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}",
           zeros, 4, ST_CORRUPT, "begins at byte 0, the one before ends at 4");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]}}", zeros, 2,
           ST_UNSUPPORTED, "'a' has 0 dimensions");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[65537],\"data_offsets\":[0,2]}}", zeros, 2,
           ST_CORRUPT, "a dimension of tensor 'a' is not from 1 to 65536");
    refuse("{\"a\":{\"dtype\":\"F16\",\"shape\":[65536,65536,65536,65536],"
           "\"data_offsets\":[0,2]}}",
           zeros, 2, ST_CORRUPT, "'a' has too many values");
    refuse("{\"a b\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", zeros, 2,
           ST_CORRUPT, "tensor name 'a b' is not");
    refuse("{\"a\":7}", zeros, 0, ST_UNSUPPORTED, "'a' is not of type");
    refuse("[]", zeros, 0, ST_CORRUPT, "does not begin with '{'");
}

static void test_too_many_tensors(void **state)
{
    (void)state;
    static uint8_t data[2 * (NN_SAFETENSORS_TENSORS_MAX + 1)];
    struct buf header;

    buf_init(&header, 1u << 20);
    buf_add_str(&header, "{");
    for (int i = 0; i <= NN_SAFETENSORS_TENSORS_MAX; i++)
        buf_printf(&header, "%s\"t%d\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                   i ? "," : "", i, 2 * i, 2 * i + 2);
    buf_add(&header, "}", 2);
    refuse((const char *)header.at, data, sizeof data, ST_LIMIT, "over 512 tensors");
    buf_fini(&header);
}

static void test_files(void **state)
{
    (void)state;
    static const char header[] = "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}";
    const uint16_t one[1] = {0x3c00};
    struct nn_safetensors *file = NULL;
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    struct err err = {0};
    struct buf buf;

    temp_folder_open(&folder);
    (void)temp_path(path, &folder, "a.safetensors");
    assert_int_equal(nn_safetensors_open(&file, path, &err), ST_NOT_FOUND);
    assert_int_equal(fs_write(path, make_file(&buf, header, one, sizeof one), NULL), ST_OK);
    assert_int_equal(nn_safetensors_open(&file, path, &err), ST_OK);
    assert_true(file->tensors[0].values[0] == 1);
    nn_safetensors_close(file);
    file = NULL;
    buf.len--;
    assert_int_equal(fs_write(path, buf_bytes(&buf), NULL), ST_OK);
    assert_int_equal(nn_safetensors_open(&file, path, &err), ST_CORRUPT);
    assert_non_null(strstr(err.msg, path));
    assert_null(file);
    buf_fini(&buf);
    temp_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_names_shapes_and_values),
        cmocka_unit_test(test_refusals_name_the_tensor),
        cmocka_unit_test(test_too_many_tensors),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
