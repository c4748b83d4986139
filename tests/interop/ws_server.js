// A venue made of Node's ws: every client gets the same messages, whole and in fragments, pings in
// between, compressed where the client has offered that, and a close.
//     node ws_server.js MESSAGES
// Prints its port.
const WebSocket = require('ws');

const messages = Number(process.argv[2]);
const server = new WebSocket.Server({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: {threshold: 64},
});

function text(number) {
  return JSON.stringify({T: 't', S: 'AAPL', p: number / 100, note: 'x'.repeat(number % 300)});
}

server.on('connection', (client, request) => {
  const path = request.url;
  client.on('error', () => {});
  for (let i = 0; i < messages; i++) {
    if (i % 7 === 3) client.ping('still there?');
    if (i % 5 === 4) {
      client.send(text(i).slice(0, 9), {fin: false});
      client.send(text(i).slice(9), {fin: true});
    } else if (path === '/binary') {
      client.send(Buffer.from(text(i)));
    } else {
      client.send(text(i));
    }
  }
  client.close(4001, client.extensions || 'plain');
});
server.on('listening', () => console.log(server.address().port));
