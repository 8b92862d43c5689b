/* Names, limits and dispatch; and one real file of every source, where the photos are present. */
#include "image_fixture.h"

#define PHOTOS     "../shared/data/photos"
#define FILES_MAX  200000
#define PER_FOLDER 2

static void test_format_names(void **state)
{
    (void)state;
    assert_string_equal(image_format_name(IMAGE_FORMAT_UNKNOWN), "unknown");
    assert_string_equal(image_format_name(IMAGE_JPEG), "jpeg");
    assert_string_equal(image_format_name(IMAGE_PNG), "png");
    assert_string_equal(image_format_name(IMAGE_WEBP), "webp");
    assert_string_equal(image_format_name((enum image_format)99), "unknown");
}

static void test_default_limits(void **state)
{
    (void)state;
    assert_int_equal(image_limits_default.bytes_max, 10 * 1024 * 1024);
    assert_int_equal(image_limits_default.pixels_max, 50 * 1000 * 1000);
    assert_int_equal(image_limits_default.side_max_px, 16384);
}

/* Exactly at a limit is fine, one over it is not, for each limit and format. */
static void test_limits_are_exact(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(100, 60, arena);
    struct bytes files[3];
    struct err err;

    assert_int_equal(image_encode_jpeg(&files[0], &source, 80, IMAGE_SUBSAMPLING_420, arena, &err),
                     ST_OK);
    assert_int_equal(image_encode_png(&files[1], &source, arena, &err), ST_OK);
    assert_int_equal(image_encode_webp(&files[2], &source, 80, arena, &err), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct image_limits limits = {
            .bytes_max = files[i].len, .pixels_max = 6000, .side_max_px = 100};
        struct image image;
        struct image_info info;

        assert_int_equal(image_decode(&image, &info, files[i], &limits, arena, &err), ST_OK);
        assert_int_equal(info.format, IMAGE_JPEG + i);
        limits.bytes_max--;
        fixture_assert_fails(files[i], &limits, arena, ST_LIMIT, "bytes");
        limits.bytes_max++;
        limits.pixels_max--;
        fixture_assert_fails(files[i], &limits, arena, ST_LIMIT, "5999 pixels");
        limits.pixels_max++;
        limits.side_max_px--;
        fixture_assert_fails(files[i], &limits, arena, ST_LIMIT, "99 a side");
    }
}

/* What decoding leaves in the arena is the picture, nothing else. */
static void test_decode_leaves_only_pixels(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(640, 480, arena), image;
    struct bytes file;
    struct err err;

    assert_int_equal(image_encode_webp(&file, &source, 80, arena, &err), ST_OK);
    size_t used = arena_used(arena);
    assert_int_equal(image_decode(&image, NULL, file, &image_limits_default, arena, &err), ST_OK);
    assert_int_equal(arena_used(arena) - used, 640 * 480 * 3);
}

static void test_encoders_clamp_quality(void **state)
{
    struct arena *arena = *state;
    struct image source = fixture_picture(64, 64, arena);
    struct bytes low, lowest;
    struct err err;

    assert_int_equal(image_encode_jpeg(&lowest, &source, -5, IMAGE_SUBSAMPLING_444, arena, &err),
                     ST_OK);
    assert_int_equal(image_encode_jpeg(&low, &source, 1, IMAGE_SUBSAMPLING_444, arena, &err),
                     ST_OK);
    assert_int_equal(low.len, lowest.len);
    assert_int_equal(image_encode_webp(&lowest, &source, 1000, arena, &err), ST_OK);
    assert_int_equal(image_encode_webp(&low, &source, 100, arena, &err), ST_OK);
    assert_int_equal(low.len, lowest.len);
}

static bool is_picture_name(const char *path)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp"};
    size_t len = strlen(path);

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t end = strlen(endings[i]);
        if (len > end && strcmp(path + len - end, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool same_folder(const char *a, const char *b)
{
    const char *end = strrchr(a, '/');
    size_t len = end ? (size_t)(end - a) + 1 : 0;

    return strncmp(a, b, len) == 0 && !strchr(b + len, '/');
}

static void check_real_file(const char *path, struct arena *arena)
{
    struct bytes file;
    struct image image;
    struct image_info info;
    struct err err;

    assert_int_equal(fs_read(&file, path, image_limits_default.bytes_max, &err), ST_OK);
    enum status st = image_decode(&image, &info, file, &image_limits_default, arena, &err);
    mem_free((void *)(uintptr_t)file.at);
    if (st)
        fail_msg("%s: %s: %s", path, status_name(st), err.msg);
    assert_int_equal(image.width, info.width);
    assert_int_equal(image.height, info.height);
    arena_reset(arena);
}

/* The first few pictures of each folder below `folder`; returns how many were decoded. */
static unsigned check_folder(const char *folder, unsigned per_folder, struct arena *arena)
{
    struct fs_list list;
    struct err err;
    unsigned checked = 0, taken = 0;

    if (!fs_is_folder(folder))
        return 0;
    assert_int_equal(fs_list_files(&list, folder, FILES_MAX, &err), ST_OK);
    for (size_t i = 0; i < list.count; i++) {
        taken = i && same_folder(list.paths[i - 1], list.paths[i]) ? taken : 0;
        if (taken >= per_folder || !is_picture_name(list.paths[i]))
            continue;
        check_real_file(list.paths[i], arena);
        taken++;
        checked++;
    }
    fs_list_free(&list);
    return checked;
}

static void test_real_photos_decode(void **state)
{
    unsigned checked = check_folder(PHOTOS, PER_FOLDER, *state);

    if (!checked) {
        print_message("skipped: no photos in %s\n", PHOTOS);
        skip();
    }
    print_message("%u photos decoded\n", checked);
}

static void test_real_fixtures_decode(void **state)
{
    unsigned checked = check_folder("../shared/fixtures/c2pa", FILES_MAX, *state) +
                       check_folder("../shared/fixtures/provenance", FILES_MAX, *state);

    if (!checked) {
        print_message("skipped: no fixtures in ../shared/fixtures\n");
        skip();
    }
    print_message("%u fixtures decoded\n", checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_format_names),           FIXTURE_TEST(test_default_limits),
        FIXTURE_TEST(test_limits_are_exact),       FIXTURE_TEST(test_decode_leaves_only_pixels),
        FIXTURE_TEST(test_encoders_clamp_quality), FIXTURE_TEST(test_real_photos_decode),
        FIXTURE_TEST(test_real_fixtures_decode),
    };

    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
