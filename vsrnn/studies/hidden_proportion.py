"""Hidden proportion: which tables the study reads."""

RANDOM = ("rad_even_100k", "rad_normal_size_50k", "rad_normal")
"""Tables of designs drawn at random, those drawn for the study first."""

NAMED = "rad_100k"
"""The table of the paper's own designs. These are a few patterns in variants: left out
of a fit, near-duplicates would leak into it, so nothing fitted to others is tested on
them."""

STUDY = (*RANDOM, NAMED)
"""Tables of the study."""
