"""Design review by experiment: ten questions, answered for this installation.

Each answer is a measurement of the log or an experiment inside of a transaction that is rolled
back, so nothing stays behind. It looks at what is registered and knows no domain.
"""

from flowdeck.checklist.finding import Finding, Question, Verdict
from flowdeck.checklist.questions import QUESTIONS, answer, answer_all

__all__ = ["QUESTIONS", "Finding", "Question", "Verdict", "answer", "answer_all"]
