"""What the mutation runner changes, and which mutants it chooses."""

import itertools
from pathlib import Path

import pytest
import yaml

from tests.mutation import equivalent
from tests.mutation.__main__ import choose
from tests.mutation.areas import AREAS, Area
from tests.mutation.concerned import concerned_tests, only_concerned
from tests.mutation.mutations import Mutant, python_mutants
from tests.mutation.runner import run
from tests.mutation.sandbox import ROOT
from tests.mutation.selection import Baseline
from tests.mutation.template_mutations import template_mutants
from tests.mutation.worker import Verdict

ALARM = """\
Resources:
  SilentAlarm:
    Type: AWS::CloudWatch::Alarm
    Condition: HasAlarm
    Properties:
      AlarmDescription: Nothing is heard.
      MetricName: ConnectSuccess
      ComparisonOperator: LessThanThreshold
      Threshold: 1
      Statistic: !If [HasName, Minimum, Sum]
  Role:
    Type: AWS::IAM::Role
    Properties:
      Name: !Ref Name
      Statement:
        - Effect: Allow
          Principal:
            Service: lambda.amazonaws.com
          Action: [one, two]
"""


def _after(text: str) -> list[str]:
    """Return what a module's changed lines become."""
    return [mutant.after for mutant in python_mutants("module.py", text.encode())]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a == b", {"a != b"}),
        ("a is b", {"a is not b"}),
        ("a in b", {"a not in b"}),
        ("a < b <= c", {"a <= b <= c", "a < b < c"}),
        ("a and b", {"a or b"}),
        ("not a", {"a"}),
        ("x = 0", {"x = 1"}),
        ("x = 12", {"x = 13", "x = 120"}),
        ("x = True", {"x = False"}),
        ("x = 'key'", {"x = 'keyX'"}),
        ("x = 'a sentence for people'", set()),
        ("x = f'{a + b} text'", set()),
        ("x = a + b", {"x = a - b"}),
        ("x = a * b", {"x = a // b"}),
        ("x += a", {"x -= a"}),
        ("x = a[b:]", {"x = a[(b) + 1:]"}),
        ("x = a[:2]", {"x = a[:3]", "x = a[:20]"}),
        ("x = min(a)", {"x = max(a)"}),
        ("x = all(a)", {"x = any(a)"}),
        ("f(a)", {"pass"}),
        ("raise a", {"pass"}),
        ("x = f(a, decrypt=b)", {"x = f(a)"}),
        ("x = Data(member=b)", set()),
        ("x = Data(metavar='HOST')", set()),
        ("x = b if a else c", {"x = b if True else c", "x = b if False else c"}),
        ("x = [a for a in b if a]", {"x = [a for a in b if True]"}),
        ("logger.warning('word', extra=a)", {"pass", "logger.warning('word')"}),
        ("x: 'Type' = a", set()),
        ("__all__ = ['key']", set()),
    ],
)
def test_statement_is_changed(statement: str, expected: set[str]) -> None:
    """Each operator makes exactly its own changes."""
    assert set(_after(statement)) == expected


def test_block_is_changed_at_its_head() -> None:
    """Conditions are decided, and exceptions are no longer caught."""
    text = """
if a:
    x = b
while c:
    x = b
try:
    x = b
except OSError:
    x = b
with suppress(OSError):
    x = b
"""
    assert _after(text) == ["if True:", "if False:", "while False:", "except ():", "with suppress():"]


def test_function_is_changed_within() -> None:
    """Defaults and returned values change; docstrings, annotations and representations do not."""
    text = """class A:
    def b(self, c: 'int' = 1) -> 'str':
        'key'
        return c
    def __repr__(self):
        return 1
"""
    mutants = python_mutants("module.py", text.encode())
    assert [(mutant.scope, mutant.after, mutant.lines[0]) for mutant in mutants] == [
        ("A.b", "def b(self, c: 'int' = 2) -> 'str':", 2),
        ("A.b", "return None", 4),
    ]
    assert [mutant.runs_at_import for mutant in mutants] == [True, False]


def test_change_is_applied_to_bytes() -> None:
    """Offsets are right behind text of any script."""
    text = "é = 'ő'; x = 1  # why\n".encode()
    changed = {mutant.applied(text).decode() for mutant in python_mutants("module.py", text)}
    assert changed == {"é = 'őX'; x = 1  # why\n", "é = 'ő'; x = 2  # why\n"}


def test_key_survives_a_move() -> None:
    """Neither the module nor the line nor a comment is in it."""
    (here,) = python_mutants("here.py", b"def f():\n    a < b  # why\n")
    (there,) = python_mutants("there.py", b"import a\n\n\ndef f():\n    a < b\n")
    assert here.key == there.key
    assert equivalent.stale([here.key, ("g", "", "")], [there]) == [("g", "", "")]


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_areas_have_files_and_tests(area: Area) -> None:
    """The table of areas names what exists, wherever the code is moved."""
    assert list(ROOT.glob(area.files))
    assert all((ROOT / path.removeprefix("--ignore=")).exists() for tier in area.tiers for path in tier)


def test_real_module_changes_in_many_ways() -> None:
    """Each mutant of a real module compiles and is another text."""
    text = Path(__file__).read_bytes()
    changed = [mutant.applied(text) for mutant in python_mutants("module.py", text)]
    assert len(set(changed)) > 100
    assert text not in changed


@pytest.mark.parametrize(
    ("scope", "after"),
    [
        ("Resources.SilentAlarm.Properties.ComparisonOperator", "ComparisonOperator: LessThanOrEqualToThreshold"),
        ("Resources.SilentAlarm.Properties.ComparisonOperator", "ComparisonOperator: GreaterThanThreshold"),
        ("Resources.SilentAlarm.Properties.Threshold", "Threshold: 2"),
        ("Resources.SilentAlarm.Properties.MetricName", "MetricName: ConnectSuccessX"),
        ("Resources.SilentAlarm.Properties.Statistic", "Statistic: !If [HasName, Sum, Minimum]"),
        ("Resources.Role.Properties.Name", "Name: changed"),
        ("Resources.Role.Properties.Statement.Effect", "- Effect: Deny"),
        ("Resources.Role.Properties.Statement.Principal", 'AWS: "*"'),
        ("Resources.Role.Properties.Statement.Action", "Action: [two]"),
        ("Resources.Role.Properties.Statement.Action", "Action: [one]"),
    ],
)
def test_template_is_changed(scope: str, after: str) -> None:
    """Alarm rules, references, permissions and lists change, and each change names where it is."""
    mutants = template_mutants("template.yaml", ALARM.encode())
    assert (scope, after) in {(mutant.scope, mutant.after) for mutant in mutants}


def test_template_loses_and_gains_properties() -> None:
    """Every property is left out once, and an alarm is made to do nothing."""
    template = ALARM.replace("!If", "").replace("!Ref ", "").encode()
    changed = [
        yaml.safe_load(mutant.applied(template))["Resources"] for mutant in template_mutants("template.yaml", template)
    ]
    alarms = [resources["SilentAlarm"]["Properties"] for resources in changed if "SilentAlarm" in resources]
    assert any("Threshold" not in alarm for alarm in alarms)
    assert any("ActionsEnabled" in alarm for alarm in alarms)


def test_alarms_are_a_group() -> None:
    """What belongs to an alarm is counted on its own too; its description is text."""
    mutants = template_mutants("template.yaml", ALARM.encode())
    assert {mutant.group for mutant in mutants if "SilentAlarm" in mutant.scope} == {"alarms"}
    assert {mutant.group for mutant in mutants if "Role" in mutant.scope} == {""}
    assert not [mutant for mutant in mutants if "Nothing is heard" in mutant.before and mutant.after.endswith("X")]


def test_slices_are_disjoint_and_complete() -> None:
    """Twenty nights try every mutant once, and a sample is the same every time."""
    mutants = python_mutants("module.py", Path(__file__).read_bytes())
    slices = [choose(mutants, f"{number}/20", 0) for number in range(1, 21)]
    assert sorted(m.start for part in slices for m in part) == sorted(m.start for m in mutants)
    assert len(choose(mutants, "1/1", 30)) == 30
    assert choose(mutants[::-1], "1/1", 30)[::-1] == choose(mutants, "1/1", 30)


def _mutant(*, line: int, runs_at_import: bool = False) -> Mutant:
    (first, *_) = python_mutants("module.py", b"\n" * (line - 1) + b"a < b")
    values = {name: getattr(first, name) for name in Mutant.__slots__}
    return Mutant(**values | {"runs_at_import": runs_at_import})


def _baseline(
    seconds: dict[str, float], fixtures: dict[str, float], lines: dict[int, frozenset[str]], *slow: str
) -> Baseline:
    passed = (frozenset(seconds.keys() - set(slow)), frozenset(slow))
    return Baseline(
        seconds=seconds, fixtures=fixtures, passed=passed, left_out=(), packages=(), lines={"module.py": lines}
    )


def test_tests_of_a_line_are_selected() -> None:
    """Quick modules come first and stay together; a line that nothing measured has the tests of its module."""
    baseline = _baseline(
        {"a::1": 0.4, "b::1": 0.1, "a::2": 0.1, "c::1": 5, "b::2": 0.2},
        {"b": 3},
        {1: frozenset({"a::1", "b::2", "a::2"}), 2: frozenset({"c::1"})},
        "c::1",
    )
    assert baseline.select(_mutant(line=1)) == [["a::1", "a::2"], ["b::2"]]
    assert baseline.select(_mutant(line=2)) == [["c::1"]]
    assert baseline.select(_mutant(line=7)) == [["a::1", "a::2"], ["b::2"], ["c::1"]]
    assert baseline.select(_mutant(line=2, runs_at_import=True)) == [["a::1", "a::2"], ["b::1", "b::2"], ["c::1"]]
    assert baseline.limit("b::1") > baseline.limit("a::2")


def test_mutant_is_shown_a_part_of_many_slow_tests() -> None:
    """Quick modules are shown whole, and of the slowest as many tests as there is time for, from its whole length."""
    seconds = {"a::1": 0.5} | {f"b::{number}": 1.0 for number in range(100)}
    tests = frozenset(seconds)
    baseline = _baseline(seconds, {}, {1: tests})
    first, *others = (test for stage in baseline.select(_mutant(line=1)) for test in stage)
    assert first == "a::1"
    shown = [int(test.partition("::")[2]) for test in others]
    assert len(shown) == 33
    assert shown[0] < 10
    assert shown[-1] > 90
    assert max(after - before for before, after in itertools.pairwise(shown)) < 10


def test_rest_is_what_was_not_selected() -> None:
    """What seems to survive is shown the other tests of its lines, and of no other ones."""
    tests = [f"b::{number}" for number in range(100)]
    baseline = _baseline(dict.fromkeys([*tests, "c::1"], 1.0), {}, {1: frozenset(tests), 2: frozenset({"c::1"})})
    selected = [test for stage in baseline.select(_mutant(line=1)) for test in stage]
    rest = [test for tier in baseline.rest(_mutant(line=1)) for test in tier]
    assert selected
    assert rest == [test for test in tests if test not in selected]


def test_rest_of_a_constant_is_every_test() -> None:
    """What uses a constant may run no line of its module."""
    baseline = _baseline({"a::1": 1.0, "b::1": 1.0}, {}, {1: frozenset({"a::1"})})
    constant = _mutant(line=1, runs_at_import=True)
    assert baseline.select(constant) == [["a::1"]]
    assert baseline.rest(constant) == [["b::1"], []]


def test_survivor_is_shown_the_tests_that_were_left_out() -> None:
    """Two tests that are said to take too long are not selected; one of them finds the mutant all the same."""
    path, module = "function/connect_canary/model/percentile.py", "tests/unit/test_cli.py"
    finder, other = (
        f"{module}::test_percentile_is_a_value_that_was_measured[20-19]",
        f"{module}::test_nothing_beside_the_command",
    )
    (mutant,) = [
        mutant
        for mutant in python_mutants(path, (ROOT / path).read_bytes())
        if mutant.after == "return ordered[max(math.ceil(share * len(ordered)), 1) + 1]"
    ]
    baseline = Baseline(
        seconds={finder: 20.0, other: 20.0},
        fixtures={},
        passed=(frozenset({finder, other}),),
        left_out=(),
        packages=(),
        lines={},
    )
    assert baseline.select(mutant) == []
    (tried,) = run([mutant], baseline, 1)
    assert (tried.verdict, tried.found_by) == (Verdict.KILLED, finder)


def test_local_aws_files_have_their_tests() -> None:
    """Each file of the local AWS that holds code names its test files, which exist; the others have all of them."""
    for path in ROOT.glob("infra/local/**/*.py"):
        tests = concerned_tests(str(path.relative_to(ROOT)))
        if path.name == "__init__.py":
            assert tests is None
            continue
        assert tests is not None, path
        assert all((ROOT / test).is_file() for test in tests), path


def test_only_concerned_tests_of_the_local_aws() -> None:
    """Of tests/local only the files of the table are kept, of other folders all."""
    local, unit = "tests/local/test_local_aws.py::a", "tests/unit/test_a.py::b"
    other = "tests/local/test_run.py::c"
    assert only_concerned("infra/local/server/main.py", [unit, other, local]) == [unit, local]
    assert only_concerned("infra/local/client/elsewhere.py", [unit, other, local]) == [unit, other, local]
