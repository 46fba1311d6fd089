"""The driver of the fuzzing: which reader comes next, what is kept of a lost process, and the page of its counts."""

import json

from tests.fuzz import table
from tests.fuzz.run import IMPORTS, Plan
from tests.fuzz.worker import Current


def test_the_page_has_the_counts():
    assert table.BEGIN + table.table(json.loads(table.COUNTS.read_text())) + table.END in table.PAGE.read_text()


def test_lines_of_a_log_are_added():
    row = {"target": "npz", "engine": "atheris", "executions": 5, "read": 2, "seconds": 1, "slowest": 0.1}
    counts = table.added(table.added({}, [row]), [row, {**row, "engine": "plain"}])
    assert counts == {
        "npz": {
            "atheris": {"executions": 10, "read": 4, "seconds": 2},
            "plain": {"executions": 5, "read": 2, "seconds": 1},
        }
    }


def test_the_target_with_the_fewest_executions_comes_next():
    plan = Plan(["a", "b", "c"], {"a": 10, "b": 5})
    assert plan.take(60) == ("c", 60)
    plan.add("c", 60, 1200)
    assert [plan.take(60)[0], plan.take(60)[0]] == ["b", "a"]  # one of each at a time


def test_the_target_that_is_soonest_at_a_goal_comes_next():
    plan = Plan(["slow", "fast", "done"], {"slow": 50, "done": 100}, 100, {"slow": 1.0, "fast": 10.0})
    assert plan.take(900) == ("fast", 10 + IMPORTS)
    assert plan.take(10) == ("slow", 10)  # one process for each at a time
    plan.add("fast", 10 + IMPORTS, 100)


def test_the_input_of_a_lost_process_is_known(tmp_path):
    current = Current(tmp_path / "current")
    assert Current.left(tmp_path / "current") == (0, b"")
    current.put(7, b"abc")
    current.put(8, b"d")
    assert Current.left(tmp_path / "current") == (8, b"d")
