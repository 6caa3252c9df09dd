// The events of the pair, newest first, and out of them the takeovers with the gap that each left.

import { $, el, fill, put, clock, day, zone, moment, milliseconds } from './text.js';
import { inOrder, folded } from './fold.js';

const shown = 150;

export class Timeline {
  constructor() {
    this.events = new Map(); // key → event
    this.gaps = new Map(); // epoch → milliseconds, as audits say
    this.audits = new Map(); // epoch → audit
  }

  add(e) {
    const key = `${e.time}|${e.host}|${e.step || ''}|${e.text}`;
    this.events.set(key, { ...this.events.get(key), ...e });
    this.soon();
  }

  audit(a) {
    if (!a) return;
    this.audits.set(a.epoch, a);
    this.soon();
  }

  // soon shows once what many additions ask for.
  soon() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.show();
    });
  }

  show() {
    const list = inOrder(this.events.values());
    const lines = folded(list).slice(0, shown);
    put($('events-zone'), list.length ? `times in ${zone(list[0].time)}` : '');
    fill($('events'), lines.map((e) => `${e.time}${e.host}${e.text}${e.times}`).join('|'), () => {
      let today = '';
      return lines.flatMap((e) => {
        const heads = [];
        if (day(e.time) !== today) {
          today = day(e.time);
          heads.push(el('li.day', {}, today));
        }
        return [...heads, el('li', { 'data-kind': e.kind || (e.step ? 'role' : ''), 'data-severity': e.state === 'raised' ? e.alarm?.severity : undefined, 'data-state': e.state },
          el('time', { datetime: e.time, title: moment(e.time) }, clock(e.time, true)),
          el('span.tag', { title: 'host' }, e.host),
          e.step ? el('span.tag.step', { title: 'step of a takeover' }, e.step) : e.kind ? el('span.tag.kind', {}, e.state || e.kind) : el('span.tag.kind', {}),
          el('span.said', {}, e.text, e.took_ns > 0 && el('small', {}, ` +${milliseconds(e.took_ns / 1e6)}`), e.late && el('small', {}, ' recorded later'), e.times > 1 && el('small', { title: `since ${moment(e.since)}` }, ` ${e.times} times since ${clock(e.since)}`)))];
      });
    });
    if (!list.length) fill($('events'), 'none', () => [el('li.none', {}, 'nothing yet')]);
    this.showTakeovers(list.slice(0, shown));
  }

  // showTakeovers lists the terms that events tell of: B8 or B9 is where terminals are served again.
  showTakeovers(list) {
    const terms = new Map();
    for (const e of list) {
      if (!e.epoch || !/^B[89]$/.test(e.step || '')) continue;
      const t = terms.get(e.epoch) || { epoch: e.epoch, host: e.host, time: e.time };
      if (Date.parse(e.time) < Date.parse(t.time)) t.time = e.time;
      const gap = Number(e.details?.gap_worst_ms || e.details?.['gap-worst-ms'] || 0);
      if (gap) t.gap = gap;
      terms.set(e.epoch, t);
    }
    for (const [epoch, a] of this.audits) {
      const t = terms.get(epoch);
      if (!t) continue;
      if (a.felt) t.gap = a.gap_worst_ms;
      t.audit = a;
    }
    const rows = [...terms.values()].sort((a, b) => b.epoch - a.epoch).slice(0, 8);
    $('takeovers').hidden = rows.length === 0;
    const worst = Math.max(...rows.map((t) => t.gap || 0), 1);
    fill($('takeover-list'), JSON.stringify(rows), () => rows.map((t) => el('li', {},
      el('span', {}, `${clock(t.time)} `, el('b', {}, `to ${t.host}`), ` epoch ${t.epoch}`),
      el('meter', { min: 0, max: worst, value: t.gap || 0, 'aria-label': 'gap' }),
      el('span.gap', {}, t.gap ? milliseconds(t.gap) : t.audit ? 'none felt' : '…'),
      t.audit && el('small', {}, t.audit.missing ? `${t.audit.missing} UPDATES MISSING` : `${t.audit.checked} checked, 0 missing`))));
  }
}
