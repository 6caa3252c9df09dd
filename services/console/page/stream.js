// The live connection: to the host this page came from, and to the other one while that does not answer.

const silence = 2500; // ms without a message after which the other host is tried; a host tells something each second
const backEvery = 5000; // ms between looks whether the own host answers again

const loopback = (host) => /^(127\.|\[?::1\]?$|localhost$)/.test(host);

// Stream calls on.message(kind, data, base) for each message; base is '' for the own host.
export class Stream {
  constructor(on) {
    this.on = on;
    this.base = ''; // of the host that is shown
    this.heard = 0; // performance.now() of the last message that was shown
    this.sources = new Map(); // base → {source, opened, heard}
    this.other = ''; // base of the other host, once it is known
    this.lastEvent = '';
  }

  start() {
    this.open('');
    setInterval(() => this.watch(), 500);
    setInterval(() => this.lookBack(), backEvery);
    // A tab that was put to sleep looks at once.
    document.addEventListener('visibilitychange', () => this.watch());
  }

  // knowOther is told where the other host answers operators, as the shown host says it.
  knowOther(address) {
    if (!address || this.base !== '') return;
    const host = address.replace(/:\d+$/, '');
    // The other machine's loopback is not ours.
    if (loopback(host) && !loopback(location.hostname)) return;
    if (this.other === `http://${address}`) return;
    // What this page may connect to was said when it was loaded: another address needs it anew.
    if (this.loaded !== undefined && this.loaded !== address) {
      if (!document.querySelector('dialog[open]')) location.reload();
      return;
    }
    this.other = `http://${address}`;
  }

  // firstStatus notes which address of the other host the page was loaded with.
  firstStatus(address) {
    if (this.loaded === undefined) this.loaded = address || '';
  }

  open(base) {
    if (this.sources.has(base)) return;
    const source = new EventSource(`${base}/api/v1/stream`);
    const entry = { source, opened: performance.now(), heard: 0 };
    this.sources.set(base, entry);
    for (const kind of ['status', 'peer', 'event', 'point']) {
      source.addEventListener(kind, (m) => {
        entry.heard = performance.now();
        if (base !== this.base && performance.now() - this.heard < silence) return; // the shown one still speaks
        if (base !== this.base) {
          this.base = base;
          this.on.moved(base);
        }
        this.heard = entry.heard;
        let data;
        try {
          data = JSON.parse(m.data);
        } catch {
          return; // broken off
        }
        this.on.message(kind, data, base);
      });
    }
    source.addEventListener('error', () => {
      // The browser tries again by itself unless it has given up.
      if (source.readyState === EventSource.CLOSED) this.close(base);
    });
  }

  close(base) {
    const entry = this.sources.get(base);
    if (!entry) return;
    entry.source.close();
    this.sources.delete(base);
  }

  watch() {
    const now = performance.now();
    const age = now - this.heard;
    if (age > silence) {
      for (const base of ['', this.other]) {
        if (base === this.other && !this.other) continue;
        const entry = this.sources.get(base);
        // One that hangs is opened anew: a frozen host keeps connections.
        if (entry && now - Math.max(entry.heard, entry.opened) > 2 * silence) this.close(base);
        this.open(base);
      }
    } else {
      for (const base of this.sources.keys()) if (base !== this.base) this.close(base);
    }
    this.on.age(this.heard ? age : Infinity, age > silence);
  }

  // lookBack returns to the own host, which alone takes actions from this page.
  async lookBack() {
    if (this.base === '') return;
    try {
      const answer = await fetch('/livez', { signal: AbortSignal.timeout(1000) });
      if (!answer.ok) return;
    } catch {
      return;
    }
    this.close(this.base);
    this.heard = 0;
    this.open('');
  }
}
