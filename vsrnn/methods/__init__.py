"""Methods of sparsity: which weights exist, when, and how that changes."""

from importlib import import_module
from pkgutil import iter_modules

from vsrnn.methods.method import METHODS as METHODS
from vsrnn.methods.method import Method as Method
from vsrnn.methods.method import Rewired as Rewired
from vsrnn.methods.method import Work as Work
from vsrnn.methods.method import get_method as get_method

for _module in iter_modules(__path__):  # each enters its methods
    import_module(f"{__name__}.{_module.name}")
