/* How table cells are drawn. Each gets ready-made words from the server and decides nothing. */
(function () {
  "use strict";
  var shapes = { OK: "○", WARNING: "▲", CRITICAL: "■", UNKNOWN: "◌" };
  var components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  function element() { return window.React.createElement.apply(window.React, arguments); }

  /* value: text; data.href, data.verdict, data.verdict_word, data.note */
  components.NameCell = function (props) {
    var data = props.data || {};
    var parts = [];
    if (data.verdict) {
      parts.push(element("span", {
        key: "mark", className: "shape verdict-" + data.verdict.toLowerCase(), title: data.verdict_word,
        role: "img", "aria-label": data.verdict_word
      }, shapes[data.verdict]));
    }
    if (data.dot) { parts.push(element("span", { key: "dot", className: "dot", style: { background: data.dot } })); }
    parts.push(data.href
      ? element("a", { key: "name", className: "row-link", href: data.href, title: props.value }, props.value)
      : element("span", { key: "name", title: props.value }, props.value));
    if (data.note) { parts.push(element("span", { key: "note", className: "cell-note" }, data.note)); }
    return element("span", { className: "name-cell" }, parts);
  };
  /* A number already written, with its usual beside it: value is the number; params.text, params.usual are fields. */
  components.NumberCell = function (props) {
    var data = props.data || {};
    var text = data[props.textField];
    var usual = props.usualField ? data[props.usualField] : null;
    var off = props.offField ? data[props.offField] : null;
    return element("span", { className: "number-cell" },
      element("span", { className: off ? "verdict-" + off.toLowerCase() + " strong" : "" }, text === undefined ? "–" : text),
      usual ? element("span", { className: "cell-note" }, usual) : null);
  };
  /* A share of 1 as a bar. */
  components.BarCell = function (props) {
    var share = Math.max(0, Math.min(1, Number(props.value) || 0));
    var text = props.textField ? (props.data || {})[props.textField] : null;
    return element("span", { className: "bar-cell" },
      element("span", { className: "bar-track" },
        element("span", { className: "bar-fill", style: { width: (share * 100).toFixed(1) + "%" } })),
      text !== null ? element("span", { className: "bar-text" }, text) : null);
  };
  function percent(share) { return (Math.max(0, Math.min(1, Number(share) || 0)) * 100).toFixed(1) + "%"; }
  /* A share with its bounds: value, data[field_low] and data[field_high] in [0, 1]; bounds may be missing. */
  components.IntervalCell = function (props) {
    var data = props.data || {}, low = data[props.field + "_low"], high = data[props.field + "_high"];
    var known = typeof low === "number" && typeof high === "number";
    return element("span", { className: "bar-cell", title: data[props.field + "_title"] },
      element("span", { className: "bar-track tall" },
        element("span", { className: "bar-fill soft", style: { width: percent(props.value) } }),
        known ? element("span", { className: "whisker", style: { left: percent(low), width: percent(high - low) } }) : null),
      element("span", { className: "bar-text" }, data[props.textField]));
  };
  /* More to the right, less to the left of the middle: value in [-1, 1]. */
  components.ChangeCell = function (props) {
    var data = props.data || {}, value = Math.max(-1, Math.min(1, Number(props.value) || 0));
    return element("span", { className: "bar-cell", title: data[props.field + "_title"] },
      element("span", { className: "bar-track tall middle" },
        element("span", {
          className: "bar-fill" + (value < 0 ? " less" : ""),
          style: { left: percent(0.5 + Math.min(0, value) / 2), width: percent(Math.abs(value) / 2) }
        })),
      element("span", { className: "bar-text" }, data[props.textField]));
  };
  /* A whole made of coloured parts: data[field_parts] = [{width in [0, 1], colour, title}]. */
  components.StackCell = function (props) {
    var data = props.data || {};
    var parts = (data[props.field + "_parts"] || []).map(function (part, i) {
      return element("span", {
        key: i, className: "bar-part", title: part.title, style: { width: percent(part.width), background: part.colour }
      });
    });
    return element("span", { className: "bar-cell", title: data[props.field + "_title"] },
      element("span", { className: "bar-track tall stack" }, parts),
      element("span", { className: "bar-text" }, data[props.textField]));
  };
  /* value: list of numbers or nulls. */
  components.SparkCell = function (props) {
    var values = props.value || [];
    var width = 96, height = 22, top = 0;
    values.forEach(function (value) { if (value !== null && value > top) { top = value; } });
    if (values.length < 2 || top === 0) { return element("span", { className: "cell-note" }, "–"); }
    var path = "", pen = false;
    values.forEach(function (value, i) {
      if (value === null) { pen = false; return; }
      path += (pen ? "L" : "M") + (i * width / (values.length - 1)).toFixed(1) + " " +
        (height - 2 - value / top * (height - 4)).toFixed(1);
      pen = true;
    });
    return element("svg", { className: "spark", width: width, height: height, "aria-hidden": "true" },
      element("path", { d: path, fill: "none", strokeWidth: 1.5 }));
  };
  /* One span of a waterfall. data.bars: [{left, width, kind}] in percent; data.gap: words after the bar. */
  components.WaterfallCell = function (props) {
    var data = props.data || {};
    var bars = (data.bars || []).map(function (bar, i) {
      return element("span", {
        key: i, className: "span-bar span-" + bar.kind,
        style: { left: bar.left + "%", width: "max(2px, " + bar.width + "%)", background: bar.colour }
      });
    });
    var end = Math.min(100, (data.left || 0) + (data.width || 0));
    var label = element("span", {
      className: "span-label", key: "label",
      style: end > 80 ? { right: (100 - (data.left || 0)) + "%" } : { left: end + "%" }
    }, data.duration);
    return element("span", { className: "waterfall" + (data.critical ? " on-path" : "") }, bars, label);
  };
  components.TreeCell = function (props) {
    var data = props.data || {};
    return element("span", { className: "tree-cell", style: { paddingLeft: (data.depth || 0) * 14 + "px" } },
      element("span", { className: "dot", style: { background: data.dot } }),
      element("a", { className: "row-link", href: data.href }, data.service),
      element("span", { className: "cell-note" }, data.operation),
      data.error ? element("span", { className: "shape verdict-critical", title: data.error }, "■") : null);
  };
})();
