"""Figures: each draws from a small table, is labeled, and is saved the same twice."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import vsrnn
from benchmarks import plan
from vsrnn import analysis, figures, get_results

RUNS = pd.DataFrame(
    [
        {"id": f"{design}{split}{seed}", "scale": "quick", "design": design}
        | {"task": "rad"}
        | {"seed": seed, "split": split, "score": 0.3 + 0.1 * place + 0.02 * seed}
        for place, design in enumerate(("111111_", "balanced_0", "010000_", "lstm_"))
        for split in ("pooled", "separate")
        for seed in range(3)
    ]
)
POOLED = analysis.together(
    RUNS[RUNS["split"] == "pooled"],
    RUNS[RUNS["split"] == "pooled"].assign(scale="paper"),
)
CURVES = pd.concat(
    [POOLED.assign(epoch=epoch, val_accuracy=POOLED["score"]) for epoch in (1, 2)]
)
DESIGNS = list(RUNS["design"].unique())
HAMMERED = ("10AH12", "10AH01", "25AHV04", "10AH13")


def _final():
    return analysis.final_accuracy(POOLED, DESIGNS)


def _learning():
    return analysis.learning_curve(POOLED, CURVES, DESIGNS)


def _ranking():
    return analysis.design_ranking(POOLED[POOLED["scale"] == "paper"])


def _hammered(scale="paper"):
    """Made-up runs on Hammer: two experts, two budgets, two amounts of data."""
    runs = RUNS[RUNS["split"] == "pooled"].drop(columns="split")
    runs = runs.replace({"design": dict(zip(DESIGNS, HAMMERED, strict=True))})
    runs = runs.assign(task="hammer", source="stored", scale=scale, epochs=2)
    runs = runs.assign(test_return=9000 * runs["score"], val_accuracy=runs["score"])
    kinds = [("own", 4500), ("own", 10), ("dapg_hammer_policy.npz", 4500)]
    return pd.concat(
        runs.assign(expert=expert, demonstrations=n, id=runs["id"] + f"{expert}{n}")
        for expert, n in kinds
    )


def _hammer_curve():
    curves = _hammered().drop(columns="source")
    curves = pd.concat([curves.assign(epoch=epoch) for epoch in (1, 2)])
    return analysis.hammer_curve(_hammered(), curves)


def _pairs():
    names = vsrnn.tasks.rad.TRANSFORMS
    pairs = [(base, other) for base in names for other in names]
    table = pd.DataFrame(pairs, columns=["base", "alternative"])
    same = table["base"] == table["alternative"]
    return table.assign(
        **{
            "sequences": (~same).astype(int) * 7,
            "accuracy [%]": pd.Series(range(64), dtype=float).where(~same),
            "difference [gray levels]": range(64),
        }
    )


def _bench():
    """Measurements of the cases of the plan up to batches of 64, made up."""
    rows = []
    groups = plan.groups(threads=2, device="cpu", peer=True)
    for cases in (group for group in groups if group[0].batch <= 64):
        for number, case in enumerate(cases[:-1]):
            ms = (1 + number) * case.steps / case.batch
            row = asdict(case) | {"ms": ms, "ms_low": 0.9 * ms, "ms_high": 1.2 * ms}
            row |= {"density": max(case.density, default=np.nan)}
            row |= {"weights": case.weights or 100_000, "hidden": case.hidden or 208}
            row |= {"dense_mflop": 20.0, "weights_mflop": 5.0, "product_gflops": 100.0}
            rows.append(row | {"memory_mib": 300 + 9.0 * number})
    return pd.DataFrame(rows).assign(memory_before_mib=200.0)


pytestmark = pytest.mark.usefixtures("few_trees")

_MODELS = [("mean", "proportion"), ("spline", "proportion"), ("linear", "proportion")]


def _budgets(end=""):
    return pd.concat([get_results(f"{name}{end}") for name in ("rad_100k", "rad_1m")])


def _study():
    return analysis.study_runs(["rad_100k"])


def _random():
    return analysis.study_runs(["rad_even_100k"])


def _speed():
    return analysis.learning_speed(_study(), analysis.study_curves(["rad_100k"]))


def _both():
    return analysis.contrast_runs(["rad_100k", "rad_even_100k"], ["hammer_named"])


TABLES = {
    "weight_share": lambda: analysis.weight_share([10, 100, 1000]),
    "dense_layout": lambda: analysis.dense_layout([30, 300]),
    "design_layout": analysis.design_layout,
    "proportion_surface": lambda: analysis.proportion_surface(steps=7),
    "sequences": lambda: analysis.sequences(vsrnn.get_task("rad", "smoke")),
    "transforms": lambda: analysis.transforms(draws=2),
    "transform_pairs": _pairs,
    "shared_images": lambda: analysis.shared_images(RUNS, ["balanced_0"]),
    "learning_curve": _learning,
    "final_accuracy": _final,
    "design_ranking": _ranking,
    "proportion_score": lambda: analysis.proportion_score(_ranking()),
    "budget_scores": lambda: analysis.budget_scores(_budgets(), _budgets("_curves")),
    "agreement": lambda: analysis.agreement(pd.DataFrame()),
    "proportion_draws": lambda: analysis.proportion_draws(20),
    "proportion_study": lambda: analysis.proportion_study(_study()),
    "proportion_optimum": lambda: analysis.proportion_optimum(_study(), resamples=9),
    "learning_speed": lambda: _speed(),
    "rank_correlation": lambda: analysis.rank_correlation(_study(), _speed(), 50),
    "variance_explained": cache(lambda: analysis.variance_explained(_random(), 1)),
    "forecast_scores": cache(lambda: analysis.forecast_scores(_study(), _MODELS)),
    "forecast_transfer": cache(lambda: analysis.forecast_transfer(_study())),
    "forecast_observed": cache(lambda: analysis.forecast_observed(_study())),
    "forecast_importance": cache(lambda: analysis.forecast_importance(_study())),
    "forecast_dependence": cache(lambda: analysis.forecast_dependence(_study())),
    "forecast_runs": cache(lambda: analysis.forecast_runs(_study(), 2, 2)),
    "hammer_frames": lambda: get_results("hammer_frames"),
    "hammer_episode": lambda: get_results("hammer_episode"),
    "hammer_noise": lambda: get_results("hammer_noise"),
    "hammer_success": lambda: analysis.hammer_success(_hammered()),
    "hammer_curve": _hammer_curve,
    "hammer_ranking": lambda: analysis.hammer_ranking(_hammered()),
    "hammer_demonstrations": lambda: analysis.hammer_demonstrations(_hammered()),
    "hammer_size": lambda: analysis.hammer_size(_hammered()),
    "contrast_ranks": lambda: analysis.contrast_ranks(_both(), 50),
    "contrast_layout": lambda: analysis.contrast_layout(_both()),
    "contrast_proportion": lambda: analysis.contrast_proportion(_both(), 9),
    "contrast_growth": cache(lambda: analysis.contrast_growth(_both(), 3)),
    "contrast_correlation": lambda: analysis.contrast_correlation(_both(), 9),
    "contrast_forecast": cache(lambda: analysis.contrast_forecast(_both())),
    "speed": lambda: analysis.speed(_bench()),
    "speed_ratio": lambda: analysis.speed_ratio(_bench()),
    "speed_memory": lambda: analysis.speed_memory(_bench()),
    "speed_growth": lambda: analysis.speed_growth(_bench()),
}
PICTURES = (
    "dense_layout",
    "design_layout",
    "sequences",
    "transforms",
    "hammer_frames",
    "contrast_layout",
)


def test_every_figure_is_tested():
    assert set(TABLES) == set(figures.FIGURES)
    assert all(getattr(figures, name) is draw for name, draw in figures.FIGURES.items())
    assert all(hasattr(analysis, name) for name in figures.FIGURES)


@pytest.mark.parametrize("style", ["web", "manuscript"])
@pytest.mark.parametrize("name", TABLES)
def test_figure_is_labeled_and_nothing_is_cut_off(name, style):
    figure = figures.FIGURES[name](TABLES[name](), style=style)
    assert isinstance(figure, Figure)
    if name not in PICTURES:
        axes = figure.axes
        assert any(ax.get_xlabel() for ax in axes)
        assert any(ax.get_ylabel() or len(ax.get_yticklabels()) for ax in axes)
    used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert used.x0 >= -0.01 and used.x1 <= width + 0.01
    assert used.y0 >= -0.01 and used.y1 <= height + 0.01


@pytest.mark.parametrize("name", TABLES)
def test_saved_files_are_complete_and_the_same_twice(name, tmp_path):
    table = TABLES[name]()
    made = {"runs": ["a"]}
    first = figures.publish(name, table, tmp_path / "one", made)
    again = figures.publish(name, table, tmp_path / "two", made)
    assert list(first.paths) == ["svg", "pdf", "png", "csv", "json"]
    for kind, path in first.paths.items():
        assert path.name == f"{name}.{kind}"
        assert path.read_bytes() == again.paths[kind].read_bytes(), kind
    read = pd.read_csv(
        first.paths["csv"], dtype={"design": str}, keep_default_na=False, na_values=[""]
    )
    if "design" in read:
        read["design"] = read["design"].fillna("")
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert json.loads(first.paths["json"].read_text())["provenance"] == made
    assert not [
        path for path in Path(tmp_path / "one").iterdir() if path.name[0] == "."
    ]


def test_published_figure_shows_its_svg(tmp_path):
    shown = figures.publish("design_layout", analysis.design_layout(), tmp_path)
    text = shown._repr_svg_()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert text == shown.paths["svg"].read_text()
    assert "<text" not in text  # fonts are paths, so every reader sees the same


def test_png_is_fit_for_print(tmp_path):
    figure = figures.design_layout(analysis.design_layout())
    paths = figures.save(figure, "design_layout", analysis.design_layout(), tmp_path)
    width = int.from_bytes(paths["png"].read_bytes()[16:20])
    assert width == round(300 * figure.get_figwidth())


@pytest.mark.parametrize("name", ["design_ranking", "proportion_score"])
def test_figures_of_stored_runs_can_be_drawn_without_any(name):
    ranking = analysis.design_ranking(analysis.stored("nothing"))
    table = ranking if name == "design_ranking" else analysis.proportion_score(ranking)
    figure = figures.FIGURES[name](table)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert any("no run" in word for word in words)


def test_budgets_without_runs_are_said_to_have_none():
    nothing = [analysis.stored(name) for name in ("nothing", "nothing_curves")]
    table = analysis.budget_scores(*nothing)
    (text,) = figures.budget_scores(table).axes[0].texts
    assert text.get_text() == "no runs at two budgets yet"


def test_one_run_alone_has_no_interval():
    runs = POOLED[POOLED["seed"] == 0]
    tables = {
        "final_accuracy": analysis.final_accuracy(runs, DESIGNS),
        "design_ranking": analysis.design_ranking(runs[runs["scale"] == "paper"]),
    }
    for name, table in tables.items():
        ax = figures.FIGURES[name](table).axes[0]
        places = [np.ptp(line.get_xdata()) for line in ax.lines]
        assert not any(place > 0 for place in places)


def test_drawing_leaves_the_style_of_others_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures.design_layout(analysis.design_layout())
    assert dict(matplotlib.rcParams) == before


def test_unknown_figure_and_style_say_what_there_is(tmp_path):
    table = analysis.design_layout()
    with pytest.raises(vsrnn.VsrnnError, match="choose one of"):
        figures.publish("nothing", table, tmp_path)
    with pytest.raises(vsrnn.VsrnnError, match="manuscript"):
        figures.design_layout(table, style="poster")


def test_unwritable_folder_is_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    table = analysis.design_layout()
    with pytest.raises(vsrnn.VsrnnError, match="give a folder that can be written"):
        figures.save(figures.design_layout(table), "design_layout", table, blocked)
