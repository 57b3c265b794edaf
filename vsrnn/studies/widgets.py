"""What a reader can move on a page: plain scripts and drawings, nothing from outside.

Both are whole without scripts, too: they then show what they begin with.
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
</style>
<label><span>$what</span>
<input type="range" min="0" max="$most" value="$value" aria-label="$what"></label>
<output aria-live="polite">$said</output>
<div class="panels">
$panels
</div>
<script>
(() => {
const root = document.getElementById("$name");
const slider = root.querySelector("input"), said = root.querySelector("output");
const drawings = [...root.querySelectorAll("svg")];
$script
slider.addEventListener("input", () => show(+slider.value));
})();
</script>
</div>""")

_NEIGHBOURS = """\
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
    svg.nextElementSibling.querySelector("b").textContent = frame.errors[panel];
  });
};"""


@dataclass(frozen=True)
class Widget:
    """HTML that a notebook shows."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def neighbours(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]], unit: int
) -> Widget:
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
    given |= {"said": f"Unit {unit} reads at little cost:", "script": _NEIGHBOURS}
    return _page("vsrnn-neighbours", parts, given)


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
        {"said": frame["said"], "errors": list(frame["errors"]), "paths": lines}
        for frame, lines in zip(frames, told, strict=True)
    ]
    script = Template(_FRAMES).substitute(frames=json.dumps(kept))
    given = {"what": "training", "most": len(frames) - 1, "value": len(frames) - 1}
    given |= {"said": last["said"], "script": script, "least": "13rem"}
    return _page("vsrnn-paths", parts, given)


def _page(name: str, panels: Sequence[str], given: Mapping[str, Any]) -> Widget:
    return Widget(_PAGE.substitute(given, name=name, panels="\n".join(panels)))


def _line(path: np.ndarray) -> str:
    """A path in the language of SVG, where y points down."""
    return "M" + "L".join(f"{x:.0f} {-y:.0f}" for x, y in path)
