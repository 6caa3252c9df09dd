// The pair drawn as it is: two hosts with their processes, what is between them, the witness, and the terminals hanging
// on whoever serves.

import { $, el, svg, put, fill, whole, count, span, milliseconds, position, sequence } from './text.js';

const most = 40; // dots; more terminals share them
const swing = 600; // ms that the terminals take from one host to the other
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export const serves = (s) => !!s && s.role === 'active' && s.right_until_ms > 0;

// Pair draws hosts, which maps names to {status, age, error}: what is known of each and how old that is, in ms.
export class Pair {
  constructor() {
    this.share = null; // where the terminals hang: 0 on the left host, 1 on the right one, between while they swing
    this.tween = 0;
    const again = new ResizeObserver(() => this.draw());
    for (const id of ['pair', 'left', 'right', 'terminals', 'between']) again.observe($(id));
  }

  show(view) {
    this.view = view;
    const names = [...view.hosts.keys()].sort();
    while (names.length < 2) names.push('');
    this.names = names.slice(0, 2);
    this.host($('left'), this.names[0]);
    this.host($('right'), this.names[1]);
    this.showWitness();
    this.showBetween();
    this.showTerminals();
    this.hang();
    this.draw();
  }

  host(node, name) {
    const known = this.view.hosts.get(name);
    const s = known?.status;
    if (!name || !s) {
      node.dataset.role = 'unknown';
      const why = known?.error || 'has not been heard';
      fill(node, `${name}|${why}`, () => [el('h3', {}, name || 'other host'), el('p.role', {}, el('b', {}, 'not heard')), el('p.why', {}, why)]);
      return;
    }
    const gone = known.error !== undefined;
    node.dataset.role = gone ? 'gone' : s.role;
    node.dataset.serves = String(serves(s) && !gone);
    node.setAttribute('aria-label', `host ${name}: ${gone ? 'not reached' : s.role}`);
    const rows = [
      ['mode', s.mode],
      ['epoch', whole(s.epoch)],
      ['position', position(known.ahead || s.position)],
      ['to apply', s.lag ? count(s.lag, 'update') : 'nothing'],
    ];
    if (s.catch_up) rows.push(['caught up', `${Math.floor(s.catch_up.done * 100)} %`]);
    if (s.aside) rows.push(['kept as divergent', count(s.aside, 'update')]);
    const rank = ['main', 'updater', 'terminal-if'];
    const order = ([process]) => (rank.includes(process) ? String(rank.indexOf(process)) : process);
    const processes = Object.entries(s.processes || {}).sort((a, b) => (order(a) < order(b) ? -1 : 1));
    const key = JSON.stringify([name, gone, s.role, s.waiting_for, s.unfit, s.fit, rows, processes, known.link]);
    fill(node, key, () => [
      el('h3', {}, 'host ', el('b', {}, name), known.link && el('a', { href: known.link }, 'its console')),
      el('p.role', {}, el('b', {}, gone ? 'not reached' : s.role), el('span.since')),
      gone ? el('p.why', {}, known.error) : s.waiting_for ? el('p.why', {}, s.waiting_for) : !s.fit && s.unfit ? el('p.why', {}, s.unfit) : null,
      el('dl', {}, ...rows.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)])),
      el('ul.processes', { 'aria-label': `processes of host ${name}` }, ...processes.map(([process, p]) =>
        el('li', { 'data-state': gone ? 'unknown' : p.state, title: `pid ${p.pid}${p.reason ? `, last end: ${p.reason}` : ''}` },
          el('span.dot', { 'aria-hidden': 'true' }), process,
          p.state !== 'ready' && el('em', {}, p.state), p.restarts > 0 && el('small', { title: `started again ${p.restarts} times` }, `↻ ${p.restarts}`)))),
    ].filter(Boolean));
    const since = node.querySelector('.since');
    if (since) put(since, gone ? `seen ${span(known.age)} ago` : s.since ? `for ${span(Date.parse(s.time) - Date.parse(s.since) + known.age)}` : '');
  }

  showWitness() {
    const w = this.view.status.witness || {};
    const node = $('witness');
    node.dataset.state = w.none ? 'none' : w.reachable ? 'good' : 'bad';
    put($('witness-text'), w.none ? 'none: terminals are asked' : w.reachable ? 'keeps the pair record' : `not reached: ${w.problem || 'no answer'}`);
  }

  showBetween() {
    const s = this.view.status;
    const p = s.peer || {};
    const linked = p.link === 'connected';
    const copies = p.replication === 'connected';
    put($('link-label'), linked ? `heartbeat ${p.heard_ms >= 0 ? `${milliseconds(Math.max(p.heard_ms, 1))} ago` : ''}` : `link ${p.link || 'silent'}`);
    $('link-label').dataset.state = linked ? 'good' : 'bad';
    const active = [...this.view.hosts.values()].map((h) => h.status).find(serves);
    const behind = active ? Math.max(0, sequence(active.committed) - sequence(active.notified)) : 0;
    let text = `replication ${p.replication || 'silent'}`;
    if (copies) {
      const moving = active?.peer?.progress;
      const names = { 'catching-up': 'catching up', copying: 'copying', probe: 'comparing', refused: 'refused' };
      text = names[moving] ? `replication ${names[moving]}${active.peer.catch_up ? ` ${Math.floor(active.peer.catch_up.done * 100)} %` : ''}` : behind ? `replication ${count(behind, 'update')} behind` : 'replication in step';
    }
    put($('replication-label'), text);
    const pairs = s.in_sync?.length === 2;
    $('replication-label').dataset.state = copies ? (pairs ? 'good' : 'warning') : 'bad';
  }

  showTerminals() {
    const active = [...this.view.hosts.entries()].find(([, h]) => serves(h.status) && h.error === undefined);
    const s = active ? active[1].status : this.view.status;
    const t = s.terminals || {};
    const all = t.attached + t.warm + t.unreachable || 0;
    const share = Math.max(1, Math.ceil(all / most));
    const waiting = active ? t.warm : t.warm + t.attached;
    const groups = active ? [['attached', t.attached], ['warm', t.warm], ['unreachable', t.unreachable]] : [['warm', waiting], ['unreachable', t.unreachable]];
    fill($('dots'), JSON.stringify([groups, share]), () => groups.flatMap(([state, n]) =>
      Array.from({ length: Math.ceil(n / share) }, () => el('i', { 'data-state': state }))));
    const parts = [];
    if (active) parts.push(`${whole(t.attached)} of ${count(all, 'terminal')} served by ${active[0]}`);
    else parts.push(`${count(all, 'terminal')}, nobody serves them`);
    if (active && t.warm) parts.push(`${whole(t.warm)} waiting`);
    if (t.unreachable) parts.push(`${whole(t.unreachable)} not reached`);
    if (share > 1) parts.push(`a dot is ${share}`);
    put($('terminals-text'), parts.join(', '));
    this.active = active ? active[0] : '';
  }

  // hang lets the terminals swing to who serves now.
  hang() {
    const to = this.active === '' ? this.share : this.names.indexOf(this.active);
    if (to === this.goal) return;
    this.goal = to;
    cancelAnimationFrame(this.tween);
    if (this.share === null || calm.matches) {
      this.share = to;
      return;
    }
    const from = this.share;
    const began = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, now - began) / swing);
      this.share = from + (to - from) * (1 - (1 - t) ** 3);
      this.draw();
      if (t < 1) this.tween = requestAnimationFrame(step);
    };
    this.tween = requestAnimationFrame(step);
  }

  // draw puts the wires between what stands where it stands now.
  draw() {
    if (!this.view) return;
    const frame = $('pair').getBoundingClientRect();
    const border = $('pair').clientLeft;
    const at = (node, x, y) => {
      const r = node.getBoundingClientRect();
      return { x: r.left - frame.left - border + r.width * x, y: r.top - frame.top - border + r.height * y };
    };
    const wires = [];
    const wire = (d, state, extra = '') => wires.push({ d, class: `${state} ${extra}` });
    const line = (p, q) => `M${p.x},${p.y}L${q.x},${q.y}`;
    const [left, right, witness] = [$('left'), $('right'), $('witness')];
    for (const [node, name] of [[left, this.names[0]], [right, this.names[1]]]) {
      const h = this.view.hosts.get(name);
      const reached = h?.status && h.error === undefined && h.status.witness?.reachable;
      if (this.view.status.witness?.none) continue;
      const p = at(node, 0.5, 0);
      const q = at(witness, node === left ? 0 : 1, 0.5);
      wire(`M${q.x},${q.y}C${p.x},${q.y} ${p.x},${q.y} ${p.x},${p.y}`, reached ? 'good' : 'bad', 'thin');
    }
    const peer = this.view.status.peer || {};
    // On a narrow screen the words stand below the hosts and the wires cross the gap between them.
    const narrow = at($('between'), 0, 0).y >= at(left, 0, 1).y;
    const between = (label, height) => {
      const y = narrow ? at(left, 0, height).y : at($(label), 0, 1).y + 6;
      return [{ x: at(left, 1, 0).x, y }, { x: at(right, 0, 0).x, y }];
    };
    const [l1, l2] = between('link-label', 0.35);
    wire(line(l1, l2), peer.link === 'connected' ? 'good' : 'bad', 'beats');
    let [r1, r2] = between('replication-label', 0.5);
    if (this.active === this.names[1]) [r1, r2] = [r2, r1];
    wire(line(r1, r2), $('replication-label').dataset.state, this.view.rate > 0 && this.active ? 'flows thick' : 'thick');
    if (this.share !== null && this.share >= 0) {
      const [p0, p1] = [at(left, 0.5, 1), at(right, 0.5, 1)];
      const hang = { x: p0.x + (p1.x - p0.x) * this.share, y: p0.y + (p1.y - p0.y) * this.share };
      for (const dot of $('dots').children) {
        if (dot.dataset.state === 'unreachable') continue;
        const p = at(dot, 0.5, 0);
        const middle = (p.y + hang.y) / 2;
        wire(`M${p.x},${p.y}C${p.x},${middle} ${hang.x},${middle} ${hang.x},${hang.y}`, this.active ? 'serving' : 'waiting', 'thin');
      }
    }
    const root = $('wires');
    while (root.children.length > wires.length) root.lastChild.remove();
    wires.forEach((w, i) => {
      const path = root.children[i] || root.appendChild(svg('path'));
      if (path.getAttribute('d') !== w.d) path.setAttribute('d', w.d);
      if (path.getAttribute('class') !== w.class) path.setAttribute('class', w.class);
    });
  }
}
