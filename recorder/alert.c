/* State first, telling second: what is told depends on nothing but the state and the time. */
#include "recorder/alert.h"

static void set_state(struct qta_alert *alert, enum qta_alert_state state, int64_t now_ns)
{
    bool was_quiet = alert->state == QTA_ALERT_QUIET;
    if (was_quiet != (state == QTA_ALERT_QUIET))
        alert->since_ns = now_ns;
    if (was_quiet && state != QTA_ALERT_QUIET)
        alert->fired++;
    alert->state = state;
}

static void look_at_bad(struct qta_alert *alert, bool is_grave, uint32_t escalation_looks,
                        int64_t now_ns)
{
    alert->good_looks = 0;
    if (alert->bad_looks < UINT32_MAX)
        alert->bad_looks++;
    bool escalates = is_grave || alert->bad_looks >= escalation_looks ||
                     alert->state == QTA_ALERT_ESCALATED;
    set_state(alert, escalates ? QTA_ALERT_ESCALATED : QTA_ALERT_FIRING, now_ns);
}

static void look_at_good(struct qta_alert *alert, int64_t now_ns)
{
    alert->bad_looks = 0;
    if (alert->state == QTA_ALERT_QUIET)
        return;
    alert->good_looks++;
    if (alert->good_looks >= QTA_ALERT_CALM_LOOKS)
        set_state(alert, QTA_ALERT_QUIET, now_ns);
}

bool qta_alert_look(struct qta_alert *alert, enum qta_alert_look look, bool is_grave,
                    uint32_t escalation_looks, int64_t now_ns, enum qta_alert_state *before)
{
    if (look == QTA_LOOK_BAD)
        look_at_bad(alert, is_grave, escalation_looks, now_ns);
    else
        look_at_good(alert, now_ns);
    *before = alert->told;
    if (alert->state == alert->told ||
        (alert->has_told && now_ns - alert->told_ns < QTA_ALERT_QUIET_NS))
        return false;
    alert->told = alert->state;
    alert->told_ns = now_ns;
    alert->has_told = true;
    return true;
}

const char *qta_alert_event_name(enum qta_alert_state state)
{
    switch (state) {
    case QTA_ALERT_FIRING:
        return "firing";
    case QTA_ALERT_ESCALATED:
        return "escalated";
    case QTA_ALERT_QUIET:
    default:
        return "resolved";
    }
}
