/* The entry of qta.so, the loadable SQLite extension: SQL over sessions.
 *
 *     .load ./qta
 *     SELECT symbol, count(*), sum(price * size) FROM qta_trades('sessions/2024-05-01') GROUP BY 1;
 */
#include "storage/sqlite_extension.h"

#include <pthread.h>

#include "storage/sql_connection.h"
#include "storage/sql_functions.h"
#include "storage/sql_sessions.h"
#include "storage/sql_ticks.h"

SQLITE_EXTENSION_INIT1

/* The first with sqlite3_vtab_in(). */
enum { SQLITE_VERSION_NEEDED = 3038000 };

/* Connections of several threads may load it at once: the first one sets the table of SQLite's
 * functions for all, and nobody writes to it while others call through it. */
static void take_api(const sqlite3_api_routines *api)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!sqlite3_api)
        SQLITE_EXTENSION_INIT2(api)
    pthread_mutex_unlock(&lock);
}

int sqlite3_qta_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    take_api(api);
    if (sqlite3_libversion_number() < SQLITE_VERSION_NEEDED) {
        *message = sqlite3_mprintf("qta needs SQLite 3.38 or newer, this is %s",
                                   sqlite3_libversion());
        return SQLITE_ERROR;
    }
    struct qta_sql_connection *connection = qta_sql_connection_create();
    if (!connection)
        return SQLITE_NOMEM;
    int code = qta_sql_functions_register(db, connection);
    if (code == SQLITE_OK)
        code = qta_sql_ticks_register(db, connection);
    if (code == SQLITE_OK)
        code = qta_sql_sessions_register(db);
    qta_sql_connection_release(connection);
    return code;
}
