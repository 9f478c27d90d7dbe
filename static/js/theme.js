// Sets the theme before the first paint: what the person chose, else what the system says.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("pm-theme");
  } catch {
    // Storage can be closed off; then the system decides.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.bsTheme =
    chosen === "dark" || chosen === "light" ? chosen : dark ? "dark" : "light";
})();
