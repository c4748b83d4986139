/** @file fake_adapters.h
 *  A table of adapters for tests of configurations: never run, only looked at.
 *
 *  "alpaca" (WebSocket, needs a key, no imbalances or order books), "replay" (no connection, stamps
 *  everything, a setting of every type), "synthetic" (no connection), "venue" (knows its own URL),
 *  "wire" (TCP). */
#ifndef QTA_TESTS_FAKE_ADAPTERS_H
#define QTA_TESTS_FAKE_ADAPTERS_H

#include "config/config_load.h"

extern const struct qta_config_adapters fake_adapters;

#endif
