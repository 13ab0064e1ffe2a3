"""Addresses of the dashboard."""

from django.urls import path

from events.dashboard import (
    account,
    audit_page,
    catalog,
    dead_letters,
    design_review,
    entries,  # noqa: F401 (importing it registers them)
    flow,
    home,
    live_views,  # noqa: F401 (likewise)
    log,
    processors,
    redeliver,
    replay,
    reveal,
    saved_views,
    search,
    streams,
    timeline,
    traces,
)

app_name = "events"

urlpatterns = [
    path("", home.home, name="home"),
    path("timeline/", timeline.timeline, name="timeline"),
    path("events/", log.log, name="log"),
    path("events/<int:position>/", log.event, name="event"),
    path("events/<int:position>/reveal/", reveal.reveal, name="reveal"),
    path("events/views/", saved_views.save, name="save_view"),
    path("events/views/<int:number>/delete/", saved_views.delete, name="delete_view"),
    path("traces/", traces.traces, name="traces"),
    path("traces/compare/", traces.compare, name="compare_traces"),
    path("traces/<uuid:correlation_id>/", traces.trace, name="trace"),
    path("traces/<uuid:correlation_id>/mermaid/", traces.mermaid, name="mermaid"),
    path("traces/<uuid:correlation_id>/export/", traces.download, name="export_trace"),
    path("streams/", streams.streams, name="streams"),
    path("streams/<path:stream>/", streams.travel, name="stream"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<path:name>/", catalog.event_type, name="event_type"),
    path("flow/", flow.flow, name="flow"),
    path("search/", search.search, name="search"),
    path("processors/", processors.processors, name="processors"),
    path("processors/<str:name>/pause/", processors.pause, name="pause"),
    path("processors/<str:name>/resume/", processors.resume, name="resume"),
    path("dead-letters/", dead_letters.console, name="dead_letters"),
    path("dead-letters/<int:number>/", dead_letters.letter, name="letter"),
    path("dead-letters/resolve/", dead_letters.resolve, name="resolve"),
    path("dead-letters/bulk/<int:number>/cancel/", dead_letters.cancel, name="cancel_bulk"),
    path("dead-letters/groups/<str:fingerprint>/", dead_letters.status, name="group_status"),
    path("audit/", audit_page.audit, name="audit"),
    path("audit/export/", audit_page.export, name="audit_export"),
    path("replay/", replay.replay, name="replay"),
    path("replay/redeliver/", redeliver.redeliver, name="redeliver"),
    path("replay/runs/", replay.run, name="run_replay"),
    path("replay/runs/<int:number>/cancel/", replay.cancel, name="cancel_replay"),
    path("design-review/", design_review.review, name="design_review"),
    path("design-review/prove/", design_review.prove, name="prove"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.create_token, name="create_token"),
    path("account/tokens/<int:number>/revoke/", account.revoke_token, name="revoke_token"),
]
