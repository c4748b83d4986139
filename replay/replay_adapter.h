/** @file replay_adapter.h
 *  The replay engine as an adapter: `provider: replay` in a gateway's configuration. */
#ifndef QTA_REPLAY_REPLAY_ADAPTER_H
#define QTA_REPLAY_REPLAY_ADAPTER_H

#include <qta/adapter.h>

/** Settings: session (one path or several), speed, from, to, start_offset, duration, gap_max, loop,
 *  symbols, types, providers. */
extern const struct qta_adapter_ops qta_replay_adapter_ops;

#endif
