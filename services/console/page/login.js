// Who looks at this page: it shows nothing of the pair before somebody has logged in with the token of an operator. The token is
// sent once; what stays is a cookie that no script can read.

import { $, put } from './text.js';

export class Login {
  // on.entered(person) is called when somebody is known, on.left() when nobody is any more.
  constructor(on) {
    this.on = on;
    $('login-form').addEventListener('submit', (e) => {
      e.preventDefault();
      this.go();
    });
    $('logout').addEventListener('click', () => this.leave());
  }

  // look asks the host who it takes us for. A host that does not answer says nothing about that.
  async look() {
    let answer;
    try {
      answer = await fetch('/api/v1/whoami', { signal: AbortSignal.timeout(5000) });
    } catch {
      return;
    }
    if (answer.ok) this.entered(await answer.json());
    else if (answer.status === 401) this.ask(this.person ? 'Your session has ended.' : '');
    else if (answer.status === 503 && !this.person) this.ask('This host can’t look up tokens now: its updater is starting or down.');
  }

  ask(why) {
    this.person = undefined;
    document.body.dataset.login = 'needed';
    put($('login-error'), why);
    $('login-error').hidden = !why;
    $('login').hidden = false;
    $('who').hidden = true;
    $('login-token').focus();
    this.on.left();
  }

  async go() {
    const token = $('login-token').value.trim();
    $('login-token').value = '';
    if (!token) {
      this.failed('Paste the token first.');
      return;
    }
    $('login-go').disabled = true;
    $('login-error').hidden = true;
    try {
      const answer = await fetch('/api/v1/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }), signal: AbortSignal.timeout(15000) });
      const result = await answer.json().catch(() => ({}));
      if (answer.ok) this.entered(result);
      else if (answer.status === 401) this.failed('This is no operator’s token, or it was withdrawn, or has expired.');
      else this.failed(result.detail || result.title || `refused (${answer.status})`);
    } catch {
      this.failed('The host does not answer.');
    }
    $('login-go').disabled = false;
  }

  failed(text) {
    put($('login-error'), text);
    $('login-error').hidden = false;
    $('login-token').focus();
  }

  entered(person) {
    this.person = person;
    document.body.dataset.login = 'done';
    $('login').hidden = true;
    $('who').hidden = false;
    put($('who-text'), `${person.name} (${person.role})`);
    this.on.entered(person);
  }

  async leave() {
    try {
      await fetch('/api/v1/logout', { method: 'POST', signal: AbortSignal.timeout(5000) });
    } catch {
      this.failed('The host does not answer: the session ends by itself.');
    }
    this.ask('');
  }
}
