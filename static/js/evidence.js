// The evidence page: the row that is shown, stepping by arrows, and files that are pasted
// or dropped. Without it every row is a link and every file goes by the form.
(() => {
  "use strict";

  const { $, $$, announce, isTyping } = pm;

  // The panel was swapped: mark its row, say its name, keep the focus where it is.
  function mark(panel) {
    for (const row of $$("[data-row]")) {
      const shown = row.id === panel.dataset.selects;
      row.classList.toggle("is-selected", shown);
      if (shown) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    announce(`${panel.dataset.selects}: ${$("#artifact-title")?.textContent}`);
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    const panel = $("[data-selects]", event.detail.target);
    if (panel) mark(panel);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if ($("dialog[open]")) return;
    const row = event.target.closest?.("[data-row]");
    if (event.key === " " && row) {
      event.preventDefault();
      return $("a", row)?.click();
    }
    const step = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
    if (step && event.target.closest?.(".pm-pre") === null) $(`[data-step=${step}]`)?.click();
  });

  // --- files from outside: open the form and put them in ---------------------------------

  const drop = $("[data-drop]");
  const link = $("[data-drop-link]");
  if (!drop || !link) return;
  let waiting = null;

  function take(files) {
    const held = new DataTransfer();
    for (const file of files) held.items.add(file);
    waiting = held.files;
    const open = $("#pm-drawer[open] input[type=file]");
    if (open) return put(open);
    link.click();
  }

  function put(input) {
    if (!waiting || !input) return;
    input.files = waiting;
    waiting = null;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  document.addEventListener("htmx:afterSettle", () => put($("#pm-drawer[open] input[type=file]")));

  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    drop.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    drop.classList.remove("is-over");
    if (!carriesFiles(event) || !event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
})();
