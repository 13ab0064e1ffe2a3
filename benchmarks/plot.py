"""The plot of RESULTS.md: bars of deliveries a second, as an SVG without styles or scripts."""

from __future__ import annotations

from html import escape

_BARS = {
    "batch": "Flowdeck, batch handler",
    "noop": "Flowdeck, no effect",
    "echo": "Flowdeck, event returned",
    "workflow": "Flowdeck, order workflow",
    "sqlite_workflow": "Flowdeck, order workflow, SQLite",
    "orm": "Flowdeck, one ORM insert",
    "celery": "bare Celery, no-op",
    "celery_outbox": "django-celery-outbox, no-op",
    "eventsourcing": "eventsourcing, no-op",
    "procrastinate": "procrastinate, no-op",
    "plain_django": "plain Django + Celery",
}
_LABELS, _WIDTH, _ROW, _TOP = 230, 720, 26, 34
_OURS, _PEERS = "#3b6fd4", "#9aa3b2"


def bars(medians: dict[str, float]) -> str:
    """One bar for each measure that there is, on a common scale from zero."""
    shown = [(text, name, medians[name]) for name, text in _BARS.items() if name in medians]
    longest = max((value for _, _, value in shown), default=1.0)
    height = _TOP + _ROW * len(shown) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="13">',
        "<title>Deliveries a second, two worker processes</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="8" y="20" font-weight="600" fill="#1b1f27">'
        "Deliveries a second, two worker processes</text>",
    ]
    for number, (text, _, value) in enumerate(shown):
        top = _TOP + _ROW * number
        width = max(1.0, value / longest * (_WIDTH - _LABELS - 80))
        fill = _OURS if text.startswith("Flowdeck") else _PEERS
        parts += [
            f'<text x="{_LABELS - 8}" y="{top + 15}" text-anchor="end" fill="#1b1f27">'
            f"{escape(text)}</text>",
            f'<rect x="{_LABELS}" y="{top + 2}" width="{width:.1f}" height="18" fill="{fill}"/>',
            f'<text x="{_LABELS + width + 6:.1f}" y="{top + 15}" fill="#1b1f27">'
            f"{value:,.0f}</text>",
        ]
    return "\n".join([*parts, "</svg>", ""])
