// The vendor's SDK, version 3, which insists on wss: subscribes and prints every event it hands out,
// one JSON object a line. Usage: NODE_EXTRA_CA_CERTS=ca.pem node alpaca_v3.js https://HOST:PORT SYMBOL...
'use strict';
const fs = require('node:fs');
const Alpaca = require('alpaca-trade-api-3');

const [url, ...symbols] = process.argv.slice(2);

const withText = (key, value) => (typeof value === 'bigint' ? value.toString() : value);
// at once, so that nothing is lost when the process leaves
const print = (event, data) =>
  fs.writeSync(1, JSON.stringify({ event, data }, withText) + '\n');

const alpaca = new Alpaca({ keyId: 'key', secretKey: 'secret', dataStreamUrl: url, feed: 'sip' });
const stream = alpaca.data_stream_v2;
stream.onStockTrade((trade) => print('trade', trade));
stream.onStockQuote((quote) => print('quote', quote));
stream.onError((error) => print('error', String(error)));
stream.onConnect(() => {
  print('connected', null);
  stream.subscribeForTrades(symbols);
  stream.subscribeForQuotes(symbols);
});
stream.onDisconnect(() => {
  print('disconnected', null);
  process.exit(0);
});
stream.connect();
