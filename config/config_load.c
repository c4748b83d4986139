/* Reads the file, then one step after the other: tree, references, overrides, structs, checks. */
#include "config/config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_override.h"
#include "config/config_reference.h"
#include "config/config_state.h"

/* The providers that will run, in one array as the gateway wants them. */
static void gather_providers(struct qta_config *config)
{
    struct qta_provider_options *options = qta_config_arena_alloc_array(
        &config->arena, config->provider_count, sizeof *options);
    if (!options)
        return;
    size_t count = 0;
    for (size_t i = 0; i < config->provider_count; i++) {
        struct qta_config_provider *provider = &config->providers[i];
        if (!provider->options.adapter)
            provider->options.adapter = provider->options.name;
        if (qta_config_provider_is_used(config, provider))
            options[count++] = provider->options;
    }
    config->values.gateway.providers = options;
    config->values.gateway.provider_count = count;
}

static void load_tree(struct qta_config *config, const char *const *overrides,
                      size_t override_count)
{
    if (config->root->kind != QTA_YAML_MAPPING) {
        qta_config_findings_add(&config->findings, QTA_CONFIG_ERROR, config->root->place,
                                "a configuration must be sections like 'streaming:', not %s",
                                qta_yaml_describe(config->root).text);
        return;
    }
    qta_config_references_expand(config->root, &config->arena, &config->findings);
    for (size_t i = 0; i < override_count; i++)
        qta_config_override_apply(config->root, overrides[i], &config->arena, &config->findings);
    qta_config_read(config);
    if (config->arena.is_exhausted)
        return;
    qta_config_check(config);
    gather_providers(config);
}

static enum qta_status result_of(struct qta_config **out, struct qta_config *config,
                                 const char *file, struct qta_error *err)
{
    qta_config_findings_sort(&config->findings);
    if (config->arena.is_exhausted) {
        qta_config_destroy(config);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", file);
    }
    config->adapters = NULL;
    *out = config;
    if (qta_config_findings_have_error(&config->findings))
        return qta_error_set(err, QTA_ERR_CONFIG, "%s", config->findings.sorted[0].message);
    return QTA_OK;
}

enum qta_status qta_config_load_text(struct qta_config **out, const char *file, const char *text,
                                     size_t length, const char *const *overrides,
                                     size_t override_count,
                                     const struct qta_config_adapters *adapters,
                                     struct qta_error *err)
{
    *out = NULL;
    struct qta_config *config = calloc(1, sizeof *config);
    if (!config)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", file);
    config->adapters = adapters;
    config->findings.arena = &config->arena;
    const char *name = qta_config_arena_copy(&config->arena, file, strlen(file));
    config->findings.file = name ? name : "";
    qta_yaml_parse(&config->root, text, length, &config->arena, &config->findings);
    if (config->root)
        load_tree(config, overrides, override_count);
    return result_of(out, config, file, err);
}

/* Reads at most one byte more than a file may have. Returns the length, or -1 and errno. */
static ssize_t read_file(const char *path, char *text, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used < capacity) {
        ssize_t count = read(fd, text + used, capacity - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int reason = errno;
            close(fd);
            errno = reason;
            return -1;
        }
        if (count == 0)
            break;
        used += (size_t)count;
    }
    close(fd);
    return (ssize_t)used;
}

enum qta_status qta_config_load_with(struct qta_config **out, const char *path,
                                     const char *const *overrides, size_t override_count,
                                     const struct qta_config_adapters *adapters,
                                     struct qta_error *err)
{
    const size_t capacity = QTA_YAML_FILE_BYTES_MAX + 1;
    *out = NULL;
    char *text = malloc(capacity);
    if (!text)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", path);
    ssize_t length = read_file(path, text, capacity);
    enum qta_status status;
    if (length < 0)
        status = qta_error_set_errno(err, "cannot read '%s'", path);
    else if (length > QTA_YAML_FILE_BYTES_MAX)
        status = qta_error_set(err, QTA_ERR_CONFIG, "'%s' is larger than 1 MiB: no configuration",
                               path);
    else
        status = qta_config_load_text(out, path, text, (size_t)length, overrides, override_count,
                                      adapters, err);
    explicit_bzero(text, length > 0 ? (size_t)length : 0);
    free(text);
    return status;
}

void qta_config_destroy(struct qta_config *config)
{
    if (!config)
        return;
    qta_config_arena_finish(&config->arena);
    explicit_bzero(config, sizeof *config);
    free(config);
}

size_t qta_config_findings(const struct qta_config *config,
                           const struct qta_config_finding **findings)
{
    *findings = config->findings.sorted;
    return config->findings.sorted_count;
}

const struct qta_gateway_options *qta_config_gateway(const struct qta_config *config)
{
    return qta_config_findings_have_error(&config->findings) ? NULL : &config->values.gateway;
}
