// Sells a seat with Node's own fetch: node sell.mjs URL SEAT CUSTOMER, as in: node sell.mjs http://127.0.0.1:4280 A1 ann
// The id is made once. Whatever happens to this call, the same is sent again and takes effect once.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const again = [429, 500, 503, 504]; // nobody knows yet, or nothing was done

async function ask(url, service, operation, body, tries = 5) {
  const headers = {
    'Content-Type': 'application/json',
    'Hotpair-Request-Id': `${new Date().toISOString()}/${randomUUID()}`,
    'Hotpair-Deadline': process.env.DEADLINE ?? '30s',
  };
  let said;
  for (let n = 0; n < tries; n += 1) {
    try {
      const answer = await fetch(`${url}/v1/${service}/${operation}`, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(40_000) });
      const value = await answer.json();
      if (answer.ok) return value;
      said = new Error(value.detail);
      if (!again.includes(answer.status)) break;
    } catch (problem) {
      said = problem; // no agent, or no answer in time
    }
    await pause(1000);
  }
  throw said;
}

const [url, seat, customer] = process.argv.slice(2);
try {
  console.log(JSON.stringify(await ask(url, 'tickets', 'sell', { seat, customer })));
} catch (problem) {
  console.error(problem.message);
  process.exitCode = 1;
}
