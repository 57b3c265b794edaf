"""Words for the tasks and designs in figures and sentences."""

CHANCE = 10.0  # accuracy [%] of a guess among ten positions

TASK_LABELS = {
    "rad": "Random Anomaly",
    "hammer": "Hammer",
    "door": "Door",
    "kitchen-mixed": "Kitchen, mixed",
    "kitchen-blind": "Kitchen, blind",
    "kitchen-complete": "Kitchen, complete",
}
DESIGN_LABELS = {
    "111111_": "dense",
    "000000_": "uniform .2",
    "balanced_0": "varied",
    "lstm_": "LSTM",
    "rnn_": "plain RNN",
}
