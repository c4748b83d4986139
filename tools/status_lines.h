/** @file status_lines.h
 *  The JSON of qta_gateway_status() as lines that a person can read in a log. */
#ifndef QTA_TOOLS_STATUS_LINES_H
#define QTA_TOOLS_STATUS_LINES_H

/** Hands show one line for each member of the object, and where a member is an array of objects,
 *  one for each of these: "connections {"name":"alpaca",...}". json is what the library wrote. */
void qta_status_lines_tell(const char *json, void (*show)(void *user, const char *line),
                           void *user);

#endif
