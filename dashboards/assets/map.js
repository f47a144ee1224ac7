/* The service map: how it is drawn when it is large, where the search leads, and the slider through time. */
(function () {
  "use strict";
  var LARGE_NODES = 150;
  var LARGE_EDGES = 500;
  var SLIDE_MS = 180;
  var known = new WeakMap();

  function cyOf(id) {
    var box = document.getElementById(id);
    return box && box._cyreg ? box._cyreg.cy : null;
  }

  /* Thousands of arrows follow the mouse only if they are left out while it moves. */
  function tune(cy) {
    var renderer = cy.renderer();
    var large = cy.nodes().length > LARGE_NODES || cy.edges().length > LARGE_EDGES;
    renderer.hideEdgesOnViewport = large;
    renderer.textureOnViewport = large;
    renderer.forcedPixelRatio = large ? 1 : null;
  }

  /* Fit when other boxes are shown than before, go to what was searched for; else leave the view alone. */
  function settle(cy) {
    var before = known.get(cy) || {};
    var names = cy.nodes().map(function (node) { return node.id(); }).sort().join("\n");
    var found = cy.nodes(".found");
    var name = found.length ? found[0].id() : "";
    if (before.names !== undefined && before.names !== names) { cy.fit(undefined, 28); }
    if (name && (before.found !== name || before.names !== names)) {
      cy.zoom({ level: Math.min(1.1, Math.max(0.7, cy.zoom())), position: found[0].position() });
      cy.center(found[0]);
    }
    known.set(cy, { names: names, found: name });
  }

  function drawn(id, tries) {
    var cy = cyOf(id);
    if (cy && cy.elements().length) {
      tune(cy);
      settle(cy);
    } else if (tries > 0) {
      window.requestAnimationFrame(function () { drawn(id, tries - 1); });
    }
  }

  /* The slider tells the moment while it moves and asks for it when it rests. */
  function moment(slider) {
    var data = document.getElementById("map-moments");
    var step = Number(data.dataset.step);
    var start = Number(data.dataset.start) + Number(slider.value) * step;
    return { start: start, end: start + step };
  }
  function clock(time) {
    return new Date(time).toLocaleTimeString("en-GB", { hour12: false });
  }
  document.addEventListener("input", function (event) {
    if (!event.target.closest || !event.target.closest("#map-at")) { return; }
    var slider = event.target;
    var now = moment(slider);
    document.getElementById("map-at-said").textContent = clock(now.start) + " – " + clock(now.end);
    window.clearTimeout(moment.timer);
    moment.timer = window.setTimeout(function () {
      var href = window.causeway.withParams({ at: String(now.start) + "000000" });
      window.history.replaceState({}, "", href);
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate", { detail: href }));
    }, SLIDE_MS);
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.causewayMap = {
    drawn: function (elements) {
      if (elements) { drawn("map", 120); }
      return window.dash_clientside.no_update;
    },
    /* A click on a box of any map opens it; a bare path keeps range and language. */
    open: function (node) {
      if (node && node.href) {
        var asked = new URLSearchParams(window.location.search);
        var kept = new URLSearchParams();
        ["range", "from", "to", "lang"].forEach(function (name) {
          if (asked.has(name)) { kept.set(name, asked.get(name)); }
        });
        var bare = node.href.indexOf("?") < 0 && kept.toString();
        window.causeway.go(node.href + (bare ? "?" + kept.toString() : ""));
      }
      return window.dash_clientside.no_update;
    }
  };
})();
