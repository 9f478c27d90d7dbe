// Behaviour of the design system. Every page works without it; see docs/design-system.md.
(() => {
  "use strict";

  const { $, $$, announce, drafts, isTyping, store, whyLater } = pm;
  const root = document.documentElement;

  // Tells of a failure: in the form that was sent (a dialog covers the toasts), else below.
  function fail(text, from) {
    const form = from?.closest?.("[data-pm-form]");
    const region = form ? $(".pm-form-actions", form) : $("#pm-messages");
    if (!region) return;
    $$("[data-failure]", region).forEach((old) => old.remove());
    const box = document.createElement("div");
    const words = document.createElement("p");
    const close = document.createElement("button");
    box.className = form ? "pm-alert pm-alert-bad" : "pm-toast pm-toast-error";
    box.dataset.failure = "";
    box.setAttribute("role", "alert");
    close.className = "pm-iconbtn";
    close.type = "button";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "×";
    words.textContent = text;
    box.append(words, close);
    region.prepend(box);
  }

  // --- theme --------------------------------------------------------------------------

  function switchTheme() {
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    store.set("pm-theme", root.dataset.bsTheme);
    announce(root.dataset.bsTheme === "dark" ? "Dark theme" : "Light theme");
  }

  // --- countdowns: only digits change; spoken at 5 min, 1 min and when overdue ---------

  const pad = (number) => String(number).padStart(2, "0");

  function digits(seconds) {
    const hours = Math.floor(seconds / 3600);
    const rest = `${pad(Math.floor((seconds % 3600) / 60))}:${pad(seconds % 60)}`;
    return hours ? `${hours}:${rest}` : rest;
  }

  function tick() {
    for (const box of $$("[data-countdown]")) {
      const due = Date.parse(box.dataset.countdown);
      if (Number.isNaN(due)) continue;
      const left = Math.floor((due - Date.now()) / 1000);
      const over = left < 0;
      const face = $("[data-countdown-digits]", box);
      const label = $("[data-countdown-label]", box);
      const shown = digits(Math.abs(left));
      if (face && face.textContent !== shown) face.textContent = shown;
      if (box.classList.contains("is-overdue") !== over) {
        box.classList.toggle("is-overdue", over);
        if (label) label.textContent = over ? box.dataset.overdueLabel : box.dataset.label;
        if (over) announce(`${box.dataset.label}: overdue`);
      }
      if (left === 300) announce(`${box.dataset.label} 5 minutes`);
      if (left === 60) announce(`${box.dataset.label} 1 minute`);
    }
    for (const clock of $$("[data-elapsed]")) {
      const since = Date.parse(clock.dataset.elapsed);
      if (Number.isNaN(since)) continue;
      const minutes = Math.max(0, Math.floor((Date.now() - since) / 60000));
      const shown = `T+${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`; // as `t_offset`
      if (clock.textContent !== shown) clock.textContent = shown;
    }
  }

  // --- dialogs: native, so the browser traps the focus and gives it back ---------------

  let opener = null;

  function openDialog(dialog) {
    if (!dialog || dialog.open) return;
    opener = document.activeElement;
    dialog.showModal();
    const first = $("[data-error-summary], [autofocus], .pm-form :is(input:not([type=hidden]), select, textarea)", dialog);
    if (first) first.focus();
  }

  document.addEventListener(
    "close",
    (event) => {
      if (!(event.target instanceof HTMLDialogElement)) return;
      if (event.target.id === "pm-drawer") $("#pm-drawer-body").replaceChildren();
      if (opener && document.contains(opener)) opener.focus();
      opener = null;
    },
    true,
  );

  function openDrawer(link) {
    window.htmx
      .ajax("GET", link.href, { target: "#pm-drawer-body", swap: "innerHTML", source: link })
      .catch(() => navigator.onLine && location.assign(link.href));
  }

  // --- drafts: what was typed survives a reload, a crash and a lost connection ----------

  const KEPT = "input:not([type=hidden], [type=password], [type=file], [type=submit]), select, textarea";

  const draftName = (form) => `${drafts()}${form.dataset.draftKey}`;

  function forgetDrafts() {
    try {
      for (const name of Object.keys(localStorage))
        if (name.startsWith(drafts())) localStorage.removeItem(name);
    } catch {
      // no storage, no drafts
    }
  }

  document.addEventListener("submit", (event) => {
    if (event.target.matches?.("[data-sign-out]")) forgetDrafts();
  });

  function readForm(form) {
    const values = {};
    for (const field of $$(KEPT, form)) {
      if (!field.name) continue;
      if (field.type === "checkbox" || field.type === "radio")
        (values[field.name] ??= []).push(...(field.checked ? [field.value] : []));
      else values[field.name] = field.value;
    }
    return values;
  }

  function writeForm(form, values) {
    for (const field of $$(KEPT, form)) {
      const value = values[field.name];
      if (value === undefined) continue;
      if (field.type === "checkbox" || field.type === "radio")
        field.checked = value.includes(field.value);
      else field.value = value;
    }
  }

  function draftNote(form, words, onDiscard) {
    const note = $("[data-draft-note]", form);
    if (!note) return;
    note.hidden = false;
    note.textContent = `${words} `;
    if (!onDiscard) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Discard it";
    button.addEventListener("click", onDiscard);
    note.append(button);
  }

  function startDraft(form) {
    if (form.dataset.draftReady) return;
    form.dataset.draftReady = "1";
    const fresh = readForm(form);
    const before = JSON.stringify(fresh);
    const version = $("input[name=version]", form)?.value ?? "";
    const kept = store.read(draftName(form));
    if (kept && !form.hasAttribute("data-bound")) {
      if (JSON.stringify(kept.values) === before) store.set(draftName(form), null);
      else {
        writeForm(form, kept.values);
        const moved = kept.version !== version ? " The record has changed since: compare before you save." : "";
        draftNote(form, `Your unsaved text of ${kept.at} was put back.${moved}`, () => {
          store.set(draftName(form), null);
          writeForm(form, fresh);
          $("[data-draft-note]", form).hidden = true;
        });
      }
    }
    let waiting = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (!document.contains(form)) return;
        const values = readForm(form);
        const at = new Date().toTimeString().slice(0, 5);
        if (JSON.stringify(values) === before) store.set(draftName(form), null);
        else store.write(draftName(form), { values, version, at });
      }, 300);
    });
    form.addEventListener("submit", () => {
      clearTimeout(waiting);
      if (!window.htmx) store.set("pm-draft-sent", draftName(form));
    });
    form.addEventListener("pm:saved", () => clearTimeout(waiting));
  }

  // A form sent without htmx: the draft goes, unless the same form came back with errors.
  const sent = store.get("pm-draft-sent");
  if (sent) {
    store.set("pm-draft-sent", null);
    if (!$$("form[data-draft-key][data-bound]").some((form) => draftName(form) === sent))
      store.set(sent, null);
  }

  function startCounter(note) {
    const field = document.getElementById(note.dataset.counterFor);
    if (!field || note.dataset.ready) return;
    note.dataset.ready = "1";
    const limit = Number(note.dataset.max);
    const show = () => {
      const used = [...field.value].length;
      note.hidden = used < limit * 0.6;
      note.textContent = `${used} of ${limit}`;
      note.classList.toggle("is-over", used > limit);
    };
    field.addEventListener("input", show);
    show();
  }

  // --- connection ---------------------------------------------------------------------

  function showConnection() {
    const banner = $("#pm-offline");
    if (banner) banner.hidden = navigator.onLine;
  }

  // --- start-up of the page and of every swapped part -----------------------------------

  function start(scope) {
    const own = (selector) =>
      (scope.matches?.(selector) ? [scope] : []).concat($$(selector, scope));
    own("form[data-draft-key]").forEach(startDraft);
    own("[data-counter-for]").forEach(startCounter);
    if (matchMedia("(max-width: 991px)").matches)
      own(".pm-aside details[data-fold]").forEach((fold) => (fold.open = false));
    own(".pm-tabs a[aria-current]").forEach((tab) => {
      const bar = tab.closest(".pm-tabs");
      bar.scrollLeft = tab.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
    });
    const summary = own("[data-error-summary]")[0];
    if (summary) {
      summary.focus({ preventScroll: true });
      summary.scrollIntoView({ block: "center" });
    }
  }

  // --- clicks ---------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    for (const menu of $$("details[data-menu][open]"))
      if (!menu.contains(event.target)) menu.open = false;
    if (at("[data-theme-toggle]")) return switchTheme();
    if (at("[data-dismiss]")) return at("[data-dismiss]").closest(".pm-toast, .pm-alert")?.remove();
    const copy = at("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(
        () => announce("Copied"),
        () => announce("Could not copy"),
      );
      copy.classList.add("is-copied");
      return setTimeout(() => copy.classList.remove("is-copied"), 1500);
    }
    const opens = at("[data-dialog-open]");
    if (opens) {
      opens.closest("details[data-menu]")?.removeAttribute("open");
      return openDialog(document.getElementById(opens.dataset.dialogOpen));
    }
    const closes = at("[data-dialog-close]");
    if (closes && closes.closest("dialog")) {
      event.preventDefault();
      return closes.closest("dialog").close();
    }
    if (event.target instanceof HTMLDialogElement) return event.target.close();
    const fill = at("[data-fill-login]");
    if (fill) {
      const login = $("#id_login");
      const password = $("#id_password");
      if (login) login.value = fill.dataset.fillLogin;
      if (password && fill.dataset.fillPassword) password.value = fill.dataset.fillPassword;
      return (password?.value ? $(".pm-form button[type=submit]") : password)?.focus();
    }
    const drawer = at("a[data-drawer]");
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (drawer && plain && window.htmx && $("#pm-drawer")) {
      event.preventDefault();
      drawer.closest("details[data-menu]")?.removeAttribute("open");
      openDrawer(drawer);
    }
  });

  // --- keys -------------------------------------------------------------------------------

  function moveRow(step) {
    const rows = $$("[data-row]").filter((row) => row.offsetParent !== null);
    if (!rows.length) return;
    const now = rows.findIndex((row) => row.contains(document.activeElement) || row === document.activeElement);
    const next = rows[Math.min(rows.length - 1, Math.max(0, now < 0 ? 0 : now + step))];
    const inside = $$("a, button", next).find((one) => one.checkVisibility());
    (next.matches("a, button") ? next : inside ?? next).focus(); // not in a closed menu
    next.scrollIntoView({ block: "nearest" });
  }

  function moveTab(step) {
    const tabs = $$("[data-tabs] a:not([data-drawer])");
    const now = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
    tabs[now + step]?.click();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = $("details[data-menu][open]");
      if (menu) {
        menu.open = false;
        $("summary", menu).focus();
      }
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || store.get("pm-keys") === "off") return;
    if ($("dialog[open]")) return;
    if (event.key === "/") {
      event.preventDefault();
      return $("#pm-search")?.focus();
    }
    if (event.key === "?") return openDialog($("#pm-shortcuts"));
    if (event.key === "[") return moveTab(-1);
    if (event.key === "]") return moveTab(1);
    const key = event.key.toLowerCase();
    if (key === "j") return moveRow(1);
    if (key === "k") return moveRow(-1);
    if (event.key === "Enter" && event.target.matches?.("[data-row]:not(a, button)"))
      return $("a", event.target)?.click();
    if (!/^[a-z]$/.test(key)) return;
    const wanted = $$("[data-shortcut]").find((item) => item.dataset.shortcut.toLowerCase() === key);
    if (!wanted) return;
    event.preventDefault();
    wanted.focus(); // of a menu, too: Tab goes on inside it
    if (!wanted.matches("input, textarea, select")) wanted.click();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-keys-toggle]"))
      store.set("pm-keys", event.target.checked ? null : "off");
  });

  // --- htmx -------------------------------------------------------------------------------

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    const isPage = /^\s*<!doctype/i.test(xhr.responseText ?? "");
    const hasForm = (xhr.responseText ?? "").includes("data-pm-form");
    if (target?.id === "pm-drawer-body" && isPage) {
      event.detail.shouldSwap = false;
      return location.assign(xhr.responseURL);
    }
    if (xhr.status < 400 || !target?.matches?.("[data-pm-form]")) return;
    // A refused form comes back with its words; anything else must not replace them.
    event.detail.shouldSwap = hasForm;
    event.detail.isError = !hasForm;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "pm-drawer-body") openDialog($("#pm-drawer"));
  });
  document.addEventListener("htmx:load", (event) => start(event.detail.elt));
  document.addEventListener("htmx:afterRequest", (event) => {
    // The form itself may have been swapped out: ask the request, not the event.
    const sender = event.detail.requestConfig?.elt ?? event.detail.elt;
    const form = sender?.closest?.("form[data-draft-key]");
    const { status } = event.detail.xhr;
    const verb = event.detail.requestConfig?.verb;
    // A session that has ended leads to the sign-in page: nothing was saved.
    const away = event.detail.xhr.getResponseHeader("HX-Redirect") ?? "";
    if (away.includes("/accounts/login/")) return;
    // An answer with HX-Redirect ends before htmx calls it successful: read the status.
    if (form && status >= 200 && status < 300 && verb !== "get") {
      form.dispatchEvent(new Event("pm:saved"));
      store.set(draftName(form), null);
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status, responseText } = event.detail.xhr;
    if (whyLater(status)) return; // sent again by resend.js
    const page = new DOMParser().parseFromString(responseText ?? "", "text/html");
    const said = $("[data-said]", page)?.textContent.trim();
    const words = {
      403: "Not saved. Your role cannot do this, or your session has ended. Your text is still here.",
      404: "There is nothing at this address any more.",
      429: "Too many tries. Wait a minute, then send it again.",
    };
    fail(
      (said ? `Not saved. ${said}` : words[status]) ?? "Not saved. The server could not answer. Your text is still here; try again.",
      event.detail.elt,
    );
  });
  // A form that could not be sent is told of, kept and sent again by resend.js.
  for (const name of ["htmx:sendError", "htmx:timeout"])
    document.addEventListener(name, (event) => {
      if (event.detail.requestConfig?.verb === "get")
        fail("This did not open: there is no connection. Try again in a moment.");
      showConnection();
    });

  addEventListener("online", showConnection);
  addEventListener("offline", showConnection);
  addEventListener("storage", (event) => {
    if (event.key === "pm-theme" && event.newValue) root.dataset.bsTheme = event.newValue;
  });

  const keys = $("[data-keys-toggle]");
  if (keys) keys.checked = store.get("pm-keys") !== "off";
  start(document);
  showConnection();
  tick();
  setInterval(tick, 1000);
  $$(".pm-toast-success[data-toast]").forEach((box) => setTimeout(() => box.remove(), 8000));
})();
