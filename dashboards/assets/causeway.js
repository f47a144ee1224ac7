/* Navigation, theme and language without a round trip. The URL is the state; everything here only changes it. */
(function () {
  "use strict";
  var root = document.documentElement;

  function keep(name, value) {
    try { window.localStorage.setItem(name, value); } catch (error) { /* private mode: not kept, nothing lost */ }
  }
  function kept(name) {
    try { return window.localStorage.getItem(name); } catch (error) { return null; }
  }
  function preferences() {
    return {
      theme: root.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light",
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC"
    };
  }
  function go(href, replace) {
    if (replace) { window.history.replaceState({}, "", href); } else { window.history.pushState({}, "", href); }
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate", { detail: href }));
    if (!replace) { closePopovers(null); }
  }
  function goAndRise(href) {
    var before = window.location.pathname;
    go(href, false);
    if (window.location.pathname !== before) { window.scrollTo(0, 0); }
  }
  function withParams(changes) {
    var params = new URLSearchParams(window.location.search);
    Object.keys(changes).forEach(function (name) {
      if (changes[name] === null) { params.delete(name); } else { params.set(name, changes[name]); }
    });
    var text = params.toString();
    return window.location.pathname + (text ? "?" + text : "");
  }
  function closePopovers(except) {
    document.querySelectorAll("details.custom-range[open]").forEach(function (details) {
      if (details !== except) { details.removeAttribute("open"); }
    });
  }

  /* A first visit in a Chinese browser reads Chinese; a choice once made is kept. */
  (function () {
    var params = new URLSearchParams(window.location.search);
    if (params.has("lang")) { return; }
    var language = kept("causeway-language") || (/^zh/i.test(navigator.language || "") ? "zh-CN" : "en");
    if (language !== "en") { window.history.replaceState({}, "", withParams({ lang: language })); }
  })();

  document.addEventListener("click", function (event) {
    var target = event.target instanceof Element ? event.target : null;
    if (!target || event.defaultPrevented || event.button !== 0) { return; }
    closePopovers(target.closest("details.custom-range"));
    if (target.closest("#theme-toggle")) {
      var next = preferences().theme === "dark" ? "light" : "dark";
      keep("mantine-color-scheme-value", next);
      root.setAttribute("data-mantine-color-scheme", next);
      window.dash_clientside.set_props("preferences", { data: preferences() });
      return;
    }
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) { return; }
    var link = target.closest("a[href]");
    if (!link && !window.getSelection().toString()) {
      var row = target.closest(".ag-row");
      link = row ? row.querySelector("a.row-link[href]") : null;
    }
    if (!link || link.target || link.hasAttribute("download")) { return; }
    var url = new URL(link.href, window.location.href);
    if (url.origin !== window.location.origin || /^\/(api|reports|metrics)\b/.test(url.pathname)) { return; }
    if (link.id === "language-toggle") { keep("causeway-language", link.lang); }
    event.preventDefault();
    goAndRise(url.pathname + url.search);
  });

  /* Forms are plain GET forms: their fields become the URL. Times are the viewer's own. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    event.preventDefault();
    var params = new URLSearchParams();
    var carried = new URLSearchParams(window.location.search);
    ["range", "from", "to", "lang"].forEach(function (name) {
      if (carried.has(name)) { params.set(name, carried.get(name)); }
    });
    form.querySelectorAll("input[name], select[name]").forEach(function (field) {
      if (field.type === "checkbox" && !field.checked) { params.delete(field.name); return; }
      var value = (field.value || "").trim();
      if (!value) { params.delete(field.name); return; }
      if (field.type === "datetime-local") {
        params.set(field.name, new Date(value).toISOString());
        params.delete("range");
      } else { params.set(field.name, value); }
    });
    var path = form.getAttribute("action") || window.location.pathname;
    goAndRise(path + (params.toString() ? "?" + params.toString() : ""));
  });
  document.addEventListener("change", function (event) {
    var field = event.target;
    if (field instanceof HTMLSelectElement && field.form && field.form.classList.contains("filters")) {
      field.form.requestSubmit();
    }
  });

  document.addEventListener("keydown", function (event) {
    var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement ? document.activeElement.tagName : "");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      var search = document.getElementById("search");
      if (search) { event.preventDefault(); search.focus(); }
    }
    if (event.key === "Escape") { closePopovers(null); }
  });

  /* One zoom for all charts of a page: dragging over any of them narrows the range of the whole page. */
  function watchCharts() {
    document.querySelectorAll(".chart-time .js-plotly-plot").forEach(function (plot) {
      if (plot.causewayWatched || !plot.on) { return; }
      plot.causewayWatched = true;
      plot.on("plotly_relayout", function (change) {
        var start = change["xaxis.range[0]"];
        var end = change["xaxis.range[1]"];
        if (start === undefined || end === undefined) { return; }
        var offset = Number((plot.layout.meta || {}).offset_ms || 0);
        var from = Date.parse(String(start).replace(" ", "T") + "Z") - offset;
        var to = Date.parse(String(end).replace(" ", "T") + "Z") - offset;
        if (to - from < 20000) { to = from + 20000; }
        go(withParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), range: null }), false);
      });
      plot.on("plotly_hover", function (point) {
        if (plot.causewayFollowing) { return; }
        var x = point.points && point.points[0] ? point.points[0].x : null;
        if (x !== null) { follow(plot, x); }
      });
      plot.on("plotly_unhover", function () { follow(plot, null); });
    });
  }
  function follow(leader, x) {
    if (!window.Plotly) { return; }
    document.querySelectorAll(".chart-time .js-plotly-plot").forEach(function (plot) {
      if (plot === leader || !plot._fullLayout) { return; }
      plot.causewayFollowing = true;
      try {
        if (x === null) { window.Plotly.Fx.unhover(plot); }
        else { window.Plotly.Fx.hover(plot, [{ xval: plot._fullLayout.xaxis.d2c(x), curveNumber: 0 }], ["xy"]); }
      } catch (error) { /* a chart without a line has nothing to point at */ }
      plot.causewayFollowing = false;
    });
  }
  new MutationObserver(function () {
    window.clearTimeout(watchCharts.timer);
    watchCharts.timer = window.setTimeout(watchCharts, 250);
  }).observe(document.body, { childList: true, subtree: true });

  window.causeway = { go: goAndRise, withParams: withParams };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    causeway: {
      preferences: function () { return preferences(); },
      heading: function (meta) {
        if (meta) { document.title = meta.title; root.lang = meta.lang; }
        return window.dash_clientside.no_update;
      },
      openPoint: function (click) {
        var point = click && click.points && click.points[0];
        if (point && point.customdata) { goAndRise(point.customdata[0]); }
        return window.dash_clientside.no_update;
      },
      openNode: function (node) {
        if (node && node.href) { goAndRise(node.href); }
        return window.dash_clientside.no_update;
      }
    }
  });
})();
