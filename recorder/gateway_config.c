/* Configurations for the gateway: config/ reads them, this says which adapters there are. */
#include <qta/config.h>

#include <stddef.h>

#include "config/config_load.h"
#include "recorder/providers.h"

enum qta_status qta_config_load(struct qta_config **out, const char *path,
                                const char *const *overrides, size_t override_count,
                                struct qta_error *err)
{
    static const struct qta_config_adapters adapters = {qta_adapter_find, qta_adapter_list};
    *out = NULL;
    enum qta_status status = qta_providers_register(err);
    if (status != QTA_OK)
        return status;
    return qta_config_load_with(out, path, overrides, override_count, &adapters, err);
}
