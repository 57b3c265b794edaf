"""Methods of sparsity: which weights exist, when, and how that changes."""
