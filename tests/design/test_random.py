"""Random designs: the published quantiles, the traps, and evenness."""

import numpy as np
import pandas as pd
import pytest

from vsrnn import BlockRNN, Design, VsrnnError, get_design, get_results
from vsrnn.design.random import DISTRIBUTIONS
from vsrnn.design.table import keep_designs, read_designs
from vsrnn.runs.verify import rebuild
from vsrnn.tasks import sizes
from vsrnn.tasks.designs import design_table, draw_designs

BUDGETS = dict.fromkeys(("uniform_size", "normal_size", "even", "shares"), 50_000)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
DRAWS = 3000

# quantiles of 200,000 draws of the published search, as simulated from its constants
SIMULATED = [
    ("rad", "normal_size", 50_000, "hidden", (15, 22, 29, 44, 114)),
    ("rad", "normal_size", 100_000, "hidden", (38, 51, 68, 99, 227)),
    ("rad", "uniform_size", 50_000, "hidden", (14, 20, 29, 56, 170)),
    ("rad", "uniform", None, "hidden", (51, 251, 501, 748, 949)),
    ("rad", "normal", None, "hidden", (171, 364, 499, 634, 828)),
    ("hammer", "uniform", None, "hidden", (51, 250, 500, 750, 949)),
    ("hammer", "normal", None, "hidden", (241, 628, 898, 1168, 1554)),
    ("rad", "normal_size", 50_000, "proportion", (0.002, 0.005, 0.011, 0.025, 0.170)),
    ("rad", "normal_size", 100_000, "proportion", (0.004, 0.013, 0.025, 0.056, 0.292)),
    ("rad", "uniform_size", 50_000, "proportion", (0.001, 0.004, 0.010, 0.039, 0.378)),
    ("rad", "uniform", None, "proportion", (0.007, 0.055, 0.144, 0.283, 0.661)),
    ("rad", "normal", None, "proportion", (0.024, 0.091, 0.158, 0.251, 0.503)),
    ("hammer", "uniform", None, "proportion", (0.20, 0.66, 0.85, 0.92, 0.97)),
    ("hammer", "normal", None, "proportion", (0.56, 0.86, 0.92, 0.95, 0.98)),
]
UNITS = {"hidden": 1, "rad": 0.001, "hammer": 0.01}  # to which they were rounded


@pytest.fixture(scope="module")
def drawn():
    """Many designs of a distribution, drawn once for all tests of this file."""
    kept = {}

    def many(task, distribution, budget=None):
        key = (task, distribution, budget)
        if key not in kept:
            kept[key] = draw_designs(task, distribution, DRAWS, seed=1, budget=budget)
        return kept[key]

    return many


def proportions(task, designs):
    return np.array([d.geometry(*sizes(task)).hidden_proportion for d in designs])


def test_quantiles_are_those_of_the_published_search(drawn):
    for task, distribution, budget, what, quantiles in SIMULATED:
        designs = drawn(task, distribution, budget)
        if what == "hidden":
            values = np.array([design.hidden for design in designs])
        else:
            values = proportions(task, designs)
        unit = UNITS["hidden"] if what == "hidden" else UNITS[task]
        for level, quantile in zip(LEVELS, quantiles, strict=True):
            below = (values < quantile - unit).mean()
            upto = (values <= quantile + unit).mean()
            error = np.sqrt(level * (1 - level) / DRAWS)
            assert below - 3.5 * error <= level <= upto + 3.5 * error


def test_designs_depend_on_seed_and_number_only():
    for distribution in DISTRIBUTIONS:
        budget = BUDGETS.get(distribution)
        first = draw_designs("rad", distribution, 5, seed=3, budget=budget)
        assert draw_designs("rad", distribution, 9, seed=3, budget=budget)[:5] == first
        other = draw_designs("rad", distribution, 5, seed=4, budget=budget)
        values = {(d.hidden, d.density, d.init_std) for d in first + other}
        names = {d.name for d in first + other}
        assert len(values) == len(names) == 10


def test_distributions_of_one_seed_share_no_draws():
    densities = {
        draw_designs("rad", name, 1, budget=BUDGETS.get(name))[0].density
        for name in DISTRIBUTIONS
    }
    assert len(densities) == len(DISTRIBUTIONS)


def test_every_number_lies_where_it_was_published_and_is_rounded(drawn):
    for kind, rate, least in (
        ("uniform", (0, 1e-3), 0),
        ("normal", (1e-5, 3e-3), 0.02),
    ):
        designs = drawn("rad", kind)
        rates = np.array([d.learning_rate for d in designs if d.learning_rate != 0.02])
        density = np.array([d.density for d in designs])
        mean, std = (np.array([getattr(d, n) for d in designs]) for n in INITIAL)
        assert rate[0] <= rates.min() and rates.max() <= rate[1]
        assert least <= density.min() and density.max() <= 1
        assert std.min() >= 0 and std.max() <= 0.15 and np.abs(mean).max() <= 0.015
        for values, decimals in ((rates, 5), (density, 2), (mean, 3), (std, 3)):
            np.testing.assert_array_equal(values, values.round(decimals))
            assert not np.signbit(values[values == 0]).any()
    assert np.abs(mean).max() > 0.005  # a normal mean has tails, a uniform one none


INITIAL = ("init_mean", "init_std")


def test_even_covers_the_proportions_at_the_budget(drawn):
    designs = drawn("rad", "even", 50_000)[:256]
    share = proportions("rad", designs)
    for part in (32, 64, 256):
        counts, _ = np.histogram(share[:part], bins=16, range=(0, 0.95))
        assert counts.min() >= part // 16 - 2 and counts.max() <= part // 16 + 2
    weights = [d.geometry(2500, 10).weights for d in designs]
    np.testing.assert_allclose(weights, 50_000, atol=3)
    assert min(d.density[0] for d in designs) >= 1 / 2500


def test_even_parts_the_proportion_from_the_hidden_size(drawn):
    ranked = {}
    for distribution in ("even", "normal_size"):
        designs = drawn("rad", distribution, 50_000)
        table = design_table("rad", designs)[["hidden", "hidden_proportion"]]
        ranked[distribution] = table.corr(method="spearman").iloc[0, 1]
    assert abs(ranked["even"]) < 0.3 < 0.7 < ranked["normal_size"]


def test_even_varies_rate_and_initial_values_as_normal_does(drawn):
    even, normal = drawn("rad", "even", 50_000), drawn("rad", "normal")
    for name in ("learning_rate", *INITIAL):
        a, b = (np.array([getattr(d, name) for d in ds]) for ds in (even, normal))
        np.testing.assert_allclose(a.mean(), b.mean(), atol=0.05 * b.std())
        np.testing.assert_allclose(a.std(), b.std(), rtol=0.15)


def test_a_rate_rounded_to_0_trains_at_the_published_fallback(drawn):
    designs = drawn("rad", "normal")
    fallen = [d for d in designs if d.learning_rate == 0.02]
    assert 0.003 < len(fallen) / len(designs) < 0.011
    assert min(d.learning_rate for d in designs) > 0
    table = design_table("rad", fallen[:1])
    assert "learning rate 0.02 where 0 was drawn" in table.loc[0, "notes"]


def test_a_deviation_rounded_to_0_is_a_constant_or_an_empty_block(drawn):
    designs = drawn("rad", "uniform")
    (empty, where) = next(
        (d, i)
        for d in designs
        for i in range(6)
        if d.init_std[i] == 0 and d.init_mean[i] == 0
    )
    constant = next(d for d in designs for i in (0,) if d.init_std[0] == 0)
    block = ("hx", "hh", "hy", "yx", "yh", "yy")[where]
    table = design_table("rad", [empty, constant])
    assert f"{block} empty" in table.loc[0, "notes"]
    assert "hx constant" in table.loc[1, "notes"] or constant.init_mean[0] == 0
    drawn_weights = BlockRNN(
        empty.geometry(2500, 10), init_mean=empty.init_mean, init_std=empty.init_std
    ).block_weights()
    assert drawn_weights[block] == 0
    assert table.loc[0, "weights"] == pytest.approx(
        sum(drawn_weights.values()), rel=0.1
    )


def test_an_empty_hh_block_gets_its_hidden_size(drawn):
    designs = drawn("rad", "uniform_size", 50_000)
    linear = [d for d in designs if d.density[1] == 0]
    assert linear
    for design in linear:
        hx, _, hy, yx, yh, yy = design.density
        unit = hx * 2500 + hy * 10 + yh * 10
        assert design.hidden == round((50_000 - yx * 25_000 - yy * 100) / unit)


def test_a_design_that_fits_no_budget_stays_in_the_table():
    designs = draw_designs("rad", "normal_size", 20, budget=10_000)
    table = design_table("rad", designs)
    unfit = table[table["hidden"] == 0]
    assert len(table) == 20 and 0 < len(unfit) < 20
    assert unfit["notes"].str.contains("no hidden size fits").all()
    assert unfit["weights"].isna().all() and table["weights"].notna().any()


def test_a_table_gives_its_designs_back(tmp_path):
    designs = draw_designs("rad", "even", 5, seed=2, budget=50_000)
    designs += [get_design("rad", name) for name in ("balanced_0", "000000_", "lstm_")]
    path = tmp_path / "designs" / "mine.csv"
    keep_designs(design_table("rad", designs), path)
    assert read_designs(path) == designs


def test_a_kept_table_grows_but_does_not_change(tmp_path):
    path = tmp_path / "designs.csv"
    keep_designs(design_table("rad", draw_designs("rad", "normal", 4)), path)
    short = path.read_bytes()
    keep_designs(design_table("rad", draw_designs("rad", "normal", 6)), path)
    keep_designs(design_table("rad", draw_designs("rad", "normal", 2)), path)
    assert path.read_bytes().startswith(short) and len(read_designs(path)) == 6
    with pytest.raises(VsrnnError, match="other designs"):
        keep_designs(design_table("rad", draw_designs("rad", "normal", 4, 1)), path)
    assert len(read_designs(path)) == 6


def test_bad_draws_get_a_sentence():
    for arguments, words in [
        (("chess", "normal", 1), "chess"),
        (("rad", "gamma", 1), "uniform, normal"),
        (("rad", "normal", 0), "from 1"),
        (("rad", "normal", 1, -1), "seed"),
        (("rad", "normal_size", 1), "budget"),
        (("rad", "even", 1, 0, 0), "budget"),
        (("rad", "normal", 1, 0, 50_000), "no budget for normal"),
    ]:
        with pytest.raises(VsrnnError, match=words):
            draw_designs(*arguments)


def test_a_bad_table_gets_a_sentence(tmp_path):
    for change, words in [
        (lambda table: table.drop(columns="density_hh"), "density_hh"),
        (lambda table: table.assign(model="gru"), "gru"),
        (lambda table: table.assign(hidden="many"), "many"),
        (lambda table: pd.concat([table, table]), "twice"),
        (lambda table: table.iloc[:0], "no rows"),
    ]:
        table = design_table("rad", [Design("mine", 20, (0.5,) * 6)])
        path = tmp_path / "designs.csv"
        change(table).to_csv(path, index=False)
        with pytest.raises(VsrnnError, match=f"not a design table: .*{words}"):
            read_designs(path)


SPREADSHEETS = {
    "byte order mark": lambda t: t.to_csv(index=False).encode("utf-8-sig"),
    "semicolons": lambda t: t.to_csv(index=False, sep=";", decimal=",").encode(),
    "a hint": lambda t: b"sep=;\r\n" + t.to_csv(index=False, sep=";").encode(),
    "tabs": lambda t: t.to_csv(index=False, sep="\t", decimal=",").encode(),
    "UTF-16": lambda t: t.to_csv(index=False, sep="\t").encode("utf-16"),
    "line ends": lambda t: t.to_csv(index=False, lineterminator="\r\n").encode(),
    "empty rows": lambda t: t.to_csv(index=False).encode() + b",,,\n\n",
    "spaces": lambda t: t.rename(columns=" {} ".format).to_csv(index=False).encode(),
    "exponents": lambda t: (
        t.assign(learning_rate=t["learning_rate"].map("{:.16E}".format))
        .to_csv(index=False)
        .encode()
    ),
}


@pytest.mark.parametrize("how", SPREADSHEETS)
def test_tables_are_read_as_spreadsheets_write_them(tmp_path, how):
    names = ("011001", "111111_", "balanced_0", "lstm_")
    designs = [get_design("rad", name) for name in names]
    designs += draw_designs("rad", "normal", 3)
    designs.append(Design("tanh", 20, 1 / 3, options={"activation": "tanh"}))
    path = tmp_path / "designs.csv"
    path.write_bytes(SPREADSHEETS[how](design_table("rad", designs)))
    assert read_designs(path) == designs


def test_a_table_of_runs_gives_its_designs(tmp_path):
    runs = get_results("rad_smoke")
    runs.to_csv(tmp_path / "runs.csv", index=False)
    read = read_designs(tmp_path / "runs.csv")
    assert {design.name for design in read} == set(runs["design"])
    assert read[0] == get_design("rad", read[0].name) and len(read) == 25


def test_what_has_no_end_or_measure_is_refused(tmp_path):
    with pytest.raises(VsrnnError, match="longer than 64 MiB"):
        read_designs("/dev/zero")
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04")
    with pytest.raises(VsrnnError, match="save it as CSV"):
        read_designs(tmp_path / "book.csv")
    with pytest.raises(VsrnnError, match="from 1 to 1,000,000, not 1000000000"):
        draw_designs("rad", "normal", 10**29)
    for hidden in (10**9, 10**30):
        with pytest.raises(VsrnnError, match="10,000,000 hidden units at most"):
            Design("huge", hidden, 1e-9)
    us = design_table("rad", [Design("mine", 1000, 0.5)]).assign(hidden="1,000")
    us.to_csv(tmp_path / "us.csv", sep="\t", index=False)
    with pytest.raises(VsrnnError, match="could not convert"):
        read_designs(tmp_path / "us.csv")


def test_ends_and_moments_are_those_of_the_table(drawn):
    uniform, normal = drawn("rad", "uniform"), drawn("rad", "normal")
    assert min(d.hidden for d in normal) == 10
    ends = {
        "learning_rate": (1e-5, 1e-3),
        "init_mean": (-5e-3, 5e-3),
        "init_std": (0, 0.1),
    }
    for name, (low, high) in ends.items():
        values = np.array([getattr(d, name) for d in uniform])
        near = pytest.approx((low, high), abs=0.01 * (high - low))
        assert (values.min(), values.max()) == near
    for name, mean, std in (("init_mean", 0, 0.0025), ("init_std", 0.05, 0.015)):
        values = np.array([getattr(d, name) for d in normal])
        assert values.mean() == pytest.approx(mean, abs=0.05 * std)
        assert values.std() == pytest.approx(std, rel=0.05)


def test_even_draws_as_many_small_hidden_sizes_as_large_ones(drawn):
    hidden = np.array([d.hidden for d in drawn("rad", "even", 50_000)])
    print(np.quantile(hidden, [0.05, 0.25, 0.5, 0.75, 0.95]))
    assert 300 < np.median(hidden) < 360


def test_designs_of_committed_runs_are_drawn_again():
    for name, task, distribution, budget in [
        ("rad_even_100k", "rad", "even", 100_000),
        ("rad_normal_size_50k", "rad", "normal_size", 50_000),
        ("hammer_even_10k", "hammer", "even", 10_000),
        ("hammer_normal", "hammer", "normal", None),
    ]:
        rows = {row["design"]: row for row in get_results(name).to_dict("records")}
        designs = draw_designs(task, distribution, len(rows), budget=budget)
        found = [design for design in designs if design.name in rows]
        assert found
        assert all(rebuild(rows[design.name]).design == design for design in found)
