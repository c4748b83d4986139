/** @file qta.h
 *  All of the public API. */
#ifndef QTA_QTA_H
#define QTA_QTA_H

#include <qta/adapter.h>
#include <qta/archive.h>
#include <qta/config.h>
#include <qta/decimal.h>
#include <qta/dictionary.h>
#include <qta/digest.h>
#include <qta/error.h>
#include <qta/exchange.h>
#include <qta/export.h>
#include <qta/gateway.h>
#include <qta/import.h>
#include <qta/log.h>
#include <qta/print.h>
#include <qta/redecode.h>
#include <qta/replay.h>
#include <qta/server.h>
#include <qta/session.h>
#include <qta/subscriber.h>
#include <qta/tick.h>
#include <qta/timestamp.h>
#include <qta/version.h>

#endif
