/* Photos that join a manifest: what is held out does not depend on the order of the rows. */
#include "support/unit.h"

#include <string.h>

#include "base/fs.h"
#include "support/temp_folder.h"
#include "train/additions.h"

#define TEXT_MAX ((size_t)1 << 16)

static struct temp_folder folder;

static int open_folder(void **state)
{
    (void)state;
    temp_folder_open(&folder);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    temp_folder_close(&folder);
    return 0;
}

static void write_manifest(char path[TEMP_PATH_SIZE], const char *name, const struct buf *rows)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "file\tlabel\tfamily\tsource\trole\n");
    buf_add(&text, rows->at, rows->len);
    assert_int_equal(fs_write(temp_path(path, &folder, name), buf_bytes(&text), NULL), ST_OK);
    buf_fini(&text);
}

/* `groups` sources and as many generators of `each` photos; in turn, or one after the other. */
static void add_rows(struct buf *rows, int groups, int each, bool in_turn)
{
    for (int i = 0; i < groups * each; i++) {
        int group = in_turn ? i % groups : i / each;
        buf_printf(rows, "r%d.png\treal\tshoes\tshop-%d\ttrain\n", i, group);
        buf_printf(rows, "a%d.png\tai\tmaker-%d\tgallery\ttrain\n", i, group);
    }
}

static size_t held_of(const struct train_manifest *manifest, enum train_label label,
                      const char *group)
{
    size_t count = 0;

    for (size_t i = 0; i < manifest->count; i++) {
        const struct train_manifest_row *row = &manifest->rows[i];
        const char *name = label == TRAIN_LABEL_AI ? manifest->family_names[row->family]
                                                   : manifest->source_names[row->source];
        count += row->label == label && strcmp(row->role, TRAIN_ADDED_ROLE) == 0 &&
                 strcmp(name, group) == 0;
    }
    return count;
}

static void check_held(int groups, int each, bool in_turn, size_t held_each)
{
    struct train_additions_report report;
    struct train_manifest *manifest = NULL;
    char base[TEMP_PATH_SIZE];
    char more[TEMP_PATH_SIZE];
    struct buf rows;
    struct buf text;

    buf_init(&rows, TEXT_MAX);
    buf_init(&text, TEXT_MAX);
    buf_add_str(&rows, "old.png\treal\tshoes\told-shop\ttrain\n");
    write_manifest(base, "base.tsv", &rows);
    buf_reset(&rows);
    add_rows(&rows, groups, each, in_turn);
    write_manifest(more, "more.tsv", &rows);
    const char *const paths[] = {more};
    assert_int_equal(train_additions_write(&text, &report, base, paths, 1, "train", NULL), ST_OK);
    assert_int_equal(report.kept, 1);
    assert_int_equal(report.held, 2 * held_each * (size_t)groups);
    assert_int_equal(report.added + report.held, (size_t)(2 * groups * each));
    assert_int_equal(train_manifest_parse(&manifest, buf_bytes(&text), "/", NULL), ST_OK);
    for (int group = 0; group < groups; group++) {
        char name[32];
        (void)snprintf(name, sizeof name, "shop-%d", group);
        assert_int_equal(held_of(manifest, TRAIN_LABEL_REAL, name), held_each);
        (void)snprintf(name, sizeof name, "maker-%d", group);
        assert_int_equal(held_of(manifest, TRAIN_LABEL_AI, name), held_each);
    }
    train_manifest_close(manifest);
    buf_fini(&rows);
    buf_fini(&text);
}

static void test_a_fifth_is_held_out_in_any_order(void **state)
{
    (void)state;
    check_held(3, 10, false, 2);
    check_held(3, 10, true, 2);
}

static void test_one_of_three_is_held_out(void **state)
{
    (void)state;
    check_held(2, 3, false, 1);
    check_held(2, 3, true, 1);
    check_held(2, 2, true, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fifth_is_held_out_in_any_order),
        cmocka_unit_test(test_one_of_three_is_held_out),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
