"""Every rule: readable, connected, and blind to the names of what it judges."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

from vergence.diagnosis import Rule, quantities, rules
from vergence.diagnosis.rules import RULES

ROOT = Path(__file__).parents[2]
FILES = [found.name for found in pkgutil.iter_modules(rules.__path__)]
NAMES = {rule.name for rule in RULES}
WANTED = {
    "complete collapse", "slow collapse", "dimensional collapse", "class collapse", "prototype collapse",
    "feature suppression", "shortcut", "suspected shortcut", "cone", "temperature too low", "temperature too high",
    "temperature inverted", "false negatives", "noisy positives", "unpaired positives", "views too weak",
    "views too strong", "identical views", "loss at chance", "frozen encoder", "detached branch", "no gradient",
    "wrong parameters", "learning rate zero", "learning rate too high", "unnormalised embeddings",
    "batch statistics leak", "trains in eval mode", "evaluated in train mode", "near duplicates", "long tail",
    "norm explosion", "not finite", "teacher uniform", "teacher one-hot", "frozen teacher", "instant teacher",
    "modality gap", "drift", "dead attention heads", "attention sink", "worse than input",
}  # fmt: skip


def test_everything_that_was_promised_is_looked_for() -> None:
    assert WANTED <= NAMES


@pytest.mark.parametrize("file", FILES)
def test_a_file_bears_the_name_of_its_finding(file: str) -> None:
    rule = import_module(f"{rules.__name__}.{file}").RULE
    words = rule.name.replace(" ", "_").replace("-", "_")
    assert file.startswith(words) or file == "suppressed_by_the_views"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_says_a_number_what_to_try_and_where_its_thresholds_are_from(rule: Rule) -> None:
    assert re.search(r"\{[^}]+/[^}]+\}", rule.says), "a sentence without a number"
    assert rule.remedies
    assert all(len(remedy.text) > 10 for remedy in rule.remedies)
    assert len(rule.source) > 30
    assert all(sign.words for sign in (*rule.must, *rule.also))
    assert not rule.notebook or (ROOT / "notebooks" / rule.notebook).is_file()


def test_what_explains_what_has_no_circle_and_no_unknown_name() -> None:
    explains: dict[str, set[str]] = {}
    for rule in RULES:
        explains.setdefault(rule.name, set()).update(rule.explains)
    assert {name for names in explains.values() for name in names} <= NAMES

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"each explains the next: {[*above, name]}"
        for below in explains[name]:
            walk(below, (*above, name))

    for name in explains:
        walk(name, ())


@pytest.mark.parametrize("package", [rules, quantities])
def test_no_rule_reads_whose_run_it_is(package: object) -> None:
    for found in pkgutil.iter_modules(package.__path__):  # type: ignore[attr-defined]
        text = inspect.getsource(import_module(f"{package.__name__}.{found.name}"))  # type: ignore[attr-defined]
        for name in ("method", "data", "name", "loss"):
            assert f'static("{name}"' not in text, f"{found.name} reads the entry {name!r}"
            assert f'static["{name}"]' not in text
        assert "controls" not in text or "control/" in text
