/* The version of the library that is loaded. */
#include <qta/version.h>

const char *qta_version(void)
{
    return QTA_VERSION_TEXT;
}
