/* Time runs from the first look that saw the same call: what is said is at most a look too short.
 */
#include "recorder/subscriber_watch.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qta/log.h>
#include <qta/timestamp.h>

enum { PLACE_BYTES = 256 };

/* "on_trade (backtest+0x2a10)": what addr2line wants to know; the name where it is a global one. */
static const char *describe_callback(qta_tick_callback callback, char place[PLACE_BYTES])
{
    Dl_info info;
    void *address;
    memcpy(&address, &callback, sizeof address);
    if (dladdr(address, &info) == 0 || !info.dli_fname) {
        snprintf(place, PLACE_BYTES, "(at %p)", address);
        return place;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    snprintf(place, PLACE_BYTES, "%s%s(%s+0x%" PRIxPTR ")",
             info.dli_sname && info.dli_saddr == address ? info.dli_sname : "",
             info.dli_sname && info.dli_saddr == address ? " " : "",
             slash ? slash + 1 : info.dli_fname, (uintptr_t)address - (uintptr_t)info.dli_fbase);
    return place;
}

static void tell_begin(const struct qta_subscriber_sight *sight, const char *duration)
{
    char place[PLACE_BYTES];
    if (sight->doing.callback)
        qta_log(QTA_LOG_WARNING, "gateway",
                "subscriber '%s': callback %s has not returned for %s (rx_seq %" PRIu64
                "); %zu ticks wait%s",
                sight->name, describe_callback(sight->doing.callback, place), duration,
                sight->at_seq, sight->queued,
                sight->is_blocking ? ", and the sockets for them when there is no room left" : "");
    else
        qta_log(QTA_LOG_WARNING, "gateway",
                "subscriber '%s': nobody has taken its ticks for %s; %zu wait%s", sight->name,
                duration, sight->queued, sight->is_blocking ? ", and the sockets for them" : "");
}

static void tell_end(const struct qta_subscriber_watch *watch,
                     const struct qta_subscriber_sight *sight, const char *duration)
{
    char place[PLACE_BYTES];
    if (watch->is_hang)
        qta_log(QTA_LOG_INFO, "gateway", "subscriber '%s': callback %s has returned after %s",
                sight->name, describe_callback(watch->doing.callback, place), duration);
    else
        qta_log(QTA_LOG_INFO, "gateway", "subscriber '%s': its ticks are taken again after %s",
                sight->name, duration);
}

static bool has_moved(const struct qta_subscriber_watch *watch,
                      const struct qta_subscriber_sight *sight)
{
    return watch->doing.calls != sight->doing.calls ||
           watch->doing.callback != sight->doing.callback || watch->taken != sight->taken;
}

void qta_subscriber_watch_look(struct qta_subscriber_watch *watch,
                               const struct qta_subscriber_sight *sight, int64_t now_ns,
                               int64_t hang_ns)
{
    char duration[QTA_TIMESTAMP_TEXT_BYTES];
    bool is_resting = !sight->doing.callback && sight->queued == 0;
    bool is_new = watch->since_ns == 0 || is_resting || has_moved(watch, sight);
    if (is_new && watch->is_told) {
        qta_duration_print(now_ns - watch->since_ns, duration);
        tell_end(watch, sight, duration);
        atomic_store_explicit(&watch->hanging_ns, 0, memory_order_relaxed);
        watch->is_told = false;
    }
    if (is_new) {
        watch->doing = sight->doing;
        watch->taken = sight->taken;
        watch->since_ns = now_ns != 0 ? now_ns : 1;
        return;
    }
    int64_t passed_ns = now_ns - watch->since_ns;
    bool is_standstill = sight->doing.callback || sight->is_nearly_full;
    if (hang_ns > 0 && passed_ns >= hang_ns && is_standstill && !watch->is_told) {
        watch->is_told = true;
        watch->is_hang = sight->doing.callback != NULL;
        qta_duration_print(passed_ns, duration);
        tell_begin(sight, duration);
        if (watch->is_hang)
            qta_counter_add(&watch->hangs, 1);
    }
    if (watch->is_told && watch->is_hang)
        atomic_store_explicit(&watch->hanging_ns, passed_ns, memory_order_relaxed);
}
