// Forms on a bad line, and forms that two people edited. A form that could not be sent
// keeps its words, says so, counts to the next try and sends the same key again, so that
// nothing is entered twice. Loaded after app.js; pages work without it.
(() => {
  "use strict";

  const { $, $$, announce, drafts, newKey, store, whyLater } = pm;
  const WAITS = [8, 15, 30, 60]; // seconds before the next try
  const ANSWER_SECONDS = 30; // no answer after this is a lost connection (not of an upload)

  // --- sending, and sending again ----------------------------------------------------

  const waiting = new Map(); // form -> {timer, left, tries, note, pressed}

  // A part of a form that asks for a look (how a line is read) sends nothing of its own,
  // and the quick-add bar keeps its lines itself (timeline.js), unless files hang on one.
  const formOf = (event) => {
    const sender = event.detail.requestConfig?.elt ?? event.detail.elt;
    if (!sender?.matches?.("form")) return null;
    return sender.matches("[data-quick]") && !sender.elements.upload.files.length ? null : sender;
  };

  function put(form, at, cause) {
    const note = document.createElement("div");
    const words = document.createElement("p");
    const head = document.createElement("b");
    const told = document.createElement("span");
    const again = document.createElement("button");
    note.className = "pm-alert pm-alert-bad pm-resend";
    note.dataset.resend = "";
    head.textContent = "Not saved.";
    told.textContent = ` ${cause} (${at}). Your text is kept on this device and `;
    const count = document.createElement("span");
    count.dataset.count = "";
    again.type = "button";
    again.className = "btn btn-sm";
    again.textContent = "Send now";
    again.addEventListener("click", () => send(form));
    words.append(head, told, count);
    note.append(words, again);
    const place = $(".pm-form-actions", form);
    if (place) place.before(note);
    else form.append(note);
    return note;
  }

  function tell(form) {
    const state = waiting.get(form);
    $("[data-count]", state.note).textContent = `will be sent again in ${state.left} s.`;
  }

  function stop(form) {
    const state = waiting.get(form);
    if (!state) return;
    clearInterval(state.timer);
    state.note.remove();
    waiting.delete(form);
  }

  function send(form) {
    const state = waiting.get(form);
    if (!state) return;
    clearInterval(state.timer);
    if (!document.contains(form)) return stop(form);
    $("[data-count]", state.note).textContent = "is being sent again.";
    window.htmx.trigger(form, "submit");
  }

  // pressed: the button by which it was sent, whose name and value belong to what it says.
  function failed(form, pressed, cause) {
    const at = new Date().toTimeString().slice(0, 8);
    const before = waiting.get(form);
    const tries = before ? before.tries + 1 : 0;
    if (before) stop(form);
    const left = WAITS[Math.min(tries, WAITS.length - 1)];
    const state = { tries, left, note: put(form, at, cause), timer: 0, pressed: pressed ?? before?.pressed };
    waiting.set(form, state);
    tell(form);
    announce(
      tries
        ? `Still not saved. ${cause}. Next try in ${left} seconds.`
        : `Not saved. ${cause}. Your text is kept and will be sent again in ${left} seconds.`,
    );
    state.timer = setInterval(() => {
      state.left -= 1;
      if (state.left <= 0) send(form);
      else tell(form);
    }, 1000);
  }

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb === "get") return;
    const form = formOf(event);
    if (!form) return;
    const own = $("input[name=client_key]", form);
    if (!own) form.dataset.onceKey ??= newKey();
    event.detail.headers["Idempotency-Key"] = own?.value ?? form.dataset.onceKey;
    const pressed = event.detail.triggeringEvent?.submitter ?? waiting.get(form)?.pressed;
    if (pressed?.name) event.detail.parameters[pressed.name] = pressed.value;
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (requestConfig.verb !== "get" && !requestConfig.elt?.matches?.("[enctype^=multipart]"))
      xhr.timeout = ANSWER_SECONDS * 1000;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = formOf(event);
    if (!form || event.detail.requestConfig?.verb === "get") return;
    const { xhr } = event.detail;
    const cause = whyLater(xhr.status, xhr.getResponseHeader("Retry-After"));
    if (cause) return failed(form, event.detail.requestConfig.triggeringEvent?.submitter, cause);
    delete form.dataset.onceKey; // answered: what is sent next is another matter
    if (waiting.has(form)) announce("The connection is back.");
    stop(form);
  });

  addEventListener("online", () => [...waiting.keys()].forEach(send));

  // --- two versions: choose field by field, or edit both into one ----------------------

  function write(form, name, values) {
    for (const field of $$(`[name="${CSS.escape(name)}"]`, form)) {
      if (field.type === "checkbox" || field.type === "radio") {
        field.checked = values.includes(field.value);
      } else field.value = values[0] ?? "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  function offer(scope) {
    $$("[data-conflict-take], [data-conflict-keep]", scope).forEach((button) => (button.hidden = false));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-conflict-take], [data-conflict-keep]");
    if (button) {
      const row = button.closest("[data-conflict]");
      const take = button.hasAttribute("data-conflict-take");
      write(button.closest("form"), row.dataset.conflict, JSON.parse(take ? row.dataset.stored : row.dataset.yours));
      $("[data-conflict-take]", row).setAttribute("aria-pressed", String(take));
      $("[data-conflict-keep]", row).setAttribute("aria-pressed", String(!take));
      const label = $("h3", row).textContent;
      return announce(`${label}: ${take ? "theirs" : "yours"} stands in the form now.`);
    }
    const all = event.target.closest?.("a[data-take-all]");
    if (!all) return;
    const form = all.closest("form");
    store.set(`${drafts()}${form.dataset.draftKey}`, null);
    if (!window.htmx || !all.closest("dialog")) return;
    event.preventDefault();
    window.htmx.ajax("GET", all.href, { target: "#pm-drawer-body", swap: "innerHTML" });
  });

  document.addEventListener("htmx:load", (event) => offer(event.detail.elt));
  offer(document);
})();
