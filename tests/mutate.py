"""Break the package on purpose, one thing at a time: does a test fail?

Run it by hand, from the root of a checkout: ``python tests/mutate.py [NAME ...]``. Each
mutation is made in a copy of the checkout, where the tests named with it have to fail.
It ends with the number of those that no test noticed, which is the exit status.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("vsrnn", "tests", "benchmarks", "book", "notebooks", "results")
FILES = ("pyproject.toml", "_toc.yml", "_config.yml", "README.md", "requirements.lock")


class Mutation(NamedTuple):
    """A piece of a file, what stands there instead, and the tests that must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str


GEOMETRY, GEOMETRY_TEST = "vsrnn/studies/geometry.py", "tests/studies/test_geometry.py"
TASK, TASK_TEST = "vsrnn/studies/task.py", "tests/studies/test_task.py"
HAMMER, HAMMER_TEST = "vsrnn/studies/hammer.py", "tests/studies/test_hammer.py"
ROOM, OWN = "vsrnn/tasks/task.py", "tests/tasks/test_interface.py"
POINTS, POINTS_TEST = "vsrnn/plot/points.py", "tests/plot/test_points.py"
LINES, LINES_TEST = "vsrnn/plot/lines.py", "tests/plot/test_lines.py"
STATS, STATS_TEST = "vsrnn/stats.py", "tests/test_stats.py"
WEIGHTS = "vsrnn/studies/hammer_weights.py"
WEIGHTS_TEST = "tests/studies/test_hammer_weights.py"
SPEED, SPEED_TEST = "vsrnn/studies/speed.py", "tests/studies/test_speed.py"
VERIFY, VERIFY_TEST = "vsrnn/studies/verify.py", "tests/studies/test_verify.py"
FORECAST, FORECAST_TEST = "vsrnn/studies/forecast.py", "tests/studies/test_forecast.py"
CONTRAST, CONTRAST_TEST = "vsrnn/studies/contrast.py", "tests/studies/test_contrast.py"
DRAWN, CLAIMED = f"{FORECAST_TEST} -k drawn", f"{FORECAST_TEST} -k claimed"
SHOWN, SAID = f"{CONTRAST_TEST} -k drawn", f"{CONTRAST_TEST} -k truth"
INSPECTION = "vsrnn/forecast/inspection.py"
INSPECTED = "tests/forecast/test_inspection.py"
SPARSE, PRUNED = "vsrnn/models/sparse.py", "tests/methods/test_magnitude.py"
PRUNING, ADAM = "vsrnn/methods/magnitude.py", "vsrnn/training/optimizer.py"
NAVIGATION, NAVIGATED = "vsrnn/tasks/navigation.py", "tests/tasks/test_navigation.py"
ADDING, ADDED = "vsrnn/tasks/adding.py", "tests/tasks/test_adding.py"
SCORES, SCORES_TEST = "vsrnn/methods/scores.py", "tests/methods/test_scores.py"
LOTTERY, LOTTERY_TEST = "vsrnn/methods/lottery.py", "tests/methods/test_lottery.py"
SPACES, SPACES_TEST = "vsrnn/methods/spaces.py", "tests/methods/test_spaces.py"
MODULI, MODULI_TEST = "vsrnn/methods/geometric.py", "tests/methods/test_geometric.py"
LOOP, LOOP_TEST = "vsrnn/training/loop.py", "tests/training/test_loop.py"
TEXT, TEXT_TEST = "vsrnn/tasks/text.py", "tests/tasks/test_text.py"
SWEEP_TEST = "tests/runs/test_sweep.py"
PACK, STORE_TEST = "vsrnn/runs/pack.py", "tests/runs/test_store.py"
FILES_ROOM, RESULTS_TEST = "vsrnn/files.py", "tests/runs/test_results.py"
SEQUENCES = "vsrnn/studies/sequences.py"
SEQUENCES_TEST = "tests/studies/test_sequences.py"
SURVIVORS = "vsrnn/studies/survivors.py"
SURVIVORS_TEST = "tests/studies/test_survivors.py"
ARMS, ARMS_TEST = "vsrnn/studies/arms.py", "tests/studies/test_arms_as_tables.py"

WALKED, WALKED_TEST = "vsrnn/studies/walked.py", "tests/studies/test_navigation_page.py"
NAVIGATED_PAGE = "vsrnn/studies/navigation.py"
WATCHED, WATCHED_TEST = "vsrnn/studies/watched.py", "tests/studies/test_watched.py"
WIDGETS, WIDGETS_TEST = "vsrnn/studies/widgets.py", "tests/studies/test_widgets.py"

PASS, DERIVED = "vsrnn/models/_kernels/propagate.py", "tests/models/test_propagate.py"
PLACED, PROMISED = "tests/models/test_sparse.py", "tests/models/test_recurrent.py"
RAGGED, RAGGED_TEST = "vsrnn/models/ragged.py", "tests/models/test_ragged.py"
OWN_DATA = "vsrnn/tasks/_sequences.py"
ADAM_TEST = "tests/training/test_optimizer.py"
KEPT, TRAINED = "vsrnn/training/checkpoint.py", "tests/training/test_train.py"
DENSE, DENSE_TEST = "vsrnn/models/dense.py", "tests/models/test_dense.py"

MUTATIONS: list[Mutation] = [
    Mutation(
        "another network is loaded",
        *(SPARSE, "if other != self.identity:", "if not other:", f"{PLACED} -k name"),
    ),
    Mutation(
        "weights of other places are not noticed",
        *(SPARSE, ".abs().max() > 0.02", ".abs().max() > 2", f"{PLACED} -k noticed"),
    ),
    Mutation(
        "a load keeps gradients",
        *(SPARSE, "            parameter.grad = None\n", "            pass\n"),
        f"{PLACED} -k gradients",
    ),
    Mutation(
        "outputs are the memory of all states",
        *(
            "vsrnn/models/_kernels/fast.py",
            "[..., :batch].clone(memory_format=torch.contiguous_format)",
            "[..., :batch]",
        ),
        f"{PROMISED} -k belong",
    ),
    Mutation(
        "the composed pass forgets the state",
        *(PASS, "step if state is None else step + state @ matrix", "step"),
        f"{DERIVED} -k penalty",
    ),
    Mutation(
        "ends of sequences stay in the order of lengths",
        *(RAGGED, "back), _ordered(last, back, axis)", "back), last"),
        f"{RAGGED_TEST} -k alone",
    ),
    Mutation(
        "sequences run on behind their ends",
        *(RAGGED, "run(x[:left, done:until], state)", "run(x[:left, done:], state)"),
        f"{RAGGED_TEST} -k alone",
    ),
    Mutation(
        "packed states are not in the order of the packed sequences",
        *(RAGGED, "state = _ordered(state, order, axis)\n        output", "output"),
        f"{RAGGED_TEST} -k packed",
    ),
    Mutation(
        "weights that are vectors do not decay",
        *(ADAM, "parameter.dim() > 1 or id(parameter) in weights", "False"),
        f"{ADAM_TEST} -k decay",
    ),
    Mutation(
        "steps of NaN are steps",
        *(OWN_DATA, "int(known[-1]) + 1 if len(known) else 0", "len(part)"),
        f"{OWN} -k ragged",
    ),
    Mutation(
        "early stopping keeps the last weights",
        *(LOOP, "        if trainee.weights is not None:\n", "        if False:\n"),
        f"{TRAINED} -k best",
    ),
    Mutation(
        "a callback cannot end a training",
        *(
            LOOP,
            "        except StopIteration:\n            trainee.ended = True",
            "        except StopIteration:\n            pass",
        ),
        f"{TRAINED} -k end",
    ),
    Mutation(
        "a continued run forgets the order of sequences",
        *(LOOP, 'self.order.set_state(state["order"])', "pass"),
        f"{TRAINED} -k goes_on",
    ),
    Mutation(
        "a continued run forgets the optimizer",
        *(LOOP, 'self.optimizer.load_state_dict(state["optimizer"])', "pass"),
        f"{TRAINED} -k goes_on",
    ),
    Mutation(
        "checkpoints are not compared with their sums",
        *(KEPT, 'known is None or known["sha256"] != _sum(content)', "known is None"),
        f"{TRAINED} -k damaged",
    ),
    Mutation(
        "checkpoints may hold code",
        *(KEPT, "weights_only=True", "weights_only=False"),
        f"{TRAINED} -k code",
    ),
    Mutation(
        "averages of torch's optimizers do not follow pruned weights",
        *(ADAM, "own.state[weight][name] = padded[source]", "pass"),
        f"{TRAINED} -k follow",
    ),
    Mutation(
        "what was begun together is begun anew",
        *("vsrnn/runs/sweep.py", "for ids in store.begun():", "for ids in ():"),
        f"{SWEEP_TEST} -k last_epoch",
    ),
    Mutation(
        "a twin forgets the state it is given",
        *(DENSE, "None if state is None else torch.cat(state, -1)", "None"),
        f"{DENSE_TEST} -k twins",
    ),
    Mutation(
        "figures take the style of the user",
        *("vsrnn/plot/save.py", "after_reset=True", "after_reset=False"),
        "tests/plot/test_save.py -k user",
    ),
    Mutation(
        "decimal commas part columns",
        *("vsrnn/design/table.py", 'key=text.partition("\\n")[0].count', "key=ord"),
        "tests/design/test_random.py -k spreadsheets",
    ),
    Mutation(
        "a config shares its options with its caller",
        *("vsrnn/runs/config.py", "deepcopy(dict(self.task_options))"),
        *("self.task_options", "tests/runs/test_config.py -k caller"),
    ),
    Mutation(
        "results that are gone are not missed",
        *("vsrnn/runs/sweep.py", "len(found) - len(results)", "0"),
        f"{SWEEP_TEST} -k removed",
    ),
    Mutation(
        "the highest error is the best",
        *("vsrnn/cli/_sweep.py", "choose = min if", "choose = max if"),
        f"{SWEEP_TEST} -k lowest",
    ),
    Mutation(
        "False is text",
        *("vsrnn/cli/_shared.py", "if text.lower() in _WORDS", "if text in _WORDS"),
        "tests/test_cli.py -k say",
    ),
    Mutation(
        "a stored result need not be as it was written",
        *(PACK, "else hashed == now)", "else True)", f"{STORE_TEST} -k edited"),
    ),
    Mutation(
        "a result under the id of another config",
        *(PACK, 'result["id"] == identify(result["config"])', 'bool(result["id"])'),
        f"{STORE_TEST} -k edited",
    ),
    Mutation(
        "a committed file may be another than is listed",
        *(FILES_ROOM, "line[:64] != _sum(content)", "not content"),
        f"{RESULTS_TEST} -k changed",
    ),
    Mutation(
        "an arm is recognized by its weight alone",
        *(ARMS, "== found:", "!= found:", f"{ARMS_TEST} -k recognized"),
    ),
    Mutation(
        "a reason stands beside a verdict it was not written for",
        "vsrnn/studies/scorecard.py",
        *('words["verdict"] == verdict', "verdict != NOTHING"),
        "tests/studies/test_scorecard.py -k explains",
    ),
    Mutation(
        "networks that do not learn are counted",
        *(SEQUENCES, "own[ERROR], LEARNED", "-own[ERROR], -LEARNED"),
        f"{SEQUENCES_TEST} -k counted",
    ),
    Mutation(
        "survivors and pairs are swapped",
        *(SEQUENCES, "own[PAIRS], own[CHEAP]", "own[CHEAP], own[PAIRS]"),
        f"{SEQUENCES_TEST} -k cheap",
    ),
    Mutation(
        "the error before the last pruning",
        *(SEQUENCES, "EPOCHS - REST]", "1]", f"{SEQUENCES_TEST} -k right_after"),
    ),
    Mutation(
        "the mask of none is said to be worse where it is better",
        *(SURVIVORS, "errors[arm, how], bare", "bare, errors[arm, how]"),
        f"{SURVIVORS_TEST} -k serves",
    ),
    Mutation(
        "pruned networks have the densities of all entries",
        *(SURVIVORS, "mean().to_numpy() / entries", "mean().to_numpy() / sum(entries)"),
        f"{SURVIVORS_TEST} -k left",
    ),
    Mutation(
        "wide networks are drawn over each other",
        *(SURVIVORS, "(left, bottom + gap) if wide", "(left, top) if wide"),
        f"{SURVIVORS_TEST} -k scale",
    ),
    Mutation(
        "errors are those before the rest",
        *(WALKED, "epoch=ends + rest)", "epoch=ends)", f"{WALKED_TEST} -k planned"),
    ),
    Mutation(
        "the better arm is the worse one",
        *(WALKED, "for arm in (better, worse))", "for arm in (worse, better))"),
        f"{WALKED_TEST} -k paired",
    ),
    Mutation(
        "what a step removes is a share of all weights",
        *(WALKED, "(1 - table[LEFT] / before)", "(before - table[LEFT]) / 100"),
        f"{WALKED_TEST} -k removes",
    ),
    Mutation(
        "small and large markers are in different rows",
        *(NAVIGATED_PAGE, "zip((-0.16, 0.16)", "zip((0.16, -0.16)"),
        f"{WALKED_TEST} -k errors_are_drawn",
    ),
    Mutation(
        "a network is watched before it is pruned",
        "vsrnn/runs/run.py",
        "[*trainee.works, watch(trainee.model)]",
        "[watch(trainee.model), *trainee.works]",
        WATCHED_TEST,
    ),
    Mutation(
        "displacements of units are those back",
        *(WATCHED, "places[None] - places[:, None]", "places[:, None] - places[None]"),
        WATCHED_TEST,
    ),
    Mutation(
        "cheap pairs are read down a column",
        *(WIDGETS, "unit * all[panel].length + other"),
        *("other * all[panel].length + unit", WIDGETS_TEST),
    ),
    Mutation(
        "drawn paths are upside down",
        *(WIDGETS, "{x:.0f} {-y:.0f}", "{x:.0f} {y:.0f}", WIDGETS_TEST),
    ),
    Mutation(
        "a walk turns into the wall",
        *(
            NAVIGATION,
            "np.copysign(pi / 2, off) - off",
            "off - np.copysign(pi / 2, off)",
        ),
        f"{NAVIGATED} -k one_by_one",
    ),
    Mutation(
        "two most active cells instead of three",
        *(NAVIGATION, "for _ in range(3)", "for _ in range(2)"),
        f"{NAVIGATED} -k three",
    ),
    Mutation(
        "the same walks in every epoch",
        *(NAVIGATION, 'self._paths("train", epoch)', 'self._paths("train")'),
        f"{NAVIGATED} -k fresh",
    ),
    Mutation(
        "one number marked twice",
        *(ADDING, "rng.integers(1, self.steps, n", "rng.integers(0, self.steps, n"),
        f"{ADDED} -k marked",
    ),
    Mutation(
        "a mask is not updated",
        *(PRUNING, "self.model.index(part)[left])", "self.model.index(part))", PRUNED),
    ),
    Mutation(
        "the largest weights go instead of the smallest",
        *(PRUNING, ".topk(number)", ".topk(number, largest=False)", PRUNED),
    ),
    Mutation(
        "pruning one epoch late",
        *(PRUNING, "before + k * ramp", "1 + before + k * ramp", PRUNED),
    ),
    Mutation(
        "the ramp is reached one pruning late",
        *(PRUNING, "(1 - k / number) ** power", "(1 - (k - 1) / number) ** power"),
        PRUNED,
    ),
    Mutation(
        "what is protected is pruned",
        *(PRUNING, "if part not in self.protect}", "}", PRUNED),
    ),
    Mutation(
        "scores look at the unit fed instead of the unit read",
        *(SCORES, "matrix.before.std(0)[matrix.columns]"),
        *("matrix.after.std(0)[matrix.rows % matrix.after.shape[1]]", SCORES_TEST),
    ),
    Mutation(
        "projected on the least components instead of the leading ones",
        *(SCORES, "held > (1 - HELD) * held[-1]", "held <= (1 - HELD) * held[-1]"),
        SCORES_TEST,
    ),
    Mutation(
        "a ticket keeps the masks it was drawn with",
        *(LOTTERY, "sparse.rewire(part, index)", "index = sparse.index(part)"),
        LOTTERY_TEST,
    ),
    Mutation(
        "a ticket begins with other values than those of its seed",
        *(LOTTERY, "sparse.draw(seed)", "sparse.draw(seed + 1)", LOTTERY_TEST),
    ),
    Mutation(
        "averages of the optimizer stay where they were",
        *(ADAM, "averages[number] = padded[source]"),
        *("averages[number] = padded[: len(source)]", PRUNED),
    ),
    Mutation(
        "a Klein bottle that is a torus",
        *(SPACES, "_pairs(points, 1)[1]", "_pairs(points, -1)[1]", SPACES_TEST),
    ),
    Mutation(
        "costs upside down",
        *(MODULI, "(top - value).clamp", "value.clamp", MODULI_TEST),
    ),
    Mutation(
        "costs of weights that are gone",
        *(MODULI, "if self.seen is self.model.places:", "if self.seen:", MODULI_TEST),
    ),
    Mutation(
        "trained points move uphill",
        *(MODULI, "Adam(points, rate)", "Adam(points, rate, maximize=True)"),
        MODULI_TEST,
    ),
    Mutation(
        "blocks hx and hh swapped in the hidden proportion",
        *("vsrnn/design/geometry.py", 'weights["hh"] / row', 'weights["hx"] / row'),
        "tests/design/test_geometry.py",
    ),
    Mutation(
        "weights that stay lose their values",
        *(SPARSE, "values[stays] = weight.data[source[stays]]"),
        *("values[stays] = weight.data[: int(stays.sum())]", PRUNED),
    ),
    Mutation(
        "a penalty is taken off instead of added",
        *(LOOP, "sum(penalties, loss.sum())", "(loss.sum() - sum(penalties))"),
        LOOP_TEST,
    ),
    Mutation(
        "a method is part of every id",
        *("vsrnn/runs/config.py", "if self.method == STATIC:", "if False:"),
        PRUNED,
    ),
    Mutation(
        "markers shifted by 10 in every panel",
        *(POINTS, "long[DRAWN].clip(*within)", "10 + long[DRAWN].clip(*within)"),
        POINTS_TEST,
    ),
    Mutation(
        "single runs below the mean instead of above",
        *(POINTS, "own[_ROW] - 0.25", "own[_ROW] + 0.25", POINTS_TEST),
    ),
    Mutation(
        "means of a row in the opposite order",
        *(POINTS, "step * (n - middle)", "step * (middle - n)", POINTS_TEST),
    ),
    Mutation(
        "curves upside down",
        *(LINES, "own[x].to_numpy(float), own[y].to_numpy(float)"),
        *("own[x].to_numpy(float), own[y].to_numpy(float)[::-1]", LINES_TEST),
    ),
    Mutation(
        "names of lines at the start",
        *(LINES, "height[-1], color", "height[0], color", LINES_TEST),
    ),
    Mutation(
        "rows and columns of a heat map swapped",
        *(LINES, "grid.loc[orders[1], orders[0]]", "grid.loc[orders[1], orders[0]].T"),
        LINES_TEST,
    ),
    Mutation(
        "rank correlation with its sign flipped",
        *(STATS, "np.sum(one * other, axis=axis)", "-np.sum(one * other, axis=axis)"),
        STATS_TEST,
    ),
    Mutation(
        "difference of means the wrong way round",
        *(STATS, "-float(np.diff(means)[0])", "float(np.diff(means)[0])", STATS_TEST),
    ),
    Mutation(
        "verdicts swapped",
        *(
            STATS,
            '"holds" if self.low > 0 else "reversed"',
            '"reversed" if self.low > 0 else "holds"',
        ),
        STATS_TEST,
    ),
    Mutation(
        "blocks of the shares swapped",
        *(GEOMETRY, ")[list(BLOCKS)]", ")[list(BLOCKS)[::-1]]", GEOMETRY_TEST),
    ),
    Mutation(
        "map upside down",
        *(GEOMETRY, "grid.to_numpy(float))", "grid.to_numpy(float)[::-1])"),
        GEOMETRY_TEST,
    ),
    Mutation(
        "designs on the map moved",
        *(GEOMETRY, "place = (row[BUDGET], row[DENSITY])"),
        *("place = (2 * row[BUDGET], row[DENSITY])", GEOMETRY_TEST),
    ),
    Mutation(
        "blocks drawn in the wrong column",
        *("vsrnn/plot/blocks.py", "left + scale * column"),
        *("left + scale * row", "tests/plot/test_blocks.py"),
    ),
    Mutation(
        "hidden proportion compared the wrong way round",
        *(GEOMETRY, "Claim(words, high - low, high - low, high - low)"),
        *("Claim(words, low - high, low - high, low - high)", GEOMETRY_TEST),
    ),
    Mutation(
        "another image framed",
        *(TASK, 'rows["anomaly"].argmax()', 'rows["anomaly"].argmin()', TASK_TEST),
    ),
    Mutation(
        "base and alternative swapped",
        *(TASK, 'heat(above, table, "base", "alternative", FOUND)'),
        *('heat(above, table, "alternative", "base", FOUND)', TASK_TEST),
    ),
    Mutation(
        "splits swapped in the claim",
        *(TASK, '_gap(scores["pooled"], scores["separate"], answers)'),
        *('_gap(scores["separate"], scores["pooled"], answers)', TASK_TEST),
    ),
    Mutation(
        "shares of pairs against another difference",
        *(TASK, "scatter(below, known, DIFFERENCE, FOUND"),
        *("scatter(below, known, FOUND, DIFFERENCE", TASK_TEST),
    ),
    Mutation(
        "height and depth swapped",
        *(HAMMER, "zip(column, (HEIGHT, DEPTH)", "zip(column, (DEPTH, HEIGHT)"),
        HAMMER_TEST,
    ),
    Mutation(
        "ends of intervals swapped",
        *(HAMMER, 'f"low {unit}", f"high {unit}")', 'f"high {unit}", f"low {unit}")'),
        HAMMER_TEST,
    ),
    Mutation(
        "cost of noise with its sign flipped",
        *(HAMMER, "difference_of_shares(*shares)"),
        *("difference_of_shares(*shares[::-1])", HAMMER_TEST),
    ),
    Mutation(
        "a loss counts the steps without a target",
        *(ROOM, "each.sum(own) / there(targets).sum()", "each.mean(own)", OWN),
    ),
    Mutation(
        "the answer of a short sequence is asked for at its beginning",
        "vsrnn/tasks/_sequences.py",
        *("[*[one * 0 + gap] * (n - 1), one]", "[one, *[one * 0 + gap] * (n - 1)]"),
        "tests/tasks/test_interface.py -k ragged",
    ),
    Mutation(
        "predictions at the padded end of a short sequence",
        *(ROOM, "output[_asked(targets)] if self._once", "output[:, -1] if self._once"),
        "tests/training/test_loop.py -k predictions",
    ),
    Mutation(
        "observations after an action instead of before",
        *("vsrnn/tasks/_imitation.py", "episode.observations)[:-1]"),
        *("episode.observations)[1:]", "tests/tasks/test_hammer_data.py -k minari"),
    ),
    Mutation(
        "boards of the last episode for all that are played together",
        *("vsrnn/tasks/adroit.py", "env.data, env.model.body_pos[:] = data, places"),
        *("env.data = data", "tests/tasks/test_hammer.py -k one_by_one"),
    ),
    Mutation(
        "explained variance with the sign turned",
        *(ROOM, "return 1 - self.loss(output", "return 1 + self.loss(output", OWN),
    ),
    Mutation(
        "other data are taken for the same",
        *(ROOM, 'bool(then["sha256"] == self.checksum)', "True", OWN),
    ),
    Mutation(
        "a batch shares the memory of the data",
        *(ROOM, "time_first(inputs), targets.clone()", "time_first(inputs), targets"),
        OWN,
    ),
    Mutation(
        "markers of Hammer 10 points too far right",
        *(WEIGHTS, "dots(ax, rows, ", "dots(ax, rows.assign(mean=rows['mean'] + 10), "),
        WEIGHTS_TEST,
    ),
    Mutation(
        "experts swapped",
        *(
            WEIGHTS,
            "zip(EXPERT_LABELS, (_FILLED, _OPEN)",
            "zip(EXPERT_LABELS, (_OPEN, _FILLED)",
        ),
        WEIGHTS_TEST,
    ),
    Mutation(
        "dense compared the wrong way round",
        *(WEIGHTS, "known.index(DENSE)"),
        *("known.index(DENSE) - 1", WEIGHTS_TEST),
    ),
    Mutation(
        "gain at the larger rate with its sign flipped",
        *(WEIGHTS, "_gained(text, again - before)", "_gained(text, before - again)"),
        WEIGHTS_TEST,
    ),
    Mutation(
        "ends of intervals over budgets swapped",
        *(WEIGHTS, 'columns = (DEMONSTRATIONS, "mean", "low", "high")'),
        *('columns = (DEMONSTRATIONS, "mean", "high", "low")', WEIGHTS_TEST),
    ),
    Mutation(
        "rates of slow and fast quartiles swapped",
        *(SPEED, '(LOW, "ms_high"), (HIGH, "ms_low")'),
        *('(LOW, "ms_low"), (HIGH, "ms_high")', SPEED_TEST),
    ),
    Mutation(
        "best design instead of the worst in the claim",
        *(SPEED, 'rows["ratio"].idxmin()', 'rows["ratio"].idxmax()', SPEED_TEST),
    ),
    Mutation(
        "one model and many swapped in the figure",
        *(SPEED, '(("one model", {}), ("many models", white))'),
        *('(("many models", {}), ("one model", white))', SPEED_TEST),
    ),
    Mutation(
        "the seed before instead of the next",
        *(VERIFY, ".shift(-1)", ".shift(1)", VERIFY_TEST),
    ),
    Mutation(
        "verdicts swapped in the figure",
        *(VERIFY, 'IDENTICAL: {"color": BLUE', 'IDENTICAL: {"color": GREEN'),
        VERIFY_TEST,
    ),
    Mutation(
        "shares compared the wrong way round",
        *(VERIFY, "(OTHER_SEED, ROUNDED)", "(ROUNDED, OTHER_SEED)", VERIFY_TEST),
    ),
    Mutation(
        "designs held out are fitted to",
        *("vsrnn/forecast/validation.py", "pipeline, values[fit], known_scores"),
        *(
            "pipeline, values[test], observed[test]",
            "tests/forecast/test_validation.py",
        ),
    ),
    Mutation(
        "cost curve with its sign flipped",
        *(INSPECTION, "R2, 1 - error)", "R2, error - 1)", INSPECTED),
    ),
    Mutation(
        "both tasks are only one",
        *("vsrnn/forecast/transfer.py", "(np.append(fit, rest), test,", "(fit, test,"),
        f"{CONTRAST_TEST} -k share",
    ),
    Mutation(
        "growing designs called steady",
        *("vsrnn/forecast/growth.py", ">= GROWN * states[0]", "< GROWN * states[0]"),
        "tests/forecast/test_growth.py",
    ),
    Mutation(
        "forecasts 10 points too high",
        *(FORECAST, "scatter(ax, table, SCORE"),
        "scatter(ax, table.assign(**{FORECAST: 10 + table[FORECAST]}), SCORE",
        DRAWN,
    ),
    Mutation(
        "sources of forecasts swapped",
        *(FORECAST, '"same table": _FOREST, "other tables": _OTHER | {"mfc": "white"}'),
        *('"other tables": _FOREST, "same table": _OTHER | {"mfc": "white"}', DRAWN),
    ),
    Mutation(
        "coverage claimed the wrong way round",
        *(FORECAST, "100 * share - level", "level - 100 * share", CLAIMED),
    ),
    Mutation(
        "worst pattern ranked first",
        *(CONTRAST, "rankdata(-each[SCORE]", "rankdata(each[SCORE]"),
        f"{CONTRAST_TEST} -k compared",
    ),
    Mutation(
        "order of the tasks with its sign flipped",
        *(CONTRAST, "hammer.iloc[0][CORRELATION], RANK, -1)"),
        *("hammer.iloc[0][CORRELATION], RANK, 1)", SAID),
    ),
    Mutation(
        "diverged and trained designs swapped",
        *(CONTRAST, 'rows["diverged"] > 0)', 'rows["diverged"] == 0)', SHOWN),
    ),
    Mutation(
        "the word to be predicted is the one that was read",
        *(TEXT, '"targets": columns[:, 1:]', '"targets": columns[:, :-1]', TEXT_TEST),
    ),
    Mutation(
        "batches that do not go on where the last one ended",
        *(TEXT, ".transpose(0, 1)", "", TEXT_TEST),
    ),
    Mutation(
        "the perplexity forgets the words before",
        *(TEXT, "output, state = model(x, state)", "output, _ = model(x)", TEXT_TEST),
    ),
]


def copy_to(folder: Path) -> None:
    """Copy what the tests need."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)


def noticed(mutation: Mutation, folder: Path) -> bool:
    """Whether a test fails under a mutation."""
    path = folder / mutation.file
    text = path.read_text("utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.name}: {mutation.file} does not hold it once")
    path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", *mutation.tests.split()]
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    path.write_text(text, "utf-8")
    if ended.returncode not in (0, 1):
        raise SystemExit(f"{mutation.name}: pytest did not run\n{ended.stdout[-2000:]}")
    return ended.returncode == 1


def main(names: list[str]) -> int:
    """Try the mutations of these names, or all."""
    chosen = [m for m in MUTATIONS if not names or m.name in names]
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        copy_to(Path(name))
        for mutation in chosen:
            began = time.perf_counter()
            seen = noticed(mutation, Path(name))
            missed += not seen
            word = "noticed" if seen else "NOT NOTICED"
            print(f"{word:12} {mutation.name} ({time.perf_counter() - began:.0f} s)")
    print(f"{len(chosen) - missed} of {len(chosen)} mutations were noticed")
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
