"""The one exception the package raises for problems a user can mend, and its words."""

import errno
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class VsrnnError(ValueError):
    """A problem with one clear sentence that says what to do about it.

    The command line prints the sentence and exits with status 2.
    """


def describe_error(problem: BaseException) -> str:
    """The kind and text of an exception, on one line, without codes for terminals.

    >>> describe_error(KeyError("x"))
    "KeyError: 'x'"
    """
    return printable(f"{type(problem).__name__}: {' '.join(str(problem).split())}")


def printable(text: str) -> str:
    r"""A text as one for terminals, whose codes and other such letters are spelt.

    >>> printable(chr(27) + "[2Jnine")
    '\\x1b[2Jnine'
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def refusal(problem: OSError, otherwise: str) -> str:
    """Why the system refuses a file, in brackets, and what to do about it.

    >>> refusal(OSError(errno.ENOSPC, "No space left on device"), "name another store")
    '(No space left on device); free some space or name another store'
    >>> refusal(PermissionError(errno.EACCES, "Permission denied", "a"), "name another")
    '(Permission denied: a); ask its owner for the right to write, or name another'
    """
    kind, file = errno.errorcode.get(problem.errno or 0), problem.filename
    cure = "free some space or " if kind in ("ENOSPC", "EDQUOT", "EFBIG") else ""
    if isinstance(problem, PermissionError):
        cure = "ask its owner for the right to write, or "
    where = f": {file}" if file else ""
    return f"({problem.strerror or problem}{where}); {cure}{otherwise}"


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Say which extra brings a package that a function, or a block, fails to import.

    >>> with needs("experiments"):
    ...     import nothing_of_that_name
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: this needs nothing_of_that_name, which is not installed; \
install it with: pip install 'vsrnn[experiments]'
    """
    try:
        yield
    except ModuleNotFoundError as problem:
        package = str(problem.name).partition(".")[0]
        if package == "vsrnn":
            raise
        raise VsrnnError(
            f"this needs {package}, which is not installed; install it with: "
            f"pip install 'vsrnn[{extra}]'"
        ) from problem


def check_switch(name: str, value: Any, default: Any) -> None:
    """Refuse what an option of this default would misread: truths, numbers, text.

    >>> check_switch("trained", "no", False)
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: trained must be true or false, not 'no'
    """
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(default, bool):
        if not isinstance(plain, bool):
            raise VsrnnError(f"{name} must be true or false, not {value!r}")
    elif isinstance(default, int | float) and isinstance(plain, bool | str):
        raise VsrnnError(f"{name} must be a number, not {value!r}")
    elif isinstance(default, str) and isinstance(plain, bool):
        raise VsrnnError(f"{name} must be text, not {value!r}")


def check_int(name: str, value: Any, least: int, most: int = 2**63 - 1) -> int:
    """A whole number, of Python, numpy or torch, as one of Python, or a VsrnnError."""
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not is_whole or not least <= value <= most:
        top = f"{most:,}" if most < 2**63 - 1 else "2**63 - 1"
        raise VsrnnError(
            f"{name} must be a whole number from {least} to {top}, not {value!r}"
        )
    return operator.index(value)
