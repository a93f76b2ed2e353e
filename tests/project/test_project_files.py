"""The files of the project agree: pins with requirements, Python versions, the list for 3.7."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


# --- constraints.txt ---


def pins_for_this_python(lines: Iterable[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    applying = [pin for pin in requirements if pin.marker is None or pin.marker.evaluate()]
    assert len({canonicalize_name(pin.name) for pin in applying}) == len(applying), "pinned twice"
    return {canonicalize_name(pin.name): pin for pin in applying}


def everything_needed(requirements: Iterable[str]) -> set[str]:
    """The names of the required packages and of all that they require, as installed here."""
    found: set[str] = set()
    open_requirements = [Requirement(text) for text in requirements]
    while open_requirements:
        requirement = open_requirements.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        open_requirements += [Requirement(text) for text in distribution(name).requires or []]
    return found


def own_requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"]
    used = ("tensorboard", "legacy-keras", "test", "lint", "types", "guide", "browser")
    own = [text for name in used for text in extras[name]]
    return [*PROJECT["dependencies"], *own]


def test_every_package_that_is_installed_is_pinned_exactly() -> None:
    pins = pins_for_this_python((ROOT / "constraints.txt").read_text().splitlines())
    assert everything_needed(own_requirements()) <= pins.keys()
    assert all(re.fullmatch(r"==[^*,]+", str(pin.specifier)) for pin in pins.values())


def test_the_pins_fit_the_lower_bounds() -> None:
    pins = pins_for_this_python((ROOT / "constraints.txt").read_text().splitlines())
    # `peers` is not part of `dev`: installed or not, what it names is pinned.
    peers = PROJECT["optional-dependencies"]["peers"]
    for requirement in map(Requirement, [*own_requirements(), *peers]):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        version = str(pins[canonicalize_name(requirement.name)].specifier).removeprefix("==")
        assert version in requirement.specifier, requirement


def test_a_package_that_only_another_one_needs_is_noticed() -> None:
    assert {"matplotlib", "pillow", "cycler"} <= everything_needed(["matplotlib"])


# --- Python versions ---


def test_python_versions_agree_everywhere() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    versions = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed]
    workflow = (ROOT / ".github" / "workflows" / "checks.yml").read_text()
    matrix = re.search(r"python: \[(.+)\]", workflow)
    assert matrix
    assert re.findall(r'"(.+?)"', matrix[1]) == versions
    prefix = "Programming Language :: Python :: 3."
    classified = [name[len(prefix) - 2 :] for name in PROJECT["classifiers"] if prefix in name]
    assert classified == versions


# --- what runs on Python 3.7 ---


def modules_imported_by(source: str) -> Iterator[str]:
    """The modules of `shared` that the source imports when it is itself imported."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def shared_files_reached_from(files: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    open_files = list(files)
    while open_files:
        for module in modules_imported_by(open_files.pop().read_text()):
            path = module.replace(".", "/")
            for name in (f"{path}.py", f"{path}/__init__.py"):
                if name.startswith("shared/") and name not in found and (ROOT / name).exists():
                    found.add(name)
                    open_files.append(ROOT / name)
    return found | {"shared/__init__.py"}


def matching(pattern: str) -> list[Path]:
    """The files that ruff's pattern matches; its * crosses folders, as fnmatch's does."""
    files = (
        path
        for top in ("shared", "tf1_style", "tf2_style", "benchmarks", "tests", "docs")
        for path in (ROOT / top).rglob("*.py")
    )
    return [path for path in files if fnmatch(str(path.relative_to(ROOT)), pattern)]


def test_ruff_holds_what_tf1_style_imports_to_python_37() -> None:
    versions = PYPROJECT["tool"]["ruff"]["per-file-target-version"]
    patterns = [name for name, version in versions.items() if version == "py37"]
    listed = {str(path.relative_to(ROOT)) for name in patterns for path in matching(name)}
    reached = shared_files_reached_from((ROOT / "tf1_style").glob("*.py"))
    assert reached <= listed
    assert all(matching(name) for name in patterns), "a listed file is gone"


def test_an_import_through_another_module_is_followed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from shared.data import digits\n")  # which imports shared/errors.py
    assert {"shared/data/digits.py", "shared/errors.py"} <= shared_files_reached_from([script])


# --- the commands of the documents ---


def other_convention(text: str) -> list[str]:
    """The commands that do not stand as one types them in an activated environment."""
    return re.findall(r"\.venv/bin/(?!activate)\w+", text)


def test_commands_stand_as_one_types_them_after_what_the_readme_says_first() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    pages += [path for ext in ("md", "toml") for path in (ROOT / "docs").rglob(f"*.{ext}")]
    found = {str(page.relative_to(ROOT)): other_convention(page.read_text()) for page in pages}
    assert {name: commands for name, commands in found.items() if commands} == {}
    readme, index = (ROOT / "README.md").read_text(), (ROOT / "docs/guide/index.md").read_text()
    for text in (readme, index):
        assert text.count("source .venv/bin/activate") == 1
    # What stands before it is `make`, which needs no environment.
    before = readme.partition("source .venv/bin/activate")[0]
    assert re.findall(r"^ {4}(\S+)", before.partition("## Two commands")[2], re.M) == ["make"] * 2


def test_a_command_of_the_other_convention_would_be_noticed() -> None:
    text = "`source .venv/bin/activate`, then:\n\n    .venv/bin/pairs scan x\n"
    assert other_convention(text) == [".venv/bin/pairs"]


# --- the glossary ---


def unused(terms: Iterable[str], texts: Iterable[str]) -> list[str]:
    """The terms that no text uses, in the singular or the plural."""
    everything = " ".join(" ".join(text.split()) for text in texts)
    return [term for term in terms if not re.search(rf"\b{term}s?\b", everything, re.IGNORECASE)]


def test_the_words_of_the_glossary_are_used() -> None:
    glossary = ROOT / "docs" / "glossary.md"
    heads = re.findall(r"^- \*\*(.+)\*\*:", glossary.read_text(encoding="utf-8"), re.MULTILINE)
    terms = [term.partition(" of a ")[0] for head in heads for term in head.split(", ")]
    assert len(terms) > 20
    tops = ("docs", "shared", "tests", "benchmarks")
    files = [path for top in tops for path in (ROOT / top).rglob("*.*")]
    written = [path for path in files if path.suffix in (".md", ".py", ".toml")]
    texts = [path.read_text(encoding="utf-8") for path in written if path != glossary]
    assert unused(terms, texts) == []


def test_a_word_out_of_use_would_be_noticed() -> None:
    texts = ["Two hunks", "a topic\nmodule"]
    assert unused(["hunk", "topic module", "yonder"], texts) == ["yonder"]
