// The state of the terminal, its notices, and a form for requests. Values are set as text, never as markup.

const $ = (id) => document.getElementById(id);
const most = 50; // notices that are shown
let token = sessionStorage.getItem('token') || '';

const headers = (more) => (token ? { ...more, Authorization: `Bearer ${token}` } : { ...more });

function show(status) {
  document.body.dataset.state = status.serves ? 'served' : 'waiting';
  $('terminal').textContent = status.terminal;
  $('words').textContent = status.words;
}

function askForToken(why) {
  $('login').hidden = false;
  $('login-error').textContent = token ? why : '';
  $('token').focus();
}

function told(notice) {
  $('none').hidden = true;
  const item = document.createElement('li');
  const from = document.createElement('b');
  from.textContent = `${notice.number} ${notice.service}.${notice.topic} `;
  item.append(from, JSON.stringify(notice.body ?? { from: notice.from, to: notice.to, missing: notice.missing }));
  $('notices').prepend(item);
  while ($('notices').children.length > most) $('notices').lastElementChild.remove();
}

function happened({ kind, data }) {
  const value = JSON.parse(data);
  if (kind === 'status') show(value);
  else if (kind === 'message') told(value);
}

// events reads server-sent events of a response: fetch can send a token, which EventSource can't.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
      const event = { kind: 'message', id: '', data: '' };
      for (const line of rest.slice(0, end).split('\n')) {
        if (line.startsWith('data: ')) event.data += line.slice(6);
        else if (line.startsWith('event: ')) event.kind = line.slice(7);
        else if (line.startsWith('id: ')) event.id = line.slice(4);
      }
      if (event.data || event.id) yield event;
    }
  }
}

async function listen() {
  let last = '';
  for (;;) {
    try {
      const response = await fetch('/v1/notices', { headers: headers(last ? { 'Last-Event-ID': last } : {}) });
      if (response.status === 401) {
        askForToken((await response.json()).detail);
        return;
      }
      if (!response.ok) throw new Error((await response.json()).detail);
      $('login').hidden = true;
      void offer();
      for await (const event of events(response)) {
        if (event.id) last = event.id;
        if (event.data) happened(event);
      }
      throw new Error('the agent closed the stream');
    } catch (problem) {
      document.body.dataset.state = 'gone';
      $('words').textContent = `The agent of this terminal does not answer: ${problem.message}. Trying again each second.`;
    }
    await new Promise((wake) => setTimeout(wake, 1000));
  }
}

async function offer() {
  const response = await fetch('/v1/services', { headers: headers() });
  if (!response.ok) return;
  const { services } = await response.json();
  $('operations').replaceChildren(...services.flatMap((service) => service.operations.map((operation) => {
    const option = document.createElement('option');
    option.value = `${service.name}/${operation}`;
    return option;
  })));
}

$('ask').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = $('ask').querySelector('button');
  button.disabled = true;
  $('outcome').textContent = 'Sent…';
  $('outcome').className = '';
  $('answer').hidden = true;
  const began = performance.now();
  try {
    const path = $('operation').value.trim().split('/').map(encodeURIComponent).join('/');
    const response = await fetch(`/v1/${path}`, { method: 'POST', headers: headers({ 'Content-Type': 'application/json' }), body: $('body').value });
    const text = await response.text();
    const took = Math.round(performance.now() - began);
    $('outcome').textContent = response.ok ? `Done in ${took} ms` : `${response.status}, after ${took} ms`;
    $('outcome').className = response.ok ? '' : 'bad';
    try {
      $('answer').textContent = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      $('answer').textContent = text;
    }
    $('answer').hidden = false;
  } catch (problem) {
    $('outcome').textContent = `The agent did not answer (${problem.message}): it is unknown whether the request was executed.`;
    $('outcome').className = 'bad';
  }
  button.disabled = false;
});

$('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = $('token').value;
  sessionStorage.setItem('token', token); // of this origin and tab alone
  $('token').value = '';
  void listen();
});

void listen();
