"""Training as a library: callbacks, early stopping, optimizers, and checkpoints."""

import itertools
import json
from functools import partial

import numpy as np
import pytest
import torch
from torch.optim import SGD, AdamW, RMSprop, lr_scheduler

import vsrnn
from vsrnn import Config, Design, Training, VsrnnError, get_method, get_task
from vsrnn.methods import Method, Work
from vsrnn.models import BlockRNN, ModelBatch
from vsrnn.runs.run import build_model, run_many, train_models
from vsrnn.training import checkpoint as checkpoints
from vsrnn.training.loop import Trainee, fit

SMALL = Design("small", 9, (0.6,) * 6, learning_rate=1e-2)
CELL = Design(
    "cell", 9, (0.7, 0.7, 1), "cell", (), (), options={"cell": "lstm"},
    learning_rate=1e-2,
)  # fmt: skip
CONFIG = Config("own:Classes", SMALL, epochs=5)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Checkpoints after every epoch."""
    monkeypatch.setattr(checkpoints, "EVERY", 0)


def same(one, other):
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[name], second[name]) for name in {*first, *second})


def test_callbacks_see_every_step_and_epoch():
    points, models = [], []

    def look(model, point):
        points.append(point)
        models.append(model)

    model, curve = vsrnn.train(CONFIG, callbacks=look)
    assert set(map(id, models)) == {id(model)}
    steps = [point for point in points if "step" in point]
    assert [point for point in points if "step" not in point] == curve
    assert len(curve) == 5
    task = get_task("own:Classes")
    numbers = range(1, 1 + -(-task.sizes["train"] // task.batch_size))
    assert [(p["epoch"], p["step"]) for p in steps] == list(
        itertools.product(range(1, 6), numbers)
    )
    weights = [16, 8]  # of the batches of an epoch
    for entry in curve:
        own = [p for p in steps if p["epoch"] == entry["epoch"]]
        for key in ("train_loss", "train_accuracy"):
            mean = np.average([p[key] for p in own], weights=weights)
            assert entry[key] == pytest.approx(mean, rel=1e-6)
    plain, again = vsrnn.train(CONFIG)
    assert same(plain, model) and again == curve
    assert vsrnn.run(CONFIG)["curve"] == curve


def test_a_callback_can_end_the_training():
    def at(epoch, step):
        def stop(model, point):
            if (point["epoch"], point.get("step")) == (epoch, step):
                raise StopIteration
            assert point["epoch"] <= epoch
            assert point.get("step", 0) <= (step or 9) or point["epoch"] < epoch

        return stop

    whole = vsrnn.train(CONFIG)[1]
    _, curve = vsrnn.train(CONFIG, callbacks=[at(3, None)])
    assert curve == whole[:3]
    model, curve = vsrnn.train(CONFIG, callbacks=[at(3, 1)])
    assert curve[:2] == whole[:2] and len(curve) == 3
    again = []

    def note(model, point):
        if (point["epoch"], point.get("step")) == (3, 1):
            again.append({k: v.clone() for k, v in model.state_dict().items()})

    vsrnn.train(CONFIG, callbacks=note)
    kept = model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in again[0].items())
    with pytest.raises(VsrnnError, match=r"a callback is a function .*, not 7"):
        vsrnn.train(CONFIG, callbacks=[note, 7])
    for answer in (True, 1, np.True_, object()):  # as of a bar's update
        assert len(vsrnn.train(CONFIG, callbacks=lambda *_, a=answer: a)[1]) == 5


def losses_of(monkeypatch, losses):
    """Let validation give these, one an epoch and model."""
    from vsrnn.training import loop

    left = iter(losses)

    def given(*_):
        return [{"loss": loss, "accuracy": 0.0} for loss in next(left)]

    monkeypatch.setattr(loop, "evaluate_network", given)


def test_early_stopping_keeps_the_best_weights(monkeypatch):
    seen = []

    def note(model, point):
        if "step" not in point:
            seen.append({k: v.clone() for k, v in model.state_dict().items()})

    losses_of(monkeypatch, [[3.0], [2.0], [2.0], [float("nan")], [1.0]])
    model, curve = vsrnn.train(CONFIG, training=Training(patience=2), callbacks=note)
    assert len(curve) == len(seen) == 4
    kept = model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not torch.equal(kept["weight_state"], seen[3]["weight_state"])
    losses_of(monkeypatch, [[3.0], [2.0], [2.5], [1.0], [1.5]])
    model, curve = vsrnn.train(CONFIG, training=Training(patience=2))
    assert len(curve) == 5


def test_early_stopping_of_one_does_not_touch_the_others(monkeypatch):
    configs = [CONFIG, Config("own:Classes", Design("more", 7, (1,) * 6), epochs=5)]
    task = get_task("own:Classes")
    losses = [[3.0, 5.0], [4.0, 4.0], [1.0, 3.0], [1.0, 2.0], [1.0, 1.0]]
    found = []
    for patience in (None, 1):
        losses_of(monkeypatch, losses)
        models = [build_model(config, task) for config in configs]
        how = Training(patience=patience)
        found.append(train_models(configs, models, task, progress=False, training=how))
    (_, whole), (first, second) = found
    assert [len(t.curve) for t in (whole, first, second)] == [5, 2, 5]
    assert second.curve == whole.curve and same(second.model, whole.model)


def test_a_pruned_network_takes_its_best_masks_back(monkeypatch):
    losses_of(monkeypatch, [[3.0], [1.0], [2.0], [2.0], [2.0]])
    config = Config(
        "own:Classes", SMALL, epochs=5, method=get_method("magnitude", density=0.1)
    )
    model, curve = vsrnn.train(config, training=Training(patience=3))
    assert sum(model.block_weights().values()) == curve[1]["weights"]
    assert curve[1]["weights"] > curve[-1]["weights"]


def by_hand(make, clip=None, schedule=None):
    """Weights after five epochs of an optimizer of torch."""
    task = get_task("own:Classes")
    model = build_model(CONFIG, task)
    optimizer = make(model)
    steps = schedule and schedule(optimizer)
    order = torch.Generator().manual_seed(0)
    for _ in range(5):
        for rows in torch.randperm(24, generator=order).split(16):
            x, y = task.batch("train", rows)
            loss = task.loss(model(x)[0], y)
            optimizer.zero_grad()
            loss.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        if steps:
            steps.step()
    return model


STEP = partial(lr_scheduler.StepLR, step_size=2, gamma=0.1)


@pytest.mark.parametrize(
    "how, make",
    [
        (Training(RMSprop), lambda m: RMSprop(m.parameters(), lr=1e-2)),
        (
            Training(partial(SGD, momentum=0.9), clip=0.1, schedule=STEP),
            lambda m: SGD(m.parameters(), lr=1e-2, momentum=0.9),
        ),
        (
            Training(AdamW, weight_decay=0.5),
            lambda m: AdamW(vsrnn.parameter_groups(m, 0.5), lr=1e-2),
        ),
        (
            Training("adam", schedule=STEP),
            lambda m: torch.optim.Adam(m.parameters(), lr=1e-2),
        ),
        (
            Training("sgd", weight_decay=0.5, schedule=STEP),
            lambda m: SGD(m.parameters(), lr=1e-2, weight_decay=0.5),
        ),
    ],
)
def test_any_optimizer_and_schedule(how, make):
    model, _ = vsrnn.train(CONFIG, training=how)
    expected = by_hand(make, how.clip, how.schedule)
    for one, other in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_schedule_that_changes_nothing_changes_nothing():
    """But rounding: compiled steps have no schedule."""
    constant = partial(lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 1.0)
    model, curve = vsrnn.train(CONFIG, training=Training(schedule=constant))
    plain, other = vsrnn.train(CONFIG)
    for one, two in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
    for point, same_point in zip(curve, other, strict=True):
        assert point == pytest.approx(same_point, rel=1e-5)


def test_a_schedule_on_a_plateau_sees_the_validation_loss(monkeypatch):
    losses_of(monkeypatch, [[3.0], [2.0], [2.0], [2.0], [2.0]])
    rates = []

    class Noting(SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    fall = partial(lr_scheduler.ReduceLROnPlateau, patience=0, factor=0.5)
    vsrnn.train(CONFIG, training=Training(Noting, schedule=fall))
    assert rates[::2] == [1e-2, 1e-2, 1e-2, 5e-3, 2.5e-3]


def test_averages_of_any_optimizer_follow_pruned_weights():
    method = get_method("magnitude", density=0.2, end=3)
    config = Config("own:Classes", SMALL, epochs=5, method=method)
    theirs, curve = vsrnn.train(config, training=Training(torch.optim.Adam))
    ours, other = vsrnn.train(config)
    for one, two in zip(theirs.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)
    assert [p["weights"] for p in curve] == [p["weights"] for p in other]


def test_trainings_that_are_none_get_a_sentence():
    for wrong, words in (
        ({"optimizer": "rmsprop"}, "'adam', 'sgd' or what makes one"),
        ({"optimizer": None}, "'adam', 'sgd' or what makes one"),
        ({"schedule": "cosine"}, "a schedule is what makes one"),
        ({"patience": 0}, "patience must be a whole number from 1"),
        ({"clip": -1}, "clip is a number from 0"),
        ({"clip": float("nan")}, "clip is a number from 0"),
        ({"weight_decay": "0.1"}, "weight_decay is a number from 0"),
        ({"plateau": 0.5}, "plateau is a number from 1"),
    ):
        with pytest.raises(VsrnnError, match=words):
            Training(**wrong)
    with pytest.raises(VsrnnError, match="expected an optimizer of torch"):
        vsrnn.train(CONFIG, training=Training(lambda parameters, lr: None))
    with pytest.raises(VsrnnError, match="LBFGS evaluates"):
        vsrnn.train(CONFIG, training=Training(torch.optim.LBFGS))
    with pytest.raises(VsrnnError, match="device must be cpu or cuda"):
        vsrnn.train(CONFIG, device="tpu")


def test_a_task_may_ask_for_any_training(monkeypatch):
    """A run of it trains so, and early stopping gives the best weights to the test."""
    how = Training(RMSprop, patience=2, clip=1)
    model, curve = vsrnn.train(CONFIG, training=how)
    monkeypatch.setattr(type(get_task("own:Classes")), "training", how)
    result = vsrnn.run(CONFIG)
    assert result["curve"] == curve
    test = vsrnn.evaluate(model, get_task("own:Classes"), "test")
    assert result["test"] == pytest.approx(test)


def stopping(epoch):
    """A callback that ends the process, as it were, after an epoch."""

    def stop(model, point):
        if point["epoch"] == epoch + 1:
            raise KeyboardInterrupt

    return stop


MOVED = get_method("geometric", trained=True, space="r3")
SLOW = get_method("magnitude", density=0.3, end=4)
ACROSS = get_method("across", moves=3, random=0.3)
CASES = {
    "plain": (CONFIG, None),
    "pruned": (Config("own:Classes", SMALL, epochs=5, method=(MOVED, SLOW)), None),
    "moving": (Config("own:Classes", SMALL, epochs=5, method=ACROSS), None),
    "lstm": (Config("own:Classes", CELL, epochs=5), Training("sgd", plateau=1.5)),
    "theirs": (
        Config("own:Classes", SMALL, epochs=5, method=SLOW),
        Training(partial(SGD, momentum=0.9), schedule=STEP),
    ),
    "patient": (
        Config("own:Classes", Design("hot", 9, (1,) * 6, learning_rate=0.3), epochs=5),
        Training(patience=2),
    ),
    "renewed": (
        Config("adding", SMALL, "smoke", epochs=4, task_options={"length": 5}),
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_training_that_was_stopped_goes_on_to_the_bit(tmp_path, case, epoch):
    config, how = CASES[case]
    whole, curve = vsrnn.train(config, training=how)
    path, seen = tmp_path / "folder" / "run.pt", []
    with pytest.raises(KeyboardInterrupt):
        vsrnn.train(config, training=how, callbacks=stopping(epoch), checkpoint=path)
    path.with_suffix(".0123abcd.part").write_bytes(b"half")
    for _ in range(2):  # the second time there is nothing left to train
        model, again = vsrnn.train(
            config,
            training=how,
            callbacks=lambda _, point: seen.append(point["epoch"]),
            checkpoint=path,
        )
        assert again == curve
        assert same(model, whole)
    assert set(seen) == set(range(epoch + 1, len(curve) + 1))
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]


def test_a_training_that_ended_early_stays_ended(tmp_path, monkeypatch):
    losses_of(monkeypatch, [[1.0], [2.0], [3.0], [4.0]])
    how = {"training": Training(patience=1), "checkpoint": tmp_path / "run.pt"}
    model, curve = vsrnn.train(CONFIG, **how)
    again, other = vsrnn.train(CONFIG, **how)
    assert len(curve) == 2 and curve == other and same(model, again)


def test_runs_side_by_side_go_on_together(tmp_path, around_steps):
    configs = [Config("own:Classes", d, epochs=5) for d in (SMALL, Design("b", 7, 1))]
    whole, path = run_many(configs), tmp_path / "runs.pt"
    steps = itertools.count()

    def stop(step, *batch):
        if next(steps) == 7:
            raise KeyboardInterrupt
        return step(*batch)

    around_steps(stop)
    with pytest.raises(KeyboardInterrupt):
        run_many(configs, checkpoint=path)
    found = run_many(configs, checkpoint=path)
    assert next(steps) == 8 + 4  # two epochs were left
    for one, other in zip(found, whole, strict=True):
        assert one["curve"] == other["curve"] and one["test"] == other["test"]
        assert one["seconds"]["total"] >= one["seconds"]["train"] > 0


def test_checkpoints_of_other_runs_or_damaged_are_refused(tmp_path, capsys):
    path = tmp_path / "run.pt"
    vsrnn.train(CONFIG, checkpoint=path)
    kept = path.read_bytes()
    other = Config("own:Classes", SMALL, seed=1, epochs=5)
    for config, how, words in (
        (other, {}, "configs"),
        (CONFIG, {"training": Training(clip=1)}, "training"),
        (Config("own:Classes", SMALL, epochs=6), {}, "configs, epochs"),
        (CONFIG, {"threads": 2}, "threads"),
    ):
        with pytest.raises(VsrnnError, match=f"another run.*{words}.*delete it"):
            vsrnn.train(config, checkpoint=path, **how)
        assert path.read_bytes() == kept
    flipped = bytearray(kept)
    flipped[len(kept) // 2] ^= 1
    for damaged in (flipped, kept[:-9], b"", b"{}", b"[]\nx", b'{"run": 1}', b"\x80"):
        path.write_bytes(damaged)
        with pytest.raises(VsrnnError, match="is damaged, or no checkpoint"):
            vsrnn.train(CONFIG, checkpoint=path)
        whole = run_many([CONFIG], checkpoint=path)[0]
        assert "beginning anew" in capsys.readouterr().err
        assert len(whole["curve"]) == 5
    with pytest.raises(VsrnnError, match="cannot keep a checkpoint"):
        vsrnn.train(CONFIG, checkpoint=path / "below")
    with pytest.raises(VsrnnError, match="cannot keep a checkpoint"):
        vsrnn.train(CONFIG, checkpoint=tmp_path)


def test_a_full_disk_does_not_end_a_training(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "replace_bytes", full)
    _, curve = vsrnn.train(CONFIG, checkpoint=tmp_path / "run.pt")
    assert len(curve) == 5
    assert "No space left on device); free some space" in capsys.readouterr().err


def test_epochs_that_take_less_than_a_write_share_one(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 5)
    vsrnn.train(CONFIG, checkpoint=tmp_path / "run.pt")
    assert not list(tmp_path.iterdir())


def test_checkpoints_hold_no_code(tmp_path):
    """Whoever can write to the folder cannot have anything executed."""
    path, ran = tmp_path / "run.pt", []
    vsrnn.train(CONFIG, checkpoint=path)
    head, _, _ = path.read_bytes().partition(b"\n")

    class Evil:
        def __reduce__(self):
            return ran.append, (1,)

    torch.save({"spent": 0, "x": Evil()}, tmp_path / "evil")
    content = (tmp_path / "evil").read_bytes()
    known = json.loads(head) | {"sha256": checkpoints._sum(content)}
    path.write_bytes(json.dumps(known).encode() + b"\n" + content)
    with pytest.raises(VsrnnError, match="is damaged"):
        vsrnn.train(CONFIG, checkpoint=path)
    assert not ran


class Odd(SGD):
    """An optimizer with a state that is no plain value."""

    def state_dict(self):
        return super().state_dict() | {"odd": Design}


def test_a_state_that_cannot_be_kept_is_told_at_once(tmp_path):
    told = []
    how = {"training": Training(Odd), "callbacks": lambda _, point: told.append(point)}
    with pytest.raises(VsrnnError, match="holds tensors and plain values only"):
        vsrnn.train(CONFIG, checkpoint=tmp_path / "run.pt", **how)
    assert {point["epoch"] for point in told} == {1}
    assert not list(tmp_path.iterdir())


class Silent(Work):
    """Keeps what no checkpoint knows of."""

    def after_step(self):
        self.steps = getattr(self, "steps", 0) + 1
        return {}


def test_methods_that_do_not_say_their_state_get_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(Method, "begin", lambda self, model, *_: Silent(model))
    path = tmp_path / "run.pt"
    with pytest.raises(VsrnnError, match="Silent does not say what it keeps"):
        vsrnn.train(CONFIG, checkpoint=path)
    assert run_many([CONFIG], checkpoint=path)[0]["error"] is None
    assert not path.exists()


def test_a_loop_of_ones_own_trainees_needs_none_of_it():
    task, model = get_task("own:Last"), BlockRNN(vsrnn.Geometry(6, 9, 4, 0.7))
    trainee = Trainee(model, 1e-3, [])
    fit([trainee], ModelBatch([model]), task, epochs=2)
    assert len(trainee.curve) == 2 and not trainee.over
