/* Fuzz target: a line of the spool.  What is read is written and read again as the same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "service/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct service_record record, again;
    struct buf line;
    struct err err = {0};

    if (service_record_read_line(&record, (struct bytes){data, size}, &err) != ST_OK) {
        REQUIRE(err.msg[0] != '\0');
        return 0;
    }
    REQUIRE(memchr(record.request_id, '\0', sizeof record.request_id) != NULL);
    buf_init(&line, SERVICE_RECORD_LINE_BYTES);
    service_record_write_line(&line, &record);
    REQUIRE(!line.failed);
    REQUIRE(service_record_read_line(&again, buf_bytes(&line), &err) == ST_OK);
    REQUIRE(strcmp(again.request_id, record.request_id) == 0 && again.run == record.run);
    buf_fini(&line);
    return 0;
}
