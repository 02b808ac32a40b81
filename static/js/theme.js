// Runs before the page is painted: the chosen theme and the folded sidebar, so that
// nothing flashes. Everything else is in ui.js.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("sidebar") === "folded") root.dataset.sidebar = "folded";
  } catch {
    // Storage is forbidden here: the system's theme it is.
  }
})();
