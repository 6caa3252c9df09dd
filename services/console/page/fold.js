// What many points, marks and events are together, without the page that shows them.

const rates = ['requests', 'updates'];
const times = ['request_p50_ms', 'request_p99_ms', 'commit_p50_ms', 'commit_p99_ms'];

// together is what the pair did in one second, of the points of its hosts. A second in which nobody served, or of which nobody tells, has
// no values: it is a gap in each line, and not 0.
export function together(points) {
  const serving = points.filter((p) => p.role === 'active');
  const sum = { served: serving.length > 0 };
  for (const key of [...rates, ...times]) sum[key] = 0;
  for (const p of serving) {
    for (const key of rates) sum[key] += p[key];
    for (const key of times) sum[key] = Math.max(sum[key], p[key]);
  }
  return sum;
}

// strokes are the unbroken parts of a line: seconds in which somebody served, one after the other.
export function strokes(list) {
  const parts = [];
  let before;
  for (const p of list) {
    if (p.served && before?.served && p.time - before.time <= 2500) parts.at(-1).push(p);
    else if (p.served) parts.push([p]);
    before = p;
  }
  return parts;
}

// marks joins takeovers whose names would overlap, closer than width where x places them.
export function marks(list, x, width) {
  const named = [];
  for (const m of [...list].sort((a, b) => a.time - b.time)) {
    const last = named.at(-1);
    if (last && x(m.time) - x(last.time) < width) {
      last.times += 1;
      last.gap = Math.max(last.gap, m.gap);
    } else {
      named.push({ time: m.time, gap: m.gap, times: 1 });
    }
  }
  return named;
}

// inOrder sorts events newest first, by their numbers in the pair's log, as the commands do: wall clocks of two hosts differ. What is not in the
// log yet is newer than what is.
export const inOrder = (events) => [...events].sort((a, b) => (a.id && b.id ? b.id - a.id : Boolean(a.id) - Boolean(b.id) || Date.parse(b.time) - Date.parse(a.time)));

// folded joins what is repeated: an operator's calls, refused ones above all, and what differs from the line below only in its numbers. Of a list
// that is newest first each line is the newest of its kind, with how often and since when. Steps of a takeover stay apart.
export function folded(list) {
  const lines = [];
  for (const e of list) {
    const key = [e.host, e.kind, e.state, e.text.replace(/\d+/g, '#')].join('|');
    const last = lines.at(-1);
    if (last?.key === key && !e.step) {
      last.times += 1;
      last.since = e.time;
    } else {
      lines.push({ ...e, key, times: 1, since: e.time });
    }
  }
  return lines;
}
