"""The catalogue of faults: nothing is missing, every example can be read, and what is made of it is current."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from fake_backend import FaultRule
from fake_backend.faults.catalogue import FAMILIES, KindHelp, SelectorHelp, catalogue
from fake_backend.faults.file import parse_faults
from fake_backend.faults.keys import KINDS, Key
from fake_backend.faults.page import page
from fake_backend.faults.table import rule_of_table
from sendproof.backend import backend

DOCS = Path(__file__).parent.parent.parent / "docs"
ALL: list[KindHelp | SelectorHelp] = [*catalogue().kinds, *catalogue().selectors]


def name_of(about: KindHelp | SelectorHelp) -> str:
    """The word that a table says it by."""
    return about.kind if isinstance(about, KindHelp) else about.name


def test_every_kind_and_every_selector_is_in_the_catalogue() -> None:
    """Kinds are grouped by family, and say what they do."""
    kinds = catalogue().kinds
    assert {each.kind for each in kinds} == set(KINDS)
    assert [each.family for each in kinds] == sorted((each.family for each in kinds), key=list(FAMILIES).index)
    assert all(each.summary.endswith(".") for each in kinds)
    assert [each.name for each in catalogue().selectors] == [
        name for name in FaultRule.__struct_fields__ if name != "fault"
    ]


@pytest.mark.parametrize("about", ALL, ids=name_of)
def test_an_example_is_a_rule_of_what_it_is_an_example_of(about: KindHelp | SelectorHelp) -> None:
    """It can be read as a file and as a table, shows the kind or uses the selector, and says what happens."""
    rule = rule_of_table(about.example)
    assert parse_faults(about.toml) == (rule,)
    assert about.shows.endswith(".")
    if isinstance(about, KindHelp):
        assert type(rule.fault) is KINDS[about.kind]
    else:
        assert about.name in about.example


@pytest.mark.parametrize("about", ALL, ids=name_of)
def test_a_key_says_what_it_is(about: KindHelp | SelectorHelp) -> None:
    """Its default and its choices are values that it takes, and those alone; an empty list is to be left out."""
    keys: tuple[Key, ...] = about.keys if isinstance(about, KindHelp) else (about,)
    for key in keys:
        assert key.meaning
        assert key.required == (key.default is None and not key.type.endswith("or false"))
        assert not key.choices or key.required or key.default in key.choices
        if not key.required and key.default != []:
            table = {**about.example, key.name: False if key.default is None else key.default}
            if key.name not in {"phase", "lines", "probability"}:  # which have others depend on them
                rule_of_table(table)


def test_the_catalogue_is_plain_data() -> None:
    """It goes to JSON, as the control API serves it, and an example can be posted as it comes."""
    served = json.loads(msgspec.json.encode(catalogue()))
    latency = next(each for each in served["kinds"] if each["kind"] == "latency")
    assert latency["keys"][0] == {
        "name": "seconds",
        "type": "number",
        "required": True,
        "default": None,
        "choices": [],
        "meaning": "how long it waits",
    }
    assert latency["example"] == {"kind": "latency", "seconds": 0.5, "of": "data", "requests": [1, 4]}
    of = next(each for each in served["selectors"] if each["name"] == "of")
    assert (of["default"], of["choices"]) == ("any", ["any", "sync", "data", "completion"])


def test_the_page_of_the_faults_is_made_of_the_catalogue() -> None:
    """docs/faults.md is what `python -m fake_backend.faults.page` writes."""
    assert (DOCS / "faults.md").read_text(encoding="utf-8") == page()


def told(*arguments: str) -> str:
    """Ask the command; give what it says, in a terminal that is narrow."""
    result = CliRunner().invoke(backend, ["--faults-help", *arguments], env={"COLUMNS": "60"})
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_lists_all_faults_with_examples_to_copy() -> None:
    """However narrow the terminal is, the lines of an example stay whole."""
    lines = [line.strip() for line in told().splitlines()]
    for about in ALL:
        example = about.toml.splitlines()
        assert any(lines[start : start + len(example)] == example for start in range(len(lines)))


@pytest.mark.parametrize("about", ALL, ids=name_of)
def test_the_command_explains_a_fault_and_a_selector(about: KindHelp | SelectorHelp) -> None:
    """Its keys, what is to be known of it, and the example."""
    said = told(name_of(about))
    assert all(f"  {line}\n" in said for line in about.toml.splitlines())
    for key in about.keys if isinstance(about, KindHelp) else (about,):
        assert key.name in said
    if isinstance(about, KindHelp) and about.details:
        assert about.details.split()[-1].strip("`.") in said


def test_a_name_that_is_unknown_is_told() -> None:
    """With what there is, and what may have been meant."""
    result = CliRunner().invoke(backend, ["--faults-help", "latnecy"])
    assert result.exit_code == 2
    assert "'latnecy' is no fault and no selector; there are latency, stall" in result.output
    assert "(did you mean latency?)" in result.output
    assert "mean" not in CliRunner().invoke(backend, ["--faults-help", "zzz"]).output
