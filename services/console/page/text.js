// Small words for numbers and times, and the only ways in which this page makes elements: values are always set as text.

export const $ = (id) => document.getElementById(id);

// el makes an element: el('li.late', {title: 'x'}, 'text', child, …). Falsy children are left out.
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? '' : String(value));
  }
  made.append(...children.filter((c) => c !== undefined && c !== null && c !== false && c !== '').map((c) => (c instanceof Node ? c : String(c))));
  return made;
}

export function svg(tag, attributes = {}, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

// put sets text only when it changed, so that nothing is read out again and selections stay.
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// fill replaces children only when what they show has changed; key says what they show.
export function fill(node, key, make) {
  if (node.dataset.shows === key) return;
  node.dataset.shows = key;
  node.replaceChildren(...make());
}

const digits = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const whole = (n) => digits.format(n).replaceAll(',', '\u202f');

export const count = (n, word) => `${whole(n)} ${word}${n === 1 ? '' : 's'}`;

export function short(n) {
  if (!Number.isFinite(n)) return '–';
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)}M`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(0)}k`;
  if (n >= 1e3) return `${(n / 1e3).toFixed(1)}k`;
  if (n >= 10 || n === 0) return n.toFixed(0);
  return n >= 1 ? n.toFixed(1) : n.toFixed(2);
}

export function milliseconds(ms) {
  if (ms === 0) return '0 ms';
  if (ms >= 10000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 10) return `${ms.toFixed(0)} ms`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

// span says a length of time the way people do.
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const two = (n) => String(n).padStart(2, '0');

export function clock(time, fraction = false) {
  const t = new Date(time);
  const text = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return fraction ? `${text}.${String(t.getMilliseconds()).padStart(3, '0')}` : text;
}

// zone is the one that clock and day tell times in, as UTC+1; moment shows a time whole, in UTC, as the commands do.
export function zone(time) {
  const minutes = -new Date(time).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${Math.floor(size / 60)}${size % 60 ? `:${two(size % 60)}` : ''}`;
}

export const moment = (time) => new Date(time).toISOString().replace('T', ' ').replace('Z', ' UTC');

export const day = (time) => new Date(time).toLocaleDateString('en', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

export const position = (p) => (typeof p === 'string' ? p : `${p.epoch}/${p.sequence}`);

export const sequence = (p) => Number(String(position(p)).split('/')[1] || 0);
