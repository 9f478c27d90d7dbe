// The timeline: a bar that loses nothing, rows that come in by themselves, a chart that
// zooms. The page works without it.
(() => {
  "use strict";

  const { $, $$, announce, drafts, newKey, store, whyLater } = pm;
  const bar = () => $("#quick-add");
  const name = (what) => `${drafts()}${what}:${bar()?.dataset.quick}`;

  // --- the bar: draft, files, and a line that waits for its connection -------------------

  const FIELDS = ["at", "text", "kind", "lane", "link", "key"];
  const KINDS = ["at", "text", "link"];
  let sent = null; // the line that is on its way
  let asked = null; // 'next try' timer
  let tries = 0;

  const isFilled = (line) => KINDS.some((field) => line[field]);
  const values = (form) =>
    Object.fromEntries(FIELDS.map((field) => [field, form.elements[field]?.value ?? ""]));

  function fill(form, kept) {
    for (const field of FIELDS)
      if (kept[field] !== undefined && form.elements[field]) form.elements[field].value = kept[field];
    showAttached(form);
  }

  function keepDraft(form) {
    const now = values(form);
    store.write(name("line"), isFilled(now) ? now : null);
  }

  // What was typed since the line was sent: the next line, under a key of its own.
  function begun(form) {
    const now = values(form);
    const same = !sent || KINDS.every((field) => now[field] === sent[field]);
    return same || !isFilled(now) ? null : { ...now, key: newKey() };
  }

  function startBar(form) {
    if (form.dataset.ready) return;
    form.dataset.ready = "1";
    const kept = store.read(name("line"));
    if (kept && !form.hasAttribute("data-bound")) fill(form, kept);
    form.addEventListener("input", () => keepDraft(form));
    form.addEventListener("change", () => showAttached(form));
    form.addEventListener("paste", paste);
    form.addEventListener("dragover", (event) => {
      event.preventDefault();
      form.classList.add("is-over");
    });
    form.addEventListener("dragleave", () => form.classList.remove("is-over"));
    form.addEventListener("drop", drop);
    form.addEventListener("submit", (event) => {
      const line = values(form);
      const again = sent && FIELDS.every((field) => line[field] === sent[field]);
      const typed = again ? sent.typed_at : new Date().toISOString(); // '-5m' counts from here
      form.elements.typed_at.value = typed;
      const pressed = event.submitter;
      const milestone = pressed?.name === "milestone" ? pressed.value : "";
      sent = { ...line, typed_at: typed, milestone };
    }, true);
    showWaiting();
  }

  function attach(form, files) {
    if (!files.length) return;
    const field = form.elements.upload;
    const all = new DataTransfer();
    for (const file of [...field.files, ...files]) all.items.add(file);
    field.files = all.files;
    showAttached(form);
  }

  function isLink(text) {
    return /^https?:\/\/\S+$/.test(text.trim());
  }

  function paste(event) {
    const form = event.currentTarget;
    const files = [...(event.clipboardData?.files ?? [])].map(named);
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (files.length) {
      event.preventDefault();
      attach(form, files);
    } else if (isLink(text) && event.target.name === "text") {
      event.preventDefault();
      form.elements.link.value = text.trim();
      keepDraft(form);
      showAttached(form);
    }
  }

  // A pasted picture is called image.png by every browser: its time tells it apart.
  function named(file) {
    if (file.name !== "image.png") return file;
    const at = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    return new File([file], `screenshot-${at}.png`, { type: file.type });
  }

  function drop(event) {
    const form = event.currentTarget;
    event.preventDefault();
    form.classList.remove("is-over");
    const text = event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain");
    if (event.dataTransfer.files.length) attach(form, [...event.dataTransfer.files]);
    else if (isLink(text)) {
      form.elements.link.value = text.trim();
      keepDraft(form);
      showAttached(form);
    }
    form.elements.text.focus();
  }

  function showAttached(form) {
    const note = $("[data-attached]", form);
    const parts = [...form.elements.upload.files].map((file) => file.name);
    if (form.elements.link.value) parts.push(form.elements.link.value);
    note.hidden = !parts.length;
    note.textContent = parts.length ? `With this line: ${parts.join(", ")} ` : "";
    if (!parts.length) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Take off";
    button.addEventListener("click", () => {
      form.elements.upload.value = "";
      form.elements.link.value = "";
      keepDraft(form);
      showAttached(form);
      form.elements.text.focus();
    });
    note.append(button);
  }

  // Lines that could not be sent wait here, in order, each with the key that makes a
  // second arrival harmless.
  const waiting = () => store.read(name("waiting")) ?? [];

  function showWaiting(seconds = null, why = "") {
    const note = bar() && $("[data-waiting]", bar());
    if (!note) return;
    const count = waiting().length;
    note.hidden = !count;
    if (!count) return;
    const lines = count === 1 ? "1 line waits" : `${count} lines wait`;
    const next = seconds === null ? "" : ` Next try in ${seconds} s.`;
    note.textContent = `${why} ${lines} on this device, safe from a reload.${next}`.trim();
  }

  function later(why) {
    clearInterval(asked);
    if (!waiting().length) return;
    tries = Math.min(tries + 1, 5);
    let left = 2 ** tries;
    showWaiting(left, why);
    announce($("[data-waiting]", bar()).textContent);
    asked = setInterval(() => {
      left -= 1;
      showWaiting(Math.max(left, 0), why);
      if (left <= 0) {
        clearInterval(asked);
        sendWaiting();
      }
    }, 1000);
  }

  async function sendWaiting() {
    const form = bar();
    const line = waiting()[0];
    if (!form || !line) return showWaiting();
    const body = new FormData();
    for (const [field, value] of Object.entries(line)) body.set(field, value);
    body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    let answer;
    try {
      answer = await fetch(form.action, {
        method: "POST",
        body,
        headers: { "HX-Request": "true", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      });
    } catch {
      return later(`${whyLater(0)}.`);
    }
    const cause = whyLater(answer.status, answer.headers.get("Retry-After"));
    if (cause) return later(`${cause}.`);
    if (answer.headers.get("HX-Redirect")) return say("You are signed out. What waits stays on this device; sign in to send it.");
    if (answer.ok) {
      leaveWaiting();
      showWaiting();
      look(true);
      if (waiting().length) return sendWaiting();
      return say("The lines that waited are recorded.");
    }
    // Refused: it goes back into the bar, where its writer can mend it, once that is empty.
    const refused = `A line that waited was refused (${answer.status}).`;
    if (isFilled(values(form))) return later(`${refused} It comes into the bar when that is empty.`);
    leaveWaiting();
    fill(form, line);
    form.elements.key.value = newKey();
    keepDraft(form);
    form.elements.text.focus();
    const mend = `${refused} It is in the bar again; press Enter to see why.`;
    if (waiting().length) later(mend);
    else say(mend);
  }

  function leaveWaiting() {
    const left = waiting().slice(1);
    store.write(name("waiting"), left.length ? left : null);
    tries = 0;
  }

  function say(words) {
    announce(words);
    const note = bar() && $("[data-waiting]", bar());
    if (note) {
      note.hidden = false;
      note.textContent = words;
      setTimeout(() => showWaiting(), 6000);
    }
  }

  // No answer of the product itself: the line waits. With files, resend.js sends it again.
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (form?.id !== "quick-add" || form.elements.upload.files.length) return;
    const { xhr } = event.detail;
    const cause = whyLater(xhr.status, xhr.getResponseHeader("Retry-After"));
    if (!cause) return;
    if (!sent?.text && !sent?.at) return;
    store.write(name("waiting"), [...waiting(), sent]);
    const next = begun(form);
    form.reset();
    for (const field of KINDS) form.elements[field].value = "";
    form.elements.key.value = newKey();
    if (next) fill(form, next);
    keepDraft(form);
    later(`${cause}.`);
    form.elements.text.focus();
  });
  addEventListener("online", () => {
    clearInterval(asked);
    sendWaiting();
  });

  // A refused line comes back with its words: htmx must show it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (target?.id !== "quick-add") return;
    if (xhr.status < 400) {
      // Before the empty bar comes in and looks for a draft: this one is recorded.
      if (xhr.status !== 204) store.write(name("line"), begun(target));
      return;
    }
    const isBar = (xhr.responseText ?? "").includes('id="quick-add"');
    event.detail.shouldSwap = isBar;
    event.detail.isError = !isBar;
  });

  // --- others record too: their rows come in by themselves --------------------------------

  const pristine = new Map(); // id of a row: its HTML as the server sent it

  function remember(scope) {
    for (const row of $$("#timeline > li[id]", scope)) pristine.set(row.id, row.innerHTML);
  }

  const busy = (node) =>
    node.contains(document.activeElement) || $("details[open]", node) !== null;

  let looking = false;
  let landing = "";

  async function look(now = false) {
    const live = $("#tl-live");
    const list = $("#timeline");
    if (!live || !list || looking || (document.hidden && !now)) return;
    looking = true;
    const url = new URL(live.dataset.url, location.origin);
    url.searchParams.set("seen", list.dataset.head);
    url.searchParams.set("first", list.dataset.first);
    url.searchParams.set("last", list.dataset.last);
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" } });
      if (answer.status === 200) take(await answer.text());
      else if (answer.status === 204 && answer.headers.get("HX-Redirect"))
        clearInterval(clock); // signed out: the bar keeps its words, nothing is lost
    } catch {
      // the banner says that there is no connection; the next look comes by itself
    } finally {
      looking = false;
    }
  }

  function take(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const list = $("#timeline");
    const next = $("#timeline", fresh);
    if (!list || !next) return;
    const news = weave(list, next);
    for (const name of ["head", "first", "last"]) list.dataset[name] = next.dataset[name];
    if (list.children.length) {
      list.hidden = false;
      $("#tl-none")?.remove();
    }
    for (const id of ["tab-timeline-count", "tl-segments", "tl-rules", "tl-chart", "milestones", "durations", "checkpoints", "hypotheses", "tl-moments"])
      refresh(id, fresh);
    tell(news);
  }

  // Puts each fresh row in its place and leaves alone what is the same or in use.
  function weave(list, next) {
    const news = [];
    const wanted = new Set([...next.children].map((row) => row.id));
    let before = null;
    for (const row of [...next.children]) {
      const old = row.id ? document.getElementById(row.id) : null;
      if (old && old.parentElement === list) {
        if (pristine.get(row.id) !== row.innerHTML && !busy(old)) {
          pristine.set(row.id, row.innerHTML);
          const made = document.importNode(row, true);
          old.replaceWith(made);
          window.htmx?.process(made);
          before = made;
        } else before = old;
        continue;
      }
      if (old) continue; // inside a folded run that is open on this page
      const made = document.importNode(row, true);
      pristine.set(row.id, row.innerHTML);
      if (before) before.after(made);
      else list.prepend(made);
      window.htmx?.process(made);
      before = made;
      if (made.matches("[data-row]:not([data-gap])")) {
        made.classList.add("is-new");
        news.push(made);
      }
    }
    for (const row of [...list.children])
      if (row.id && !wanted.has(row.id) && !busy(row)) {
        row.remove();
        pristine.delete(row.id);
      }
    return news;
  }

  function refresh(id, fresh) {
    const old = document.getElementById(id);
    const made = fresh.getElementById(id);
    if (!old || !made || old.innerHTML === made.innerHTML || old.contains(document.activeElement)) return;
    if (id === "tl-chart" && (brush || $("details[open]", old))) return;
    const node = document.importNode(made, true);
    if (old.matches("details")) node.open = old.open;
    old.replaceWith(node);
    window.htmx?.process(node);
  }

  function tell(news) {
    const mine = landing && document.getElementById(landing);
    if (mine) {
      mine.scrollIntoView({ block: "nearest" });
      landing = "";
    }
    const others = news.filter((row) => row !== mine);
    const note = $("#tl-news");
    if (!note || !others.length) return;
    const last = others[others.length - 1];
    note.hidden = false;
    note.textContent = others.length === 1 ? "1 new entry: " : `${others.length} new entries, the last: `;
    const link = document.createElement("a");
    link.href = `#${last.id}`;
    link.textContent = $(".pm-title", last)?.textContent.trim().slice(0, 80) ?? last.id;
    note.append(link);
    clearTimeout(note.timer);
    note.timer = setTimeout(() => (note.hidden = true), 20000);
  }

  document.addEventListener("timeline:added", (event) => {
    landing = event.detail.ref;
    look(true);
  });

  // --- the chart: drag to zoom; a mark jumps ----------------------------------------------

  let brush = null;

  const place = (svg, event) => {
    const box = svg.getBoundingClientRect();
    const width = svg.viewBox.baseVal.width;
    const x = ((event.clientX - box.left) / box.width) * width;
    return Math.min(Math.max(x, Number(svg.dataset.left)), Number(svg.dataset.right));
  };

  document.addEventListener("pointerdown", (event) => {
    const svg = event.target.closest?.("[data-brush] svg");
    if (!svg || event.button !== 0 || event.target.closest("a")) return;
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const start = place(svg, event);
    for (const [key, value] of Object.entries({ class: "brush", x: start, y: 22, width: 0, height: svg.viewBox.baseVal.height - 46 }))
      rect.setAttribute(key, value);
    svg.append(rect);
    brush = { svg, rect, start };
    svg.setPointerCapture?.(event.pointerId);
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    if (!brush) return;
    const now = place(brush.svg, event);
    brush.rect.setAttribute("x", Math.min(now, brush.start));
    brush.rect.setAttribute("width", Math.abs(now - brush.start));
  });
  document.addEventListener("pointerup", (event) => {
    if (!brush) return;
    const { svg, rect, start } = brush;
    const now = place(svg, event);
    brush = null;
    rect.remove();
    if (Math.abs(now - start) < 8) return;
    const from = Number(svg.dataset.from);
    const span = Number(svg.dataset.to) - from;
    const wide = Number(svg.dataset.right) - Number(svg.dataset.left);
    const time = (x) =>
      `${new Date((from + ((x - Number(svg.dataset.left)) / wide) * span) * 1000).toISOString().slice(0, 19)}Z`;
    const url = new URL(location.href);
    url.hash = "";
    for (const gone of ["at", "after", "before"]) url.searchParams.delete(gone);
    url.searchParams.set("from", time(Math.min(start, now)));
    url.searchParams.set("to", time(Math.max(start, now)));
    location.assign(url);
  });

  // A link to a row that is on the page only moves there.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href*='#TL-']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const hash = link.hash ?? link.href.baseVal?.replace(/^[^#]*/, "") ?? "";
    const row = hash && document.getElementById(hash.slice(1));
    if (!row || !row.closest("#timeline")) return;
    event.preventDefault();
    const fold = row.closest("details.tl-fold");
    if (fold) fold.open = true;
    history.replaceState(null, "", hash);
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
    row.classList.add("is-new");
  });

  function nextGap() {
    const gaps = $$("#timeline [data-gap], #timeline .is-stated");
    const now = gaps.findIndex((row) => row.contains(document.activeElement));
    const row = gaps[(now + 1) % gaps.length];
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-next-gap]")) nextGap();
  });

  // --- start ------------------------------------------------------------------------------

  let clock = 0;
  remember(document);
  if (bar()) startBar(bar());
  $$("[data-next-gap]").forEach((button) => (button.hidden = false));
  document.addEventListener("htmx:load", (event) => {
    const form = event.detail.elt.matches?.("#quick-add") ? event.detail.elt : $("#quick-add", event.detail.elt);
    if (form) startBar(form);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // 'Earlier' and 'later' widen what this page has open.
    const more = event.detail.target;
    if (!more?.matches?.("#tl-earlier, #tl-later")) return;
    const side = more.id === "tl-earlier" ? "first" : "last";
    addEventListener("htmx:afterSettle", () => {
      const list = $("#timeline");
      const rows = $$(":scope > li[data-row], :scope > li.is-fold", list);
      const end = side === "first" ? rows[0] : rows[rows.length - 1];
      const open = $(side === "first" ? "#tl-earlier" : "#tl-later", list);
      list.dataset[side] = open ? end.id.replace("fold-", "") : "";
      remember(document);
    }, { once: true });
  });
  const pace = Number($("#tl-live")?.dataset.pace ?? 0);
  if (pace) clock = setInterval(look, pace * 1000);
  document.addEventListener("visibilitychange", () => !document.hidden && look());
  if (waiting().length) later();
})();
