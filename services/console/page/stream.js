// The live connection to the host this page came from. The other host's console is its own: it asks for a login there.

const silence = 2500; // ms without a message after which what is shown counts as old; a host tells something each second

const loopback = (host) => /^(127\.|\[?::1\]?$|localhost$)/.test(host);

// Stream calls on.message(kind, data) for each message, and on.refused() when the host does not know who asks any more.
export class Stream {
  constructor(on) {
    this.on = on;
    this.heard = 0; // performance.now() of the last message
    this.other = ''; // the console of the other host, once it is known
  }

  start() {
    if (this.timer) return;
    this.open();
    this.timer = setInterval(() => this.watch(), 500);
    // A tab that was put to sleep looks at once.
    this.woken ||= document.addEventListener('visibilitychange', () => this.timer && this.watch()) ?? true;
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.close();
  }

  // knowOther is told where the other host answers operators, as this one says it.
  knowOther(address) {
    if (!address) return;
    // The other machine's loopback is not ours.
    if (loopback(address.replace(/:\d+$/, '')) && !loopback(location.hostname)) return;
    this.other = `${location.protocol}//${address}/`;
  }

  open() {
    if (this.source) return;
    const source = new EventSource('/api/v1/stream');
    this.source = source;
    this.opened = performance.now();
    for (const kind of ['status', 'peer', 'event', 'point']) {
      source.addEventListener(kind, (m) => {
        this.heard = performance.now();
        let data;
        try {
          data = JSON.parse(m.data);
        } catch {
          return; // broken off
        }
        this.on.message(kind, data);
      });
    }
    source.addEventListener('error', () => {
      // The browser tries again by itself unless it was refused: a stream says nothing about why.
      if (source.readyState !== EventSource.CLOSED || source !== this.source) return;
      this.close();
      this.on.refused();
    });
  }

  close() {
    this.source?.close();
    this.source = undefined;
  }

  watch() {
    const now = performance.now();
    const age = now - this.heard;
    // One that hangs is opened anew: a frozen host keeps connections.
    if (age > silence && this.source && now - Math.max(this.heard, this.opened) > 2 * silence) this.close();
    this.open();
    this.on.age(this.heard ? age : Infinity, age > silence);
  }
}
