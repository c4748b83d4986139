/** @file version.h
 *  The library's version; the build checks that it is the project's. */
#ifndef QTA_VERSION_H
#define QTA_VERSION_H

#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QTA_VERSION_MAJOR 0
#define QTA_VERSION_MINOR 1
#define QTA_VERSION_PATCH 0
#define QTA_VERSION_TEXT "0.1.0"

/** The version of the library that is loaded, e.g. "0.1.0". Static. */
QTA_API const char *qta_version(void);

#ifdef __cplusplus
}
#endif

#endif
