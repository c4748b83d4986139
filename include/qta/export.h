/** @file export.h
 *  Marks what the library exports. Everything else in it is hidden. */
#ifndef QTA_EXPORT_H
#define QTA_EXPORT_H

#if defined(__GNUC__)
#define QTA_API __attribute__((visibility("default")))
#define QTA_PRINTF(format_index, first_index)                                                      \
    __attribute__((format(printf, format_index, first_index)))
#else
#define QTA_API
#define QTA_PRINTF(format_index, first_index)
#endif

#endif
