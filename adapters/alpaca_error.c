/* Alpaca's error codes, from its published table and its official SDKs. Codes are matched, never
 * texts: those change. */
#include "adapters/alpaca_error.h"

#include <stddef.h>

static const struct qta_alpaca_error errors[] = {
    {400, QTA_ALPACA_SPLIT_REQUEST, QTA_CAUSE_PROVIDER, 0,
     "the venue cannot read this request: a symbol's form may be wrong"},
    {401, QTA_ALPACA_AUTHENTICATE, QTA_CAUSE_AUTH, 0,
     "the venue does not take us for authenticated: check auth_method, key and secret"},
    {402, QTA_ALPACA_BLOCK, QTA_CAUSE_AUTH, 0,
     "key or secret were refused: check ALPACA_API_KEY and ALPACA_API_SECRET"},
    {403, QTA_ALPACA_IGNORE, QTA_CAUSE_AUTH, 0, "already authenticated"},
    {404, QTA_ALPACA_RECONNECT, QTA_CAUSE_AUTH, 0, "authentication came too late"},
    {405, QTA_ALPACA_REFUSE_REQUEST, QTA_CAUSE_PROVIDER, 0,
     "more symbols than the account's plan allows: ask for fewer"},
    /* after an unclean end the venue counts the dead connection for some seconds */
    {406, QTA_ALPACA_RECONNECT, QTA_CAUSE_PROVIDER, INT64_C(5000000000),
     "the account has another connection to this feed"},
    {407, QTA_ALPACA_RECONNECT, QTA_CAUSE_PROVIDER, 0,
     "the venue found us too slow and cuts the connection: data will be missing"},
    {408, QTA_ALPACA_BLOCK, QTA_CAUSE_PROVIDER, 0, "this feed is not enabled for the account"},
    {409, QTA_ALPACA_BLOCK, QTA_CAUSE_PROVIDER, 0,
     "the account's plan does not have this feed: use another websocket_url, such as .../v2/iex"},
    {410, QTA_ALPACA_SPLIT_REQUEST, QTA_CAUSE_PROVIDER, 0, "this feed does not offer the channel"},
    {411, QTA_ALPACA_BLOCK, QTA_CAUSE_AUTH, 0, "the token has no scope for market data"},
    {412, QTA_ALPACA_BLOCK, QTA_CAUSE_PROVIDER, 0,
     "this feed speaks msgpack only: set 'encoding: msgpack'"},
    {413, QTA_ALPACA_SPLIT_REQUEST, QTA_CAUSE_PROVIDER, 0,
     "this channel does not take '*': name the symbols"},
    {500, QTA_ALPACA_RECONNECT, QTA_CAUSE_PROVIDER, 0, "the venue has an internal error"},
};

const struct qta_alpaca_error *qta_alpaca_error_find(int64_t code)
{
    static const struct qta_alpaca_error unknown = {0, QTA_ALPACA_RECONNECT, QTA_CAUSE_PROVIDER, 0,
                                                    "the venue reports an error unknown to us"};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].code == code)
            return &errors[i];
    return &unknown;
}
