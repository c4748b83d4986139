/* Rows of session.db: the schema is ours, what it says is the fuzzer's. Each row is a byte that
 * chooses the table, then its columns: a byte for their type, and their value. */
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/index_schema.h"
#include "storage/packed_bytes.h"
#include "tests/fuzz/good_session.h"
#include "tests/fuzz/hostile_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *insert;
    int columns;
} tables[] = {
    {"INSERT OR REPLACE INTO meta VALUES(?,?)", 2},
    {"INSERT OR REPLACE INTO runs VALUES(?,?,?,?,?)", 5},
    {"INSERT OR REPLACE INTO providers VALUES(?,?)", 2},
    {"INSERT OR REPLACE INTO symbols VALUES(?,?)", 2},
    {"INSERT OR REPLACE INTO segments VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", 13},
    {"INSERT OR REPLACE INTO blocks VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", 12},
    {"INSERT OR REPLACE INTO segment_symbols VALUES(?,?,?)", 3},
    {"INSERT OR REPLACE INTO gaps VALUES(?,?,?,?,?,?,?,?,?,?,?)", 11},
    {"INSERT OR REPLACE INTO counters VALUES(?,?,?)", 3},
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0], DELETE = TABLE_COUNT };

static void bind(sqlite3_stmt *statement, int column, struct qta_packed_reader *in)
{
    uint8_t type = qta_packed_reader_take_u8(in);
    size_t length = type >> 3;
    switch (type & 7) {
    case 0:
        sqlite3_bind_null(statement, column);
        break;
    case 1:
        sqlite3_bind_int64(statement, column, (sqlite3_int64)qta_packed_reader_take_u64(in));
        break;
    case 2:
    case 3: {
        const uint8_t *bytes = qta_packed_reader_take(in, length);
        if (bytes && (type & 7) == 2)
            sqlite3_bind_text(statement, column, (const char *)bytes, (int)length, SQLITE_STATIC);
        else if (bytes)
            sqlite3_bind_blob(statement, column, bytes, (int)length, SQLITE_STATIC);
        break;
    }
    default:
        sqlite3_bind_int64(statement, column, (int8_t)qta_packed_reader_take_u8(in));
        break;
    }
}

static void change_rows(sqlite3 *db, const uint8_t *data, size_t size)
{
    struct qta_packed_reader in = qta_packed_reader_make(data, size);
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    while (!in.is_short && in.position < in.length) {
        unsigned table = qta_packed_reader_take_u8(&in) % (TABLE_COUNT + 1);
        sqlite3_stmt *statement = NULL;
        if (table == DELETE) {
            sqlite3_exec(db, "DELETE FROM blocks WHERE block = 1; DELETE FROM segments", NULL, NULL,
                         NULL);
            continue;
        }
        sqlite3_prepare_v2(db, tables[table].insert, -1, &statement, NULL);
        for (int column = 1; column <= tables[table].columns; column++)
            bind(statement, column, &in);
        sqlite3_step(statement); /* STRICT refuses what does not fit */
        sqlite3_finalize(statement);
    }
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct good_session good;
    if (!good.index)
        good_session_make(&good);
    sqlite3 *db;
    char path[256];
    hostile_session_write("session.db", good.index, good.index_length);
    snprintf(path, sizeof path, "%s/session.db", hostile_session_path());
    if (sqlite3_open(path, &db) != SQLITE_OK)
        abort();
    sqlite3_exec(db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF", NULL, NULL, NULL);
    change_rows(db, data, size);
    sqlite3_close(db);
    good_session_check(&good);
    return 0;
}
