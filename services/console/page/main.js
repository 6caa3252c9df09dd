// The page: what the stream tells goes to the parts that show it.

import { $, el, put, fill, span, sequence } from './text.js';
import { Stream } from './stream.js';
import { Pair } from './pair.js';
import { Plots } from './plots.js';
import { Timeline } from './timeline.js';
import { Actions } from './actions.js';
import { Login } from './login.js';

const hosts = new Map(); // name → {status, at, error}
let shown; // name of the host whose view is shown
let age = Infinity; // ms since the last message
let live = false;
let said; // the last summary

const pair = new Pair();
const plots = new Plots();
const timeline = new Timeline();
const status = () => hosts.get(shown)?.status;
const login = new Login({
  entered() {
    stream.start();
    past();
    actions.refresh();
  },
  left() {
    stream.stop();
    $('dialog').close();
    // What was shown was for whoever was logged in.
    if (shown) location.reload();
  },
});
const actions = new Actions(() => ({ status: status(), live, person: login.person }), () => login.look());

const stream = new Stream({
  refused() {
    login.look();
  },
  message(kind, data) {
    if (kind === 'status') take(data);
    if (kind === 'peer') takePeer(data);
    if (kind === 'event') timeline.add(data);
    if (kind === 'point') plots.add(data);
  },
  age(ms, stale) {
    age = ms;
    live = !stale && ms !== Infinity;
    renderAge();
  },
});

function take(s) {
  stream.knowOther(s.peer?.http);
  // What the other host said of itself is no news any more once this one has lost it.
  shown = s.host;
  hosts.set(s.host, { status: s, at: performance.now() });
  const other = s.peer?.host;
  if (other && !hosts.has(other)) hosts.set(other, {});
  if (other && s.peer.link !== 'connected') {
    hosts.set(other, { ...hosts.get(other), error: `its link is ${s.peer.link}` });
  }
  timeline.audit(s.audit);
  live = true;
  age = 0;
  render();
  renderAge();
}

function takePeer(p) {
  const other = status()?.peer?.host;
  if (p.error !== undefined) {
    if (other) hosts.set(other, { ...hosts.get(other), error: status().peer.link === 'connected' ? 'does not answer' : `its link is ${status().peer.link}` });
  } else if (p.host && p.host !== shown) {
    hosts.set(p.host, { status: p, at: performance.now() });
    timeline.audit(p.audit);
  }
  render();
}

function render() {
  const s = status();
  if (!s) return;
  const now = performance.now();
  const view = { status: s, rate: plots.rate, hosts: new Map() };
  for (const [name, h] of hosts) {
    const link = name !== shown && s.peer?.http ? stream.other : undefined;
    // The other host's own status is up to a second older than what beats say of it.
    const said = name !== shown && h.status && h.error === undefined ? s.peer?.position : undefined;
    const ahead = said && sequence(said) > sequence(h.status.position) ? said : undefined;
    view.hosts.set(name, { ...h, ahead, age: h.at ? now - h.at : 0, link: link || undefined });
  }
  document.body.dataset.level = s.level || 'unknown';
  if (live) put($('summary'), s.summary || '');
  if (s.summary !== said) {
    said = s.summary;
    setTimeout(explain, 300);
  }
  document.title = `${{ good: '●', warning: '▲', bad: '■' }[s.level] || ''} ${s.active || 'nobody'} serves · hotpair`;
  pair.show(view);
  showAlarms(s);
  showPause(s);
  actions.refresh();
  const versions = new Set([...hosts.values()].map((h) => h.status?.version).filter(Boolean));
  put($('versions'), [...versions].join(', '));
}

function showAlarms(s) {
  const list = (s.alarms || []).map((a) => (typeof a === 'string' ? { text: a, severity: 'warning' } : a));
  fill($('alarm-list'), JSON.stringify(list), () => (list.length
    ? list.map((a) => el('li', { 'data-severity': a.severity }, el('span', {}, a.text), a.remedy && el('small', {}, a.remedy)))
    : [el('li.none', {}, 'none')]));
}

function showPause(s) {
  const p = s.pause;
  $('paused').hidden = !p;
  if (!p) return;
  put($('paused'), `Automatic takeover is paused for another ${span(p.left_ms)}${p.by ? `, by ${p.by}` : ''}${p.held_back ? `. Deferred: ${p.held_back}` : ''}`);
}

function renderAge() {
  const state = age === Infinity ? 'waiting' : live ? 'live' : 'stale';
  $('live').dataset.state = state;
  document.body.dataset.live = String(state !== 'stale');
  put($('live-text'), state === 'waiting' ? 'connecting' : state === 'live' ? `live, as host ${shown} sees it` : `stopped ${span(age)} ago`);
  $('stale').hidden = state !== 'stale';
  if (state === 'stale') {
    put($('stale-text'), `Live updates have stopped. What you see is ${span(age)} old. `);
    const other = status()?.peer?.host;
    $('stale-link').hidden = !stream.other;
    $('stale-link').href = stream.other;
    put($('stale-link'), `Open the console of ${other}, which asks for a login of its own`);
    put($('summary'), `${span(age)} ago: ${status()?.summary || ''}`);
  }
  actions.refresh();
}

// past fetches the events before those that the stream begins with.
async function past() {
  try {
    const answer = await fetch('/api/v1/events?limit=200', { signal: AbortSignal.timeout(5000) });
    if (answer.ok) for (const e of (await answer.json()).events || []) timeline.add(e);
  } catch {
    // the stream tells the last ones all the same
  }
}

// Explanations are asked for, where this host has them.
async function explain() {
  if (!live) return;
  try {
    const answer = await fetch('/api/v1/explain', { signal: AbortSignal.timeout(2000) });
    if (!answer.ok) return;
    showExplain(await answer.json());
  } catch {
    // shown as it was; the age says how old everything is
  }
}

// showExplain says what would come of each loss, and how the present state came about.
function showExplain(e) {
  const next = e.next || [];
  const why = e.why || [];
  $('explain').hidden = next.length + why.length === 0;
  fill($('explain-list'), JSON.stringify([next, why, e.not_asked]), () => [
    el('dl.next', {}, ...next.flatMap((f) => [
      el('dt', { 'data-level': f.level }, losses[f.loss] || f.loss),
      el('dd', {}, f.verdict)])),
    why.length > 0 && el('h3', {}, 'How it came about'),
    ...why.map((sentence) => el('p.why-line', {}, sentence)),
    e.not_asked && el('p.note', {}, e.not_asked),
  ].filter(Boolean));
}

const losses = { active: 'the active is lost', standby: 'the standby is lost', link: 'the link is cut', witness: 'the witness is lost', both: 'both hosts are lost', now: 'now' };

login.look();
setInterval(() => document.body.dataset.login === 'unknown' && login.look(), 2000);
setInterval(render, 1000);
setInterval(explain, 3000);
