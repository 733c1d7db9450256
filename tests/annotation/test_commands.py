"""`reassess annotate` on a PostgreSQL server: from create to labels, without the password in outputs."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from reassess.annotation import GivenAnswer, Turn, begin_next_turn, list_people, open_campaign, save_answers
from reassess.data import read_labels
from tests.helpers import Run, Runner, document_of, write_files


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with tasks on two images, and golden answers on two other images."""
    monkeypatch.chdir(tmp_path)
    line = '{{"task": {0}, "image": "{0}.png", "classes": [{{"class": "cat"}}, {{"class": "dog"}}]}}\n'
    golden = "".join(
        f"{number}.png,{name},eve,{answer}\n" for number in "23" for name, answer in (("cat", "yes"), ("dog", "no"))
    )
    files = {
        "tasks.jsonl": line.format(0) + line.format(1),
        "pets/classes.txt": "cat\ndog\n",
        "pets/golden.csv": f"image,class,rater,answer\n{golden}",
    }
    return write_files(tmp_path, files)


def test_campaign_on_server_works_from_create_to_labels(
    here: Path, run: Runner, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def annotate(command: str, *argv: str) -> Run:
        result = run("annotate", command, database, *argv)
        assert (result.code, result.err) == (0, "")
        return result

    output = annotate("create", "tasks.jsonl", "--benchmark", "pets", "--per-question", "2", "--golden-share", "0.9")
    assert output.out.startswith(f"{database}: 2 tasks, 4 questions, 8 votes (2 per question)\n")
    annotate("invite", "ann", "bob")
    campaign = open_campaign(database)
    for person in list_people(campaign):
        while person.role == "rater" and isinstance(turn := begin_next_turn(campaign, person.id, 1e9), Turn):
            new_answers = [GivenAnswer(row.question_id, 0 if row.class_id else 2, 3.0) for row in turn.questions]
            save_answers(campaign, person.id, new_answers, 1e9)
    campaign.close()
    assert run("status", database).out.startswith(
        "4 questions: 0 open, 4 with all their votes\ngolden: 2 valid, 2 invalid\n"
    )
    annotate("exclude", "ann")
    annotate("exclude", "ann", "--undo")
    assert f"{database}: already up to date (schema version 0003)\n" in annotate("backup", "--upgrade").out
    line = annotate("export", "-o", "rated").out.splitlines()[-1].removeprefix("next: ")
    for command in line.split(" && "):
        assert run(*command.split()[1:]).code == 0
    # 2 and 3 are golden.
    assert read_labels("rated/labels.csv").classes_by_image() == {f"{image}.png": {0} for image in range(4)}
    monkeypatch.setattr("reassess.annotation.hash_images", None)  # not called
    again = run("annotate", "create", database, "tasks.jsonl", "--benchmark", "pets", "--force")
    assert (
        again.err
        == f"Error: database already contains a campaign\n  where:   {database}\n  fix:     use an empty database\n"
    )
    annotate("backup", "-o", "copy.db")
    document = document_of(annotate("simulate", "--raters", "1", "-o", "tried.db", "--json"), "annotate")
    assert document["results"]["raters"] == 1
    for copy, people in (("copy.db", 3), ("tried.db", 4)):
        campaign = open_campaign(copy)
        assert len(list_people(campaign)) == people
        campaign.close()


def test_output_hides_password(here: Path, run: Runner, database: str) -> None:
    address = database.replace("postgres@", "postgres:secret@")
    argv = ["annotate", "create", address, "tasks.jsonl", "--benchmark", "pets"]
    document = document_of(run(*argv, "--json"), "annotate")
    printed = document["results"]["campaign"]
    assert printed == document["command"][3]
    assert unquote(printed) == database.replace("postgres@", "postgres:***@")
    for again in (
        run(*argv),
        run("annotate", "backup", address, "--upgrade"),
        run("annotate", "exclude", address, "ann"),
    ):
        assert "secret" not in again.out + again.err
