"""Magnitude pruning: what goes, when, and that it stays gone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from own import Last

from vsrnn import Config, Design, VsrnnError, get_task, run, run_many
from vsrnn.design.geometry import Geometry
from vsrnn.methods.magnitude import Magnitude
from vsrnn.models import BlockRNN
from vsrnn.runs.run import build_model
from vsrnn.training.optimizer import Optimizer

BLOCK = Design("small", 20, (0.5,) * 6)
CELL = Design("lstm", 6, (0.5, 0.8, 1.0), "cell", (), (), options={"cell": "lstm"})


def dense_ramp(drawn, entries, density, power, first, last, epoch):
    """The ramp of Zhu and Gupta by hand, in weights."""
    done = min(1, max(0, (epoch - first + 1) / (last - first + 1)))
    final = min(drawn, density * entries)
    return round(final + (drawn - final) * (1 - done) ** power)


def test_the_ramp_is_that_of_the_formula_and_the_smallest_weights_go():
    for schedule, power in {"linear": 1, "cubic": 3}.items():
        model = BlockRNN(Geometry(12, 9, 4, 0.6), seed=3)
        entries, drawn = sum(model.block_entries().values()), model.block_weights()
        work = Magnitude(0.1, schedule=schedule, start=2, end=6).begin(model, 8)
        left = total = sum(drawn.values())
        for epoch in range(1, 9):
            before = {name: block.abs() for name, block in model.matrices().items()}
            rewired = work.after_epoch(epoch, None)
            after = model.matrices()
            expected = dense_ramp(total, entries, 0.1, power, 2, 6, epoch)
            assert sum(model.block_weights().values()) == expected
            assert bool(rewired) == (2 <= epoch <= 6)
            gone = [b[(after[n] == 0) & (b > 0)] for n, b in before.items()]
            stay = [b[after[n] != 0] for n, b in before.items()]
            if expected < left:
                assert torch.cat(gone).max() <= torch.cat(stay).min()
            for name, block in after.items():  # what stays keeps its value
                assert torch.equal(block.abs(), before[name] * (block != 0))
            record = work.record()
            assert record["weights"] == expected
            assert record["weights_hh"] == int((after["hh"] != 0).sum())
            left = expected
        assert left == round(0.1 * entries)


def test_a_matrix_is_pruned_by_itself_and_a_sparser_one_left_alone():
    density = (0.5, 1, 0.3, 0.05, 0.9, 1)
    model = BlockRNN(Geometry(12, 9, 4, density), mask="exact", seed=3)
    drawn = model.block_weights()
    Magnitude(0.2, scope="matrix", end=1).begin(model, 1).after_epoch(1, None)
    for block, entries in model.block_entries().items():
        assert model.block_weights()[block] == min(drawn[block], round(0.2 * entries))


EPOCHS = {1: [8], 2: [5, 8], 3: [4, 6, 8], 4: [3, 5, 6, 8], 6: [3, 4, 5, 6, 7, 8]}
"""Epochs that end with pruning, of a ramp from 3 to 8, by the number of prunings."""


@pytest.mark.parametrize("kind", ["block", "cell"])
@pytest.mark.parametrize(("schedule", "power"), [("linear", 1), ("cubic", 3)])
def test_fewer_prunings_are_even_and_take_the_same_in_all(kind, schedule, power):
    for number, epochs in EPOCHS.items():
        model = small_model(kind)
        total, drawn = (
            sum(each().values()) for each in (model.block_entries, model.block_weights)
        )
        method = Magnitude(0.1, "global", schedule, start=3, end=8, prunings=number)
        work, done, before = method.begin(model, 9), 0, places(model)
        for epoch in range(1, 10):
            rewired = work.after_epoch(epoch, None)
            done += epoch in epochs
            assert bool(rewired) == (epoch in epochs)
            left = drawn - (drawn - 0.1 * total) * (1 - (1 - done / number) ** power)
            after = places(model)
            assert len(after) == round(left)
            assert after <= before
            before = after


def test_the_published_linear_schedule():
    """Before epoch e of 0..E-1, a share S e / (E-1) of all weights is removed."""
    model, epochs = build_model(Config("own:Last", Design("dense", 9, 1.0)), Last()), 7
    total = len(places(model))
    work = Magnitude(0.1, schedule="linear", start=1, end=epochs - 1).begin(
        model, epochs
    )
    for epoch in range(epochs):
        assert len(places(model)) == round(total * (1 - 0.9 * epoch / (epochs - 1)))
        work.after_epoch(epoch + 1, None)
    assert len(places(model)) == round(0.1 * total)


def test_a_ramp_of_one_epoch_prunes_in_one_shot():
    model = small_model("cell")
    work = Magnitude(0.3, start=3, end=3).begin(model, 4)
    left = [
        len(places(model)) for epoch in range(1, 5) if work.after_epoch(epoch, None)
    ]
    assert left == [round(0.3 * sum(model.block_entries().values()))]


@pytest.mark.parametrize("kind", ["block", "cell"])
def test_protected_matrices_keep_their_weights(kind):
    for scope in ("global", "matrix"):
        model = small_model(kind)
        first, *others = model.regions
        before, entries = model.matrices()[first], model.block_entries()
        Magnitude(0.1, scope, end=1, protect=first).begin(model, 1).after_epoch(1, None)
        left = model.block_weights()
        assert torch.equal(model.matrices()[first], before)
        if scope == "global":
            wanted = round(0.1 * sum(entries[each] for each in others))
            assert sum(left[each] for each in others) == wanted
        else:
            assert [left[m] for m in others] == [
                round(0.1 * entries[m]) for m in others
            ]


def test_all_matrices_protected_is_no_pruning():
    model = small_model("cell")
    every, before = tuple(model.regions), places(model)
    Magnitude(0.1, end=1, protect=every).begin(model, 1).after_epoch(1, None)
    assert places(model) == before


@pytest.mark.parametrize("kind", ["block", "cell"])
def test_each_matrix_may_have_a_density_of_its_own(kind):
    model = small_model(kind)
    names, entries, before = list(model.regions), model.block_entries(), places(model)
    wanted = {names[1]: 0.3, names[-1]: 0.2}
    drawn = model.block_weights()
    Magnitude(wanted, end=1).begin(model, 1).after_epoch(1, None)
    for matrix, left in model.block_weights().items():
        share = wanted.get(matrix, 1)
        assert left == min(drawn[matrix], round(share * entries[matrix]))
    assert places(model) < before


def test_options_of_matrices_are_plain_values_and_part_of_the_id():
    by_matrix = Magnitude({"hx": 0.1, "hh": 0.2})
    assert hash(by_matrix) == hash(Magnitude({"hh": 0.2, "hx": 0.1}))
    assert by_matrix.as_dict()["density"] == {"hh": 0.2, "hx": 0.1}
    assert replace(by_matrix, end=3).density == by_matrix.density
    assert Magnitude(protect="yh") == Magnitude(protect=["yh", "yh"])
    methods = [
        "magnitude",
        by_matrix,
        Magnitude(protect=("yh",)),
        Magnitude(prunings=1),
    ]
    configs = [Config("own:Last", BLOCK, method=method) for method in methods]
    assert len({config.id for config in configs}) == len(configs)
    for config in configs:
        again = Config.from_dict(json.loads(json.dumps(config.as_dict())))
        assert again == config
        assert again.id == config.id


def test_what_is_pruned_is_in_no_count_and_never_comes_back():
    for design in (BLOCK, CELL):
        method = Magnitude(0.1, start=2, end=3)
        config = Config("own:Last", design, epochs=4, method=method)
        result, static = run(config), run(replace(config, method="static"))
        left = [point["weights"] for point in result["curve"]]
        assert left[0] == static["total_weights"] > left[1] > left[2] == left[3]
        assert result["total_weights"] == sum(result["weights"].values()) == left[-1]
        biases = static["parameters"] - static["total_weights"]
        assert result["parameters"] == left[-1] + biases
        first = [
            {k: v for k, v in r["curve"][0].items() if "weights" not in k}
            for r in (result, static)
        ]
        assert first[0] == first[1]  # nothing was pruned before the second epoch
        assert "weights" not in static["curve"][0]


def test_pruned_networks_train_as_well_side_by_side():
    methods = [Magnitude(0.1, end=2), "static", Magnitude(0.2, scope="matrix", end=3)]
    for design, hidden in ((BLOCK, (20, 17, 25)), (CELL, (6, 6, 6))):
        configs = [
            Config("own:Every", replace(design, hidden=size), epochs=4, method=method)
            for size, method in zip(hidden, methods, strict=True)
        ]
        for together, config in zip(run_many(configs), configs, strict=True):
            alone = run(config)
            assert together["weights"] == alone["weights"]
            for one, other in zip(together["curve"], alone["curve"], strict=True):
                assert one.keys() == other.keys()
                pair = list(one.values()), list(other.values())
                np.testing.assert_allclose(*pair, 1e-4)


@pytest.mark.parametrize("kind", ["block", "cell"])
def test_training_goes_on_as_with_a_mask_by_hand(kind):
    """After pruning, the same steps as a dense network whose mask is applied by hand.

    torch's Adam keeps averages of all entries there; ours only of those that stay.
    """
    task = get_task("own:Last")
    x, y = task.batch("train", slice(0, 16))
    design = Design("dense", 8, 1.0, kind, learning_rate=1e-2)
    config = Config("own:Last", design)
    ours = build_model(config, task)
    by_hand = build_model(config, task)
    work = Magnitude(0.3, end=1).begin(ours, 1)
    optimizer, other = Optimizer([ours], [1e-2]), Optimizer([by_hand], [1e-2])
    masks = None
    for step in range(6):
        for model, adam in ((ours, optimizer), (by_hand, other)):
            task.loss(model(x)[0][None], y).sum().backward()
            if masks is not None and model is by_hand:
                for part, mask in masks.items():
                    model.weight(part).grad *= mask
            adam.step()
            adam.zero_grad()
        if step == 2:
            optimizer.carry(work.after_epoch(1, None))
            masks = {part: (m != 0).flatten() for part, m in dense(ours).items()}
        if masks is not None:
            with torch.no_grad():
                for part, mask in masks.items():
                    by_hand.weight(part).mul_(mask)
    for part, matrix in dense(ours).items():
        hand = dense(by_hand)[part]
        torch.testing.assert_close(matrix, hand, rtol=1e-5, atol=1e-7)
        assert 0 < (matrix != 0).sum() < matrix.numel()


def small_model(kind):
    design = Design("small", 12, 0.6, kind, options={})
    return build_model(Config("own:Last", design, seed=3), Last())


def places(model):
    """Where the weights of a model are, as a set."""
    return {(p, i) for p in model.shapes for i in model.index(p).tolist()}


def dense(model):
    return {part: model.matrix(part).detach() for part in model.shapes}


def test_a_method_is_part_of_an_id_only_where_it_is_not_the_default():
    plain = Config("own:Last", BLOCK)
    assert Config("own:Last", BLOCK, method="static").id == plain.id
    assert "method" not in plain.as_dict()
    pruned = Config("own:Last", BLOCK, method={"name": "magnitude", "density": 0.1})
    assert pruned.as_dict()["method"] == {"name": "magnitude", "density": 0.1}
    ids = {
        Config("own:Last", BLOCK, method=method).id
        for method in ("static", Magnitude(), Magnitude(0.1), Magnitude(end=3))
    }
    assert len(ids) == 4
    assert Config.from_dict(pruned.as_dict()) == pruned


WRONG = [
    ({"density": 1.5}, "0..1"),
    ({"density": "much"}, "density must be a number, not 'much'"),
    ({"scope": "layer"}, "global or matrix"),
    ({"schedule": "sine"}, "linear or cubic"),
    ({"start": 0}, "start must be a whole number from 1"),
    ({"start": 4, "end": 3}, "before it starts"),
    ({"prunings": 0}, "prunings must be a whole number from 1"),
    ({"density": {"hx": 2}}, "0..1"),
    ({"density": {"hx": 0.1}, "protect": "yh"}, "without protect"),
    ({"speed": 3}, "unknown option 'speed'"),
    ({"name": "magic"}, "unknown method 'magic'"),
]


def test_bad_options_get_a_sentence():
    for options, words in WRONG:
        with pytest.raises(VsrnnError, match=words):
            Config("own:Last", BLOCK, method={"name": "magnitude"} | options)


def test_what_does_not_fit_the_run_or_the_model_gets_a_sentence():
    with pytest.raises(VsrnnError, match="does not fit a run of 2 epochs"):
        run(Config("own:Last", BLOCK, epochs=2, method=Magnitude(end=5)))
    for method, words in [
        (Magnitude(end=3, prunings=4), "4 prunings do not fit a ramp of 3 epochs"),
        (Magnitude(protect="head"), "no matrix 'head' .* hx, hh, hy, yx, yh, yy"),
        (Magnitude({"ih_0": 0.5}), "no matrix 'ih_0'"),
        (Magnitude(0.0005), "no weight to read the output from, in yx or yh"),
        (Magnitude({"yx": 0, "yh": 0.001}), "give a higher one, or protect a matrix"),
    ]:
        with pytest.raises(VsrnnError, match=words):
            run(Config("own:Last", BLOCK, epochs=4, method=method))
    with pytest.raises(VsrnnError, match="read the output from, in head"):
        run(Config("own:Last", CELL, method=Magnitude({"head": 0})))
    run(Config("own:Last", BLOCK, epochs=1, method=Magnitude({"yh": 0})))
    plain = Design("plain", 6, (), "rnn", (), ())
    with pytest.raises(VsrnnError, match="needs a model with masks"):
        run(Config("own:Last", plain, method="magnitude"))
    with pytest.raises(VsrnnError, match="by its name"):
        Config("own:Last", BLOCK, method=3)
