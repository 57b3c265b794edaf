"""Studies, one file a page of the book: tables, figures, numbers, claims."""

import pkgutil
from collections.abc import Callable
from importlib import import_module

from vsrnn.errors import needs
from vsrnn.runs.config import Config

with needs("experiments"):
    from vsrnn.studies.page import Page as Page
    from vsrnn.studies.page import list_studies as list_studies
    from vsrnn.studies.page import open_page as open_page

PROTOCOLS: dict[str, Callable[[], list[Config]]] = {}
"""By study what it trains, the most wanted first: its function `protocol`."""

for _found in pkgutil.iter_modules(__path__):
    _module = import_module(f"{__name__}.{_found.name}")
    if hasattr(_module, "protocol"):
        PROTOCOLS[_found.name] = _module.protocol
