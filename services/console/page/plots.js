// Plots of the last ten minutes: small SVG charts with one line for each value, takeovers as marks, and a reading under
// the pointer.

import { $, el, svg, put, short, milliseconds, clock, zone } from './text.js';
import { together, strokes, marks } from './fold.js';

const height = 150;
const top = 8;
const bottom = 18;
const leftEdge = 52;
const minutes = 10;

const charts = [
  { id: 'rate', title: 'Requests and updates per second', unit: short, lines: [['requests', 'requests'], ['updates', 'updates']] },
  { id: 'request', title: 'Time of a request', unit: milliseconds, lines: [['request_p50_ms', 'median'], ['request_p99_ms', '99 of 100']] },
  { id: 'commit', title: 'Time of a commit on both disks', unit: milliseconds, lines: [['commit_p50_ms', 'median'], ['commit_p99_ms', '99 of 100']] },
];

export class Plots {
  constructor() {
    this.points = new Map(); // second → values of all hosts together
    this.takeovers = new Map(); // host → count of its last point
    this.marks = []; // {time, gap}
    this.pending = false;
    new ResizeObserver(() => this.draw()).observe($('plot-list'));
    for (const c of charts) {
      const head = el('figcaption', {}, el('b', {}, c.title), ...c.lines.map(([name, label], i) => el(`span.line${i}`, { 'data-value': name }, label)));
      const picture = svg('svg', { height, role: 'img' });
      const figure = el('figure', { id: `plot-${c.id}` }, head, picture);
      $('plot-list').append(figure);
      c.picture = picture;
      c.figure = figure;
      picture.addEventListener('pointermove', (e) => this.read(c, e));
      picture.addEventListener('pointerleave', () => this.read(c, null));
    }
  }

  // add takes a point of a host. What both hosts did in the same second is one.
  add(p) {
    const second = Math.floor(Date.parse(p.time) / 1000);
    const of = { ...this.points.get(second)?.of, [p.host || '']: p };
    const sum = { time: second * 1000, of, ...together(Object.values(of)) };
    this.points.set(second, sum);
    const before = this.takeovers.get(p.host);
    if (before !== undefined && p.takeovers > before) this.mark(second * 1000, 0);
    this.takeovers.set(p.host, p.takeovers);
    if (p.gap_ms > 0) this.mark(second * 1000, p.gap_ms);
    this.draw();
  }

  mark(time, gap) {
    const near = this.marks.find((m) => Math.abs(m.time - time) < 5000);
    if (near) near.gap = near.gap || gap;
    else this.marks.push({ time, gap });
  }

  get rate() {
    const last = [...this.points.values()].at(-1);
    return last?.served ? last.updates : 0;
  }

  // draw is asked for by each of many points and done once.
  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      const list = [...this.points.values()].sort((a, b) => a.time - b.time);
      const end = list.at(-1)?.time || Date.now();
      const first = list[0]?.time || end;
      // A host that has just started has few minutes: they get the room, but never less than two.
      const from = Math.max(end - minutes * 60000, Math.min(first, end - 120000));
      for (const p of list) if (p.time < from) this.points.delete(p.time / 1000);
      this.list = list.filter((p) => p.time >= from);
      this.marks = this.marks.filter((m) => m.time >= from);
      for (const c of charts) this.chart(c, from, end);
    });
  }

  chart(c, from, end) {
    const width = Math.max(200, c.figure.clientWidth);
    c.picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const values = this.list.filter((p) => p.served).flatMap((p) => c.lines.map(([name]) => p[name]));
    const ceiling = nice(Math.max(...values, 0.001));
    const x = (time) => leftEdge + ((time - from) / (end - from)) * (width - leftEdge - 4);
    const y = (value) => top + (1 - Math.min(value, ceiling) / ceiling) * (height - top - bottom);
    c.scale = { x };
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      parts.push(svg('line', { class: 'grid', x1: leftEdge, x2: width - 4, y1: y(ceiling * share), y2: y(ceiling * share) }));
      parts.push(svg('text', { class: 'axis', x: leftEdge - 5, y: y(ceiling * share) + 3.5, 'text-anchor': 'end' }, c.unit(ceiling * share)));
    }
    const every = end - from > 300000 ? 120000 : end - from > 150000 ? 60000 : 30000;
    for (let t = Math.ceil((from + every / 3) / every) * every; t <= end - every / 3; t += every) {
      parts.push(svg('text', { class: 'axis', x: x(t), y: height - 4, 'text-anchor': 'middle' }, every < 60000 ? clock(t) : clock(t).slice(0, 5)));
    }
    for (const m of this.marks) parts.push(svg('line', { class: 'mark', x1: x(m.time), x2: x(m.time), y1: top, y2: height - bottom }));
    for (const m of marks(this.marks, x, 130)) {
      const late = x(m.time) > width - 130;
      const name = m.times > 1 ? `${m.times} takeovers${m.gap ? `, gaps to ${milliseconds(m.gap)}` : ''}` : m.gap ? `gap ${milliseconds(m.gap)}` : 'takeover';
      parts.push(svg('text', { class: 'mark', x: x(m.time) + (late ? -4 : 4), y: top + 9, 'text-anchor': late ? 'end' : 'start' }, name));
    }
    c.lines.forEach(([name], i) => {
      const d = strokes(this.list).flatMap((part) => part.map((p, n) => `${n ? 'L' : 'M'}${x(p.time).toFixed(1)},${y(p[name]).toFixed(1)}`)).join('');
      if (d) parts.push(svg('path', { class: `line${i}`, d }));
    });
    c.cursor = svg('line', { class: 'cursor', x1: -9, x2: -9, y1: top, y2: height - bottom });
    parts.push(c.cursor);
    c.picture.replaceChildren(...parts);
    if (!c.reading) this.legend(c, this.list.at(-1));
    const last = this.list.at(-1);
    c.picture.setAttribute('aria-label', `${c.title}: ${last?.served ? c.lines.map(([name, label]) => `${label} ${c.unit(last[name])}`).join(', ') : last ? 'nobody serves' : 'nothing yet'}`);
    put($('plots-zone'), `times in ${zone(end)}`);
  }

  legend(c, p) {
    if (p && !p.served) {
      c.lines.forEach(([, label], i) => put(c.figure.querySelector(`figcaption .line${i}`), `${label} –`));
      return;
    }
    c.lines.forEach(([name, label], i) => put(c.figure.querySelector(`figcaption .line${i}`), p ? `${label} ${c.unit(p[name])}` : label));
  }

  read(c, event) {
    c.reading = !!event;
    if (!this.list?.length || !c.scale) return;
    if (!event) {
      c.cursor.setAttribute('x1', -9);
      c.cursor.setAttribute('x2', -9);
      this.legend(c, this.list.at(-1));
      return;
    }
    const box = c.picture.getBoundingClientRect();
    const at = event.clientX - box.left;
    const nearest = this.list.reduce((best, p) => (Math.abs(c.scale.x(p.time) - at) < Math.abs(c.scale.x(best.time) - at) ? p : best));
    c.cursor.setAttribute('x1', c.scale.x(nearest.time));
    c.cursor.setAttribute('x2', c.scale.x(nearest.time));
    this.legend(c, nearest);
  }
}

// nice gives a round number at or above n.
function nice(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((f) => f * power).find((f) => f >= n);
}
