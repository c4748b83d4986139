/* What differs is found in the printed configurations: they are without secrets and may be kept. */
#include "tools/config_source.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "tools/program.h"

enum qta_status qta_config_source_note(struct qta_config_source *source,
                                       const struct qta_config *config, struct qta_error *err)
{
    enum qta_status status = qta_config_print(config, &source->started, err);
    if (status == QTA_OK)
        source->latest = strdup(source->started);
    if (status == QTA_OK && !source->latest)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the configuration");
    return status;
}

void qta_config_source_finish(struct qta_config_source *source)
{
    free(source->started);
    free(source->latest);
    source->started = NULL;
    source->latest = NULL;
}

/* ---- what has to wait -------------------------------------------------------------------------
 */

struct search {
    const char *key;
    bool is_found;
};

static void look_for_key(void *user, const char *key, bool is_live)
{
    struct search *search = user;
    (void)is_live;
    if (strcmp(key, search->key) == 0)
        search->is_found = true;
}

struct comparison {
    const struct qta_config_source *source;
    const char *after;
};

/* A value that went back to what runs is no news. */
static void tell_change(void *user, const char *key, bool is_live)
{
    const struct comparison *comparison = user;
    struct search search = {.key = key};
    struct qta_error err;
    if (is_live)
        return;
    if (qta_config_changes(comparison->source->started, comparison->after, look_for_key, &search,
                           &err) != QTA_OK ||
        search.is_found)
        qta_log(QTA_LOG_WARNING, "config", "%s takes effect at the next start", key);
}

static void tell_what_waits(struct qta_config_source *source, char *after)
{
    const struct comparison comparison = {source, after};
    struct qta_error err;
    if (qta_config_changes(source->latest, after, tell_change, (void *)(uintptr_t)&comparison,
                           &err) != QTA_OK)
        qta_log(QTA_LOG_ERROR, "config", "%s", err.message);
    free(source->latest);
    source->latest = after;
}

/* ---- reading again ----------------------------------------------------------------------------
 */

static void tell_findings(const struct qta_config *config)
{
    const struct qta_config_finding *findings;
    size_t count = qta_config_findings(config, &findings);
    for (size_t i = 0; i < count; i++)
        qta_log(findings[i].is_error ? QTA_LOG_ERROR : QTA_LOG_WARNING, "config", "%s",
                findings[i].message);
}

bool qta_config_source_reload(struct qta_config_source *source, struct qta_gateway *gateway)
{
    struct qta_config *config = NULL;
    struct qta_error err;
    char *after = NULL;
    enum qta_status status = qta_config_load(&config, source->path, source->overrides,
                                             source->count, &err);
    if (config)
        tell_findings(config);
    else
        qta_log(QTA_LOG_ERROR, "config", "%s", err.message);
    bool is_told = status != QTA_OK;
    if (status == QTA_OK)
        status = qta_config_print(config, &after, &err);
    if (status == QTA_OK)
        status = qta_gateway_reload(gateway, qta_config_gateway(config), &err);
    if (status == QTA_OK) {
        tell_what_waits(source, after);
        char answer[512];
        snprintf(answer, sizeof answer, "'%s' was read again", source->path);
        qta_program_log_answer("config", answer);
    } else {
        if (!is_told)
            qta_log(QTA_LOG_ERROR, "config", "%s", err.message);
        qta_log(QTA_LOG_ERROR, "config", "'%s' was not taken over: all stays as it was",
                source->path);
        free(after);
    }
    qta_config_destroy(config);
    return status == QTA_OK;
}
