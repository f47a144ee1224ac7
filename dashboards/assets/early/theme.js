/* Runs before the first paint, so that a dark screen never flashes white. */
(function () {
  "use strict";
  var kept = null;
  try { kept = window.localStorage.getItem("mantine-color-scheme-value"); } catch (error) { kept = null; }
  var dark = kept === "dark" || kept === "light" ? kept === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
