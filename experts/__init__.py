"""How the package's own expert at the hammer was made.

``python -m experts`` finds it again from nothing and says what it does. What the
search printed is in ``hammer.log``.
"""
