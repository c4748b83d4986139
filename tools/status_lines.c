/* Cuts at the commas of the outer levels; what is between them stays as it is. */
#include "tools/status_lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 2000 }; /* the log cuts there, too */

/* Where the value that begins here ends: at a comma or a closing bracket that is not inside it. */
static const char *end_of_value(const char *p)
{
    int depth = 0;
    bool is_string = false;
    for (; *p != '\0'; p++) {
        if (is_string) {
            if (*p == '\\' && p[1] != '\0')
                p++;
            else if (*p == '"')
                is_string = false;
        } else if (*p == '"') {
            is_string = true;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (depth-- == 0)
                return p;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
    }
    return p;
}

static void tell(const char *name, size_t name_length, const char *value, const char *end,
                 void (*show)(void *user, const char *line), void *user)
{
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "%.*s %.*s", (int)name_length, name, (int)(end - value), value);
    show(user, line);
}

void qta_status_lines_tell(const char *json, void (*show)(void *user, const char *line), void *user)
{
    const char *p = json + strspn(json, "{ ");
    while (*p == '"') {
        const char *name = p + 1;
        size_t name_length = strcspn(name, "\"");
        const char *value = name + name_length + strspn(name + name_length, "\"");
        value += *value == ':';
        const char *end = end_of_value(value);
        if (strncmp(value, "[{", 2) == 0) {
            for (const char *item = value + 1; item < end && *item == '{';) {
                const char *item_end = end_of_value(item);
                tell(name, name_length, item, item_end, show, user);
                item = *item_end == ',' ? item_end + 1 : item_end;
            }
        } else {
            tell(name, name_length, value, end, show, user);
        }
        p = *end == ',' ? end + 1 : end;
    }
}
