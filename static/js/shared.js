// What more than one script says, said once: pages, drafts, keys, and which answers are no
// answer. Loaded before the others, which take what they need from `pm`.
const pm = (() => {
  "use strict";

  const $ = (selector, scope = document) => scope.querySelector(selector);
  const $$ = (selector, scope = document) => [...scope.querySelectorAll(selector)];

  // Says a sentence to screen readers without moving the focus.
  function announce(text) {
    const live = $("#pm-live");
    if (!live) return;
    live.textContent = "";
    setTimeout(() => (live.textContent = text), 60);
  }

  // A store that is full or forbidden keeps nothing, and nothing else fails by it.
  const store = {
    get(name) {
      try {
        return localStorage.getItem(name);
      } catch {
        return null;
      }
    },
    read(name) {
      try {
        return JSON.parse(this.get(name) ?? "null");
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        if (value === null) localStorage.removeItem(name);
        else localStorage.setItem(name, value);
      } catch {
        // the text stays in its field
      }
    },
    write(name, value) {
      this.set(name, value === null ? null : JSON.stringify(value));
    },
  };

  // Drafts belong to a person: nobody finds another one's words on a shared machine.
  const drafts = () => `pm-draft:${document.body.dataset.person ?? ""}:`;

  // By such a key the server knows what it is sent twice.
  const newKey = () =>
    [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");

  // Single keys never fire while somebody types.
  const TYPED =
    "input:not([type=checkbox], [type=radio], [type=submit], [type=button]), textarea, select, [role=textbox]";
  const isTyping = (target) => target.isContentEditable || Boolean(target.closest?.(TYPED));

  // What did not answer, or has no room, now: 0 is a lost connection.
  const DROPPED = "The connection dropped";
  const LATER = { 0: DROPPED, 502: DROPPED, 503: DROPPED, 504: DROPPED, 507: "The disk of the server is full" };

  // Why the same is sent again later; "" for what the product itself answered.
  function whyLater(status, retryAfter = null) {
    const isAtWork = status === 409 && retryAfter; // the same, sent before, is being done
    return LATER[status] ?? (isAtWork ? DROPPED : "");
  }

  return { $, $$, announce, store, drafts, newKey, isTyping, whyLater };
})();
