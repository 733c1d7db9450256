"""The owner page: what it shows, what its buttons do, and that only owners can use it."""

import re
import sqlite3
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, event, select

from reassess.annotation import (
    GivenAnswer,
    Rules,
    admit_rater,
    begin_next_turn,
    export_campaign,
    find_person,
    measure_progress,
    pause,
    save_answers,
    skip_task,
)
from reassess.annotation.app import owner_page
from reassess.annotation.store.database import UnavailableError, connect_for_reading
from reassess.annotation.store.owner_lists import list_disputed_golden, list_uncertain_questions
from reassess.annotation.store.schema import answers, questions, tasks
from reassess.annotation.store.transactions import open_transaction
from reassess.core import StopRule
from tests.annotation.app.sites import CLASSES, HOSTILE, Site, make_site


def words(site: Site) -> str:
    """Return the text of the owner page."""
    return " ".join(re.sub(r"<[^>]*>", " ", site.client("kim").get("/owner").text).split())


@pytest.mark.parametrize("failures", [2, 9])
def test_votes_are_recounted_after_database_was_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failures: int
) -> None:
    site = make_site(tmp_path, raters=("ann",), rules=Rules(votes_per_question=1, golden_share=0.0))
    site.answer_all("ann")
    client, failures_left = site.client("kim"), iter(range(failures))
    monkeypatch.setattr(owner_page, "_RETRY_SECONDS", (0.0, 0.0, 0.0), raising=False)

    @event.listens_for(site.campaign.engine, "begin")
    def be_busy(connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("reading")
        if not is_reading and find_person(site.campaign, "ann").is_excluded and next(failures_left, None) is not None:
            raise UnavailableError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))

    assert client.post("/owner/people/exclude", json={"person": site.ids["ann"]}).status_code == 204
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("ERROR", None)] * min(failures, 4)
    assert all("database is locked" in record.getMessage() for record in caplog.records)
    event.remove(site.campaign.engine, "begin", be_busy)
    is_done = failures < 4
    assert measure_progress(site.campaign, site.now).n_open_questions == (6 if is_done else 0)
    client.post("/owner/people/exclude", json={"person": site.ids["ann"]})
    assert measure_progress(site.campaign, site.now).n_open_questions == 6


@pytest.mark.parametrize("stop", [StopRule(0.2, 0.8), None])
def test_page_warns_about_stop_rule_and_explains_flags(tmp_path: Path, stop: StopRule | None) -> None:
    site = make_site(tmp_path, golden=8, rules=Rules(votes_per_question=4, golden_share=0.5, stop_rule=stop))
    for name in ("ann", "ben"):
        site.answer_all(name, lambda row: 2 * (row.class_id % 2))
    sentence = "in ReaL, with the thresholds 0.05 and 0.95, about 3 in 100 of the closed golden questions."
    assert (sentence in words(site)) == (stop is not None)
    assert "few: under 20 golden votes for one truth, or on under 20 images" in words(site)


def test_owner_cannot_make_own_link(site: Site) -> None:
    client, kim = site.client("kim"), {"person": site.ids["kim"]}
    page = client.get("/owner").text
    assert [f"New link for {name}" in page for name in ("ann", "eva", "kim")] == [True, True, False]
    response = client.post("/owner/invite", json=kim)
    assert (response.status_code, response.json()["error"]) == (
        400,
        "creating a link for yourself would sign you out\n"
        "  found:   kim\n"
        "  fix:     run `reassess annotate invite --force`, or ask another owner",
    )
    assert client.get("/owner").status_code == 200
    assert site.client("kim").get("/owner").status_code == 200  # by the link on the page


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        *(("people/exclude", one, 400) for one in ({}, {"person": "1"}, {"person": 99}, {"person": 1 << 31})),
        ("people/forgive", {"person": 1}, 404),
        *(("invite", {"name": name, "role": "rater"}, 400) for name in ("ann", "Ann", "")),
        *(("invite", one, 400) for one in ({"name": "x", "role": "king"}, {"person": 0}, {"name": "x"}, {})),
        ("invite", {"name": "x", "role": "rater", "person": 1}, 400),
        ("export", {"names": 1}, 400),
    ],
)
def test_invalid_requests_are_rejected(still_site: Site, path: str, body: dict[str, object], status: int) -> None:
    response = still_site.client("kim").post(f"/owner/{path}", json=body)
    assert response.status_code == status
    assert response.json()["error"]


def test_names_of_people_and_images_are_escaped(tmp_path: Path) -> None:
    site = make_site(tmp_path, folder_name=HOSTILE)
    client = site.client("kim")
    client.post("/owner/invite", json={"name": HOSTILE, "role": "rater"})
    site.answer_all("ann")
    page = client.get("/owner").text
    assert HOSTILE not in page
    for name in (">&lt;img src=x onerror=alert(1)&gt;</th>", "&lt;img src=x onerror=alert(1)&gt;/0.png"):
        assert name in page


def test_page_shows_expert_progress_and_expected_end(site: Site) -> None:
    site.answer_all("ann")
    turn = begin_next_turn(site.campaign, site.ids["eva"], site.now)
    save_answers(site.campaign, site.ids["eva"], [GivenAnswer(turn.questions[0].question_id, 2)], site.now)
    page = words(site)
    assert "expert-7 expert 0 - 2 of 2 answered imported" in page
    assert "eva expert 0 - 1 of 2 answered 2001-09-09 01:46 UTC" in page
    assert "expected to finish, at this pace 2001-09-09" in page
    site.answer_all("ben")
    assert "expected to finish" not in words(site)


def test_page_asks_for_more_raters_instead_of_expected_end(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(2,), rules=Rules(votes_per_question=3, golden_share=0.0))
    for name, is_asking in (("ann", False), ("ben", True)):
        site.answer_all(name)
        page = words(site)
        assert ("More raters needed: nobody is left to answer 2 open questions." in page) == is_asking
        assert ("expected to finish" in page) != is_asking


def test_page_shows_only_the_states_and_lists_of_the_campaign(tmp_path: Path) -> None:
    page = words(make_site(tmp_path, sizes=(2,), golden=0))
    assert "2 open" in page
    assert "golden questions none" in page
    for absent in ("with all their votes", "closed by the stop rule", "Golden questions:", "balanced accuracy"):
        assert absent not in page


def test_page_lists_golden_questions_where_experts_disagree(site: Site, tmp_path: Path) -> None:
    assert "Golden questions: experts disagree None." in words(site)
    site.answer_all("eva")
    page = words(site)
    assert "golden questions where experts disagree 1 " in page
    assert "more than half of its experts answered yes; otherwise it counts as invalid" in page
    assert "image class counts as no maybe yes golden/0.jpg circle invalid 1 0 1 Golden" in page
    site = make_site(tmp_path / "other", min_experts=1)
    site.answer_all("eva")
    assert "if 1 or more of its experts answered yes" in words(site)


def section_of(page: str, place: str) -> str:
    """Return a list of the owner page."""
    return page.partition(f'aria-labelledby="{place}"')[2].partition("</section>")[0]


def rows_of(page: str, place: str) -> list[str]:
    """Return the rows of a list as text."""
    rows = re.findall("<tr>(.*?)</tr>", section_of(page, place).partition("<tbody>")[2], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def link_of(page: str, place: str, *words: str) -> str | None:
    """Return the address of a link below a list with one of these texts, or None."""
    links = re.findall('<a href="([^"]*)"[^>]*>(.*?)</a>', section_of(page, place))
    return next((unescape(address) for address, word in links if word in words), None)


@pytest.mark.parametrize(("place", "count"), [("split", 3), ("disputed", 2), ("uncertain", 6), ("log", 8)])
def test_lists_are_shown_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, count: int) -> None:
    site = make_site(
        tmp_path, golden_size=6, min_experts=1, rules=Rules(votes_per_question=2, golden_share=0.9), raters=("ann",)
    )
    site.answer_all("ann", 0)
    site.answer_all("eva")
    client = site.client("kim")
    page = client.get("/owner").text
    whole = rows_of(page, place)
    assert (len(whole), "<nav class=" in page) == (count, False)
    monkeypatch.setattr(owner_page, "_ROWS_PER_PAGE", 1)
    query = "split=1&disputed=1&questions=1&log=1"
    address: str | None = "owner?" + query.replace(f"{KEYS[place]}=1", f"{KEYS[place]}=0")
    parts, back = [], 0
    while address:
        page = client.get(f"/{address}").text
        parts.append(rows_of(page, place))
        address = link_of(page, place, "More questions", "Earlier entries")
        assert address is None or address.endswith(f"#{place}")
    assert [row for part in parts for row in part] == whole
    while address := link_of(page, place, "Previous questions", "Later entries"):
        page, back = client.get(f"/{address}").text, back + 1
    assert (back, rows_of(page, place)) == (len(parts) - 1, parts[0])
    for other in set(KEYS) - {place}:
        assert "2 to 2" in section_of(page, other)


KEYS = {"split": "split", "disputed": "disputed", "uncertain": "questions", "log": "log"}


def test_page_beyond_end_of_list_has_link_back(site: Site) -> None:
    site.answer_all("ann")
    page = site.client("kim").get("/owner?questions=50&log=999999999").text
    backs = {"uncertain": "owner?log=999999999&questions=25", "log": "owner?questions=50&log=999999974"}
    for place, back in backs.items():
        assert rows_of(page, place) == []
        assert "no more rows" in section_of(page, place)
        assert link_of(page, place, "Previous questions", "Later entries") == f"{back}#{place}"
    assert "There are no votes yet" not in page


@pytest.mark.parametrize("name", KEYS.values())
@pytest.mark.parametrize("start", ["", "-1", "x", "1.5", "+1", "1_0", "\u0661", "1000000000", "9" * 5000])
def test_invalid_start_of_list_is_rejected(still_site: Site, name: str, start: str) -> None:
    response = still_site.client("kim").get("/owner", params={name: start})
    error = f"{name} must be the number of rows to skip, from 0 to 999999999"
    assert (response.status_code, response.json()) == (400, {"error": error})


def test_page_shows_practice_results_and_skipped_images(tmp_path: Path) -> None:
    """Practice answers do not dispute golden questions."""
    site = make_site(tmp_path, sizes=(2,), practice=2, practice_bar=0.6)
    site.answer_all("ann")
    page = words(site)
    for part in (
        "ann rater, failed 50 % 17\u201383, of 4 , failed 0 ",
        "ben rater, practice - 0 ",
        "skipped images 0 golden",
    ):
        assert part in page
    assert (
        "Practice has 2 valid and 2 invalid questions. To pass, a rater needs a balanced accuracy of 60 %. Practice is "
        "easy to pass without looking at the images (answers at random: passes 38 % of the time)."
    ) in page
    assert list_disputed_golden(site.campaign, 10) == []
    admit_rater(site.campaign, site.ids["ben"], site.now)
    turn = begin_next_turn(site.campaign, site.ids["ben"], site.now)
    site.client("ben").post("/skip", json={"task": turn.task_id})
    assert "skipped images 1 main/0.png golden" in words(site)


def test_uncertain_and_disputed_questions_are_listed(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(2, 1), rules=Rules(votes_per_question=2, golden_share=0.9))
    site.answer_all("ann")
    site.answer_all("ben", 0)
    uncertain = list_uncertain_questions(site.campaign, 10)
    assert [row.answer_counts for row in uncertain] == [(1, 0, 1)] * 3
    assert list_disputed_golden(site.campaign, 10) == []  # one of two is correct
    site.client("kim").post("/owner/people/exclude", json={"person": site.ids["ann"]})
    assert [row.answer_counts for row in list_uncertain_questions(site.campaign, 10)] == [(1, 0, 0)] * 3
    disputed = list_disputed_golden(site.campaign, 10)
    assert [(row.truth, row.answer_counts) for row in disputed] == [(1, (1, 0, 0))]
    page = words(site)
    assert "How ben answers golden questions" in page
    assert disputed[0].image_name in page
    with connect_for_reading(site.campaign.engine) as connection:
        golden = connection.scalars(select(tasks.c.id).where(tasks.c.kind == "golden")).all()
    for task in golden:
        skip_task(site.campaign, site.ids["ben"], task, site.now)
    assert list_disputed_golden(site.campaign, 10) == []


ROLES = {"ann": "rater", "eva": "expert", "kim": "owner"}


def log_of(site: Site) -> list[tuple[str, str]]:
    """Return the log entries of the owner page, oldest first."""
    section = site.client("kim").get("/owner").text.partition('aria-labelledby="log"')[2]
    return re.findall("<tr><td[^>]*>.* UTC</td><td>(.*)</td><td>(.*)</td></tr>", section)[::-1]


def test_log_entries_are_formatted_as_text(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(2,), raters=("ann",), consent_text="Do you agree?")
    ann, kim = site.client("ann"), site.client("kim")
    for _ in range(2):  # actions without effect are not logged
        ann.post("/consent", json={})
    turn = begin_next_turn(site.campaign, site.ids["ann"], site.now)
    for revision, answer in enumerate((2, 0)):
        new_answers = [GivenAnswer(turn.questions[0].question_id, answer, 2.5, revision)]
        save_answers(site.campaign, site.ids["ann"], new_answers, site.now)
    ann.post("/suggest", json={"task": turn.task_id, "class": 4})
    for _ in range(2):
        ann.post("/skip", json={"task": turn.task_id})
    kim.post("/owner/invite", json={"name": "zoe", "role": "expert"})
    zoe = find_person(site.campaign, "zoe").id
    done = {"exclude": "ann", "include": "ann", "revoke": "zoe", "revoke ": "zoe", "delete": "zoe"}
    for what, person in done.items():
        kim.post(f"/owner/people/{what.strip()}", json={"person": site.ids.get(person, zoe)})
    for what in ("pause", "pause", "resume", "resume"):
        kim.post(f"/owner/{what}", json={})
    for names in (False, True):
        kim.post("/owner/export", json={"names": names})
    export_campaign(site.campaign, tmp_path / "rated")
    class_name = CLASSES.names[turn.questions[0].class_id]
    assert log_of(site) == [
        ("command line", "created the campaign"),
        *(("command line", f"added {name} as {role}") for name, role in ROLES.items()),
        *(("command line", f"made a link for {name}") for name in ROLES),
        ("ann", "signed in"),
        ("kim", "signed in"),
        ("ann", "agreed to take part"),
        ("ann", f"changed the answer for {class_name} in main/0.png from yes to no"),
        ("ann", "suggested star for main/0.png"),
        ("ann", "skipped main/0.png"),
        ("kim", f"added deleted {zoe} as expert"),
        ("kim", f"made a link for deleted {zoe}"),
        ("kim", "excluded ann"),
        ("kim", "included ann again"),
        ("kim", f"revoked the link of deleted {zoe}"),
        ("kim", f"deleted the name of deleted {zoe}"),
        ("kim", "paused the campaign"),
        ("kim", "resumed the campaign"),
        ("kim", "exported the votes"),
        ("kim", "exported the votes with rater names"),
        ("command line", "exported the votes"),
        ("kim", "signed in"),
    ]


def test_person_added_during_rendering_has_a_number(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = measure_progress(site.campaign, site.now)
    site.client("kim").post("/owner/invite", json={"name": "zoe", "role": "owner"})
    zoe = find_person(site.campaign, "zoe").id
    pause(site.campaign, site.now, zoe)
    monkeypatch.setattr("reassess.annotation.store.progress.measure_progress", lambda *_: before)
    log = log_of(site)
    assert (f"person {zoe}", "paused the campaign") in log
    assert ("kim", f"made a link for person {zoe}") in log


def test_uncertain_questions_are_found_with_few_reads(site: Site) -> None:
    count, steps = 10_000, []

    def watch(connection: Connection) -> None:
        connection.connection.dbapi_connection.set_progress_handler(lambda: steps.append(1), 1)

    with open_transaction(site.campaign) as change:
        task = change.connection.scalar(select(tasks.c.id).where(tasks.c.kind == "main").limit(1))
        valid = np.random.default_rng(0).random(count).tolist()
        own = {"task": task, "class_id": 0, "golden": False, "votes": 1}
        rows = [{**own, "id": number, "valid": share} for number, share in enumerate(valid)]
        change.connection.execute(questions.insert(), rows)
        columns = {"person": site.ids["ann"], "revision": 0, "answer": 2, "at": 1e9, "counted": True}
        change.connection.execute(answers.insert(), [{**columns, "question": number} for number in range(count)])
    event.listen(site.campaign.engine, "engine_connect", watch)
    uncertain = list_uncertain_questions(site.campaign, 3)
    assert len(steps) < 25 * count  # steps of SQLite: it reads each question once, and not its answers
    assert [row.valid_probability for row in uncertain] == sorted(valid, key=lambda share: abs(share - 0.5))[:3]
    assert {row.answer_counts for row in uncertain} == {(0, 0, 1)}
