/** @file sql_plan.h
 *  Which conditions of a query a table of ticks takes over: planned in xBestIndex, written down as
 *  text such as "session= symbol= ts_event>= ts_event<=" (EXPLAIN QUERY PLAN shows it), and turned
 *  into a filter with the values of each run in xFilter.
 *
 *  SQLite checks every condition again, so a filter may let through more than is wanted. */
#ifndef QTA_STORAGE_SQL_PLAN_H
#define QTA_STORAGE_SQL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3ext.h>

#include <qta/error.h>
#include <qta/session.h>

#include "storage/sql_columns.h"

/** xBestIndex. SQLITE_CONSTRAINT: not in this order of a join. SQLITE_NOMEM. A query that gives no
 *  session fails when it runs: SQLite also tries plans for parts of a condition. */
int qta_sql_plan(const struct qta_sql_table *table, sqlite3_index_info *info);

/** Names that a query asks for. */
struct qta_sql_names {
    char **items; /**< owned, as are they */
    size_t count;
    bool is_set; /**< otherwise all are wanted */
};

/** One run of a plan. */
struct qta_sql_query {
    struct qta_session_filter filter; /**< borrows from the others */
    char *session;                    /**< owned */
    struct qta_sql_names symbols;
    struct qta_sql_names providers;
    int64_t first_seq; /**< both ends belong to it; likewise below */
    int64_t last_seq;
    int64_t first_recv_ns;
    int64_t last_recv_ns;
    int64_t first_event_ns;
    int64_t last_event_ns;
    bool skips_damage;
    bool is_empty; /**< no row can match */
};

/** Reads a plan's number and text with the values of this run. QTA_ERR_USAGE: a value that cannot
 *  be meant. QTA_ERR_NOMEM. Finish it in any case. */
enum qta_status qta_sql_query_init(struct qta_sql_query *query, const struct qta_sql_table *table,
                                   int plan_number, const char *plan_text, int value_count,
                                   sqlite3_value **values, struct qta_error *err);
void qta_sql_query_finish(struct qta_sql_query *query);

#endif
