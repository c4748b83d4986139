/* The gateway on the real seams: the system's clock and disk, libwebsockets, the YAML file. */
#include <qta/gateway.h>

#include <assert.h>

#include "core/environment.h"
#include "recorder/gateway_internal.h"
#include "recorder/lws_transport.h"
#include "recorder/providers.h"

/* A replay or a generator alone has no use for sockets, and sleeps more precisely without. */
static bool needs_transport(const struct qta_gateway_options *options)
{
    for (size_t i = 0; i < options->provider_count; i++) {
        const struct qta_provider_options *provider = &options->providers[i];
        const char *name = provider->adapter ? provider->adapter : provider->name;
        const struct qta_adapter_ops *ops = name ? qta_adapter_find(name) : NULL;
        if (ops && ops->transport != QTA_TRANSPORT_NONE)
            return true;
    }
    return false;
}

enum qta_status qta_gateway_create(struct qta_gateway **out,
                                   const struct qta_gateway_options *options, struct qta_error *err)
{
    assert(out);
    assert(options);
    struct qta_environment *environment = qta_environment_system();
    struct qta_transport *transport = NULL;
    enum qta_status status = qta_providers_register(err);
    if (status == QTA_OK && needs_transport(options))
        status = qta_lws_transport_create(&transport, environment, err);
    if (status != QTA_OK)
        return status;
    status = qta_gateway_create_in(out, options, environment, transport, err);
    if (status != QTA_OK && transport)
        transport->ops->destroy(transport);
    return status;
}

enum qta_status qta_gateway_open(struct qta_gateway **out, const char *yaml_path,
                                 struct qta_error *err)
{
    assert(out);
    assert(yaml_path);
    struct qta_config *config = NULL;
    enum qta_status status = qta_config_load(&config, yaml_path, NULL, 0, err);
    if (status == QTA_OK)
        status = qta_gateway_create(out, qta_config_gateway(config), err);
    qta_config_destroy(config);
    return status;
}
