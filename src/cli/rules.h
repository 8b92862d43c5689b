/* cli/rules.h - what the commands that write generated files share.  One thread. */
#pragma once

#include "base/buf.h"
#include "cli/cli.h"

/* Writes `text` to FOLDER/NAME, making folders; ST_LIMIT when the text did not fit its buffer. */
enum status cli_write_made(const char *folder, const char *name, const struct buf *text,
                           struct err *err) MUST_USE;

struct rules_options;
/* prometheus/ and alertmanager/ below `folder`; adds the number of files to *count. */
enum status cli_write_rules(const char *folder, const struct rules_options *options, size_t *count,
                            struct err *err) MUST_USE;
