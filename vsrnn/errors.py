"""The one exception the package raises for problems a user can mend, and its words."""


class VsrnnError(ValueError):
    """A problem with one clear sentence that says what to do about it.

    The command line prints the sentence and exits with status 2.

    >>> raise VsrnnError("density must lie in 0..1, not 1.5")
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: density must lie in 0..1, not 1.5
    """


def told(problem: Exception) -> str:
    """The kind and text of an exception, on one line.

    >>> told(KeyError("x"))
    "KeyError: 'x'"
    """
    return f"{type(problem).__name__}: {' '.join(str(problem).split())}"
