"""What every network promises: clear refusals, tensors of one's own, precision."""

import copy
import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_model, save_model
from torch.nn.utils.rnn import pack_sequence
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vsrnn import (
    BlockRNN,
    Geometry,
    MaskedCell,
    ModelBatch,
    PlainRNN,
    ProjectedLSTM,
    VsrnnError,
)
from vsrnn.models.batch import ModelLoop
from vsrnn.models.cells import GATES

X, H, Y = 12, 9, 4
SMALL = Geometry(X, H, Y, 0.6)
GRAD = (torch.enable_grad, torch.no_grad)
HALF = (torch.float16, torch.bfloat16)


def networks(seed=0, hidden=H):
    """One of each kind."""
    wide = Geometry(120, 110, Y, 0.1)  # products on the weights alone
    return [
        BlockRNN(Geometry(X, hidden, Y, 0.6), seed=seed),
        BlockRNN(wide, seed=seed),
        *(MaskedCell(X, hidden, Y, 0.5, cell=c, layers=2, seed=seed) for c in GATES),
        ProjectedLSTM(X, hidden, Y, seed=seed),
        PlainRNN(X, hidden, Y, seed=seed),
    ]


def several(seed=0, hidden=H):
    """Models side by side."""
    blocks = [BlockRNN(Geometry(X, hidden, Y, 0.6), seed=seed + n) for n in (0, 1)]
    return [ModelBatch(blocks), ModelLoop(networks(seed, hidden)[-2:])]


def parts(state):
    return [state] if isinstance(state, torch.Tensor) else list(state)


def values(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(network, saved):
    now = network.state_dict()
    return all(
        torch.equal(now[name].nan_to_num(7), value.nan_to_num(7))
        for name, value in saved.items()
    )


def test_inputs_of_another_kind_get_a_sentence():
    for model in networks():
        n = model.inputs
        step = torch.zeros(3, n)
        bad = {
            "dtype|float64": step.double(),
            "int64": step.long(),
            "ndarray": step.numpy(),
            "layout|sparse": step.to_sparse(),
            "list": step.tolist(),
            f"{n}": torch.zeros(3, n + 1),
        }
        for words, x in bad.items():
            for grad in GRAD:
                with grad(), pytest.raises(VsrnnError, match=words):
                    model(x)
                with grad(), pytest.raises(VsrnnError):
                    model.step(x)
        for x in (torch.zeros(2, 3, n), torch.zeros(())):
            for grad in GRAD:
                with grad(), pytest.raises(VsrnnError, match="a step reads"):
                    model.step(x)
        for x in (torch.zeros(2, 0, n), torch.zeros(n), torch.zeros(1, 2, 3, n)):
            with pytest.raises(VsrnnError, match="batch, time"):
                model(x)
        with pytest.raises(VsrnnError, match="PackedSequence"):
            model.step(pack_sequence([step]))
        with pytest.raises(VsrnnError, match="meta"):
            model(torch.zeros(2, 3, n, device="meta"))


def test_states_of_another_kind_get_a_sentence():
    for model in networks():
        x, state = (
            torch.zeros(2, 3, model.inputs),
            model(torch.zeros(2, 3, model.inputs))[1],
        )
        one, alone = isinstance(state, torch.Tensor), parts(state)[0]
        wrong = [
            alone if not one else (alone, alone),
            7,
            np.zeros(3),
            state.double() if one else tuple(part.double() for part in state),
            alone[..., :1, :] if one else tuple(part[..., :1, :] for part in state),
        ]
        for given in wrong:
            for grad in GRAD:
                with grad(), pytest.raises(VsrnnError, match="state"):
                    model(x, given)
                with grad(), pytest.raises(VsrnnError, match="state"):
                    model.step(x[:, 0], given)


def test_batches_of_models_check_their_inputs():
    batch = several()[0]
    for x in (
        torch.zeros(3, X),
        torch.zeros(2, 3, X + 1),
        torch.zeros(2, 3, X).double(),
    ):
        with pytest.raises(VsrnnError):
            batch(x)
    _, state = batch.run(torch.zeros(2, 3, X))
    with pytest.raises(VsrnnError, match="state is of 2 sequences, the input of 4"):
        batch.run(torch.zeros(4, 3, X), state)
    with pytest.raises(VsrnnError, match="batch is of block RNNs"):
        ModelBatch([ProjectedLSTM(X, H, Y)])
    batch.models[1].double()
    with pytest.raises(VsrnnError, match="in one precision"):
        batch(torch.zeros(2, 3, X))
    with pytest.raises(VsrnnError, match="a model gives a pair"):
        ModelLoop([batch.float()])(torch.zeros(2, 3, X))
    with pytest.raises(VsrnnError, match="a model gives a pair"):
        ModelLoop([torch.nn.Linear(X, Y)])(torch.zeros(2, 3, X))


def test_symbols_out_of_range_get_a_sentence():
    for embedding in (0, 3):
        model = MaskedCell(X, H, Y, 0.5, symbols=True, embedding=embedding)
        small = torch.tensor([[0, 1]])
        assert torch.equal(model(small.to(torch.uint8))[0], model(small)[0])
        for bad in (X, -1):
            with pytest.raises(VsrnnError, match=f"from 0 to {X - 1}, not"):
                model(torch.tensor([[0, bad]]))
        for bad in (small.float(), small.bool(), small[None]):
            with pytest.raises(VsrnnError):
                model(bad)


def test_a_step_without_a_batch():
    for model in networks():
        x, state, single = torch.randn(4, model.inputs), None, None
        for each in x:
            y, state = model.step(each, state)
            expected, single = model.step(each[None], single)
            torch.testing.assert_close(y, expected[0])
        torch.testing.assert_close(y, model(x)[0][-1])


def test_outputs_and_states_belong_to_the_caller():
    """They take the memory of their numbers, and writing to one changes no other."""
    for model in networks():
        x = torch.randn(5, 4, model.inputs)
        for grad in GRAD:
            with grad():
                output, state = model(x)
                y, after = model.step(x[:, 0], state)
            told = [output, *parts(state), y, *parts(after)]
            copies = [each.detach().clone() for each in told]
            for number, each in enumerate(told):
                storage = each.detach().untyped_storage()
                assert storage.nbytes() == each.numel() * each.element_size()
                each.zero_()
                copies[number].zero_()
                for one, other in zip(told, copies, strict=True):
                    assert torch.equal(one, other)
    for batch in several():
        output, _ = batch.run(torch.randn(5, 4, X))
        assert output.detach().untyped_storage().nbytes() == output.numel() * 4
    for matrix in BlockRNN(SMALL).matrices().values():
        assert matrix.untyped_storage().nbytes() == matrix.numel() * 4


def test_outputs_can_be_masked_in_place():
    behind = torch.arange(6) >= torch.tensor([6, 4, 2])[:, None]
    for network in [*networks(), *several()]:
        x = torch.randn(3, 6, getattr(network, "inputs", X))
        grads = []
        for in_place in (True, False):
            output = network(x)
            output = output[0] if isinstance(output, tuple) else output
            if in_place:
                output[..., behind, :] = 0
            else:
                output = output.masked_fill(behind[..., None], 0)
            network.zero_grad()
            output.square().sum().backward()
            grads.append([p.grad for p in network.parameters()])
        for one, other in zip(*grads, strict=True):
            torch.testing.assert_close(one, other)
            assert one.any()


def test_half_precision():
    for dtype in HALF:
        for model in networks():
            x, half = torch.randn(40, 5, model.inputs), copy.deepcopy(model).to(dtype)
            expected, (output, _) = model(x)[0], half(x.to(dtype))
            assert output.dtype == dtype
            torch.testing.assert_close(output.float(), expected, rtol=0, atol=0.03)
            output.float().square().mean().backward()
            expected.square().mean().backward()
            for one, other in zip(half.parameters(), model.parameters(), strict=True):
                largest = float(other.grad.abs().max())
                far = float((one.grad.float() - other.grad).abs().max())
                assert far < 0.06 * largest + 1e-4
            with torch.no_grad():
                y, state = half.step(x[:, 0].to(dtype))
                y, _ = half.step(x[:, 1].to(dtype), state)
            torch.testing.assert_close(y.float(), expected[:, 1], rtol=0, atol=0.03)
        batch = copy.deepcopy(several()[0])
        expected = batch(torch.ones(2, 3, X))
        output = batch.to(dtype)(torch.ones(2, 3, X, dtype=dtype))
        torch.testing.assert_close(output.float(), expected, rtol=0, atol=0.03)


def test_autocast():
    for dtype in HALF:
        for network in [*networks(), several()[0]]:
            x = torch.randn(40, 5, getattr(network, "inputs", X))

            def run(x, network=network):
                output = network(x)
                return output[0] if isinstance(output, tuple) else output

            expected = run(x)
            with torch.autocast("cpu", dtype=dtype):
                for given in (x, x.to(dtype)):
                    output = run(given)
                    torch.testing.assert_close(
                        output.float(), expected, rtol=0, atol=0.03
                    )
                output.float().square().mean().backward()
            assert all(p.grad.any() for p in network.parameters())
            if isinstance(network, BlockRNN):  # as precise as the weights
                assert torch.equal(output, run(x.to(dtype).float()))
                with torch.no_grad(), torch.autocast("cpu", dtype=dtype):
                    y, _ = network.step(x[:, 0].to(dtype))
                torch.testing.assert_close(y, output[:, 0])


def test_weights_that_change_before_the_way_back_are_noticed():
    for geometry in (SMALL, Geometry(120, 110, Y, 0.1), Geometry(X, H, Y, 1)):
        for name in ("weight_state", "weight_input"):
            model = BlockRNN(geometry)
            loss = model(torch.randn(2, 3, geometry.inputs))[0].sum()
            with torch.no_grad():
                getattr(model, name).mul_(2)
            with pytest.raises(RuntimeError, match="inplace operation"):
                loss.backward()
    for make in (lambda: BlockRNN(SMALL), lambda: MaskedCell(X, H, Y, 0.5)):
        for change in ("rewire", "load"):
            for together in (False, True):
                model, other = make(), make()
                part = next(iter(model.shapes))
                network = ModelLoop([model, other]) if together else model
                if together and isinstance(model, BlockRNN):
                    network = ModelBatch([model, other])
                output = network(torch.randn(2, 3, X))
                output = output if together else output[0]
                other.rewire(part, other.index(part)[1:])
                if change == "rewire":
                    model.rewire(part, model.index(part)[1:])
                else:
                    model.load_state_dict(other.state_dict())
                with pytest.raises((RuntimeError, VsrnnError)):
                    output.sum().backward()


def test_a_refused_load_changes_nothing():
    for network, other, larger in zip(
        [*networks(), *several()],
        [*networks(5), *several(5)],
        [*networks(5, H + 1), *several(5, H + 1)],
        strict=True,
    ):
        before, saved = values(network), other.state_dict()
        last = next(name for name in reversed(saved) if "identity" not in name)
        wrong = [saved | {last: saved[last][:-1]}]
        if getattr(network, "inputs", X) == X:
            wrong.append(larger.state_dict())
        if hasattr(network, "shapes"):  # an average
            wrong.append({name: value.float() / 3 for name, value in saved.items()})
        for state in wrong:
            with pytest.raises(RuntimeError):
                network.load_state_dict(state, strict=False)
            assert same(network, before)
        fewer = {name: value for name, value in saved.items() if name != last}
        for state in (*wrong, fewer, saved | {"more": torch.ones(3)}):
            with pytest.raises(RuntimeError):
                network.load_state_dict(state)
            assert same(network, before)
            if hasattr(network, "shapes"):  # inside a module of torch, too
                outer = torch.nn.Sequential(network)
                with pytest.raises(RuntimeError):
                    outer.load_state_dict({f"0.{k}": v for k, v in state.items()})
                assert same(network, before)
        network.load_state_dict(saved)
        assert same(network, saved)


def test_networks_load_what_they_saved(tmp_path):
    for way in ("state_dict", "assign", "safetensors", "meta", "empty", "pickle"):
        for network, other in zip(
            [*networks(), *several()], [*networks(5), *several(5)], strict=True
        ):
            x = torch.randn(2, 3, getattr(network, "inputs", X))
            if way in ("meta", "empty"):
                with torch.device("meta"):
                    network = copy.deepcopy(network).to("meta")
                if way == "empty":
                    network.to_empty(device="cpu")
            if way == "safetensors":
                save_model(other, tmp_path / "file")
                load_model(network, tmp_path / "file")
            elif way == "pickle":
                file = io.BytesIO()
                torch.save(other, file)
                file.seek(0)
                network = torch.load(file, weights_only=False)
            else:
                assign = way in ("assign", "meta")
                network.load_state_dict(other.state_dict(), assign=assign)
            for one, two in zip(parts(network(x)), parts(other(x)), strict=True):
                for a, b in zip(parts(one), parts(two), strict=True):
                    assert torch.equal(a, b)


def test_averages_keep_the_masks():
    for buffers in (False, True):
        for average in (None, get_ema_multi_avg_fn(0.9)):
            for network in [*networks(), *several()]:
                mean = AveragedModel(network, multi_avg_fn=average, use_buffers=buffers)
                for _ in range(3):
                    mean.update_parameters(network)
                x = torch.randn(2, 3, getattr(network, "inputs", X))
                one, two = parts(mean(x))[0], parts(network(x))[0]
                torch.testing.assert_close(one, two)
                mean.module.load_state_dict(mean.module.state_dict())
                torch.testing.assert_close(parts(mean(x))[0], two)


def test_networks_are_made_on_any_device():
    with torch.device("meta"):
        made = [*networks(), *several()]
    for network in made:
        assert all(each.is_meta for each in network.parameters())
        x = torch.zeros(3, 5, getattr(network, "inputs", X), device="meta")
        output = parts(network(x))[0]
        assert output.is_meta and output.shape[-3:] == (3, 5, Y)
    for network, one in zip(made, [*networks(), *several()], strict=True):
        network.to_empty(device="cpu").load_state_dict(one.state_dict())
        x = torch.randn(3, 5, getattr(network, "inputs", X))
        assert torch.equal(parts(network(x))[0], parts(one(x))[0])
    torch.nn.utils.skip_init(BlockRNN, SMALL)(torch.zeros(2, 3, X))


def test_networks_work_under_inference_mode():
    with torch.inference_mode():
        for network in [*networks(), *several()]:
            x = torch.randn(2, 3, getattr(network, "inputs", X))
            first = parts(network(x))[0]
            network.load_state_dict(network.state_dict())
            again = parts(network.double()(x.double()))[0]
            torch.testing.assert_close(again.float(), first)


IMPORTS = """
import random, numpy, torch
random.seed(0), numpy.random.seed(0), torch.manual_seed(0)
def numbers():
    of_torch = torch.get_rng_state().tolist()
    return random.getstate(), str(numpy.random.get_state()), of_torch
before = numbers()
import pkgutil, importlib, vsrnn
assert numbers() == before
for module in pkgutil.walk_packages(vsrnn.__path__, "vsrnn."):
    if "__main__" not in module.name:
        importlib.import_module(module.name)
assert numbers()[1:] == before[1:]  # others draw from Python's own, such as joblib
"""


def test_importing_draws_no_random_numbers():
    subprocess.run([sys.executable, "-W", "ignore", "-c", IMPORTS], check=True)
