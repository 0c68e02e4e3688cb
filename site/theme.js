"use strict";
// The theme follows the system until the reader chooses; the choice is kept where the browser allows it.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* private mode: for this page only */ } };
  const recall = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const current = () => root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const stored = recall();
  if (stored === "dark" || stored === "light") root.dataset.theme = stored;
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    remember(root.dataset.theme);
  });
})();
