/* Any bytes as a configuration: findings or options, never a crash; and what is printed of one that
 * loads must load again and print the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/fake_adapters.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct qta_config *load(const char *text, size_t length, const char *override)
{
    struct qta_config *config = NULL;
    struct qta_error err;
    enum qta_status status = qta_config_load_text(&config, "fuzz.yaml", text, length, &override,
                                                  override ? 1 : 0, &fake_adapters, &err);
    if (status != QTA_OK && status != QTA_ERR_CONFIG)
        abort();
    if (!config || (status == QTA_OK) != (qta_config_gateway(config) != NULL))
        abort();
    const struct qta_config_finding *findings;
    size_t count = qta_config_findings(config, &findings);
    for (size_t i = 0; i < count; i++) {
        if (strchr(findings[i].message, '\n') || strchr(findings[i].message, '\x1b'))
            abort();
    }
    return config;
}

static void check_round_trip(const struct qta_config *config)
{
    char *printed = NULL;
    if (qta_config_print(config, &printed, NULL) != QTA_OK)
        abort();
    struct qta_config *again = load(printed, strlen(printed), NULL);
    char *printed_again = NULL;
    if (qta_config_print(again, &printed_again, NULL) != QTA_OK ||
        strcmp(printed, printed_again) != 0) {
        fprintf(stderr, "%s----\n%s", printed, printed_again ? printed_again : "(errors)\n");
        abort();
    }
    free(printed_again);
    qta_config_destroy(again);
    free(printed);
}

/* The first line is an override when it begins with '=': "=streaming.buffer_size=5". */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    char *override = NULL;
    const char *newline = size > 0 && text[0] == '=' ? memchr(text, '\n', size) : NULL;
    if (newline) {
        override = strndup(text + 1, (size_t)(newline - text - 1));
        size -= (size_t)(newline + 1 - text);
        text = newline + 1;
    }
    struct qta_config *config = load(text, size, override);
    if (qta_config_gateway(config))
        check_round_trip(config);
    qta_config_destroy(config);
    free(override);
    return 0;
}
