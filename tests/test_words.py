"""The glossary is short, and old terms do not return."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
OLD_TERMS = re.compile(r"(?i)(?<!np\.)\b(?:keepers?|unfit|mend(?:s|ed|ing)?|makings|re-assess\w*|void(?:s|ed)?)\b")
SUFFIXES = (".py", ".pyi", ".md", ".js", ".html", ".css", ".toml", ".txt")
MOST_TERMS = 45


def test_glossary_has_at_most_45_terms() -> None:
    glossary = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Words\n")[2]
    terms = re.findall(r"^\| (.+?) \|", glossary, re.MULTILINE)[1:]
    assert 0 < len(terms) <= MOST_TERMS


def test_no_file_uses_an_old_term() -> None:
    paths = [*ROOT.glob("*.md"), *ROOT.glob("*.py")]
    for folder in ("src", "docs", "tests", "examples", "benchmarks"):
        paths += (ROOT / folder).rglob("*")
    texts = {
        path: path.read_text(encoding="utf-8") for path in paths if path.suffix in SUFFIXES and path != Path(__file__)
    }
    found = {str(path.relative_to(ROOT)): OLD_TERMS.findall(text) for path, text in texts.items()}
    assert len(texts) > 300
    assert {name: words for name, words in found.items() if words} == {}
