"""Where the weights of a network lie, before any weight is drawn."""
