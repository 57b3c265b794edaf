"""Many quick cases of one test, each with a line of its own where it fails."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def each(names: str, cases: Iterable[Any]) -> Callable:
    """Run a test for all cases, as `pytest.mark.parametrize` does, but as one test.

    Its other fixtures are the same for all cases.
    """
    wanted, cases = [name.strip() for name in names.split(",")], list(cases)

    def decorate(test: Callable) -> Callable:
        fixtures = [n for n in inspect.signature(test).parameters if n not in wanted]

        @functools.wraps(test)
        def run(**given: Any) -> None:
            own = {name: given[name] for name in fixtures}
            for case in cases:
                values = [case] if len(wanted) == 1 else case
                more = dict(zip(wanted, values, strict=True))
                with given["subtests"].test(str(values)[:80]):
                    test(**own, **more)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        asked = dict.fromkeys(["subtests", *fixtures])
        parameters = [inspect.Parameter(name, kind) for name in asked]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        del vars(run)["__wrapped__"]
        return run

    return decorate
