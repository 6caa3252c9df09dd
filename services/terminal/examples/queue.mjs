// Queues a sale with Node's own fetch and hears what comes of it: node queue.mjs URL SEAT CUSTOMER KEY, as in:
// node queue.mjs http://127.0.0.1:4280 A1 ann order-17
// The sale is done once, whether there is a line to the hosts or not. After a crash run the same again, with the same key.
import { setTimeout as pause } from 'node:timers/promises';

const again = [429, 500, 503, 504]; // it may be queued, or there is no room for it just now

// queue has the agent keep a request, once for each key, and gives its id.
async function queue(url, service, operation, body, key, lane) {
  const headers = { 'Content-Type': 'application/json', 'Hotpair-Queue': 'yes', 'Hotpair-Queue-Key': key, 'Hotpair-Lane': lane };
  for (;; await pause(1000)) {
    let answer;
    let value;
    try {
      answer = await fetch(`${url}/v1/${service}/${operation}`, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) });
      value = await answer.json();
    } catch {
      continue; // no agent
    }
    if (answer.status === 202) return value.id;
    if (!again.includes(answer.status)) throw new Error(value.detail);
  }
}

// events gives what this terminal is told from now on, as {kind, value}. It begins again by itself.
async function* events(url) {
  for (;; await pause(1000)) {
    try {
      const response = await fetch(`${url}/v1/notices`);
      let kind = 'message';
      let rest = '';
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          if (line.startsWith('event: ')) kind = line.slice(7);
          else if (line.startsWith('data: ')) yield { kind, value: JSON.parse(line.slice(6)) };
          else if (line === '') kind = 'message';
        }
      }
    } catch (problem) {
      if (!(problem instanceof TypeError)) throw problem; // fetch says so when there is no agent
    }
  }
}

// outcome gives what came of a request that is queued under a key. told hears the notices that come meanwhile.
async function outcome(url, key, told) {
  for await (const { kind, value } of events(url)) {
    let came = value;
    if (kind === 'message') told(value);
    if (kind === 'status') { // the stream has begun: it may be over already, and that is not told again
      const answer = await fetch(`${url}/v1/queue?key=${encodeURIComponent(key)}`).catch(() => null);
      if (!answer) continue; // no agent: the stream ends too, and begins again
      came = await answer.json();
      if (!answer.ok) throw new Error(`outcome unknown, check the seat: ${came.detail}`);
    }
    if ((kind === 'status' || kind === 'result') && came.key === key && came.state !== 'queued') return came;
  }
}

const [url, seat, customer, key] = process.argv.slice(2);
try {
  console.log(`queued: ${await queue(url, 'tickets', 'sell', { seat, customer }, key, customer)}`);
  const came = await outcome(url, key, (notice) => console.log(`told: ${JSON.stringify(notice)}`));
  if (came.state === 'unknown') throw new Error(`outcome unknown, check the seat: ${came.error}`);
  if (came.code) throw new Error(`refused: ${came.error}`);
  console.log(`done: ${JSON.stringify(came.body)}`);
} catch (problem) {
  console.error(problem.message);
  process.exitCode = 1;
}
