/* Zone files. Whatever is accepted must have offsets of at most a day and a bit, and a midnight of
 * every day that lies within it or before. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/timezone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qta_timezone *zone;
    if (qta_timezone_create_from_bytes(&zone, data, size, NULL) != QTA_OK)
        return 0;
    for (int64_t ts_ns = INT64_C(-9000000000000000000); ts_ns < INT64_C(9000000000000000000);
         ts_ns += INT64_C(123456789012345678)) {
        int32_t offset_s = qta_timezone_offset_s(zone, ts_ns);
        if (offset_s < -26 * 3600 || offset_s > 26 * 3600)
            abort();
        struct qta_date date = qta_timezone_date(zone, ts_ns);
        if (qta_timezone_midnight_ns(zone, date) > ts_ns)
            abort();
    }
    qta_timezone_destroy(zone);
    return 0;
}
