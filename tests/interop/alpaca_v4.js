// The vendor's SDK, version 4: subscribes as its documentation shows and prints every event it hands
// out, one JSON object a line. Usage: node alpaca_v4.js ws://HOST:PORT/v2/sip SYMBOL...
'use strict';
const fs = require('node:fs');
const { Alpaca } = require('alpaca-trade-api-4');

const [url, ...symbols] = process.argv.slice(2);

const withText = (key, value) => (typeof value === 'bigint' ? value.toString() : value);
// at once, so that nothing is lost when the process leaves
const print = (event, data) =>
  fs.writeSync(1, JSON.stringify({ event, data }, withText) + '\n');

const alpaca = new Alpaca({ keyId: 'key', secret: 'secret', paper: true });
const stream = alpaca.marketData.stockStream({ feed: 'sip', url, reconnect: false });
stream.onTrade((trade) => print('trade', trade));
stream.onQuote((quote) => print('quote', quote));
stream.onError((error) => print('error', String(error)));
stream.onConnect(() => {
  print('connected', null);
  stream.subscribeForTrades(symbols);
  stream.subscribeForQuotes(symbols);
});
stream.onDisconnect(() => {
  print('disconnected', null);
  process.exitCode = 0;
});
stream.connect();
