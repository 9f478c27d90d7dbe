/* Candidates of an imported log: X chooses the row, shift and click a stretch of rows;
   the bar tells how many are chosen. Without this script the form works as it is. */
(() => {
  "use strict";
  const form = document.querySelector("[data-candidates]");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const all = form.querySelector("[data-all]");
  const told = form.querySelector("[data-chosen]");
  if (!boxes.length || !all) return;
  let last = null;

  function tell() {
    const count = boxes.filter((box) => box.checked).length;
    told.textContent = count ? `${count} chosen` : "None chosen";
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    for (const button of form.querySelectorAll("[data-needs-choice]")) button.disabled = !count;
    for (const box of boxes) box.closest("[data-row]").classList.toggle("is-chosen", box.checked);
  }

  form.querySelector("[data-all-row]").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  form.addEventListener("click", (event) => {
    const box = event.target;
    if (!boxes.includes(box)) return;
    if (event.shiftKey && last) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    }
    last = box;
    tell();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches?.("input[type=checkbox]") && event.key === "Enter")
      return event.preventDefault(); // it would send the form
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.toLowerCase() !== "x") return;
    if (pm.isTyping(event.target) || pm.$("dialog[open]")) return;
    const box = document.activeElement?.closest?.("[data-row]")?.querySelector("input[name=id]");
    if (!box) return;
    event.preventDefault();
    box.checked = !box.checked;
    last = box;
    tell();
  });
  window.addEventListener("pageshow", tell);
  tell();
})();
