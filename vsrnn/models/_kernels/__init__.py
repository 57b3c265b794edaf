"""The products and time loops of block RNNs."""
