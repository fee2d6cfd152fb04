// What htmx leaves to the page. Everything here is comfort: with this file missing, every form and link still works.
(() => {
  const root = document.documentElement, text = root.dataset;
  const on = (name, heard) => document.addEventListener(name, heard);
  const byId = id => document.getElementById(id);
  const say = (id, words) => {
    const line = document.createElement('p');
    line.className = 'toast';
    line.textContent = words;
    byId(id)?.replaceChildren(...(words ? [line] : []));
  };

  // No code out of a response: no eval for htmx, and a policy that can make HTML but no script, so a script refuses the swap.
  htmx.registerExtension('portal', { init: api => {
    const refuse = function () { throw Error('eval is off'); };
    const rules = { createHTML: html => html };
    api.initSecurity(window.trustedTypes?.createPolicy('htmx', rules) || rules, refuse, refuse);
  } });

  // Busy marks instead of `disabled`, which would throw the focus away.
  on('htmx:before:request', event => {
    const asked = event.detail.ctx, source = asked.request.submitter || asked.sourceElement;
    if (asked.sourceEvent?.isTrusted) say('alerts', '');
    if (source.id === 'conn') return firstOpen(source);
    asked.busy = [[asked.target, 'aria-busy']];
    if (source.matches('button')) asked.busy.push([source, 'aria-disabled']);
    for (const [element, mark] of asked.busy) element?.setAttribute?.(mark, 'true');
  });
  on('htmx:finally:request', event => {
    for (const [element, mark] of event.detail.ctx.busy || []) element?.removeAttribute?.(mark);
  });
  on('htmx:error', event => {
    const asked = event.detail.ctx;
    if (asked?.sourceEvent?.isTrusted) say('alerts', asked.response ? text.failed : text.offline);
  });

  // A plain form leaves once. Offline it does not leave at all, so what was typed stays.
  on('submit', event => {
    const form = event.target;
    if (form.method !== 'post' || form.hasAttribute('hx-post')) return;
    if (form.dataset.sent) return event.preventDefault();
    if (navigator.onLine === false) { event.preventDefault(); return say('alerts', text.offline); }
    form.dataset.sent = 1;
    event.submitter?.setAttribute('aria-disabled', 'true');
  });
  addEventListener('pageshow', event => {
    for (const form of document.querySelectorAll('[data-sent]')) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll('button[aria-disabled]')) button.removeAttribute('aria-disabled');
    }
    if (event.persisted && document.body.dataset.secure) location.reload();
  });

  on('click', event => {
    const copied = event.target.closest('[data-copy]'), shown = event.target.closest('[data-show]');
    if (copied) navigator.clipboard?.writeText(copied.dataset.copy).then(() => say('live', text.copied), () => say('alerts', text.failed));
    if (shown) {
      const box = byId(shown.dataset.show), label = shown.firstElementChild, words = label.textContent;
      box.type = box.type === 'password' ? 'text' : 'password';
      label.textContent = shown.dataset.hide;
      shown.dataset.hide = words;
    }
    for (const menu of document.querySelectorAll('.menu[open]')) if (!menu.contains(event.target)) menu.open = false;
  });
  on('keydown', event => {
    const menu = event.key === 'Escape' && document.querySelector('.menu[open]');
    if (menu) { menu.open = false; menu.querySelector('summary').focus(); }
  });

  // The box in a table's head ticks the page; its name is in data-all, the sentence "{n} selected" in data-selected.
  on('change', event => {
    const changed = event.target, all = changed.dataset.all ? changed : changed.form?.querySelector(`[data-all="${CSS.escape(changed.name)}"]`);
    if (!all || changed.type !== 'checkbox') return;
    const boxes = [...all.form.querySelectorAll(`[type=checkbox][name="${CSS.escape(all.dataset.all)}"]`)];
    if (changed === all) for (const box of boxes) box.checked = all.checked;
    const ticked = boxes.filter(box => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    const line = all.form.querySelector('[data-selected]');
    if (line) line.textContent = line.dataset.selected.replace('{n}', ticked);
  });

  // A stream that is late: say so after 5 s; one that never opens: ask for the polling panel after 8 s.
  let late, polling;
  const firstOpen = conn => {
    if (polling?.conn === conn) return;
    clearTimeout(polling?.timer);
    polling = { conn, timer: setTimeout(() => {
      const { poll, panel } = conn.dataset;
      if (conn.isConnected && poll) htmx.ajax('GET', poll, { target: panel, swap: 'outerHTML' });
    }, 8000) };
  };
  const back = () => { clearTimeout(late); late = 0; byId('lost')?.replaceChildren(); };
  on('htmx:sse:before:connection', event => {
    if (event.detail.connection.attempt > 0) late ||= setTimeout(() => byId('lost')?.append(text.lost), 5000);
  });
  on('htmx:sse:after:connection', () => { clearTimeout(polling?.timer); back(); });
  on('htmx:sse:close', back);

  document.querySelector('[autofocus]')?.focus();
})();
