// A till that sells seats through the agent that serves this page, whether there is a line to the hosts or not.
//
// Every sale is queued at the agent (Hotpair-Queue), with the line and without: the agent has it on its disk before it says so, has it
// done when a host can be reached, and tells what came of it. So there is one way, nothing changes at the moment in which the line is
// cut, and a customer is only told "sold" once that is the pair's answer.
//
// A sale is kept here with its key before it is sent. Whatever happens to this page or to the agent, the same sale is handed in under the
// same key, or asked for by it, and is done once.

const $ = (id) => document.getElementById(id);
const lane = 'sales'; // what is sold here is done in the order in which it was sold
const shown = 40; // lines of each list
const keptHere = 100; // sales that are over and still kept in this browser
const again = 1000; // ms until something is tried again that had no answer
const askEvery = 5000; // ms after which sales without an outcome are asked for, in case word of one was missed
const takeover = 3000; // ms without a host that may be a takeover; after them the line is taken for cut
const longest = 24 * 3600 * 1000; // ms in which a sale that the agent does not know is handed in: later it may have been done and forgotten

// A sale is {key, seat, customer, at, state, id, why, took}, and its state one of
//   new       it is kept here, and the agent has not said that it has it
//   accepted  the agent has it on its disk
//   done      the seat is sold to this till
//   refused   it was not sold, and why says the reason
//   unknown   nobody can say whether it was sold: somebody has to look
const sales = new Map(); // by key, the oldest first
const isOpen = (sale) => sale.state === 'new' || sale.state === 'accepted';
const seats = new Map(); // by name: {button, taken}
const line = { status: null, heard: 0, away: true, stale: false, trouble: '' };

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

// call asks the agent; there is no answer while it is away.
async function call(path, options) {
  try {
    const response = await fetch(path, options);
    return { status: response.status, value: await response.json() };
  } catch {
    return null;
  }
}

const post = (operation, body, headers) =>
  call(`/v1/tickets/${operation}`, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });

// --- Sales ---

// change notes what has become of a sale. What can't be kept in this browser throws, and is not so.
function change(sale, to) {
  const next = { ...sale, ...to };
  localStorage.setItem(`sale/${sale.key}`, JSON.stringify(next));
  Object.assign(sale, to);
  sales.set(sale.key, sale);
  const over = [...sales.values()].filter((s) => s.state === 'done' || s.state === 'refused');
  for (const old of over.slice(0, Math.max(0, over.length - keptHere))) {
    localStorage.removeItem(`sale/${old.key}`);
    sales.delete(old.key);
  }
  show();
}

function sell(seat) {
  const sale = { key: `${seat}/${crypto.randomUUID()}`, seat, customer: line.status.terminal, at: new Date().toISOString() };
  try {
    change(sale, { state: 'new' }); // before it is sent
    line.trouble = '';
    void offer(sale);
  } catch (problem) {
    line.trouble = `Seat ${seat} was not sold, this browser can't store the sale: ${problem.message}. `;
    show();
  }
}

const offered = new Set(); // keys of sales that are being handed in

// offer hands a sale to the agent until that has it: the same again is taken once, because of its key.
async function offer(sale) {
  if (offered.has(sale.key)) return;
  offered.add(sale.key);
  try {
    for (; sale.state === 'new'; await pause(again)) {
      const answer = await post('sell', { seat: sale.seat, customer: sale.customer }, { 'Hotpair-Queue': 'yes', 'Hotpair-Lane': lane, 'Hotpair-Queue-Key': sale.key });
      if (!answer || sale.state !== 'new') continue; // the agent is away; or has told of it meanwhile
      if (answer.status === 202) change(sale, { state: 'accepted', id: answer.value.id });
      else if (answer.value.done === 'nothing' && answer.status !== 429 && answer.status !== 503) change(sale, { state: 'refused', why: answer.value.detail });
    }
  } finally {
    offered.delete(sale.key);
  }
}

// settle takes what the agent tells of a sale.
function settle(told) {
  const sale = sales.get(told.key);
  if (!sale || !isOpen(sale)) return;
  if (told.state === 'queued') {
    if (sale.state === 'new') change(sale, { state: 'accepted', id: told.id });
    return;
  }
  const took = Date.parse(told.answered_at) - Date.parse(told.queued_at);
  if (told.state === 'unknown') change(sale, { state: 'unknown', id: told.id, why: told.error });
  else if (told.code) change(sale, { state: 'refused', id: told.id, why: told.error });
  else change(sale, { state: 'done', id: told.id, took });
}

let asking = false;

// askForAll asks what has become of each sale that has no outcome here: word of it comes only to who listens at that moment.
async function askForAll() {
  if (asking) return;
  asking = true;
  try {
    for (const sale of [...sales.values()].filter(isOpen)) {
      const was = sale.state; // what the agent says now is of a sale that it may not have been given yet
      const answer = await call(`/v1/queue?key=${encodeURIComponent(sale.key)}`);
      if (!answer) break;
      try {
        if (answer.status === 200) settle(answer.value);
        else if (answer.status !== 404 || sale.state !== was) continue;
        else if (sale.state === 'new' && Date.now() - Date.parse(sale.at) < longest) void offer(sale);
        else change(sale, { state: 'unknown', why: 'the agent does not know it' });
      } catch (problem) { // it is asked about again, and the others are now
        line.trouble = `This browser can't store the outcome of seat ${sale.seat}: ${problem.message}. `;
      }
    }
  } finally {
    asking = false;
  }
}

// look finds out about a sale of which nobody knows, and has the agent forget it.
async function look(sale) {
  const answer = await post('look', { seat: sale.seat });
  if (answer?.status !== 200) {
    change(sale, { why: answer ? answer.value.detail : 'the agent does not answer; try again' });
    return;
  }
  const { state, customer } = answer.value;
  if (state === 'sold' && customer === sale.customer) change(sale, { state: 'done', why: 'as the seat shows' });
  else change(sale, { state: 'refused', why: `it was not sold to this till: the seat is ${state}` });
  if (sale.id) void call(`/v1/queue/${sale.id}`, { method: 'DELETE' });
}

// --- What is told ---

function told(notice) {
  const seat = notice.service === 'tickets' && seats.get(notice.body.seat);
  if (seat) seat.taken = notice.topic === 'sold';
  if (notice.service === 'hotpair') line.stale = true; // something was missed, or did not happen
  enter('told', notice.number, seat ? `seat ${notice.body.seat} is ${notice.body.state}` : `${notice.service}.${notice.topic}`);
  show();
}

// lookAtAll reads every seat, when what was told is not all that happened.
async function lookAtAll() {
  line.stale = false;
  for (const [name, seat] of seats) {
    const answer = await post('look', { seat: name }, { 'Hotpair-Deadline': '5s' });
    if (answer?.status !== 200) {
      line.stale = true;
      return;
    }
    seat.taken = answer.value.state !== 'free';
  }
  show();
}

function status(s) {
  line.status = s;
  line.heard = performance.now();
  line.away = false;
  if (s.serves && line.stale) void lookAtAll();
  show();
}

// listen hears the agent. A browser comes again by itself, with the number that it has come to, unless the agent has refused it.
function listen() {
  const stream = new EventSource('/v1/notices?after=0');
  stream.addEventListener('open', () => void askForAll());
  stream.addEventListener('status', (event) => status(JSON.parse(event.data)));
  stream.addEventListener('message', (event) => told(JSON.parse(event.data)));
  stream.addEventListener('result', (event) => settle(JSON.parse(event.data)));
  for (const kind of ['missed', 'reset']) stream.addEventListener(kind, () => { line.stale = true; });
  stream.addEventListener('error', () => {
    line.away = true;
    show();
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, again);
  });
}

// --- What is shown: always all of it, out of what is known ---

// lineNow is how this till stands: unknown, served, moment, cut, or away, when the agent itself does not answer.
function lineNow() {
  const s = line.status;
  if (line.away) return s ? 'away' : 'unknown';
  if (s.serves) return 'served';
  const without = Date.parse(s.now) - Date.parse(s.since) + performance.now() - line.heard;
  return s.host && without < takeover ? 'moment' : 'cut';
}

const banner = {
  unknown: () => ['Connecting to the agent…', ''],
  served: (s) => [`Open: host ${s.host} serves`, s.words],
  moment: (s) => ['One moment: another host takes over', s.words],
  cut: (s) => ['No connection: sales are stored here and executed when it is back', s.words],
  away: () => ['Closed: the agent of this till does not answer', 'Trying again each second. What it has accepted is on its disk.'],
};

const words = {
  new: () => 'sent to the agent…',
  accepted: () => 'accepted, stored on this machine',
  done: (sale) => `sold${sale.took === undefined ? ` (${sale.why})` : ` after ${sale.took < 1000 ? `${sale.took} ms` : `${(sale.took / 1000).toFixed(1)} s`}`}`,
  refused: (sale) => `refused: ${sale.why}`,
  unknown: (sale) => `unknown whether it is sold: ${sale.why}`,
};

function item(head, text) {
  const li = document.createElement('li');
  const [b, span] = [document.createElement('b'), document.createElement('span')];
  [b.textContent, span.textContent] = [head, text]; // never as markup: it comes from elsewhere
  li.append(b, span);
  return li;
}

function enter(list, head, text) {
  $(list).prepend(item(head, text));
  while ($(list).children.length > shown) $(list).lastElementChild.remove();
}

function show() {
  const now = lineNow();
  document.body.dataset.line = now;
  document.body.dataset.host = now === 'served' ? line.status.host : '';
  const [who, said] = banner[now](line.status);
  $('who').textContent = who;
  $('words').textContent = line.trouble + said;

  const list = [...sales.values()];
  const ofSeat = new Map(list.map((sale) => [sale.seat, sale])); // the last one of each
  for (const [name, { button, taken }] of seats) {
    const state = ofSeat.get(name)?.state;
    button.dataset.state = { new: 'waits', accepted: 'waits', done: 'mine', unknown: 'unknown' }[state] ?? (taken ? 'sold' : 'free');
    button.disabled = button.dataset.state !== 'free' || now === 'unknown' || now === 'away';
  }

  const count = (...states) => list.filter((sale) => states.includes(sale.state)).length;
  const parts = [['waiting', count('new', 'accepted')], ['sold', count('done')], ['refused', count('refused')], ['not known', count('unknown')]];
  $('count').textContent = parts.filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(' · ');
  $('sales').replaceChildren(...list.slice(-shown).reverse().map((sale) => {
    const li = item(sale.seat, words[sale.state](sale));
    li.dataset.sale = sale.state;
    if (sale.state === 'unknown') {
      const button = document.createElement('button');
      button.textContent = 'Look';
      button.addEventListener('click', () => void look(sale));
      li.append(button);
    }
    return li;
  }));
}

for (const row of 'ABCDE') {
  for (let n = 1; n <= 8; n += 1) {
    const button = document.createElement('button');
    button.textContent = `${row}${n}`;
    button.addEventListener('click', () => sell(button.textContent));
    seats.set(button.textContent, { button, taken: false });
    $('seats').append(button);
  }
}
const kept = Object.keys(localStorage).filter((name) => name.startsWith('sale/')).map((name) => JSON.parse(localStorage.getItem(name)));
for (const sale of kept.sort((a, b) => a.at.localeCompare(b.at))) sales.set(sale.key, sale);
show();
listen();
setInterval(() => {
  if (line.status && !line.away && !line.status.serves) show(); // a moment may have become a cut
}, 500);
setInterval(() => void askForAll(), askEvery);
