/* adapters/ cannot name replay/, which lies above it. */
#include "recorder/providers.h"

#include "adapters/registry.h"
#include "replay/replay_adapter.h"

enum qta_status qta_providers_register(struct qta_error *err)
{
    return qta_registry_add_builtin(&qta_replay_adapter_ops, err);
}
