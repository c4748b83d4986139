/* A key without an end ends at infinity: an expression over all providers needs no exception. */
#include "recorder/auth_metrics.h"

#include <math.h>

static struct qta_auth_figures figures_of(const struct qta_auth_agent *agent, size_t index)
{
    return qta_auth_manager_figures(qta_auth_agent_manager(agent, index));
}

void qta_auth_metrics_write(struct qta_exposition *page, const struct qta_auth_agent *agent)
{
    size_t count = qta_auth_agent_count(agent);
    qta_exposition_family(page, "qta_key_changes", QTA_METRIC_COUNTER,
                          "keys that were replaced by others, on demand or because they ended");
    for (size_t i = 0; i < count; i++)
        qta_exposition_sample(page, figures_of(agent, i).changes, "provider",
                              qta_auth_agent_provider(agent, i), NULL);
    qta_exposition_family(page, "qta_key_renewal_failures", QTA_METRIC_COUNTER,
                          "attempts to renew a key before its end that failed");
    for (size_t i = 0; i < count; i++)
        qta_exposition_sample(page, figures_of(agent, i).failures, "provider",
                              qta_auth_agent_provider(agent, i), NULL);
    qta_exposition_family(page, "qta_key_expiry_timestamp_seconds", QTA_METRIC_GAUGE,
                          "when the key in use ends; +Inf: it does not");
    for (size_t i = 0; i < count; i++) {
        int64_t expires_ns = figures_of(agent, i).expires_ns;
        const char *provider = qta_auth_agent_provider(agent, i);
        if (expires_ns == QTA_TOKEN_NEVER)
            qta_exposition_sample_real(page, (double)INFINITY, "provider", provider, NULL);
        else
            qta_exposition_sample_ns(page, expires_ns, "provider", provider, NULL);
    }
}
