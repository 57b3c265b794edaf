"""Every arm of part II against penalty, schedule and masks written out by hand."""

import numpy as np
import pytest
import torch

from vsrnn import MaskedCell, get_method, get_task
from vsrnn.methods.geometric import Geometric
from vsrnn.methods.spaces import SPACES
from vsrnn.models.batch import ModelLoop
from vsrnn.studies import arms
from vsrnn.training.loop import Trainee, fit

RATE, EPOCHS, UNITS = 3e-2, 4, 12
PARTS = ("ih_0", "hh_0", "head")
FIXED = [name for name in arms.PENALTIES if name != "none" and "trained" not in name]


def costs(method, embedding):
    """The cost matrix from the points alone, in numpy."""
    points = embedding.points.double()
    d = embedding.factor * SPACES[method.space].distances(points).numpy()
    if method.inhibitor == "diffusion":
        value = d**2
    else:
        value = 81.1436 - 100 * (np.exp(-(d**2) / 5) - np.exp(-4 * d**2))
    if method.control == "permuted":
        value = value.ravel()[embedding.order.numpy()].reshape(value.shape)
    if method.control == "uniform":
        value = np.full_like(value, value.mean())
    return torch.from_numpy(value).float()


def outputs(w, bias, x):
    h, every = torch.zeros(len(x), UNITS), []
    for step in x.unbind(1):
        h = torch.relu(
            step @ w["ih_0"].T + h @ w["hh_0"].T + bias["ih_0"] + bias["hh_0"]
        )
        every.append(h @ w["head"].T + bias["head"])
    return torch.stack(every, 1)


def by_hand(model, task, weight, cost, left):
    """Train dense matrices under masks, and return matrices, masks and weights left."""
    w = {p: m.clone().requires_grad_() for p, m in model.matrices().items()}
    bias = {p: model.get_parameter(f"bias_{p}").detach().clone() for p in PARTS}
    bias = {p: b.requires_grad_() for p, b in bias.items()}
    mask = {p: torch.ones_like(m) for p, m in w.items()}
    adam = torch.optim.Adam([*w.values(), *bias.values()], RATE)
    order, counts = torch.Generator().manual_seed(0), []
    for epoch in range(1, EPOCHS + 1):
        rows = torch.randperm(task.sizes["train"], generator=order)
        for some in rows.split(task.batch_size):
            x, y = task.batch("train", some)
            inside = {p: w[p] * mask[p] for p in PARTS}
            loss = task.loss(outputs(inside, bias, x), y)
            loss = loss + weight * (cost * inside["hh_0"].abs()).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
        if epoch in left:
            sizes = torch.cat(
                [(w[p].detach() * mask[p]).abs().flatten() for p in PARTS]
            )
            least = sizes.sort(descending=True).values[left[epoch] - 1]
            mask = {
                p: ((w[p].detach() * mask[p]).abs() >= least).float() for p in PARTS
            }
        counts.append(int(sum(m.sum() for m in mask.values())))
    return {p: (w[p] * mask[p]).detach() for p in PARTS}, mask, counts


@pytest.mark.parametrize("schedule", ["linear", "cubic"])
@pytest.mark.parametrize("arm", FIXED)
def test_an_arm_trains_as_written_out_by_hand(arm, schedule):
    task = get_task("own:Last")
    model = MaskedCell(6, UNITS, 4, cell="relu", seed=1)
    penalty = Geometric(**{**arms.PENALTIES[arm], "weight": 3e-3})
    prune = get_method("magnitude", density=0.3, schedule=schedule, end=3)
    works = [each.begin(model, EPOCHS, seed=5) for each in (penalty, prune)]
    entries, power = UNITS * (6 + UNITS + 4), {"linear": 1, "cubic": 3}[schedule]
    left = {k: round(entries * (0.3 + 0.7 * (1 - k / 3) ** power)) for k in range(1, 4)}
    cost = costs(penalty, works[0].embeddings["hh_0"])
    expected, mask, counts = by_hand(model, task, 3e-3, cost, left)
    trainee = Trainee(model, RATE, works)
    fit([trainee], ModelLoop([model]), task, epochs=EPOCHS)
    assert [point["weights"] for point in trainee.curve] == counts
    assert counts == [left[1], left[2], left[3], left[3]]
    for part, matrix in model.matrices().items():
        assert torch.equal(matrix != 0, mask[part] * expected[part] != 0)
        torch.testing.assert_close(matrix, expected[part], rtol=1e-3, atol=1e-5)
    unpenalized, *_ = by_hand(
        MaskedCell(6, UNITS, 4, cell="relu", seed=1), task, 0, cost, left
    )
    assert not torch.allclose(unpenalized["hh_0"], expected["hh_0"], atol=1e-3)


def test_arms_say_their_methods_and_their_epochs():
    penalty, prune = arms.methods("uniform / 4", 0.05, "linear 15 in 30", seed=3)
    assert penalty == {
        **{"name": "geometric", "control": "uniform", "weight": 0.025, "seed": 3}
    }
    assert get_method(**prune).prunings == 15 and arms.epochs("linear 15 in 30") == 34
    for arm in arms.PENALTIES:
        assert all(get_method(**method) for method in arms.methods(arm, 0.1, "cubic"))
