"""Growing modules: what exists when, and what a new module begins with."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from vsrnn import BlockRNN, Config, Design, Geometry, VsrnnError, get_method, run, train
from vsrnn.models.modular import ModularRNN

DESIGN = Design(
    "chain", 5, 1, "modular", learning_rate=0.2, options={"modules": 3, "heads": 3}
)
CONFIG = Config("parity-heads", DESIGN, "smoke", task_options={"bits": 4}, epochs=3)


def begun(shares=(1.0, 1.0, 1.0), chain=3, **options):
    """A chain of three, and the heads' accuracies that it will find."""
    model = ModularRNN(1, 5, 6, modules=chain, heads=3, seed=0)
    work = get_method("grow_modules", **options).begin(model, epochs=3)
    task = SimpleNamespace(batch=lambda *_: (torch.zeros(2, 4, 1), torch.zeros(2, 3)))
    task.head_accuracy = lambda output, targets: torch.tensor(shares)
    work.task = task
    return model, work


def existing(model):
    """Rows of each part that have weights."""
    return {
        p: (model.matrix(p) != 0).any(1).nonzero()[:, 0].tolist() for p in model.shapes
    }


def test_a_network_begins_with_one_module_and_adds_the_next_with_its_head():
    model, work = begun()
    full = ModularRNN(1, 5, 6, modules=3, heads=3, seed=0)
    for n in (1, 2, 3):
        rows = existing(model)
        assert rows["ih"] == rows["within"] == list(range(5 * n))
        assert rows["between"] == list(range(5 * (n - 1)))
        assert rows["head"] == list(range(2 * n))
        for part in model.shapes:
            inside = model.matrix(part) != 0
            assert torch.equal(model.matrix(part)[inside], full.matrix(part)[inside])
        closed = model(torch.ones(2, 4, 1))[0][..., 2 * n :]
        assert not closed.any()
        assert work.record()["modules"] == n
        rewired = work.after_epoch(n, None)
        new = {
            p: int((s < 0).sum())
            for p, s in zip(model.shapes, rewired.values(), strict=False)
        }
        if n < 3:
            assert new == {"ih": 5, "within": 20, "between": 25, "head": 10}
    assert rewired == {}


@pytest.mark.parametrize("shares, open_", [((0.99, 0.0, 0.0), 2), ((0.97, 1, 1), 1)])
def test_only_heads_that_are_open_are_judged(shares, open_):
    _, work = begun(shares)
    work.after_epoch(1, None)
    assert work.open == open_


def test_the_newest_head_has_to_pass_itself():
    _, work = begun((1.0, 0.975, 0.0))
    work.after_epoch(1, None)
    work.after_epoch(2, None)
    assert work.open == 2  # though the mean of both is above .98


def test_a_single_module_opens_its_heads_alone():
    model, work = begun(chain=1)
    assert existing(model)["head"] == [0, 1] and len(existing(model)["within"]) == 5
    work.after_epoch(1, None)
    assert existing(model)["head"] == [0, 1, 2, 3]


def test_a_copied_module_begins_with_the_one_before_and_noise():
    for noise in (0.0, 0.1):
        model, work = begun(copied=True, noise=noise)
        work.after_epoch(1, None)
        for part in ("ih", "within"):
            matrix = model.matrix(part).detach()
            first, second = matrix[:5], matrix[5:10]
            off = (second / first - 1)[first != 0]
            assert off.std() == pytest.approx(noise, abs=0.06)
            assert bool(off.any()) == bool(noise)


def test_older_and_frozen_weights_move_less_or_not_at_all():
    for options, still in (
        ({"older": 0}, ("ih", 0)),
        ({"frozen": True}, ("within", 5)),
    ):
        model, work = begun(**options)
        work.after_epoch(1, None)
        model(torch.randn(4, 6, 1))[0].square().sum().backward()
        part, first = still
        index, grad = model.index(part), model.weight(part).grad
        row = index // model.shapes[part][1]
        assert not grad[(row >= first) & (row < first + 5)].any()
        moving = model.weight("ih").grad[5:10]
        assert moving.any()
    full, half = (begun(older=older) for older in (1, 0.5))
    for model, work in (full, half):
        work.after_epoch(1, None)
        torch.manual_seed(0)
        model(torch.randn(4, 6, 1))[0].square().sum().backward()
    both = [model.weight("ih").grad for model, _ in (full, half)]
    torch.testing.assert_close(both[1][:5], 0.5 * both[0][:5])
    torch.testing.assert_close(both[1][5:], both[0][5:])


def test_tasks_without_heads_grow_by_epochs():
    design = replace(DESIGN, options={"modules": 3})
    method = {"name": "grow_modules", "every": 2}
    config = Config("parity", design, "smoke", epochs=5, method=method)
    assert [point["modules"] for point in run(config)["curve"]] == [1, 2, 2, 3, 3]
    waiting = replace(config, method="grow_modules")
    with pytest.raises(VsrnnError, match="no heads to pass; say with every"):
        run(waiting)


def test_a_run_that_never_passes_ends_and_says_with_how_many_modules():
    result = run(replace(CONFIG, method="grow_modules"))
    assert [point["modules"] for point in result["curve"]] == [1, 1, 1]
    assert result["total_weights"] == 5 + 20 + 10


def test_a_stopped_run_goes_on_as_it_would_have(tmp_path):
    method = {"name": "grow_modules", "threshold": 0.4, "copied": True, "noise": 0.1}
    config = replace(CONFIG, method=method, epochs=4)
    _, whole = train(config)

    def stop(model, point):
        if point["epoch"] == 2 and "step" not in point:
            raise KeyboardInterrupt

    path = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        train(config, checkpoint=path, callbacks=stop)
    _, again = train(config, checkpoint=path)
    assert again == whole and whole[-1]["modules"] == 3


@pytest.mark.parametrize(
    "options, said",
    [
        ({"threshold": 2}, "threshold lies in 0..1"),
        ({"older": -1}, "older lies in 0..1"),
        ({"noise": -1}, "noise lies in 0..inf"),
        ({"every": -1}, "every must be a whole number"),
    ],
)
def test_what_is_of_no_use_is_refused(options, said):
    with pytest.raises(VsrnnError, match=said):
        get_method("grow_modules", **options)


def test_other_models_have_no_modules():
    model = BlockRNN(Geometry(1, 5, 2, 1))
    with pytest.raises(VsrnnError, match="needs a modular design, not BlockRNN"):
        get_method("grow_modules").begin(model, 3)
