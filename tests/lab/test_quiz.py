"""The self-check: each answer stands on the page that its question links to."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from lab.glossary import TERMS
from lab.lesson import Lesson
from lab.lessons import LESSONS
from tests.accounts import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def learner(shelf: None) -> Client:
    return signed_in(person("teacher"))


def words(page: str) -> str:
    """The text of a page as a reader sees it, without its question."""
    body = re.sub(r'<section class="lab-question".*?</section>', "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())


def section(page: str, lesson: Lesson) -> str:
    found = re.search(
        rf'<fieldset class="card" id="q-{lesson.slug}">.*?</fieldset>', page, re.DOTALL
    )
    assert found
    return found[0]


def test_the_answer_stands_on_the_page_that_the_quiz_links_to(learner: Client) -> None:
    quiz = learner.get("/lab/quiz/").text
    for lesson in LESSONS:
        asked = section(quiz, lesson)
        (link,) = re.findall(r'href="([^"]+)"', asked)
        assert lesson.question.phrase in words(learner.get(link).text), lesson.slug
        assert html.escape(lesson.question.because) not in asked, lesson.slug


def test_every_term_of_a_lesson_links_to_its_place_in_the_glossary(learner: Client) -> None:
    glossary = learner.get("/lab/glossary/").text
    for lesson in LESSONS:
        page = learner.get(f"/lab/lessons/{lesson.slug}/").text
        links = re.findall(r'/lab/glossary/#([\w-]+)"', page)
        assert links, lesson.slug
        assert not [one for one in links if f'<dt id="{one}">' not in glossary], lesson.slug


def test_right_and_wrong_answers_are_told_apart(learner: Client) -> None:
    right = {lesson.slug: str(lesson.question.answer) for lesson in LESSONS}
    assert f"<b>{len(LESSONS)} of {len(LESSONS)}</b>" in learner.get("/lab/quiz/", right).text
    page = learner.get("/lab/quiz/", {**right, "ripple": "0", "calls": "nonsense"}).text
    assert f"<b>{len(LESSONS) - 2} of {len(LESSONS)}</b>" in page
    assert "Not that one" in section(page, LESSONS[0])
    assert "Not that one" not in section(page, LESSONS[-1])


def test_the_handout_has_every_text_answer_and_word(learner: Client) -> None:
    page = words(learner.get("/lab/handout/").text)
    assert all(lesson.question.phrase in page for lesson in LESSONS)
    assert all(lesson.question.because in page for lesson in LESSONS)
    assert all(meaning in page for meaning in TERMS.values())


def test_outside_of_demo_mode_there_is_none(learner: Client, settings: object) -> None:
    settings.DEMO = False  # type: ignore[attr-defined]
    assert learner.get("/lab/quiz/").status_code == 404
    assert learner.get("/lab/handout/").status_code == 404
