"""``vsrnn choose``: designs for a task of these sizes, before any training."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrnn.cli._shared import check_out, write
from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError, refusal

if TYPE_CHECKING:
    from pandas import DataFrame

FORMATS = (".svg", ".pdf", ".png")


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    choose = commands.add_parser(
        "choose",
        parents=[common],
        help="choose designs for a task before training, by what other tasks taught",
        description="Forecast the learning curves of 200 random designs of a budget, "
        "and print those to try first, with dense and uniform beside them.",
    )
    choose.set_defaults(command=_choose)
    whole: Any = {"type": int, "metavar": "N"}
    choose.add_argument("--inputs", **whole, help="size of the input")
    choose.add_argument("--outputs", **whole, help="size of the output")
    choose.add_argument("--budget", type=float, default=10_000, help="weights (10000)")
    choose.add_argument("--steps", **whole, help="of a sequence (20, or the data's)")
    npz = "npz file: x (sequences, steps, inputs) and y"
    choose.add_argument("--data", metavar="FILE", help=npz)
    trained = "1, 3 or 5: train the shortlist so long, and forecast again"
    choose.add_argument("--epochs", type=int, default=0, help=trained)
    choose.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    choose.add_argument("--json", action="store_true", help="print all as JSON")
    drawn = "draw the forecast curves (svg, pdf or png)"
    choose.add_argument("--figure", metavar="FILE", help=drawn)
    table = "write the designs as a table for `vsrnn sweep --design-table`"
    choose.add_argument("--out", metavar="FILE", help=table)


def _choose(arguments: argparse.Namespace) -> None:
    from vsrnn.forecast.choose import choose

    _check_figure(arguments.figure)
    check_out(arguments.out, "designs", "name")
    names = ("inputs", "outputs", "budget", "steps", "data", "epochs", "seed")
    table = choose(**{name: getattr(arguments, name) for name in names})
    if arguments.out:
        write(table, arguments.out)
    try:
        if arguments.figure:
            _draw(table, Path(arguments.figure))
    except OSError as problem:
        raise VsrnnError(
            f"cannot write {problem.filename} {refusal(problem, 'name another file')}"
        ) from problem
    print(_as_json(table) if arguments.json else _text(table, arguments))


def _check_figure(path: str | None) -> None:
    if path and Path(path).suffix not in FORMATS:
        raise VsrnnError(f"a figure ends in {', '.join(FORMATS)}, not {path!r}")


def _as_json(table: DataFrame) -> str:
    told = {name: value for name, value in table.attrs.items() if name != "quantiles"}
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(told | {"designs": rows}, indent=1)


def _text(table: DataFrame, arguments: argparse.Namespace) -> str:
    densities = [f"density_{block}" for block in BLOCKS]
    told = table.attrs
    last = max(int(n[6:]) for n in table if n.startswith("level_"))
    shown = table[["name", "hidden"]].rename(columns={"name": "design"})
    shown["densities hx hh hy yx yh yy"] = [
        " ".join(f"{share:.2g}" for share in row)
        for row in table[densities].to_numpy(float)
    ]
    shown["hidden prop."] = table["hidden_proportion"].map("{:.2f}".format)
    shown["rate"] = table["learning_rate"].map("{:g}".format)
    for epoch in (1, 5, last):
        ends = table[[f"{n}_{epoch}" for n in ("level", "low", "high")]].to_numpy()
        shown[f"epoch {epoch}"] = [
            f"{middle:.2f} ({low:.2f} to {high:.2f})" for middle, low, high in ends
        ]
    shown["best"] = (100 * table["best"]).map("{:.0f} %".format)
    if table["loss"].notna().any():
        shown["loss"] = table["loss"].map("{:.4g}".format)
    near = ", ".join(f"{name} ({far:g})" for name, far in told["nearest"].items())
    where = "outside of" if told["outside"] else "within"
    lines = [
        shown.to_string(index=False),
        "",
        "Levels go from 0, a guess, to 1, the best that any design reached; in "
        "brackets four in five runs.",
        f"Nearest known tasks, with distance: {near}; {where} what was tried "
        f"(further than {told['percentile']} % of the known ones are apart).",
        told["confidence"],
        "",
        f"The same with --seed {arguments.seed}. Train them: vsrnn choose ... --out "
        "designs.csv, then vsrnn sweep TASK --design-table designs.csv",
    ]
    return "\n".join(lines)


def _draw(table: DataFrame, path: Path) -> None:
    """Forecast curves of the first three, dense and uniform, with 80 % intervals."""
    from pandas import DataFrame, concat

    from vsrnn.plot.axes import legend
    from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
    from vsrnn.plot.lines import lines
    from vsrnn.plot.style import drawing

    rows = [0, 1, 2, len(table) - 2, len(table) - 1]
    curves = np.array(table.attrs["quantiles"])[rows]  # (designs, epochs, 3)
    colors = dict(
        zip(table["name"].iloc[rows], (BLUE, GREEN, ORANGE, "black", GRAY), strict=True)
    )
    parts = [
        DataFrame(own, columns=["low", "level", "high"]).assign(
            epoch=1 + np.arange(len(own)), design=name
        )
        for name, own in zip(colors, curves, strict=True)
    ]
    looks = {name: {"color": color, "marker": ""} for name, color in colors.items()}
    with drawing("web", 0.6) as fig:
        ax = fig.subplots()
        how: dict[str, Any] = {"hue": "design", "looks": looks}
        lines(ax, concat(parts), "epoch", "level", "low", "high", **how)
        ax.set_ylabel("forecast level (0: a guess, 1: the best)")
        legend(fig, looks, 3)
        fig.savefig(path)
