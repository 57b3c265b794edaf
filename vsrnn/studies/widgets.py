"""What a reader can move on a page: plain scripts and drawings, nothing from outside.

All are whole without scripts, too: they then show what they begin with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Any

import numpy as np

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.plot.blocks import block_places
from vsrnn.plot.labels import BLOCK_COLORS

_BELOW = 112
"""Where blocks begin below a curve."""

_PAGE = Template("""\
<div class="vsrnn-live" id="$name">
<style>
.vsrnn-live { color: var(--pst-color-text-base, CanvasText); max-width: 46rem; }
.vsrnn-live label { display: flex; gap: .6rem; align-items: center; }
.vsrnn-live input { flex: 1; min-width: 8rem; accent-color: #0072B2; }
.vsrnn-live output { display: block; min-height: 1.5em; }
.vsrnn-live .panels { display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fit, minmax($least, 1fr)); }
.vsrnn-live svg { width: 100%; display: block; touch-action: pan-y; overflow: visible; }
.vsrnn-live p { margin: 0; font-size: .85em; }
.vsrnn-live circle { fill: currentColor; fill-opacity: .3; }
.vsrnn-live circle.cheap { fill: #D55E00; fill-opacity: 1; }
.vsrnn-live circle.chosen { fill: #0072B2; fill-opacity: 1; stroke: currentColor; }
.vsrnn-live path, .vsrnn-live rect { fill: none; stroke: currentColor; stroke-width: 1;
  vector-effect: non-scaling-stroke; }
.vsrnn-live path { stroke-width: 2; stroke-opacity: .45; }
.vsrnn-live path.told { stroke: #D55E00; stroke-opacity: 1; }
.vsrnn-live rect.block { stroke: none; }
.vsrnn-live path.fill { fill: currentColor; fill-opacity: .45; stroke: none; }
.vsrnn-live text { fill: currentColor; text-anchor: middle; }
.vsrnn-live input[type="number"] { width: 7rem; flex: none; }
.vsrnn-live label > :is(span, b) { min-width: 4.5rem; font-weight: 400; }
.vsrnn-live .drawn { max-height: 22rem; margin: .6rem 0; }
</style>
$controls
<output aria-live="polite">$said</output>
<div class="panels">
$panels
</div>
<script>
(() => {
const root = document.getElementById("$name"), said = root.querySelector("output");
const drawings = [...root.querySelectorAll("svg")];
$script
})();
</script>
</div>""")

_SLIDER = Template("""\
<label><span>$what</span>
<input type="range" min="0" max="$most" value="$value" aria-label="$what"></label>""")

_SLIDES = """
const slider = root.querySelector("input");
slider.addEventListener("input", () => show(+slider.value));"""

_NEIGHBORS = """\
const all = drawings.map((svg) => [...svg.querySelectorAll("circle")]);
const bits = drawings.map((svg) => atob(svg.dataset.cheap));
const cheap = (panel, unit, other) => {
  const place = unit * all[panel].length + other;
  return bits[panel].charCodeAt(place >> 3) >> (7 - (place & 7)) & 1;
};
const show = (unit) => {
  slider.value = unit;
  said.textContent = "Unit " + unit + " reads at little cost:";
  all.forEach((units, panel) => {
    let count = 0;
    units.forEach((dot, other) => {
      const low = cheap(panel, unit, other);
      count += low;
      dot.classList.toggle("cheap", low && other !== unit);
      dot.classList.toggle("chosen", other === unit);
      dot.setAttribute("r", low || other === unit ? 3 : 2);
    });
    drawings[panel].nextElementSibling.querySelector("b").textContent = count;
  });
};
const nearest = (panel, event) => {
  const box = drawings[panel].getScreenCTM();
  const x = (event.clientX - box.e) / box.a, y = (event.clientY - box.f) / box.d;
  const far = all[panel].map((dot) =>
    Math.hypot(dot.getAttribute("cx") - x, dot.getAttribute("cy") - y));
  return far.indexOf(Math.min(...far));
};
drawings.forEach((svg, panel) => ["pointermove", "pointerdown"].forEach((kind) =>
  svg.addEventListener(kind, (event) => show(nearest(panel, event)))));"""

_FRAMES = """\
const frames = $frames;
const show = (number) => {
  const frame = frames[number];
  said.textContent = frame.said;
  drawings.forEach((svg, panel) => {
    svg.querySelectorAll(".told").forEach((path, walk) =>
      path.setAttribute("d", frame.paths[panel][walk]));
    svg.nextElementSibling.querySelector("b").textContent = frame.words[panel];
  });
};"""

_EXPLORER = """\
const names = $names, colors = $colors, designs = $designs, presets = $presets;
const fields = ["inputs", "outputs", "budget"];
let state = $state;
const solve = ({inputs: X, outputs: Y, budget: S, density: f}) => {
  const a = f[1], b = f[0] * X + f[2] * Y + f[4] * Y;
  const fixed = f[3] * X * Y + f[5] * Y * Y, excess = Math.min(fixed - S, 0);
  const slope = b + Math.sqrt(b * b - 4 * a * excess);
  const root = slope ? -2 * excess / slope : 0;
  if (!(a || b)) return {why: "No block with a hidden unit has any weights."};
  let H = Math.round(root);
  if (root % 1 === .5 && H % 2) H -= 1;  // as Python rounds
  if (H < 1) return {why: "That leaves no hidden unit: give at least " +
    number(Math.floor(a / 4 + b / 2 + fixed) + 1) + " weights."};
  const size = {x: X, h: H, y: Y}, left = {x: 0, h: X, y: X + H}, top = {h: 0, y: H};
  const blocks = names.map((name, n) => ({name, density: f[n], x: left[name[1]],
    y: top[name[0]], height: size[name[0]], width: size[name[1]]}));
  const counts = blocks.map((one) => one.density * one.width * one.height);
  const row = counts[0] + counts[1] + counts[2];
  return {H, blocks, width: X + H + Y, height: H + Y,
    weights: counts.reduce((sum, count) => sum + count),
    proportion: row ? counts[1] / row : 0};
};
const number = (value) => Math.round(value).toLocaleString("en");
const near = ({proportion, weights}) => {
  const away = (other) => Math.abs(Math.sqrt(other) - Math.sqrt(proportion));
  const ratio = (other) => Math.abs(Math.log(other / weights));
  const found = designs.filter(([share, count]) =>
    away(share) <= .05 && ratio(count) <= Math.log(1.5));
  const ends = [-.05, .05].map((step) =>
    Math.max(0, Math.sqrt(proportion) + step) ** 2).map((end) => Math.min(end, 1));
  return (found.length ? "Of the " + found.length + " random designs" :
    "No random designs") + " trained on Random Anomaly (2,500 inputs, 10 outputs) " +
    "with a hidden proportion from " + ends[0].toFixed(3) + " to " +
    ends[1].toFixed(3) + " and " + number(weights / 1.5) + " to " +
    number(weights * 1.5) + " weights" + (found.length ? ", " +
    found.filter(([, , learned]) => learned).length + " learned." : ".");
};
const draw = (svg, {blocks, width, height}) => {
  svg.setAttribute("viewBox", "0 0 " + width + " " + height);
  const font = width / 45;
  svg.replaceChildren(...blocks.flatMap((one, n) => {
    const make = (tag, given, text = "") => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      Object.entries(given).forEach(([key, value]) => made.setAttribute(key, value));
      made.textContent = text;
      return made;
    };
    const {x, y} = one, size = {width: one.width, height: one.height};
    const alpha = one.density ** .6, middle = {x: x + one.width / 2,
      y: y + one.height / 2 + font / 3, "font-size": font};
    const room = one.height > 1.3 * font && one.width > 3 * font;
    return [make("rect", {x, y, ...size, class: "block",
      style: "fill: " + colors[n] + "; fill-opacity: " + alpha}),
      ...(room ? [make("text", middle, one.name)] : [])];
  }));
};
const show = (keep) => {
  const found = solve(state), {density: f} = state;
  fields.forEach((name) => {
    const [plain, slider] = root.querySelectorAll("[name=" + name + "]");
    if (plain !== document.activeElement) plain.value = state[name];
    slider.value = Math.log10(state[name]);
  });
  names.forEach((name, n) => {
    const input = root.querySelector("[name=" + name + "]");
    input.value = f[n];
    input.nextElementSibling.textContent = f[n];
  });
  said.textContent = found.why || "H = " + number(found.H) + " hidden units, " +
    number(found.weights) + " weights, hidden proportion " +
    found.proportion.toFixed(3);
  root.querySelector(".near").textContent = found.why ? "" : near(found);
  if (found.why) drawings[0].replaceChildren(); else draw(drawings[0], found);
  const python = (value) => value >= 1e4 ? number(value).replaceAll(",", "_") : value;
  root.querySelector("pre").firstChild.textContent = "vsrnn.Geometry.for_budget(" +
    [...["budget", "inputs", "outputs"].map((name) => python(state[name])),
     "(" + f.join(", ") + ")"].join(", ") + ")";
  const hash = "#explorer:" + [...fields.map((name) => state[name]), ...f].join(",");
  root.querySelector("a").setAttribute("href", hash);
  if (keep) history.replaceState(null, "", hash);
};
const read = () => {
  const given = location.hash.startsWith("#explorer:") ?
    location.hash.slice(10).split(",").map(Number) : [];
  if (given.length !== 9 || !given.every((value) => value >= 0)) return;
  const [inputs, outputs, budget, ...density] = given;
  if (Math.min(inputs, outputs) < 1 || Math.max(...density) > 1) return;
  state = {inputs, outputs, budget, density};
  show(false);
  root.scrollIntoView();
};
root.addEventListener("input", ({target}) => {
  const value = +target.value;
  if (names.includes(target.name)) state.density[names.indexOf(target.name)] = value;
  else if (target.type === "number") {
    if (!Number.isInteger(value) || value < 1) return;
    state[target.name] = value;
  } else state[target.name] = +Math.round(10 ** value).toPrecision(3);
  show(true);
});
root.querySelectorAll("button").forEach((button) =>
  button.addEventListener("click", () => {
    state.density = [...presets[button.textContent]];
    show(true);
  }));
addEventListener("hashchange", read);
show(false);
read();"""


@dataclass(frozen=True)
class Widget:
    """HTML that a notebook shows."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def neighbors(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], unit: int) -> Widget:
    """Let a reader choose a unit, and show which others it reads at little cost.

    Args:
        panels: by title the places of units in a square, ``(units, 2)`` in 0..1, and
            which pairs are cheap, ``(units, units)``.
        unit: the first to be shown.
    """
    parts = []
    for title, (places, cheap) in panels.items():
        dots = []
        for other, (x, y) in enumerate(100 * places):
            kind = "chosen" if other == unit else "cheap" if cheap[unit, other] else ""
            look = f' class="{kind}"' if kind else ""
            size = 3 if kind else 2
            dots.append(f'<circle cx="{x:.1f}" cy="{100 - y:.1f}" r="{size}"{look}/>')
        bits = base64.b64encode(np.packbits(cheap).tobytes()).decode()
        alt = f"Units on the {title}; those read at little cost are orange."
        parts.append(
            f'<div><svg viewBox="-3 -3 106 106" role="img" aria-label="{escape(alt)}" '
            f'data-cheap="{bits}">{"".join(dots)}</svg>'
            f"<p>{escape(title)}: <b>{cheap[unit].sum()}</b> units</p></div>"
        )
    given = {"what": "unit", "value": unit, "most": len(cheap) - 1, "least": "9rem"}
    given |= {"said": f"Unit {unit} reads at little cost:", "script": _NEIGHBORS}
    return _slides("vsrnn-neighbors", parts, given)


def paths(
    titles: Sequence[str], true: np.ndarray, frames: Sequence[Mapping[str, Any]]
) -> Widget:
    """Let a reader move through pictures of paths; the last one is shown first.

    Args:
        titles: of the panels.
        true: paths that every panel has, ``(paths, steps, 2)``, whole numbers within
            -110..110.
        frames: of each picture what is said, and for each panel its error, in words,
            and its paths, as `true`.
    """
    told = [[[_line(p) for p in panel] for panel in frame["paths"]] for frame in frames]
    last, walked = frames[-1], "".join(f'<path d="{_line(p)}"/>' for p in true)
    parts = []
    for title, error, lines in zip(titles, last["errors"], told[-1], strict=True):
        drawn = "".join(f'<path class="told" d="{line}"/>' for line in lines)
        alt = f"{title}: true paths in gray and decoded ones in orange, in a square."
        parts.append(
            f'<div><svg viewBox="-112 -112 224 224" role="img" '
            f'aria-label="{escape(alt)}"><rect x="-110" y="-110" width="220" '
            f'height="220"/>{walked}{drawn}</svg>'
            f"<p>{escape(title)}: <b>{escape(error)}</b></p></div>"
        )
    kept = [
        {"said": frame["said"], "words": list(frame["errors"]), "paths": lines}
        for frame, lines in zip(frames, told, strict=True)
    ]
    return _frames("vsrnn-paths", parts, kept, "training")


def courses(networks: Mapping[str, tuple[Geometry, Sequence[float]]]) -> Widget:
    """Let a reader move through epochs: curves grow, and cover the blocks below them.

    Args:
        networks: by title a network, and its accuracy [%] after each epoch; all have
            as many epochs. The last one is shown first.
    """
    widest = max(sum(one.shapes["hx"]) + one.outputs for one, _ in networks.values())
    scale, frames, parts = 220 / widest, [], []
    epochs = len(next(iter(networks.values()))[1])
    for epoch in range(1, epochs + 1):
        lines = [_course(one, curve, epoch, scale) for one, curve in networks.values()]
        words = [f"{curve[epoch - 1]:.0f} %" for _, curve in networks.values()]
        said = f"Validation accuracy after epoch {epoch}:"
        frames.append({"said": said, "words": words, "paths": lines})
    last = frames[-1]
    for n, (title, (one, _)) in enumerate(networks.items()):
        drawn = _blocks(one, scale, _BELOW)
        curve, cover = last["paths"][n]
        alt = f"{title}: accuracy over epochs, and the blocks of the network to scale."
        parts.append(
            f'<div><svg viewBox="-2 -2 224 140" role="img" aria-label="{escape(alt)}">'
            f'<path d="M0 0L0 100L220 100"/>{drawn}<path class="told" d="{curve}"/>'
            f'<path class="told fill" d="{cover}"/></svg>'
            f"<p>{escape(title)}: <b>{last['words'][n]}</b></p></div>"
        )
    return _frames("vsrnn-courses", parts, frames, "epoch")


def _course(
    one: Geometry, curve: Sequence[float], epoch: int, scale: float
) -> tuple[str, str]:
    """A curve until an epoch, and what it covers of the blocks."""
    across = np.linspace(0, 220, len(curve))[:epoch]
    wide = scale * (one.inputs + one.hidden + one.outputs) * curve[epoch - 1] / 100
    high = _BELOW + scale * (one.hidden + one.outputs)
    line = _line(np.stack([across, np.asarray(curve[:epoch]) - 100], 1))
    return line, f"M0 {_BELOW}H{wide:.0f}V{high:.1f}H0Z"


def _frames(
    name: str, parts: Sequence[str], frames: Sequence[Mapping[str, Any]], what: str
) -> Widget:
    """Panels whose paths and words a slider changes, at the last of all pictures."""
    script = Template(_FRAMES).substitute(frames=json.dumps(frames))
    given = {"what": what, "most": len(frames) - 1, "value": len(frames) - 1}
    given |= {"said": frames[-1]["said"], "script": script, "least": "13rem"}
    return _slides(name, parts, given)


def explorer(
    first: Geometry, budget: int, presets: Mapping[str, Sequence[float]], table: Any
) -> Widget:
    """Let a reader split a budget of weights over blocks of any sizes and densities.

    Args:
        first: the network that is shown first.
        budget: what it was made for [weights].
        presets: densities by the names of buttons.
        table: trained random designs, a row each: hidden proportion, weights, and
            whether it learned.
    """
    state = {"inputs": first.inputs, "outputs": first.outputs, "budget": budget}
    controls = [
        f'<label><span>{name}</span><input type="number" name="{name}" min="1" '
        f'value="{value}"><input type="range" name="{name}" min="{low}" max="{high}" '
        f'step="0.01" value="{np.log10(value):.2f}" aria-label="{name}, by a slider">'
        "</label>"
        for (name, value), (low, high) in zip(
            state.items(), ((0, 5), (0, 4), (2, 8)), strict=True
        )
    ]
    controls += [
        f'<label><span>density {block}</span><input type="range" name="{block}" '
        f'min="0" max="1" step="0.005" value="{share}"><b>{share:g}</b></label>'
        for block, share in zip(BLOCKS, first.density, strict=True)
    ]
    buttons = "".join(f'<button type="button">{escape(n)}</button> ' for n in presets)
    text = {
        "names": BLOCKS,
        "colors": list(BLOCK_COLORS.values()),
        "designs": np.round(np.asarray(table, float), 4).tolist(),
        "presets": presets,
        "state": {**state, "density": first.density},
    }
    script = Template(_EXPLORER).substitute({k: json.dumps(v) for k, v in text.items()})
    shares = ", ".join(f"{share:g}" for share in first.density)
    size = f"{sum(first.shapes['hx']) + first.outputs} {first.hidden + first.outputs}"
    alt = "The six blocks of the network, drawn to scale, paler where sparser."
    panel = (
        f'<div><svg class="drawn" viewBox="0 0 {size}" role="img" aria-label="{alt}" '
        f'preserveAspectRatio="xMinYMin">{_blocks(first)}</svg><p class="near"></p>'
        f'<div class="highlight"><pre>vsrnn.Geometry.for_budget({budget:_}, '
        f"{first.inputs}, {first.outputs}, ({shares}))</pre></div>"
        '<p><a href="#explorer">Link to this setting</a></p></div>'
    )
    said = (
        f"H = {first.hidden:,} hidden units, {first.weights:,.0f} weights, "
        f"hidden proportion {first.hidden_proportion:.3f}"
    )
    given = {"controls": "\n".join([buttons, *controls]), "least": "100%"}
    return _page("vsrnn-explorer", [panel], given | {"said": said, "script": script})


def _blocks(one: Geometry, scale: float = 1, top: float = 0) -> str:
    """The blocks of a network to scale, paler where sparser."""
    return "".join(
        f'<rect class="block" x="{scale * x:.1f}" y="{top + scale * y:.1f}" '
        f'width="{scale * width:.1f}" height="{scale * height:.1f}" '
        f'style="fill: {BLOCK_COLORS[block]}; fill-opacity: {share**0.6:.3f}"/>'
        for block, y, x, height, width, share, _ in block_places(one).to_numpy()
    )


def _slides(name: str, panels: Sequence[str], given: Mapping[str, Any]) -> Widget:
    """A widget with one slider, which calls `show` of its script."""
    more = {"controls": _SLIDER.substitute(given), "script": given["script"] + _SLIDES}
    return _page(name, panels, {**given, **more})


def _page(name: str, panels: Sequence[str], given: Mapping[str, Any]) -> Widget:
    return Widget(_PAGE.substitute(given, name=name, panels="\n".join(panels)))


def _line(path: np.ndarray) -> str:
    """A path in the language of SVG, where y points down."""
    return "M" + "L".join(f"{x:.0f} {-y:.0f}" for x, y in path)
