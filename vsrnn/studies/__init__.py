"""Studies, one file a page of the book: tables, figures, numbers, claims."""

import pkgutil
from importlib import import_module

from vsrnn.studies.page import Page as Page
from vsrnn.studies.page import list_studies as list_studies
from vsrnn.studies.page import open_page as open_page

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
