/* The defaults of the public options structs are those of the table. */
#include <qta/config.h>

#include "config/config_keys.h"
#include "config/config_value.h"

struct qta_gateway_options qta_gateway_options_default(void)
{
    struct qta_config_values values = {0};
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    qta_config_defaults_apply(keys, count, &values);
    values.gateway.health.alert_channels = QTA_ALERT_LOG; /* a list: not of the table's making */
    return values.gateway;
}

struct qta_provider_options qta_provider_options_default(void)
{
    struct qta_config_provider provider = {0};
    size_t count;
    const struct qta_config_key *keys = qta_config_provider_keys(&count);
    qta_config_defaults_apply(keys, count, &provider);
    return provider.options;
}
