// Light or dark, before anything is painted: a plain script in the head, so that no page flashes in the other one.
// The choice is kept by the browser; without one the system's counts.
(function () {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("fulcrum-theme");
    } catch {
      return null; // storage is forbidden: the system's theme it is
    }
  };
  const apply = () => {
    root.dataset.theme = chosen() || (system.matches ? "dark" : "light");
    root.dispatchEvent(new CustomEvent("themechange"));
  };
  system.addEventListener("change", apply);
  // Called by the switch in the page's head.
  window.switchTheme = () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("fulcrum-theme", next);
    } catch {
      root.dataset.theme = next;
    }
    apply();
    return next;
  };
  apply();
})();
