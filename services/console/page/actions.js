// What an operator may do from the page. Each asks first, says who did it and why, and what came of it.

import { $, el, milliseconds } from './text.js';

export class Actions {
  constructor(view, unknown) {
    this.view = view; // gives {status, live, person}
    this.unknown = unknown; // is called when the host does not know us any more
    $('switchover').addEventListener('click', () => this.ask('switchover'));
    $('pause').addEventListener('click', () => this.ask('pause'));
    $('resume').addEventListener('click', () => this.ask('resume'));
    $('dialog-cancel').addEventListener('click', () => $('dialog').close());
    $('dialog-form').addEventListener('submit', (e) => {
      e.preventDefault();
      this.go();
    });
  }

  // refresh says which actions are there now, and why one is not.
  refresh() {
    const { status: s, live, person } = this.view();
    if (!s || !person) return;
    const may = person.role === 'operate' || person.role === 'admin';
    const standby = s.role === 'standby' ? s.host : s.peer?.host;
    const ready = s.in_sync?.length === 2 && s.peer?.link === 'connected' && s.mode === 'paired';
    const paused = !!s.pause;
    $('switchover').textContent = standby ? `Switch over to ${standby}` : 'Switch over';
    $('switchover').disabled = !live || !ready || !may;
    $('pause').disabled = !live || !may;
    $('pause').hidden = paused;
    $('resume').hidden = !paused;
    $('resume').disabled = !live || !may;
    let note = '';
    if (!live) note = 'Nothing can be done from here while updates have stopped.';
    else if (!may) note = `${person.name} has the role ${person.role}, which looks only.`;
    else if (!ready) note = `No switchover now: ${standby || 'the other host'} is not in sync.`;
    $('actions-note').textContent = note;
  }

  ask(what) {
    const { status: s } = this.view();
    const other = s.role === 'standby' ? s.host : s.peer?.host;
    const texts = {
      switchover: [`Make ${other} active?`, `The requests under way are finished first, new ones wait for a moment; none fails. ${s.active} becomes the standby.`, 'Switch over'],
      pause: ['Pause automatic takeover?', 'Until it ends, no host takes over by itself: if the active fails, the terminals wait until somebody acts. A switchover by hand still works.', 'Pause'],
      resume: ['Resume automatic takeover?', 'The standby takes over again by itself when the active fails.', 'Resume'],
    };
    this.what = what;
    const [title, text, go] = texts[what];
    $('dialog-title').textContent = title;
    $('dialog-text').textContent = text;
    $('dialog-go').textContent = go;
    $('dialog-go').hidden = false;
    $('dialog-go').disabled = false;
    $('dialog-cancel').textContent = 'Cancel';
    $('dialog-error').hidden = true;
    $('dialog-steps').hidden = true;
    $('for-row').hidden = what !== 'pause';
    $('reason-row').hidden = false;
    $('reason').value = '';
    $('dialog').showModal();
    $('reason').focus();
  }

  async go() {
    $('dialog-go').disabled = true;
    $('dialog-error').hidden = true;
    const body = this.what === 'pause' ? JSON.stringify({ for: $('for').value }) : '{}';
    let answer;
    try {
      answer = await fetch(`/api/v1/${this.what}`, { method: 'POST', headers: { 'Hotpair-Reason': encodeURIComponent($('reason').value.trim()), 'Content-Type': 'application/json' }, body });
    } catch {
      this.failed('The host did not answer: whether it was done is not known. The picture shows what is.');
      return;
    }
    const result = await answer.json().catch(() => ({}));
    if (answer.status === 401) {
      this.unknown();
      return;
    }
    if (!answer.ok) {
      this.steps(result.result?.steps);
      this.failed(result.detail || result.title || `refused (${answer.status})`);
      return;
    }
    this.done(result);
  }

  failed(text) {
    $('dialog-error').textContent = text;
    $('dialog-error').hidden = false;
    $('dialog-go').disabled = false;
  }

  done(result) {
    if (this.what !== 'switchover') {
      $('dialog').close();
      return;
    }
    $('dialog-title').textContent = `${result.active} serves`;
    $('dialog-text').textContent = `Epoch ${result.epoch}, after ${milliseconds(result.took_ns / 1e6)}.`;
    $('reason-row').hidden = true;
    $('dialog-go').hidden = true;
    $('dialog-cancel').textContent = 'Close';
    $('dialog-cancel').focus();
    this.steps(result.steps);
  }

  steps(list) {
    if (!list?.length) return;
    $('dialog-steps').hidden = false;
    $('dialog-steps').replaceChildren(...list.map((e) => el('li', {}, el('b', {}, e.step || ''), ` ${e.text}`, e.took_ns > 0 && el('small', {}, ` +${milliseconds(e.took_ns / 1e6)}`))));
  }
}
