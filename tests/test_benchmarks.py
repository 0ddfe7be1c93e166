"""The benchmarks' tables are what their JSON says, and their statistics what the textbooks say."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def modules():
    """estimates, report, rows, sets and tables, of the benchmarks' folder."""
    known = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    names = ("estimates", "report", "rows", "rows_of_several", "sets", "suite_summary", "tables")
    yield type("Modules", (), {name: importlib.import_module(name) for name in names})
    sys.path.remove(str(BENCHMARKS))
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def record(job, result, script="texts", others=0.0):
    versions = {"keras": "3"}
    made = {
        "machine": "M, 2 cores",
        "python": "3.11",
        "kzoo": "0",
        "commit": "c",
        "versions": versions,
        "others": others,
    }
    return {"script": script, "job": job, "arguments": {}, "made": made, "result": result}


def text_record(method, seed, answers, name="sst2", **more):
    result = {"seconds": 2.0, "classes": ["0", "1"], "truth": "0011", "answers": answers}
    return record({"set": name, "method": method, "seed": seed}, result, **more)


def test_the_tables_are_what_the_json_says(modules):
    assert modules.tables.main(["--check"]) == 0


def test_check_fails_where_a_figure_was_changed(modules, tmp_path):
    page = tmp_path / "README.md"
    fresh = modules.tables.render((BENCHMARKS / "README.md").read_text(encoding="utf-8"), BENCHMARKS / "results")
    changed = fresh.replace("| TweetEval irony |", "| x |")
    assert changed != fresh
    page.write_text(changed, encoding="utf-8")
    assert modules.tables.main(["--files", str(page), "--check"]) == 1
    assert page.read_text(encoding="utf-8") == changed
    assert modules.tables.main(["--files", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == fresh


def test_results_name_no_path():
    for path in (BENCHMARKS / "results").rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert not any(part in text for part in ("/home", "/work", "/tmp", "/root", "/Users")), path
        assert {"machine", "versions", "commit", "others"} <= set(json.loads(text)["made"]), path


def test_mean_is_students(modules):
    found = modules.estimates.mean([1.0, 2.0, 3.0])
    # Deviation 1, three numbers, t of two degrees of freedom at 97.5%: 4.30265.
    assert (found.value, found.low) == (2.0, pytest.approx(2 - 4.30265 / 3**0.5, abs=1e-4))
    assert modules.estimates.mean([1.0]).show() == "1.000"
    # One degree of freedom says nothing of the spread.
    assert modules.estimates.mean([1.0, 2.0]).show() == "1.500"


def test_paired_differences_need_common_seeds_only(modules):
    found = modules.estimates.paired({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.1}, {0: 0.7, 1: 0.6, 2: 0.5})
    assert (found.value, found.count) == (pytest.approx(0.2), 3)
    assert found.high - found.low == pytest.approx(0, abs=1e-9)


def test_ratio_is_the_geometric_mean_of_the_seeds(modules):
    assert modules.estimates.ratio({0: 1.0, 1: 1.0}, {0: 4.0, 1: 9.0}).value == pytest.approx(6.0)


@pytest.mark.parametrize("metric", ["accuracy", "macro-F1"])
def test_scores_are_those_of_scikit_learn(modules, metric):
    rng = np.random.RandomState(1)
    truth, answers = rng.randint(0, 3, 50), rng.randint(0, 3, 50)
    wanted = accuracy_score(truth, answers) if metric == "accuracy" else f1_score(truth, answers, average="macro")
    assert modules.estimates.score(modules.estimates.Answers(truth, answers), metric) == pytest.approx(wanted, abs=1e-6)


def test_the_interval_of_a_fixed_test_split_is_the_binomial_one(modules):
    truth = np.ones(400, int)
    run = modules.estimates.Answers(truth, np.arange(400) % 5 > 0)
    found = modules.estimates.measured({0: run}, "accuracy", fixed=True)
    assert found.value == pytest.approx(0.8)
    assert found.high - found.value == pytest.approx(1.96 * (0.8 * 0.2 / 400) ** 0.5, rel=0.1)


def test_no_interval_has_no_width(modules):
    truth = np.ones(30, int)
    found = modules.estimates.measured({0: modules.estimates.Answers(truth, truth)}, "accuracy", fixed=True)
    assert (found.low, found.high) == (pytest.approx(0.9), 1.0)


def test_a_method_without_chance_is_compared_with_each_seed(modules):
    rows = modules.rows.texts(
        [text_record("TF-IDF", 0, "0000"), text_record("a", 0, "0011"), text_record("a", 1, "0001")]
    )
    cells = {line[2]: line for line in rows[1]}
    assert cells["a"][4].startswith("**0.875 [")
    assert cells["a"][5].startswith("+0.375 [")
    assert cells["the best TF-IDF and logistic regression"][4].startswith("0.500 [")


def test_unlike_test_examples_are_not_compared(modules):
    one, other = (modules.estimates.Answers(np.array(truth), np.array([1, 1])) for truth in ([1, 0], [0, 1]))
    with pytest.raises(ValueError, match="same test examples"):
        modules.estimates.less({0: one}, {0: other}, "accuracy", fixed=True)


def test_seconds_of_a_busy_machine_carry_a_star(modules):
    assert modules.rows.texts([text_record("a", 0, "0011", others=0.5)])[1][0][6] == "2.0\\*"
    assert modules.rows.texts([text_record("a", 0, "0011", others=0.05)])[1][0][6] == "2.0"


@pytest.mark.parametrize(("calls", "shown"), [(200, "1.0 / 50.0"), (199, "1.0 / too few calls")])
def test_a_p99_needs_200_calls(modules, calls, shown):
    # The three largest of 200 are 50: the 99th percentile is one of them.
    times = {way: [1.0] * (calls - 3) + [50.0] * 3 for way in ("keras", "kzoo")}
    found = record({"backbone": "resnet50", "batch": 1}, {"milliseconds": times})
    assert modules.rows.serving([found])[1][0][2:4] == (shown, shown)


def test_predict_has_a_row_for_each_way(modules):
    result = {"milliseconds": {"predict": [2.0] * 200}, "cpu_milliseconds": {"predict": [3.0] * 200}}
    found = modules.rows.predict([record({"modality": "image", "backbone": "b"}, result)])
    assert found[1] == [("image", "b", "predict", "2.0 / 2.0", "3.0", 200)]


def test_ratios_stand_seed_by_seed(modules):
    def run(method, seed, course):
        result = {"seconds": course[-1][0], "accuracy": max(a for _, a in course), "course": course, "examples": 9}
        return record({"set": "trashnet", "method": method, "seed": seed}, result)

    found = [run("guide", 0, [[10, 0.5], [40, 0.8]]), run("guide", 1, [[90, 0.7]])]
    found += [run("kzoo", 0, [[4, 0.8], [8, 0.9]]), run("kzoo", 1, [[10, 0.7]])]
    lines = {line[2]: line for line in modules.rows.time_to_accuracy(found)[1]}
    assert lines["`kzoo.adapt`"][6].endswith(": 10.0, 9.0")
    found[-1] = run("kzoo", 1, [[10, 0.6]])
    lines = {line[2]: line for line in modules.rows.time_to_accuracy(found)[1]}
    assert lines["`kzoo.adapt`"][6] == "does not reach it in 1 of 2: 10.0, never"
    assert modules.rows.time_to_accuracy_seeds(found)[1][1][-2:] == ("never", "never")


def test_several_inputs_stand_with_their_gains(modules):
    def run(seed, fused, alone):
        gains = {"both": {"over": "image alone", "gain": [fused - alone, 0, 0]}}
        result = {"scores": {"both": fused, "image alone": alone}, "gains": gains, "examples": 9}
        return record({"set": "digits", "method": "concat", "seed": seed}, result)

    lines = modules.rows_of_several.several_inputs([run(0, 0.9, 0.8), run(1, 0.8, 0.6)])[1]
    assert lines[0][3:] == ("both", "accuracy", "0.850", "+0.150 over image alone", "0, 1")
    assert lines[1][3:7] == ("image alone", "accuracy", "0.700", "")


def test_tables_stand_beside_boosting(modules):
    def run(seed, score):
        result = {"seconds": 2.0, "rows": 90, "kzoo": score, "boosting": 0.8, "SVM": 0.7, "constant answer": 0.5}
        return record({"set": "iris", "method": "row_mlp", "seed": seed}, result)

    columns, (line,) = modules.rows.tabular([run(0, 0.9), run(1, 0.8)])
    assert columns == ("set", "backbone", "rows", "kzoo", "boosting", "SVM", "less boosting", "seconds", "seeds")
    assert line == ("iris", "row_mlp", 90, "**0.850**", "0.800", "0.700", "+0.050", "2.0", "0, 1")


def test_few_shot_shows_common_draws_only_and_the_best_bold(modules):
    def run(method, seed, accuracy):
        result = {"accuracy": accuracy, "labels": 40, "classes": 2, "examples": 100, "seconds": 1.0}
        return record({"set": "fsdd", "method": method, "seed": seed}, result)

    found = [run("nano, probe", seed, 0.5 + seed / 10) for seed in range(3)]
    found += [run("scratch", seed, 0.9) for seed in range(2)]
    columns, ((*_, nano, scratch, draws),) = modules.rows.few_shot(found)
    assert columns[-3:] == ("nano, probe", "scratch", "draws")
    assert (nano[:5], scratch[:7], draws) == ("0.550", "**0.900", 2)


def test_finished_runs_are_not_run_again(modules, tmp_path):
    options = modules.report.parser("", data=False).parse_args(["--results", str(tmp_path)])
    done = []

    def run(job):
        done.append(job)
        return {"score": 1.0}

    modules.report.run_all("s", [{"seed": 0}], run, options=options, arguments={"size": 1})
    modules.report.run_all("s", [{"seed": 0}, {"seed": 1}], run, options=options, arguments={"size": 1})
    assert done == [{"seed": 0}, {"seed": 1}]
    with pytest.raises(ValueError, match="was made with"):
        modules.report.run_all("s", [{"seed": 0}], run, options=options, arguments={"size": 2})
    options.again = True
    modules.report.run_all("s", [{"seed": 0}], run, options=options, arguments={"size": 2})
    assert [each["arguments"]["size"] for each in modules.report.records("s", tmp_path)] == [2, 1]


def test_what_is_no_class_is_wrong(modules):
    found = modules.report.answered(["b", "a"], ["b", None], ["a", "b"])
    assert (found["truth"], found["answers"]) == ("10", "1-")


def test_speakers_are_drawn_anew_for_each_seed(modules):
    draws = [modules.sets.speakers(seed) for seed in range(5)]
    assert len({tuple(tested) for tested, _ in draws}) >= 4
    assert all(len({*tested, chooses}) == 3 for tested, chooses in draws)
    assert draws[0] == modules.sets.speakers(0)


def test_every_set_is_for_development_or_for_reporting(modules):
    known = {*modules.sets.DEVELOPMENT, *modules.sets.REPORTING}
    assert {name.split(",")[0] for name in modules.sets.READERS} <= known
    assert not set(modules.sets.DEVELOPMENT) & set(modules.sets.REPORTING)


def test_few_labels_are_few_of_each_class_and_the_test_split_stays(modules):
    split = modules.sets.divide(modules.sets.Part(list(range(100)), ["a", "b"] * 50), seed=0)
    fewer = modules.sets.few(split, 10, seed=0)
    assert sorted(fewer.train.labels) == ["a"] * 8 + ["b"] * 8
    assert sorted(fewer.validation.labels) == ["a"] * 2 + ["b"] * 2
    assert set(fewer.train.inputs) <= set(split.train.inputs)
    assert fewer.test == split.test
    assert modules.sets.few(split, 10, seed=1).train != fewer.train


def suite_run(method, seed, answers, temperature=1.0):
    calibration = {
        "before": {"log_loss": 0.5, "ece": 0.1},
        "after": {"log_loss": 0.4, "ece": 0.05},
    }
    result = {"truth": "0101010101", "answers": answers, "seconds": 2.0}
    more = {"temperature": temperature, "calibration": calibration} if method == "auto" else {}
    return record({"set": "trashnet", "size": "20", "method": method, "seed": seed}, result | more, script="suite")


def test_the_suite_compares_seed_by_seed(modules, tmp_path):
    summary = modules.suite_summary
    runs = [suite_run("auto", seed, "0101010101", temperature=1.5) for seed in range(3)]
    runs += [
        suite_run("plain", seed, answers) for seed, answers in enumerate(("0101010100", "0101010110", "1001010101"))
    ]
    runs += [suite_run("kzoo:kzoo_nano_image", 0, "1010101010")]
    gain = summary.gains_of(runs)["trashnet", "20"]
    assert gain.value == pytest.approx((0.1 + 0.2 + 0.2) / 3)
    shown = "\n".join(map(str, summary.tables(runs)))
    assert "20 labels a class" in shown
    for method, rank in (("auto", "1.00"), ("plain", "2.00"), ("kzoo:kzoo_nano_image", "3.00")):
        assert any(line.split()[:2] == [method, rank] for line in shown.splitlines())
    assert "3 of 3" in shown
    summary.draw(summary.gains_of(runs), tmp_path / "suite.png")
    assert (tmp_path / "suite.png").stat().st_size > 1_000


def test_a_set_on_which_auto_is_clearly_below_is_named(modules):
    runs = [suite_run(name, 0, text) for name, text in (("plain", "0101010101"), ("auto", "1010101010"))]
    assert "TrashNet" in str(modules.suite_summary.tables(runs)[1])


def test_unknown_tables_and_open_markers_are_refused(modules, tmp_path):
    with pytest.raises(ValueError, match="Unknown table 'text'"):
        modules.tables.render("<!-- table: text -->\n<!-- end -->", tmp_path)
    with pytest.raises(ValueError, match="needs an"):
        modules.tables.render("<!-- table: texts -->\n", tmp_path)


def test_tasks_together_stand_beside_each_alone(modules):
    def record(seed, together):
        task = {"together": together, "alone": 0.9, "gain": [together - 0.9, -0.1, 0.1], "seconds alone": 10.0}
        result = {"seconds together": 5.0, "tasks": {"digit": task}, "share of time": 0.5}
        return {"job": {"set": "digit and speaker", "method": "nano", "seed": seed}, "result": result}

    columns, lines = modules.rows_of_several.tasks_together([record(0, 0.9), record(1, 0.94)])
    assert columns[2:5] == ("task", "together", "alone")
    (line,) = lines
    assert line[:3] == ("digit and speaker", "nano", "digit")
    assert line[5] == "+0.000 [-0.100, +0.100]; +0.040 [-0.100, +0.100]"
    assert line[-1] == "0, 1"


def test_a_sequence_of_tasks_has_a_row_a_way_of_remembering(modules):
    def record(method, **result):
        return {"job": {"set": "digit, then speaker", "method": method, "seed": 0}, "result": result}

    kept = {"before": 0.9, "after": 0.8, "gain": [-0.1, -0.2, -0.05], "next": 0.7}
    columns, lines = modules.rows_of_several.task_sequences([record("alone", next=0.75), record("heads", **kept)])
    assert columns[2:4] == ("before", "after")
    assert [line[1:6] for line in lines] == [
        ("alone", "", "", "", "0.750"),
        ("heads", "0.900", "0.800", "-0.100 [-0.200, -0.050]", "0.700"),
    ]


def test_aligned_backbones_have_a_row_a_direction_and_a_set(modules):
    direction = {"recall@1": 0.1, "recall@5": 0.4, "median rank": 8.0, "candidates": 100}

    def record(name, scores):
        result = {"scores": scores, "retrieval": {"photo to name": direction}}
        return {"job": {"set": name, "method": "solved", "seed": 0}, "result": result}

    _, lines = modules.rows_of_several.alignment([record("names", {"hymenoptera": 0.2})])
    assert [line[2:4] for line in lines] == [
        ("classes of hymenoptera", "above chance"),
        ("photo to name", "recall@1"),
        ("photo to name", "recall@5"),
    ]
    _, lines = modules.rows_of_several.alignment([record("digits", {f"{n}": n / 10 for n in range(5)})])
    assert lines[-1][2] == "mean of these"
    assert "0.2" in lines[-1][4]
