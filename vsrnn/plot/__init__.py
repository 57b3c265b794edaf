"""What figures are drawn with and written by."""

from vsrnn.errors import needs

with needs("experiments"):
    import matplotlib as matplotlib
    import seaborn as seaborn
