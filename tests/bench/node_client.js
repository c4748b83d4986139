// What a user might write instead: Node's ws and JSON.parse, which hands every tick to a callback.
//     node node_client.js URL
// Prints "TICKS SECONDS CPU-SECONDS" from the first message to the last.
const WebSocket = require('ws');

let ticks = 0;
let volume = 0;
let started, startedCpu, ended, endedCpu;

function onTick(tick) {
  ticks++;
  volume += tick.s || 0;
}

const client = new WebSocket(process.argv[2], {perMessageDeflate: false});
client.on('message', (data) => {
  if (started === undefined) {
    started = process.hrtime.bigint();
    startedCpu = process.cpuUsage();
  }
  for (const tick of JSON.parse(data)) onTick(tick);
});
client.on('close', () => {
  ended = process.hrtime.bigint();
  endedCpu = process.cpuUsage(startedCpu);
  console.log(ticks, Number(ended - started) / 1e9, (endedCpu.user + endedCpu.system) / 1e6);
});
client.on('error', (error) => {
  console.error('node_client: ' + error.message);
  process.exit(1);
});
